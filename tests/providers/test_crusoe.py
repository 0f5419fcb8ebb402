"""Crusoe: signatures, stock that comes twice, prices from a sheet, deliveries that come late."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.holding import Holding, HoldingState
from pricing.money import Money
from pricing.offer import Offer, StockState, Terms
from providers import registry
from providers.access import Access
from providers.crusoe import (
    CAPACITIES,
    ORGANIZATION,
    PRICE_SHEET,
    SIGNING_KEY,
    TYPES,
    UNPRICED,
    classify,
)
from providers.crusoe_reservations import RESERVATIONS
from providers.crusoe_signature import signature
from providers.errors import AnswerChanged, ErrorKind
from providers.price_rows import CALL as SHEET
from providers.price_rows import COLUMNS
from providers.reading import ReadingState, read
from providers.supplier import Answer, Ask, Capability, Page, SkipReason
from tests.providers.asked import asked, offers_of, parsed, per_gpu, recorded_page
from tests.providers.counterpart import NOW, counterpart
from tests.providers.faults import Fault, Plan, first, proxied, throttled

H100, H200, B200 = "h100-80gb-sxm-ib.8x", "h200-141gb-sxm-ib.8x", "b200-180gb-sxm-ib.8x"
SECRET = b"a fixed key for tests"


def types(**changes: Any) -> Page:
    """Return the recorded types with fields of the first, the H100, changed."""

    def edit(content: Any) -> None:
        content["items"][0].update(changes)

    return recorded_page("crusoe", "types", call=TYPES, edit=edit)


def capacities(*rooms: tuple[str, str, int]) -> Page:
    items = [{"type": name, "location": place, "quantity": count} for name, place, count in rooms]
    return recorded_page(
        "crusoe", "capacities", call=CAPACITIES, edit=lambda _content: {"items": items}
    )


def sheet(*rows: str) -> Page:
    """Return a price sheet; a row gives region, terms, months, price, unit and day."""
    lines = [",".join(COLUMNS)]
    for row in rows:
        region, terms, months, price, unit, as_of = row.split(",")
        lines.append(
            f"crusoe,{H100},H100,8,80,{region},{terms},{months},{price},{unit},USD,,{as_of},quote"
        )
    body = "\n".join([*lines, ""]).encode()
    return Page(call=SHEET, url="sheet.csv", body=body, fetched_at=NOW)


def reservation(at: datetime = NOW, **changes: Any) -> Holding:
    def edit(content: Any) -> None:
        content["items"][0].update(changes)

    page = recorded_page("crusoe", "reservations", call=RESERVATIONS, edit=edit, at=at)
    (holding,) = parsed("crusoe", page).holdings
    return holding


def only_for(path: str, fault: Fault) -> Plan:
    return lambda request: fault if path in request.target else None


def one(answer: Answer, terms: Terms = Terms.ON_DEMAND) -> Offer:
    (offer,) = [each for each in offers_of(answer, H100) if each.terms is terms]
    return offer


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "PJZN7PQOcabceual8RDGnGWT_B178FfkGRYgMGow9_A"),
        ("a=1&b=2", "v90CDdGTXjaz5L9f74kahZoGnJ7Xdan06ZrHkpQVvZE"),
        ("b=2&a=1", "v90CDdGTXjaz5L9f74kahZoGnJ7Xdan06ZrHkpQVvZE"),
    ],
)
def test_a_request_has_the_signature_that_openssl_gives_it(query: str, expected: str) -> None:
    stamp = "2026-11-20T08:00:00+00:00"
    signed = signature(SECRET, path="/v1/capacities", query=query, method="GET", stamp=stamp)
    assert signed == expected


@given(secret=st.binary(min_size=1, max_size=64), path=st.text("abc/", min_size=1))
def test_a_signature_is_the_url_safe_form_of_32_bytes_without_padding(
    secret: bytes, path: str
) -> None:
    signed = signature(secret, path=path, query="", method="GET", stamp="2026-11-20T08:00:00Z")
    assert len(base64.urlsafe_b64decode(signed + "=")) == 32
    assert not set(signed) & set("+/=")


def test_a_signature_with_another_key_is_refused_by_a_server_that_verifies_it() -> None:
    other = base64.urlsafe_b64encode(SECRET).decode()
    reading, requests = asked("crusoe", environment={SIGNING_KEY: other})
    assert (reading.state, reading.kind) == (ReadingState.FAILED, ErrorKind.AUTH)
    assert len(requests) == 1


@pytest.mark.parametrize("wrong", ["not base64!", "a", "ümlaut"])
def test_a_key_that_cannot_be_decoded_is_told_before_anything_is_asked(wrong: str) -> None:
    reading, requests = asked("crusoe", environment={SIGNING_KEY: wrong})
    assert (reading.state, reading.kind) == (ReadingState.FAILED, ErrorKind.AUTH)
    assert reading.message == f"{SIGNING_KEY} is not base64url; copy the secret key again, whole"
    assert not requests


def test_a_clock_that_is_wrong_by_more_than_a_few_minutes_is_refused() -> None:
    against = counterpart("crusoe")
    with against.serve() as url:
        access = against.access(url, now=lambda: datetime(2026, 11, 20, 8, 10, tzinfo=UTC))
        reading = read(registry.supplier("crusoe"), Ask(), access)
    assert reading.kind is ErrorKind.AUTH


def test_a_request_that_is_asked_again_is_signed_for_the_later_time() -> None:
    against, clock = counterpart("crusoe"), [NOW - timedelta(minutes=10)]
    with against.serve() as url, proxied(url, first(1, throttled(retry_after="2"))) as proxy:
        access = Access(
            environment=against.access(proxy.url).environment,
            now=lambda: clock[0],
            sleep=lambda _seconds: clock.__setitem__(0, NOW),  # the server minds the ten minutes
        )
        reading = read(registry.supplier("crusoe"), Ask(), access)
    assert reading.state is ReadingState.OK


@given(counts=st.lists(st.integers(min_value=0, max_value=99), min_size=1, max_size=5))
def test_of_counts_of_the_same_type_and_place_the_largest_holds(counts: list[int]) -> None:
    rooms = capacities(*((H100, "us-east1-a", count) for count in counts))
    stock = one(parsed("crusoe", types(), rooms)).stock
    assert stock.count == max(counts)
    assert stock.is_obtainable is (max(counts) > 0)


def test_a_type_that_no_location_names_is_listed_without_a_place_and_without_stock() -> None:
    offer = one(parsed("crusoe", types(), capacities()))
    assert offer.region is None
    assert offer.stock.state is StockState.UNKNOWN


def test_the_gpus_are_counted_by_their_own_field_not_by_the_slices_in_the_name() -> None:
    ten = types(product_name="l40s-48gb.10x", gpu_type="L40S-48GB", num_gpu=10)
    (offer,) = offers_of(parsed("crusoe", ten), "l40s-48gb.10x")
    assert (offer.gpu.part, offer.gpu_count) == ("L40S", 10)


def test_capacity_of_a_type_that_is_not_listed_is_told() -> None:
    answer = parsed("crusoe", types(), capacities(("h300.8x", "us-east1-a", 4)))
    assert ("h300.8x", SkipReason.NO_SHAPE) in {(s.native_id, s.reason) for s in answer.skips}


def test_without_a_sheet_every_offer_is_unpriced_and_its_stock_still_known() -> None:
    reading, _ = asked("crusoe", environment={PRICE_SHEET: None})
    assert reading.state is ReadingState.OK
    assert {offer.native_id for offer in reading.answer.offers} == {H100, H200, B200}
    assert {(offer.price, offer.flags) for offer in reading.answer.offers} == {(None, (UNPRICED,))}
    assert {offer.stock.count for offer in reading.answer.offers} == {3, 0, 1}


def test_a_price_says_from_what_day_of_the_sheet_it_is() -> None:
    answer = parsed("crusoe", types(), sheet(",on-demand,,31.20,instance,2026-10-04"))
    offer = one(answer)
    assert (per_gpu(offer), offer.price_kind) == (Decimal("3.90"), "price-sheet 2026-10-04")


def test_the_latest_price_of_a_sheet_holds_whatever_its_order() -> None:
    old, new = ",on-demand,,3.90,gpu,2026-08-22", ",on-demand,,4.10,gpu,2026-10-04"
    for rows in ((old, new), (new, old)):
        assert per_gpu(one(parsed("crusoe", types(), sheet(*rows)))) == Decimal("4.10")


def test_a_price_for_one_place_goes_before_the_price_for_everywhere() -> None:
    rooms = capacities((H100, "us-east1-a", 1), (H100, "eu-iceland1-a", 1))
    rows = (",on-demand,,3.90,gpu,2026-10-04", "eu-iceland1-a,on-demand,,3.50,gpu,2026-08-22")
    answer = parsed("crusoe", types(), rooms, sheet(*rows))
    assert {offer.region: per_gpu(offer) for offer in offers_of(answer, H100)} == {
        "us-east1-a": Decimal("3.90"),
        "eu-iceland1-a": Decimal("3.50"),
    }


def test_a_term_price_of_the_sheet_is_a_reserved_offer_of_unknown_stock() -> None:
    rooms = capacities((H100, "us-east1-a", 7))
    answer = parsed("crusoe", types(), rooms, sheet(",reserved,12,2.60,gpu,2026-10-04"))
    offer = one(answer, Terms.RESERVED)
    assert (offer.term_months, per_gpu(offer)) == (12, Decimal("2.60"))
    assert offer.stock.is_obtainable is None


@pytest.mark.parametrize(
    ("count", "unit"), [(4, "gpu"), (8, "node-of-8")], ids=["other size", "other unit"]
)
def test_a_price_for_another_machine_or_unit_is_told_and_not_used(count: int, unit: str) -> None:
    page = types(num_gpu=count)
    answer = parsed("crusoe", page, sheet(f",on-demand,,3.90,{unit},2026-10-04"))
    assert one(answer).price is None
    assert answer.warnings == (
        f"line 2 of the price sheet is for another machine or unit than {H100} and was not used",
    )


def test_a_price_for_a_type_that_does_not_exist_is_told() -> None:
    answer = parsed(
        "crusoe",
        types(product_name="h100-80gb-sxm-ib.4x"),
        sheet(",on-demand,,3.90,gpu,2026-10-04"),
    )
    assert answer.warnings == (f"{H100} is in the price sheet and not among the types",)


def test_a_sheet_that_is_missing_or_wrong_leaves_stock_standing_and_is_told(
    tmp_path: Path,
) -> None:
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("supplier,price\ncrusoe,3.90\n")
    for path, kind in ((tmp_path / "none.csv", ErrorKind.NOT_FOUND), (wrong, ErrorKind.CONTRACT)):
        reading, _ = asked("crusoe", environment={PRICE_SHEET: str(path)})
        assert (reading.state, reading.kind) == (ReadingState.PARTIAL, kind)
        assert {offer.price for offer in reading.answer.offers} == {None}


def test_a_wrong_sheet_that_was_kept_all_the_same_is_never_used_in_part() -> None:
    page = Page(call=SHEET, url="sheet.csv", body=b"supplier,price\n", fetched_at=NOW)
    with pytest.raises(AnswerChanged, match=r"sheet\.csv"):
        parsed("crusoe", types(), page)


def test_when_capacities_cannot_be_read_the_types_still_stand_and_none_is_called_sold_out() -> None:
    reading, _ = asked("crusoe", only_for("/capacities", Fault(status=500, body=b"{}")))
    assert reading.state is ReadingState.PARTIAL
    assert {(o.region, o.stock.is_obtainable) for o in reading.answer.offers} == {(None, None)}


def test_reservations_are_asked_for_an_organization_that_is_named() -> None:
    reading, requests = asked("crusoe", environment={ORGANIZATION: None})
    assert reading.state is ReadingState.OK
    assert not reading.answer.holdings
    assert not [request for request in requests if "reservations" in request.target]


def test_reservations_that_cannot_be_read_leave_the_offers_standing() -> None:
    refused = Fault(status=403, body=b"{}")
    reading, _ = asked("crusoe", only_for("/reservations", refused))
    assert (reading.state, reading.kind) == (ReadingState.PARTIAL, ErrorKind.PERMISSION)
    assert reading.answer.offers
    alone = Ask(wanted=frozenset({Capability.HOLDINGS}))
    reading, requests = asked("crusoe", only_for("/reservations", refused), ask=alone)
    assert reading.state is ReadingState.FAILED
    assert len(requests) == 1


@pytest.mark.parametrize(
    ("at", "delivered", "state"),
    [
        ("2026-07-20", None, HoldingState.SCHEDULED),
        ("2026-08-10", None, HoldingState.SCHEDULED),
        ("2026-08-15", None, HoldingState.DELAYED),
        ("2026-08-20", "2026-08-19T00:00:00Z", HoldingState.ACTIVE),
        ("2026-08-18", "2026-08-19T00:00:00Z", HoldingState.DELAYED),
        ("2027-08-01", "2026-08-11T00:00:00Z", HoldingState.EXPIRED),
    ],
)
def test_a_reservation_not_delivered_by_its_deadline_is_late_until_the_day_it_is(
    at: str, delivered: str | None, state: HoldingState
) -> None:
    moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
    assert reservation(moment, date_delivered=delivered).state is state


@pytest.mark.parametrize("price", [None, "0"])
def test_a_reservation_without_a_price_has_an_unknown_price_not_nothing(price: str | None) -> None:
    assert reservation(price=price).price_per_gpu_hour is None
    assert reservation(price="4.35").price_per_gpu_hour == Money(Decimal("4.35"))


def test_a_reservation_over_several_places_is_at_none_in_particular() -> None:
    assert reservation(locations=["us-east1-a", "us-southcentral1-a"]).region is None


def test_a_use_of_more_than_was_reserved_is_not_believed() -> None:
    assert reservation(used_quantity=65).used is None


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (409, "out_of_stock", ErrorKind.CAPACITY_UNAVAILABLE),
        (403, "quota_exceeded", ErrorKind.QUOTA),
        (401, "unauthenticated", ErrorKind.AUTH),
    ],
)
def test_a_shortage_and_a_quota_are_known_by_their_code(
    status: int, code: str, kind: ErrorKind
) -> None:
    assert classify(status, {"code": code, "message": "told"})[0] is kind
