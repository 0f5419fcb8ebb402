"""Of rounds that were decided from the same state one is written."""

from datetime import timedelta

from broker.clock import utc_now
from broker.store.engine import Database
from broker.store.queue_rounds import last_round, take_round


def test_of_rounds_that_saw_the_same_one_before_them_only_the_first_is_written(
    database: Database,
) -> None:
    now = utc_now()
    taken = []
    for seen in (None, None, now, now, now + timedelta(microseconds=1)):  # the clock stands
        with database.writing() as session:
            taken.append(take_round(session, seen, at=now))

    assert taken == [True, False, True, False, True]
    with database.reading() as session:
        assert last_round(session) == now + timedelta(microseconds=2)
