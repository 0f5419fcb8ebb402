"""What a process counts of its own work."""

from hypothesis import given
from hypothesis import strategies as st

from broker.metrics import Meters


def samples(meters: Meters) -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (one.name, tuple(one.labels.values())): one.value
        for metric in meters.collect()
        for one in metric.samples
    }


OPS = st.tuples(
    st.sampled_from(["grant", "renew"]),
    st.sampled_from(["granted", "lost"]),
    st.floats(min_value=0, max_value=10),
)


@given(ops=st.lists(OPS, max_size=30))
def test_every_operation_is_counted_once_and_timed_once(ops: list[tuple[str, str, float]]) -> None:
    meters = Meters()

    for op, outcome, seconds in ops:
        meters.lease_op(op, outcome, seconds)

    found = samples(meters)
    for op in {one[0] for one in ops}:
        of_op = [one for one in ops if one[0] == op]
        assert found["tonnage_lease_op_seconds_count", (op,)] == len(of_op)
        for outcome in {one[1] for one in of_op}:
            count = sum(one[1] == outcome for one in of_op)
            assert found["tonnage_lease_ops_total", (op, outcome)] == count


def test_a_batch_is_counted_with_its_size() -> None:
    meters = Meters()

    meters.batch(1)
    meters.batch(255)

    found = samples(meters)
    assert found["tonnage_batch_size_count", ()] == 2
    assert found["tonnage_batch_size_sum", ()] == 256
    assert found["tonnage_batch_size_bucket", ("1.0",)] == 1


def test_the_queue_is_asked_when_somebody_looks_and_has_no_depth_where_there_is_none() -> None:
    meters, waiting = Meters(), [3, 4]
    assert ("tonnage_queue_depth", ()) not in samples(meters)

    meters.watch_queue(lambda: len(waiting))
    waiting.append(5)

    assert samples(meters)["tonnage_queue_depth", ()] == 3


def test_two_applications_in_one_process_count_apart() -> None:
    one, other = Meters(), Meters()

    one.batch(5)

    assert samples(one)["tonnage_batch_size_count", ()] == 1
    assert samples(other)["tonnage_batch_size_count", ()] == 0
