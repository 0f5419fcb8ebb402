"""A slot of a job has one run, a job one running run, and a run one owner at a time."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select, update

from broker.clock import utc_now
from broker.store.engine import Database
from broker.store.job_runs import (
    KEEP_FOR,
    MAX_ATTEMPTS,
    MISSED_BEATS,
    Claim,
    RunState,
    claim,
    database_now,
    finish,
    forget_old_runs,
    is_due,
    keep,
    last_runs,
    release,
    slot_of,
)
from broker.store.tables import JobRunRow

CENTURY = timedelta(days=36_500)
"""A period that does not end while a test runs: every claim is for the same slot."""
BEAT = timedelta(minutes=1)
JOB = "count the beans"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def claimed(
    database: Database, owner: str = "ann", *, job: str = JOB, every: timedelta = CENTURY
) -> Claim | None:
    with database.writing() as session:
        return claim(session, job, every=every, beat=BEAT, owner=owner)


def won(database: Database, owner: str = "ann") -> Claim:
    run = claimed(database, owner)
    assert run is not None
    return run


def due(database: Database, *, every: timedelta = CENTURY) -> bool:
    with database.reading() as session:
        return is_due(session, JOB, every=every, beat=BEAT)


def ended(database: Database, run: Claim, *, error: str | None = None) -> bool:
    with database.writing() as session:
        return finish(session, run, error=error)


def kept(database: Database, run: Claim) -> bool:
    with database.writing() as session:
        return keep(session, run)


def rows(database: Database) -> list[JobRunRow]:
    with database.reading() as session:
        return list(session.exec(select(JobRunRow).order_by(col(JobRunRow.slot))))


def silent_for(database: Database, beats: float) -> None:
    """As if the owner of the running run had last been heard of so many beats ago."""
    with database.writing() as session:
        last = database_now(session) - beats * BEAT
        session.exec(
            update(JobRunRow).where(col(JobRunRow.state) == "running").values(beat_at=last)
        )


@given(
    now=st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    every=st.timedeltas(min_value=timedelta(microseconds=1), max_value=timedelta(days=4000)),
)
def test_every_instant_lies_in_the_period_of_its_slot(now: datetime, every: timedelta) -> None:
    slot = slot_of(now, every)

    assert slot * every <= now - EPOCH < slot * every + every


@given(
    slot=st.integers(min_value=0, max_value=10**6),
    every=st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(hours=1)),
)
def test_a_slot_begins_where_the_one_before_ends(slot: int, every: timedelta) -> None:
    begins = EPOCH + slot * every

    assert slot_of(begins, every) == slot
    assert slot_of(begins - timedelta(microseconds=1), every) == slot - 1


def test_the_database_tells_the_time_in_utc(database: Database) -> None:
    with database.reading() as session:
        before = utc_now()
        now = database_now(session)
        after = utc_now()

    tick = timedelta(milliseconds=1)  # the finest that SQLite knows
    assert before - tick <= now <= after
    assert now.utcoffset() == timedelta(0)


def test_a_slot_is_won_once(database: Database) -> None:
    assert due(database)

    run, other = claimed(database, "ann"), claimed(database, "bob")

    assert run is not None
    assert (run.job, run.attempt) == (JOB, 1)
    assert run.slot == slot_of(run.at, CENTURY)
    assert other is None
    assert not due(database)
    (row,) = rows(database)
    assert (row.owner, row.state, row.started_at) == ("ann", "running", run.at)


def test_a_slot_that_has_run_is_not_run_again(database: Database) -> None:
    assert ended(database, won(database))

    assert not due(database)
    assert claimed(database) is None


def test_a_run_that_failed_waits_for_the_next_slot_and_says_why(database: Database) -> None:
    assert ended(database, won(database), error="RefusedError: no")

    assert claimed(database) is None
    (row,) = rows(database)
    assert (row.state, row.error) == (RunState.FAILED, "RefusedError: no")
    assert row.finished_at is not None


def test_a_job_does_not_overtake_itself_when_its_next_slot_begins(database: Database) -> None:
    run = won(database)
    another_slot = CENTURY / 2**20

    assert slot_of(run.at, another_slot) != run.slot
    assert not due(database, every=another_slot)
    assert claimed(database, "bob", every=another_slot) is None
    ended(database, run)
    assert due(database, every=another_slot)
    assert claimed(database, "bob", every=another_slot) is not None


def test_jobs_do_not_wait_for_each_other(database: Database) -> None:
    assert claimed(database, job="one") is not None
    assert claimed(database, job="two") is not None


def test_the_database_itself_refuses_two_running_runs_of_a_job(database: Database) -> None:
    run = won(database)

    another = JobRunRow(**{**rows(database)[0].model_dump(), "slot": run.slot + 1})

    with pytest.raises(IntegrityError), database.writing() as session:
        session.add(another)


def test_an_owner_that_beats_keeps_its_run(database: Database) -> None:
    run = won(database)
    silent_for(database, MISSED_BEATS + 1)

    assert kept(database, run)

    assert not due(database)
    assert claimed(database, "bob") is None


def test_an_owner_may_miss_some_beats(database: Database) -> None:
    won(database)
    silent_for(database, MISSED_BEATS - 0.5)

    assert not due(database)
    assert claimed(database, "bob") is None


def test_the_run_of_a_dead_owner_is_taken_with_the_next_attempt(database: Database) -> None:
    first = won(database, "ann")
    silent_for(database, MISSED_BEATS + 0.5)

    assert due(database)
    second = claimed(database, "bob")

    assert second is not None
    assert (second.slot, second.attempt) == (first.slot, 2)
    assert claimed(database, "eve") is None
    (row,) = rows(database)
    assert (row.owner, row.attempt, row.state) == ("bob", 2, "running")


def test_nothing_that_a_replaced_owner_says_counts(database: Database) -> None:
    first = won(database, "ann")
    silent_for(database, MISSED_BEATS + 0.5)
    second = won(database, "bob")

    assert not kept(database, first)
    assert not ended(database, first, error="too late")
    with database.writing() as session:
        assert not release(session, first)
    (row,) = rows(database)
    assert (row.owner, row.state, row.error) == ("bob", "running", None)

    assert ended(database, second)
    assert not ended(database, first)
    assert rows(database)[0].state == RunState.DONE


def test_a_run_that_was_left_is_free_at_once(database: Database) -> None:
    run = won(database)

    with database.writing() as session:
        assert release(session, run)

    assert won(database, "bob").attempt == 2


def test_a_run_that_kills_its_owners_is_given_up_and_the_job_goes_on(database: Database) -> None:
    for attempt in range(1, MAX_ATTEMPTS + 1):
        assert won(database).attempt == attempt
        silent_for(database, MISSED_BEATS + 0.5)

    assert claimed(database) is None

    (row,) = rows(database)
    assert (row.state, row.attempt) == (RunState.FAILED, MAX_ATTEMPTS)
    assert "given up" in (row.error or "")
    assert claimed(database, every=CENTURY / 2**20) is not None


def test_the_last_run_of_each_job_is_the_one_that_began_last(database: Database) -> None:
    ended(database, won(database))
    later = claimed(database, "bob", every=CENTURY / 2**20)
    other = claimed(database, job="another")
    assert later is not None
    assert other is not None

    with database.reading() as session:
        last = last_runs(session)

    assert {job: row.slot for job, row in last.items()} == {JOB: later.slot, "another": other.slot}


def test_old_runs_are_forgotten_but_not_the_one_that_runs(database: Database) -> None:
    with database.writing() as session:
        long_ago = database_now(session) - KEEP_FOR - timedelta(days=1)
        for slot, state in enumerate(["done", "failed", "running"]):
            session.add(
                JobRunRow(
                    job=JOB,
                    slot=slot,
                    attempt=1,
                    owner="ann",
                    state=state,
                    started_at=long_ago,
                    beat_at=long_ago,
                )
            )
    ended(database, claimed(database, job="fresh") or won(database))

    with database.writing() as session:
        assert forget_old_runs(session) == 2

    assert {(row.job, row.state) for row in rows(database)} == {(JOB, "running"), ("fresh", "done")}
