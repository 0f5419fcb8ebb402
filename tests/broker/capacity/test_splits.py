"""GPUs are put together from as few pools as will do, in whole nodes."""

from itertools import combinations, product

from hypothesis import given
from hypothesis import strategies as st

from broker.capacity.splits import MOST_LINES, Stock, most_of, ways

stocks = st.builds(
    lambda step, nodes: Stock(step=step, most=step * nodes),
    st.sampled_from([1, 2, 3, 4, 6, 8]),
    st.integers(1, 4),
)


def every_way(of: list[Stock], picks: int) -> list[tuple[tuple[int, int], ...]]:
    found = []
    for chosen in combinations(range(len(of)), picks):
        shares = [range(of[i].step, of[i].most + 1, of[i].step) for i in chosen]
        found += [tuple(zip(chosen, given, strict=True)) for given in product(*shares)]
    return found


def total(way: tuple[tuple[int, int], ...]) -> int:
    return sum(gpus for _, gpus in way)


@given(of=st.lists(stocks, max_size=5), target=st.integers(1, 40))
def test_a_split_takes_the_fewest_pools_and_of_those_the_first(
    of: list[Stock], target: int
) -> None:
    found = ways(of, target, limit=3)

    for picks in range(2, len(of) + 1):
        right = [way for way in every_way(of, picks) if total(way) == target]
        if right:
            assert found[0] == min(right, key=lambda way: [(i, -gpus) for i, gpus in way])
            assert set(found) <= set(right)
            break
    else:
        assert found == ()


@given(of=st.lists(stocks, max_size=6), target=st.integers(1, 40))
def test_alternatives_stand_in_other_sets_of_pools(of: list[Stock], target: int) -> None:
    found = ways(of, target, limit=5)

    assert len({tuple(index for index, _ in way) for way in found}) == len(found) <= 5


@given(of=st.lists(stocks, max_size=4), target=st.integers(0, 40))
def test_the_most_that_can_be_had_is_what_trying_every_way_finds(
    of: list[Stock], target: int
) -> None:
    sums = {total(way) for picks in range(len(of) + 1) for way in every_way(of, picks)}

    assert most_of(of, target) == max(each for each in sums if each <= target)


def test_machines_of_eight_and_of_four_make_twelve() -> None:
    assert ways([Stock(step=8, most=64), Stock(step=4, most=4)], 12, limit=8) == (((0, 8), (1, 4)),)


def test_a_lease_never_stands_in_more_pools_than_may_be_locked() -> None:
    single = [Stock(step=1, most=1)] * 100

    assert ways(single, MOST_LINES + 1, limit=1) == ()
    assert len(ways(single, MOST_LINES, limit=1)[0]) == MOST_LINES
    assert most_of(single, 100) == MOST_LINES


def test_as_many_alternatives_are_told_as_there_are_up_to_the_limit() -> None:
    halves = [Stock(step=8, most=8)] * 4

    assert len(ways(halves, 16, limit=8)) == 6
    assert len(ways(halves, 16, limit=4)) == 4
