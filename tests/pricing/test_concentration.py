"""How much depends on how few suppliers."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.concentration import concentration


def test_a_fleet_of_nine_suppliers_is_worth_four_equal_ones() -> None:
    shares = [42, 18, 12, 8, 6, 5, 4, 3, 2]

    spread = concentration({f"s{n}": Decimal(share) for n, share in enumerate(shares)})

    assert spread is not None
    assert spread.hhi == 2386
    assert spread.effective_suppliers.quantize(Decimal("0.01")) == Decimal("4.19")
    assert (spread.largest, spread.largest_share) == ("s0", Decimal("0.42"))


@given(number=st.integers(min_value=1, max_value=40))
def test_equal_suppliers_count_as_themselves(number: int) -> None:
    spread = concentration({f"s{n}": Decimal(7) for n in range(number)})

    assert spread is not None
    assert spread.effective_suppliers == number


def test_nothing_bought_has_no_concentration() -> None:
    assert concentration({}) is None
    assert concentration({"s0": Decimal(0)}) is None


def test_a_negative_share_is_refused() -> None:
    with pytest.raises(ValueError, match="net credits"):
        concentration({"s0": Decimal(-1)})
