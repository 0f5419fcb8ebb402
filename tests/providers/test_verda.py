"""Verda: public types, stock behind a token, terms as discounts, memory said in two ways."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pricing.offer import StockState, Terms
from providers.errors import ErrorKind
from providers.reading import ReadingState
from providers.supplier import Answer, Ask, Capability, SkipReason
from providers.verda import CREDENTIAL, SIGN_IN, STOCK_ON_DEMAND, TERM_DISCOUNTS, TYPES, classify
from tests.providers.asked import asked, offers_of, parsed, per_gpu, recorded_page
from tests.providers.exchanges import Recording
from tests.providers.faults import Asked, Fault, Plan, as_json

WITHOUT_CREDENTIAL = dict.fromkeys(CREDENTIAL)


def types(**changes: Any) -> Answer:
    """Return what the recorded types say with fields of the first, 8B200.240V, changed."""

    def edit(content: Any) -> None:
        content[0].update(changes)

    return parsed("verda", recorded_page("verda", "types", call=TYPES, edit=edit))


def only_for(path: str, fault: Fault) -> Plan:
    return lambda request: fault if request.target.startswith(path) else None


def posts(requests: list[Asked]) -> list[Asked]:
    return [request for request in requests if request.method == "POST"]


def test_without_a_credential_types_are_priced_and_their_stock_is_unknown() -> None:
    reading, requests = asked("verda", environment=WITHOUT_CREDENTIAL)
    assert reading.state is ReadingState.OK
    assert [request.target for request in requests] == ["/instance-types?currency=usd"]
    assert {offer.stock.state for offer in reading.answer.offers} == {StockState.UNKNOWN}
    assert {offer.terms for offer in reading.answer.offers} == {Terms.ON_DEMAND, Terms.SPOT}
    assert all(offer.price for offer in reading.answer.offers)


def test_half_a_credential_is_told_as_missing_its_other_half() -> None:
    reading, requests = asked("verda", environment={CREDENTIAL[1]: None})
    assert reading.state is ReadingState.NOT_CONFIGURED
    assert reading.missing == CREDENTIAL[1:]
    assert not requests


def test_one_token_serves_all_the_questions_of_a_poll() -> None:
    reading, requests = asked("verda")
    assert reading.state is ReadingState.OK
    assert len(posts(requests)) == 1
    assert len(requests) == 5


def test_a_token_is_renewed_before_it_ends() -> None:
    soon = Fault(edit=as_json(lambda content: {**content, "expires_in": 30}))
    reading, requests = asked("verda", only_for(SIGN_IN, soon))
    assert reading.state is ReadingState.OK
    assert len(posts(requests)) == len(requests) - len(posts(requests)) == 4


def test_a_token_that_is_no_longer_taken_is_renewed_once() -> None:
    def revoked(request: Asked) -> Fault | None:
        return Fault(status=401, body=b"{}") if request.number == 2 else None

    reading, requests = asked("verda", revoked)
    assert reading.state is ReadingState.OK
    assert [request.method for request in requests[:4]] == ["POST", "GET", "POST", "GET"]


def test_a_token_that_is_never_taken_is_an_error_of_the_credential() -> None:
    refused = Fault(status=401, body=b'{"code": "unauthorized_request"}')
    reading, requests = asked("verda", only_for("/instance-types", refused))
    assert (reading.state, reading.kind) == (ReadingState.FAILED, ErrorKind.AUTH)
    assert [request.method for request in requests] == ["POST", "GET", "POST", "GET"]


def test_a_wrong_credential_is_asked_once_and_told_without_showing_it() -> None:
    reading, requests = asked("verda", environment={CREDENTIAL[1]: "wrong"})
    assert (reading.state, reading.kind) == (ReadingState.FAILED, ErrorKind.AUTH)
    assert len(requests) == 1
    assert reading.message == "token: Verda answered 401; check the credential"


def test_a_token_of_another_shape_is_a_changed_answer_that_names_the_field() -> None:
    renamed = Fault(edit=as_json(lambda content: {"token": content["access_token"]}))
    reading, _ = asked("verda", only_for(SIGN_IN, renamed))
    assert reading.kind is ErrorKind.CONTRACT
    assert reading.message is not None
    assert "access_token" in reading.message


def test_a_type_sold_out_on_spot_is_still_priced_and_has_no_place() -> None:
    reading, _ = asked("verda")
    (spot,) = [
        offer for offer in offers_of(reading.answer, "8B200.240V") if offer.terms is Terms.SPOT
    ]
    assert (spot.region, per_gpu(spot)) == (None, Decimal("2.14"))
    assert spot.stock.state is StockState.OUT_OF_STOCK


def test_a_type_that_two_locations_have_is_an_offer_in_each() -> None:
    def edit(content: Any) -> None:
        content[0]["availabilities"].append("8B200.240V")

    answer = parsed(
        "verda",
        recorded_page("verda", "types", call=TYPES),
        recorded_page("verda", "on-demand stock", call=STOCK_ON_DEMAND, edit=edit),
    )
    places = {o.region for o in offers_of(answer, "8B200.240V") if o.terms is Terms.ON_DEMAND}
    assert places == {"FIN-02", "FIN-03"}


def test_when_the_stock_cannot_be_read_the_prices_still_are_and_nothing_is_called_sold_out() -> (
    None
):
    broken = Fault(status=500, body=b"{}")
    reading, _ = asked("verda", only_for("/instance-availability", broken))
    assert reading.state is ReadingState.PARTIAL
    assert {offer.stock.state for offer in reading.answer.offers} == {StockState.UNKNOWN}
    assert len(offers_of(reading.answer, "8B200.240V")) == 4


def test_a_stock_list_of_another_shape_leaves_the_prices_standing() -> None:
    renamed = Fault(body=b'[{"location": "FIN-02"}]')
    reading, _ = asked("verda", only_for("/instance-availability", renamed))
    assert (reading.state, reading.kind) == (ReadingState.PARTIAL, ErrorKind.CONTRACT)
    assert offers_of(reading.answer, "8B200.240V")


def test_terms_are_offers_at_the_list_price_less_their_discount() -> None:
    reading, _ = asked("verda")
    reserved = [
        offer for offer in offers_of(reading.answer, "8B200.240V") if offer.terms is Terms.RESERVED
    ]
    expected = Recording.of("verda").content["expected_terms"]
    assert [offer.term_months for offer in reserved] == [each["term_months"] for each in expected]
    assert [offer.price_kind for offer in reserved] == ["list less 3 %", "list less 12 %"]
    assert [per_gpu(offer) for offer in reserved] == [Decimal("5.9267"), Decimal("5.3768")]


def test_a_term_that_is_not_counted_in_months_is_left_out_and_told() -> None:
    def edit(content: Any) -> None:
        content[0].update(code="2_WEEKS", unit_name="week", unit_value=2)

    answer = parsed(
        "verda",
        recorded_page("verda", "types", call=TYPES),
        recorded_page("verda", "long-term terms", call=TERM_DISCOUNTS, edit=edit),
    )
    assert {offer.term_months for offer in answer.offers} == {None, 6}
    assert answer.warnings == ("term 2_WEEKS counts in weeks: left out",)


@pytest.mark.parametrize(
    ("name", "count", "stated", "part"),
    [
        ("B200 SXM6 180GB", 8, 1440, "B200-SXM"),
        ("B200 SXM6 180GB", 8, 180, "B200-SXM"),
        ("A100 SXM4", 2, 160, "A100-SXM-80"),
        ("A100 SXM4", 2, 80, "A100-SXM-40"),
        ("A100 SXM4 80GB", 2, 80, "A100-SXM-80"),
        ("B300 SXM6 268GB", 2, 576, "B300-SXM"),
        ("B300 SXM6 268GB", 2, 288, "B300-SXM"),
    ],
)
def test_memory_is_the_instances_unless_it_is_that_of_one_gpu(
    name: str, count: int, stated: int, part: str
) -> None:
    answer = types(
        name=name, gpu={"number_of_gpus": count}, gpu_memory={"size_in_gigabytes": stated}
    )
    assert {offer.gpu.part for offer in offers_of(answer, "8B200.240V")} == {part}


def test_the_dynamic_price_of_the_history_is_never_taken_for_a_spot_price() -> None:
    reading, requests = asked("verda")
    assert not reading.answer.spot_prices
    assert not [request for request in requests if "price-history" in request.target]


def test_a_price_in_another_currency_than_was_asked_for_is_not_believed() -> None:
    answer = parsed(
        "verda",
        recorded_page(
            "verda",
            "types",
            call=TYPES,
            edit=lambda content: [*content, *content[:1], {**content[1], "currency": "eur"}],
        ),
    )
    assert SkipReason.MALFORMED in {skip.reason for skip in answer.skips}
    assert {offer.price.currency for offer in answer.offers if offer.price} == {"USD"}


def test_a_shortage_is_known_by_its_code_not_by_its_status() -> None:
    assert classify(503, {"code": "insufficient_resources"})[0] is ErrorKind.CAPACITY_UNAVAILABLE
    assert classify(503, {"message": "upstream"}) == (None, None)


def test_nothing_is_asked_when_nothing_is_wanted_that_it_can_tell() -> None:
    _, requests = asked("verda", ask=Ask(wanted=frozenset({Capability.QUOTAS})))
    assert not requests
