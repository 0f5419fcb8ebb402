"""A request that could mean nothing is not a request."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.capacity.request import HIGHEST_PRIORITY, LONGEST_TTL_SECONDS, MOST_GPUS
from tests.broker.capacity.pool_builders import a_spec


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"gpu_models": ()}, "at least one GPU model"),
        ({"gpu_count": 0}, "1 to 100000"),
        ({"gpu_count": MOST_GPUS + 1}, "1 to 100000"),
        ({"node_size": 0}, "multiple of the node size"),
        ({"gpu_count": 12, "node_size": 8}, "multiple of the node size"),
        ({"priority": -1}, "0 to 1000"),
        ({"priority": HIGHEST_PRIORITY + 1}, "0 to 1000"),
        ({"ttl_seconds": 0}, "every second to every day"),
        ({"ttl_seconds": LONGEST_TTL_SECONDS + 1}, "every second to every day"),
    ],
)
def test_a_request_out_of_bounds_is_refused_and_says_the_bounds(
    changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        a_spec(**changes)


@given(
    nodes=st.integers(1, 100),
    node_size=st.integers(1, 72),
    priority=st.integers(0, HIGHEST_PRIORITY),
    ttl=st.integers(1, LONGEST_TTL_SECONDS),
)
def test_whole_nodes_at_any_priority_and_ttl_within_bounds_may_be_asked_for(
    nodes: int, node_size: int, priority: int, ttl: int
) -> None:
    spec = a_spec(nodes * node_size, node_size=node_size, priority=priority, ttl_seconds=ttl)

    assert spec.gpu_count % node_size == 0


def test_a_request_is_a_gang_that_does_not_queue_unless_it_says_so() -> None:
    spec = a_spec()

    assert spec.is_gang
    assert not spec.may_queue
    assert not spec.is_preemptible
