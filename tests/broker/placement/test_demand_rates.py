"""Rates from metered use: which tokens count, and no window twice."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from broker.placement.demand_rates import (
    Counted,
    DemandKey,
    MeteredUse,
    overlaps,
    size_demand,
)

START = datetime(2026, 5, 1, tzinfo=UTC)


def a_use(
    after: int = 0,
    *,
    model: str = "chat",
    node: str = "us",
    seconds: int = 600,
    tokens: tuple[int, int] = (6000, 600),
) -> MeteredUse:
    return MeteredUse(
        model=model,
        class_name="default",
        node=node,
        started_at=START + timedelta(seconds=after),
        seconds=seconds,
        input_tokens=tokens[0],
        output_tokens=tokens[1],
    )


def test_output_tokens_count_unless_the_model_says_otherwise() -> None:
    uses = [a_use(model="chat"), a_use(model="search")]

    chat, search = size_demand(uses, counted={"search": Counted.TOTAL})

    assert (chat.key.model, chat.sizing.tokens_per_second) == ("chat", 1.0)
    assert (search.key.model, search.sizing.tokens_per_second) == ("search", 11.0)


def test_demand_of_two_nodes_is_sized_apart() -> None:
    sized = size_demand([a_use(node="us"), a_use(node="eu", tokens=(0, 1200))], counted={})

    assert [(one.key.node, one.sizing.tokens_per_second) for one in sized] == [
        ("eu", 2.0),
        ("us", 1.0),
    ]


def test_a_meter_that_failed_is_left_out_and_counted() -> None:
    uses = [*(a_use(after) for after in range(0, 6000, 600)), a_use(6000, tokens=(0, 1))]

    (sized,) = size_demand(uses, counted={})

    assert (sized.sizing.windows, sized.left_out) == (10, 1)
    assert sized.sizing.mean_tokens_per_second == 1.0
    assert (sized.first_at, sized.last_at) == (START, START + timedelta(seconds=6600))


def test_windows_that_follow_each_other_share_no_time() -> None:
    assert overlaps([a_use(600), a_use(0), a_use(0, node="eu")]) == []


def test_every_window_inside_a_long_one_is_found() -> None:
    long, first, second = a_use(0, seconds=3600), a_use(600), a_use(1800)

    assert overlaps([second, long, first]) == [(long, first), (long, second)]


@given(
    places=st.lists(
        st.tuples(st.integers(min_value=0, max_value=30), st.integers(min_value=1, max_value=5)),
        unique_by=lambda place: place[0],
        max_size=12,
    )
)
def test_overlaps_are_found_exactly_where_windows_share_a_second(
    places: list[tuple[int, int]],
) -> None:
    uses = [a_use(start, seconds=seconds) for start, seconds in places]
    covered = [second for start, length in places for second in range(start, start + length)]

    assert bool(overlaps(uses)) is (len(covered) != len(set(covered)))


def test_demand_is_named_by_model_class_and_node() -> None:
    assert a_use().key == DemandKey("chat", "default", "us")
