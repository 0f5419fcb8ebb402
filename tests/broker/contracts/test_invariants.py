"""What must hold of a line whatever happens to it: I1, I6, I7, and one currency a contract."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from broker.contracts.contract import Contract
from broker.contracts.invariants import check, faults
from broker.contracts.line import Line, PricePeriod
from broker.errors import RefusedError
from pricing.money import Currency
from tests.broker.contracts.happenings import END, START, a_contract, contract_of
from tests.builders import line_recorded, some_terms

JULY = date(2026, 7, 1)
A_DAY = timedelta(days=1)


def a_line() -> Line:
    return a_contract().line(1)


def a_price(**changes: Any) -> PricePeriod:
    return replace(a_line().prices[0], **changes)


def with_prices(*prices: PricePeriod) -> Line:
    return replace(a_line(), prices=prices)


def test_a_contract_as_it_was_signed_adds_up() -> None:
    assert list(faults(a_line())) == []


BROKEN: dict[str, tuple[Callable[[], Line], str]] = {
    "tranches that do not add up": (
        lambda: replace(a_line(), gpu_count=1000),
        "its tranches add up to 1024 GPUs, but the line has 1000",
    ),
    "no GPUs": (
        lambda: replace(a_line(), gpu_count=0, tranches=()),
        "a GPU count is not above zero",
    ),
    "an end before the start": (
        lambda: replace(a_line(), end_on=START),
        "it ends before it starts",
    ),
    "two tranches of one number": (
        lambda: replace(a_line(), gpu_count=2048, tranches=a_line().tranches * 2),
        "two tranches bear the same number",
    ),
    "a price below zero": (
        lambda: with_prices(a_price(price_per_gpu_hour=Decimal(-1))),
        "the price from 2025-10-01 is negative",
    ),
    "a price that ends before it starts": (
        lambda: with_prices(a_price(), a_price(valid_from=JULY, valid_to=JULY)),
        "a price period from 2026-07-01 ends before it starts",
    ),
    "a first day without price": (
        lambda: with_prices(a_price(valid_from=START + A_DAY)),
        "no base price holds from 2025-10-01 to 2025-10-02",
    ),
    "a last day without price": (
        lambda: with_prices(a_price(valid_to=END - A_DAY)),
        "no base price holds from 2026-09-30 to the end",
    ),
    "a day between two prices": (
        lambda: with_prices(a_price(valid_to=JULY), a_price(valid_from=JULY + A_DAY)),
        "no base price holds from 2026-07-01 to 2026-07-02",
    ),
    "a day with two prices": (
        lambda: with_prices(a_price(valid_to=JULY + A_DAY), a_price(valid_from=JULY)),
        "two base prices hold on 2026-07-01",
    ),
    "a price after the end": (
        lambda: with_prices(a_price(valid_to=END + A_DAY)),
        "a base price runs past the last day of service, to 2026-10-02",
    ),
    "a delivery after the end": (
        lambda: replace(a_line(), tranches=(replace(a_line().tranches[0], accepted_on=END),)),
        "a tranche is delivered on 2026-10-01, after the last day of service",
    ),
    "no price at all": (
        lambda: with_prices(),
        "no base price holds from 2025-10-01 to the end",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_line_that_does_not_add_up_says_why(what: str) -> None:
    broken, why = BROKEN[what]

    assert why in list(faults(broken()))


def test_prices_that_meet_on_a_day_leave_no_gap_and_do_not_overlap() -> None:
    assert not list(faults(with_prices(a_price(valid_to=JULY), a_price(valid_from=JULY))))


def test_a_price_that_was_replaced_counts_no_more() -> None:
    replaced = a_price(superseded_at=a_line().prices[0].recorded_at)

    assert not list(faults(with_prices(replaced, a_price())))


def test_a_line_without_an_end_needs_a_price_without_an_end() -> None:
    endless = contract_of(line_recorded(some_terms(end_date=None))).line(1)

    assert not list(faults(endless))
    ended = replace(endless, prices=(replace(endless.prices[0], valid_to=END),))
    assert list(faults(ended)) == ["no base price holds from 2026-10-01 to the end"]


def test_a_contract_has_one_currency() -> None:
    euro = Currency("EUR")
    contract = contract_of(line_recorded(some_terms(currency=euro)), currency=euro)
    check(contract)

    with pytest.raises(RefusedError, match="line 1: it is in EUR, the contract in USD"):
        check(replace(contract, currency=Currency("USD")))


def test_everything_wrong_is_told_at_once_and_by_line() -> None:
    lines = [replace(a_line(), line_no=number, gpu_count=1) for number in (1, 2)]

    with pytest.raises(RefusedError) as refusal:
        check(replace(a_contract(), lines=tuple(lines)))

    assert "contract HC-2025-B200-01 of harbor-compute would not add up" in str(refusal.value)
    assert str(refusal.value).count("add up to 1024 GPUs") == 2


def test_what_is_wrong_is_told_without_prices() -> None:
    def cents(contract: Contract) -> str:
        with pytest.raises(RefusedError) as refusal:
            check(contract)
        return str(refusal.value)

    broken = with_prices(a_price(price_per_gpu_hour=Decimal("-2.63")))
    assert "2.63" not in cents(replace(a_contract(), lines=(broken,)))
