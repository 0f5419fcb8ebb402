"""Terms fall into buckets, and each bucket has its neighbours."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.tenor import Tenor, neighbours, tenor_of


@pytest.mark.parametrize(
    ("months", "bucket"),
    [
        (None, "on-demand"),
        (1, "1-3m"),
        (3, "1-3m"),
        (4, "4-9m"),
        (9, "4-9m"),
        (10, "10-18m"),
        (12, "10-18m"),
        (18, "10-18m"),
        (19, "19-36m"),
        (36, "19-36m"),
        (37, "over-36m"),
        (60, "over-36m"),
    ],
)
def test_a_term_has_its_bucket(months: int | None, bucket: str) -> None:
    assert tenor_of(months).value == bucket


@pytest.mark.parametrize("months", [0, -12])
def test_a_term_under_a_month_has_no_bucket(months: int) -> None:
    with pytest.raises(ValueError, match="None for on demand"):
        tenor_of(months)


def test_a_bucket_reaches_one_to_either_side() -> None:
    assert neighbours(Tenor.MONTHS_10_TO_18) == {
        Tenor.MONTHS_4_TO_9,
        Tenor.MONTHS_10_TO_18,
        Tenor.MONTHS_19_TO_36,
    }
    assert neighbours(Tenor.ON_DEMAND) == {Tenor.ON_DEMAND, Tenor.MONTHS_1_TO_3}
    assert neighbours(Tenor.OVER_36_MONTHS) == {Tenor.MONTHS_19_TO_36, Tenor.OVER_36_MONTHS}


@given(months=st.integers(min_value=1, max_value=120))
def test_a_longer_term_is_never_in_a_shorter_bucket(months: int) -> None:
    order = list(Tenor)

    places = [order.index(tenor_of(term)) for term in range(months, months + 3)]

    assert all(later >= earlier for earlier, later in pairwise(places))
