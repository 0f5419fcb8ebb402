"""What a new lease could have of a pool."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.capacity.pool import TIERS, Account
from tests.broker.capacity.pool_builders import a_pool

counts = st.integers(0, 100)


@given(available=counts, kept_back=counts, claimed=counts, booked=counts)
def test_what_is_kept_claimed_or_booked_is_never_given(
    available: int, kept_back: int, claimed: int, booked: int
) -> None:
    pool = a_pool(available=available, kept_back=kept_back, claimed=claimed, booked=booked)

    assert 0 <= pool.free <= available
    assert pool.free == 0 or pool.free + kept_back + claimed + booked == available


@pytest.mark.parametrize("kept", ["kept_back", "claimed", "booked"])
def test_each_of_them_lessens_what_is_free(kept: str) -> None:
    changes: dict[str, Any] = {kept: 24}

    assert replace(a_pool(available=64), **changes).free == 40


def test_ratings_go_from_the_best_to_the_least() -> None:
    assert TIERS[0] == "platinum"
    assert len(set(TIERS)) == len(TIERS)


def test_every_gpu_of_a_pool_stands_in_one_of_six_accounts_or_with_the_supplier() -> None:
    assert set(Account) - {Account.SUPPLIER} == {
        "undelivered",
        "available",
        "held",
        "leased",
        "down",
        "returned",
    }
