"""A guarantee holds, and what others do not use may be borrowed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.capacity.quota import ALL_MODELS, Quota, Verdict, reclaimable, verdict

HOLDERS = ("chat", "search", "batch")


def a_quota(holder: str, guaranteed: int, most: int | None = None) -> Quota:
    return Quota(holder=holder, gpu_model="B200", guaranteed=guaranteed, most=most)


def asked(want: int, *quotas: Quota, capacity: int = 128, **in_use: int) -> Verdict:
    return verdict("chat", "B200", want, in_use=in_use, quotas=quotas, capacity=capacity)


@st.composite
def books(draw: st.DrawFn) -> tuple[list[Quota], dict[str, int], int]:
    """Quotas within the capacity, and use within it."""
    guarantees = {holder: draw(st.integers(0, 10)) for holder in HOLDERS}
    capacity = sum(guarantees.values()) + draw(st.integers(0, 10))
    quotas = []
    for holder, guaranteed in guarantees.items():
        more = draw(st.none() | st.integers(0, 10))
        quotas.append(a_quota(holder, guaranteed, None if more is None else guaranteed + more))
    in_use, left = {}, capacity
    for holder in HOLDERS:
        in_use[holder] = draw(st.integers(0, left))
        left -= in_use[holder]
    return quotas, in_use, capacity


@given(case=books(), want=st.integers(1, 20))
def test_within_its_guarantee_a_holder_is_never_refused(
    case: tuple[list[Quota], dict[str, int], int], want: int
) -> None:
    quotas, in_use, capacity = case

    given = verdict("chat", "B200", want, in_use=in_use, quotas=quotas, capacity=capacity)

    if in_use["chat"] + want <= quotas[0].guaranteed:
        assert given == Verdict(is_allowed=True, borrowed=0)
    if quotas[0].most is not None and in_use["chat"] + want > quotas[0].most:
        assert not given.is_allowed
        assert not given.may_wait
    assert bool(given.helps) is not given.is_allowed


@given(case=books(), want=st.integers(1, 20))
def test_all_that_is_allowed_fits_once_borrowers_give_back(
    case: tuple[list[Quota], dict[str, int], int], want: int
) -> None:
    quotas, in_use, capacity = case

    given = verdict("chat", "B200", want, in_use=in_use, quotas=quotas, capacity=capacity)
    owed = reclaimable("chat", "B200", want, in_use=in_use, quotas=quotas)

    if given.is_allowed:
        assert sum(in_use.values()) + want - sum(owed.values()) <= capacity


@given(case=books(), want=st.integers(1, 20))
def test_nobody_is_made_to_give_back_what_it_is_guaranteed(
    case: tuple[list[Quota], dict[str, int], int], want: int
) -> None:
    quotas, in_use, _ = case

    owed = reclaimable("chat", "B200", want, in_use=in_use, quotas=quotas)

    assert "chat" not in owed
    for quota in quotas:
        if quota.holder in owed:
            assert in_use[quota.holder] - owed[quota.holder] == quota.guaranteed
            assert owed[quota.holder] > 0


@given(case=books(), want=st.integers(1, 20))
def test_the_number_that_is_named_would_have_been_allowed(
    case: tuple[list[Quota], dict[str, int], int], want: int
) -> None:
    quotas, in_use, capacity = case

    given = verdict("chat", "B200", want, in_use=in_use, quotas=quotas, capacity=capacity)

    if given.helps.startswith("at most "):
        fewer = int(given.helps.split()[2])
        assert fewer < want
        assert verdict(
            "chat", "B200", fewer, in_use=in_use, quotas=quotas, capacity=capacity
        ).is_allowed


def test_unused_guarantees_of_others_may_be_borrowed() -> None:
    given = asked(96, a_quota("chat", 64), a_quota("search", 64), search=32)

    assert given == Verdict(is_allowed=True, borrowed=32)


def test_what_others_use_may_not_be_borrowed_but_waited_for() -> None:
    given = asked(97, a_quota("chat", 64), a_quota("search", 64), search=32)

    assert not given.is_allowed
    assert given.may_wait
    assert given.helps.startswith("at most 96 more B200: chat is guaranteed 64, has 0, and others")


def test_the_most_a_holder_may_have_is_final() -> None:
    given = asked(8, a_quota("chat", 8, 8), chat=8)

    assert given.helps == (
        "no more B200 for now: chat has 8 of the 8 it may have; or a higher quota"
    )
    assert not given.may_wait


def test_where_nobody_has_a_quota_the_pools_decide() -> None:
    assert asked(1000, capacity=8).is_allowed


def test_a_holder_without_a_quota_only_borrows() -> None:
    assert asked(64, a_quota("search", 64)).borrowed == 64


def test_a_quota_for_all_models_is_asked_about_as_such() -> None:
    quota = Quota(holder="chat", gpu_model=ALL_MODELS, guaranteed=0, most=4)

    given = verdict("chat", ALL_MODELS, 8, in_use={}, quotas=[quota], capacity=64)

    assert given.helps.startswith("at most 4 more GPUs")
    assert asked(8, quota).is_allowed


def test_the_owner_of_a_guarantee_takes_back_what_was_borrowed_of_it() -> None:
    quotas = [a_quota("chat", 64), a_quota("search", 32)]
    in_use = {"search": 96, "batch": 32}

    owed = reclaimable("chat", "B200", 64, in_use=in_use, quotas=quotas)

    assert owed == {"batch": 32, "search": 64}


def test_nobody_borrows_at_the_cost_of_another_borrower() -> None:
    quotas = [a_quota("chat", 8)]

    assert reclaimable("chat", "B200", 16, in_use={"search": 64}, quotas=quotas) == {}


@pytest.mark.parametrize(("guaranteed", "most"), [(-1, None), (8, 7)])
def test_a_quota_that_contradicts_itself_is_refused(guaranteed: int, most: int | None) -> None:
    with pytest.raises(ValueError, match="guarantee"):
        a_quota("chat", guaranteed, most)


def test_only_what_is_asked_for_is_counted_as_borrowed_now() -> None:
    quotas = [a_quota("chat", 8), a_quota("search", 16)]

    assert asked(8, *quotas, capacity=64, chat=40, search=16).borrowed == 8
    assert asked(9, *quotas, capacity=64, chat=40, search=16).helps.startswith("at most 8 more")
