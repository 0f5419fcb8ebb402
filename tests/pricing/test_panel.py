"""The index moves only when suppliers move, not when they join or leave the data."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.money import Money
from pricing.panel import INDEX_START, matched_panel

DAYS = [date(2026, 3, 1) + timedelta(days=30 * n) for n in range(4)]
prices = st.decimals(min_value=Decimal("0.5"), max_value=20, places=2)


def history(*rows: Sequence[str | None]) -> dict[str, dict[date, Money]]:
    return {
        f"s{n}": {
            day: Money(Decimal(price))
            for day, price in zip(DAYS, row, strict=False)
            if price is not None
        }
        for n, row in enumerate(rows)
    }


def test_a_dear_supplier_joining_moves_nothing() -> None:
    known = history(*[["4.40", "4.40"]] * 5, [None, "12.00"])

    (step,) = matched_panel(known, dates=DAYS[:2])

    assert step.n == 5
    assert step.ratio == 1
    assert step.index == INDEX_START


def test_when_all_rise_by_a_tenth_so_does_the_index() -> None:
    (step,) = matched_panel(history(*[["4.00", "4.40"]] * 5), dates=DAYS[:2])

    assert step.index == 110


def test_a_thin_step_is_unknown_and_not_flat() -> None:
    known = history(*[["4.00", None, "5.00"]] * 5, ["4.00", "4.00", "5.00"])

    thin, next_known = matched_panel(known, dates=DAYS[:3])

    assert (thin.n, thin.ratio, thin.index) == (1, None, None)
    assert (next_known.since, next_known.until) == (DAYS[0], DAYS[2])
    assert next_known.index == 125


def test_the_members_of_each_step_are_named() -> None:
    known = history(["4", "4", None], ["4", "4", "4"], [None, "4", "4"])

    first, second = matched_panel(known, dates=DAYS[:3], minimum=2)

    assert first.members == ("s0", "s1")
    assert second.members == ("s1", "s2")


@given(rows=st.lists(st.lists(prices, min_size=4, max_size=4), min_size=5, max_size=8))
@settings(max_examples=40, deadline=None)
def test_the_chain_of_an_unchanging_panel_is_the_comparison_of_its_ends(
    rows: list[list[Decimal]],
) -> None:
    known = history(*[[str(price) for price in row] for row in rows])

    chained = matched_panel(known, dates=DAYS)[-1].index
    direct = matched_panel(known, dates=[DAYS[0], DAYS[-1]])[-1].index

    assert chained is not None
    assert direct is not None
    assert abs(chained / direct - 1) < Decimal("1e-20")


@given(rows=st.lists(st.lists(prices, min_size=2, max_size=2), min_size=5, max_size=8))
@settings(max_examples=40, deadline=None)
def test_the_index_lies_between_the_smallest_and_the_largest_move(
    rows: list[list[Decimal]],
) -> None:
    known = history(*[[str(price) for price in row] for row in rows])
    moves = [after / before for before, after in rows]

    (step,) = matched_panel(known, dates=DAYS[:2])

    assert step.ratio is not None
    slack = Decimal("1e-20")
    assert min(moves) - slack <= step.ratio <= max(moves) + slack


def test_no_dates_make_no_steps() -> None:
    assert matched_panel({}, dates=[]) == ()
    assert matched_panel({}, dates=DAYS[:1]) == ()


def test_dates_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="ascend"):
        matched_panel({}, dates=[DAYS[1], DAYS[0]])


def test_a_panel_of_nobody_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one supplier"):
        matched_panel({}, dates=DAYS, minimum=0)


def test_a_price_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="leave unknown prices out"):
        matched_panel(history(["4.00", "0"]), dates=DAYS[:2], minimum=1)
