"""Hyperstack: three lists that are one, our rate beside the list rate, contracts as discounts."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from pricing.holding import Holding, HoldingState
from pricing.money import Money
from pricing.offer import Offer, Stock, StockState, StockUnit, Terms
from providers.errors import ErrorKind
from providers.hyperstack import FLAVOURS, PRICES, STOCKS, classify
from providers.hyperstack_contracts import CONTRACTS, PER_PAGE
from providers.reading import ReadingState
from providers.supplier import Answer, Ask, Capability, Page, SkipReason
from tests.providers.asked import asked, offers_of, parsed, per_gpu, recorded_page
from tests.providers.exchanges import Recording
from tests.providers.faults import Asked, Fault, Plan, as_json

EIGHT_H100 = "n3-H100-SXM5x8"
H100 = {"name": "H100-80G-SXM5", "value": "3.20", "original_value": "3.20"}


def flavours() -> Page:
    return recorded_page("hyperstack", "flavours", call=FLAVOURS)


def prices(*rates: dict[str, Any]) -> Page:
    """Return the recorded price book with its H100 SXM rate replaced."""
    return recorded_page(
        "hyperstack", "prices", call=PRICES, edit=lambda content: [*rates, *content[1:]]
    )


def stocks(**changes: Any) -> Page:
    """Return the recorded stock with its first model, the H100 SXM of CANADA-1, changed."""

    def edit(content: Any) -> None:
        content["stocks"][0]["models"][0].update(changes)

    return recorded_page("hyperstack", "stock", call=STOCKS, edit=edit)


def contracts(discounts: list[dict[str, Any]], **changes: Any) -> Page:
    def edit(content: Any) -> None:
        (contract,) = content["contracts"]
        contract.update(changes)
        contract["discounts"] = [{**contract["discounts"][0], **each} for each in discounts]

    return recorded_page("hyperstack", "contracts", call=CONTRACTS, edit=edit)


def one(answer: Answer, terms: Terms = Terms.ON_DEMAND) -> Offer:
    (offer,) = [each for each in offers_of(answer, EIGHT_H100) if each.terms is terms]
    return offer


def held(*pages: Page) -> Holding:
    (holding,) = parsed("hyperstack", *pages).holdings
    return holding


def only_for(path: str, fault: Fault) -> Plan:
    return lambda request: fault if request.target.startswith(path) else None


def test_an_instance_costs_its_gpus_and_nothing_for_processors_and_memory() -> None:
    offer = one(parsed("hyperstack", flavours(), prices(H100)))
    assert offer.price is not None
    assert offer.price.per_instance == Money(Decimal("25.60"))


def test_a_price_may_come_as_a_number_instead_of_a_string() -> None:
    offer = one(parsed("hyperstack", flavours(), prices({**H100, "value": 3.2})))
    assert per_gpu(offer) == Decimal("3.2")


def test_our_own_rate_is_an_offer_beside_the_list_rate_and_does_not_replace_it() -> None:
    answer = parsed("hyperstack", flavours(), prices({**H100, "value": "2.35"}))
    listed, ours = one(answer), one(answer, Terms.RESERVED)
    assert (per_gpu(listed), listed.price_kind) == (Decimal("3.20"), None)
    assert (per_gpu(ours), ours.price_kind) == (Decimal("2.35"), "contract rate, list 3.20")


def test_without_a_rate_of_our_own_there_is_the_list_rate_alone() -> None:
    answer = parsed("hyperstack", flavours(), prices(H100))
    assert {offer.terms for offer in offers_of(answer, EIGHT_H100)} == {Terms.ON_DEMAND}


def test_a_rate_of_ours_on_spot_leaves_the_list_rate_and_is_told_without_its_amount() -> None:
    ours = {"name": "RTX-PRO6000-SE-spot", "value": "0.77", "original_value": "1.04"}
    page = recorded_page(
        "hyperstack", "prices", call=PRICES, edit=lambda rows: [*rows[:3], ours, *rows[4:]]
    )
    answer = parsed("hyperstack", flavours(), page)
    (offer,) = offers_of(answer, "n3-RTX-PRO6000-SEx1-spot")
    assert (offer.terms, per_gpu(offer)) == (Terms.SPOT, Decimal("1.04"))
    assert answer.warnings == (
        "our rate of RTX-PRO6000-SE-spot is not the list rate, which is kept",
    )


def test_a_rate_that_has_not_started_is_announced_and_not_used() -> None:
    future = {**H100, "value": "3.99", "original_value": "3.99", "start_time": "2027-01-01"}
    answer = parsed("hyperstack", flavours(), prices(H100, future))
    assert per_gpu(one(answer)) == Decimal("3.20")
    assert answer.warnings == ("H100-80G-SXM5 has a new rate from 2027-01-01",)


def test_of_two_rates_in_force_the_one_that_started_last_holds() -> None:
    later = {**H100, "value": "3.99", "original_value": "3.99", "start_time": "2026-11-01"}
    assert per_gpu(one(parsed("hyperstack", flavours(), prices(later, H100)))) == Decimal("3.99")


def test_a_rate_that_has_ended_is_no_price() -> None:
    answer = parsed("hyperstack", flavours(), prices({**H100, "end_time": "2026-11-01"}))
    assert not offers_of(answer, EIGHT_H100)
    assert (EIGHT_H100, SkipReason.UNPRICED) in {(s.native_id, s.reason) for s in answer.skips}


def test_the_count_is_that_of_the_offers_own_size_and_counts_are_never_added() -> None:
    page = stocks(configurations={"1x": 40, "2x": 20, "4x": 10, "8x": 5})
    stock = one(parsed("hyperstack", flavours(), prices(H100), page)).stock
    assert (stock.count, stock.count_unit) == (5, StockUnit.INSTANCE)


def test_a_count_of_none_wins_over_the_sizes_yes() -> None:
    page = stocks(configurations={"8x": 0})
    stock = one(parsed("hyperstack", flavours(), prices(H100), page)).stock
    assert (stock.state, stock.count) == (StockState.OUT_OF_STOCK, 0)


def test_a_size_that_is_not_counted_has_the_yes_or_no_of_the_size() -> None:
    page = stocks(configurations={"1x": 9})
    stock = one(parsed("hyperstack", flavours(), prices(H100), page)).stock
    assert (stock.state, stock.count) == (StockState.IN_STOCK, None)
    assert stock.raw is not None


def test_spot_sizes_do_not_take_the_count_of_the_machines_that_are_not_spot() -> None:
    reading, _ = asked("hyperstack")
    (spot,) = offers_of(reading.answer, "n3-RTX-PRO6000-SEx1-spot")
    assert spot.stock == Stock(state=StockState.IN_STOCK)


def test_the_forecast_is_kept_in_the_suppliers_words() -> None:
    reading, _ = asked("hyperstack")
    for expected in Recording.of("hyperstack").content["expected_supply_forecast"]:
        (raw,) = [
            offer.stock.raw
            for offer in reading.answer.offers
            if (offer.region, offer.gpu.part) == (expected["region"], expected["gpu"])
        ]
        told = {
            int(days): int(word)
            for days, word in re.findall(r"within (\d+) days (\d+)\+?", raw or "")
        }
        first = min(days for days, gpus in told.items() if gpus)
        assert (first, told[first]) == (expected["within_days"], expected["at_least_gpus"])


def test_a_contracts_price_is_the_list_rate_less_its_discount() -> None:
    amount = contracts([{"discount_amount": 0.85, "discount_percent": 0}])
    percent = contracts([{"discount_amount": 0, "discount_percent": 25}])
    assert held(prices(H100), amount).price_per_gpu_hour == Money(Decimal("2.35"))
    assert held(prices(H100), percent).price_per_gpu_hour == Money(Decimal("2.4"))


def test_a_discount_that_our_rate_already_holds_is_not_taken_off_twice() -> None:
    rate = {**H100, "value": "2.35"}
    holding = held(prices(rate), contracts([{"discount_amount": 0.85}]))
    assert holding.price_per_gpu_hour == Money(Decimal("2.35"))


@pytest.mark.parametrize(
    ("rate", "discount"),
    [
        ({**H100, "value": "2.90"}, {"discount_amount": 0.85, "discount_percent": 0}),
        (H100, {"discount_amount": 0.85, "discount_percent": 10}),
        (H100, {"discount_amount": 3.20, "discount_percent": 0}),
        ({**H100, "name": "another"}, {"discount_amount": 0.85, "discount_percent": 0}),
    ],
    ids=["another discount in our rate", "two discounts", "all of it", "no rate"],
)
def test_a_contracts_price_that_is_not_clear_is_unknown_and_told_without_an_amount(
    rate: dict[str, Any], discount: dict[str, Any]
) -> None:
    answer = parsed("hyperstack", prices(rate), contracts([discount]))
    assert answer.holdings[0].price_per_gpu_hour is None
    assert answer.warnings == (
        "contract 12: its price cannot be told from the price book; "
        "take it from the signed contract",
    )


def test_a_contract_of_two_resources_is_two_holdings_and_keeps_its_first_name() -> None:
    two: list[dict[str, Any]] = [
        {"id": 9, "resource_name": "B200-SXM", "resource_count": 8, "remaining_count": 0},
        {"id": 3},
    ]
    answer = parsed("hyperstack", prices(H100), contracts(two))
    assert [(each.resource_id, each.gpus) for each in answer.holdings] == [("12", 32), ("12/9", 8)]


@pytest.mark.parametrize("left", [None, 33, -1])
def test_a_rest_that_cannot_be_makes_the_use_unknown(left: int | None) -> None:
    assert held(prices(H100), contracts([{"remaining_count": left}])).used is None


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("ACTIVE", HoldingState.ACTIVE),
        ("expired", HoldingState.EXPIRED),
        ("ON_HOLD", HoldingState.UNKNOWN),
    ],
)
def test_a_contracts_state_is_kept_in_both_words(status: str, state: HoldingState) -> None:
    holding = held(prices(H100), contracts([{}], status=status))
    assert (holding.state, holding.provider_state) == (state, status)


def test_contract_days_without_an_offset_are_utc() -> None:
    holding = held(prices(H100), contracts([{}]))
    assert holding.start_at == datetime(2026, 4, 1, tzinfo=UTC)


def test_a_full_page_of_contracts_is_followed_even_if_the_count_is_that_of_the_page() -> None:
    def full(content: Any) -> Any:
        rows = [{**content["contracts"][0], "id": number} for number in range(100, 100 + PER_PAGE)]
        return {**content, "count": PER_PAGE, "contracts": rows}

    plan = only_for("/pricebook/contracts?page=1", Fault(edit=as_json(full)))
    reading, requests = asked("hyperstack", plan)
    assert reading.state is ReadingState.OK
    assert len(reading.answer.holdings) == PER_PAGE + 1
    assert len(paged(requests)) == 2


def test_a_page_of_contracts_of_another_shape_leaves_the_offers_standing() -> None:
    plan = only_for("/pricebook/contracts", Fault(body=b'{"contracts": null}'))
    reading, _ = asked("hyperstack", plan)
    assert (reading.state, reading.kind) == (ReadingState.PARTIAL, ErrorKind.CONTRACT)
    assert reading.answer.offers


def test_without_the_stock_list_sizes_still_say_yes_or_no() -> None:
    reading, _ = asked("hyperstack", only_for("/core/stocks", Fault(status=500, body=b"{}")))
    assert reading.state is ReadingState.PARTIAL
    assert {offer.stock.count for offer in reading.answer.offers} == {None}
    assert one(reading.answer).stock.state is StockState.IN_STOCK


def test_without_the_price_book_nothing_else_is_asked() -> None:
    reading, requests = asked("hyperstack", only_for("/pricebook", Fault(status=403, body=b"{}")))
    assert (reading.state, reading.kind) == (ReadingState.FAILED, ErrorKind.PERMISSION)
    assert len(requests) == 1


def test_only_the_lists_of_what_is_wanted_are_asked() -> None:
    _, requests = asked("hyperstack", ask=Ask(wanted=frozenset({Capability.OFFERS})))
    assert [request.target for request in requests] == ["/pricebook", "/core/flavors"]
    _, requests = asked("hyperstack", ask=Ask(wanted=frozenset({Capability.HOLDINGS})))
    assert len(requests) == 1 + len(paged(requests))


def test_a_shortage_is_known_by_its_reason_not_by_its_status() -> None:
    shortage = {"status": False, "error_reason": "not_enough_stock"}
    assert classify(400, shortage)[0] is ErrorKind.CAPACITY_UNAVAILABLE


def paged(requests: list[Asked]) -> list[Asked]:
    return [each for each in requests if each.target.startswith("/pricebook/contracts?page=")]
