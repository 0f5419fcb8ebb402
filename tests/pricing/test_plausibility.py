"""A price in the wrong unit is seen; a market that moves is not taken for one."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.plausibility import UNIT_FACTORS, band, factor_moved, is_plausible

PRICES = st.decimals(min_value="0.05", max_value="300", places=4)
LISTS = st.dictionaries(st.integers(min_value=0, max_value=50), PRICES, min_size=1, max_size=12)
MOVES = st.decimals(min_value="0.85", max_value="1.19", places=3)


@pytest.mark.parametrize(
    ("model", "least", "most"),
    [
        ("H100", "0.2", "25"),
        ("H200", "0.3", "30"),
        ("B200", "0.5", "40"),
        ("B300", "1", "60"),
        ("GB200", "1", "100"),
        ("GB300", "1", "100"),
        ("A100", "0.1", "12"),
        ("L40S", "0.1", "8"),
        ("L4", "0.02", "100"),
    ],
)
def test_each_gpu_has_its_band_and_its_ends_belong_to_it(model: str, least: str, most: str) -> None:
    cent = Decimal("0.01")

    assert band(model) == (Decimal(least), Decimal(most))
    assert is_plausible(model, Decimal(least))
    assert is_plausible(model, Decimal(most))
    assert not is_plausible(model, Decimal(least) - cent)
    assert not is_plausible(model, Decimal(most) + cent)


@given(before=LISTS, factor=st.sampled_from(UNIT_FACTORS), data=st.data())
def test_a_changed_unit_is_named_even_when_prices_move_on_the_same_day(
    before: dict[int, Decimal], factor: Decimal, data: st.DataObject
) -> None:
    after = {key: price * factor * data.draw(MOVES) for key, price in before.items()}

    assert factor_moved(before, after) == factor


@given(
    before=LISTS, data=st.data(), new=st.dictionaries(st.integers(min_value=51), PRICES, max_size=5)
)
def test_a_rise_of_15_to_70_percent_is_never_taken_for_a_changed_unit(
    before: dict[int, Decimal], data: st.DataObject, new: dict[int, Decimal]
) -> None:
    rises = st.decimals(min_value="1.15", max_value="1.70", places=3)
    after = {key: price * data.draw(rises) for key, price in before.items()} | new

    assert factor_moved(before, after) is None


@given(before=LISTS, data=st.data())
def test_what_happens_to_a_few_products_is_no_changed_unit(
    before: dict[int, Decimal], data: st.DataObject
) -> None:
    few = data.draw(st.sets(st.sampled_from(sorted(before)), max_size=(len(before) - 1) // 2))
    after = {key: price * (100 if key in few else 1) for key, price in before.items()}

    assert factor_moved(before, after) is None


def test_a_median_that_lies_near_a_factor_by_chance_is_no_changed_unit() -> None:
    before = dict.fromkeys("abc", Decimal(1))

    assert factor_moved(before, {"a": Decimal(1), "b": Decimal(8), "c": Decimal(70)}) is None


def test_one_product_is_enough_and_none_is_not() -> None:
    assert factor_moved({"a": Decimal("2.49")}, {"a": Decimal(249)}) == 100
    assert factor_moved({"a": Decimal("2.49")}, {"b": Decimal(249)}) is None
