"""Running totals only grow, whatever becomes of the rows they count."""

from datetime import timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import delete

from broker.identity import new_id
from broker.store import schema
from broker.store.engine import Database
from broker.store.job_runs import claim, finish
from broker.store.polls import add_poll
from broker.store.tables import JobRunRow, PollRow, TallyRow
from broker.store.tallies import Counted, add, tallies
from tests.builders import ACTOR, NOON


def totals(database: Database, kind: Counted) -> dict[tuple[str, str], int]:
    with database.reading() as session:
        return {(row.name, row.outcome): row.total for row in tallies(session, kind)}


def run_once(database: Database, slot_seconds: int, *, error: str | None = None) -> None:
    with database.writing() as session:
        session.execute(delete(JobRunRow))  # as if the former slots were over and forgotten
    with database.writing() as session:
        every = timedelta(seconds=slot_seconds)
        run = claim(session, "roll", every=every, beat=timedelta(minutes=1), owner="ann")
        assert run is not None
        assert finish(session, run, error=error)


def a_poll(state: str) -> PollRow:
    return PollRow(
        id=new_id(),
        supplier="acme",
        started_at=NOON,
        finished_at=NOON,
        state=state,
        offers=0,
        changes=0,
        skips=0,
        actor=ACTOR,
    )


def test_runs_are_counted_by_how_they_ended_and_stay_counted(database: Database) -> None:
    run_once(database, 1_000)
    run_once(database, 1_000)
    run_once(database, 1_000, error="no")

    assert totals(database, Counted.JOB_RUN) == {("roll", "done"): 2, ("roll", "failed"): 1}


def test_a_run_that_was_taken_over_counts_once(database: Database) -> None:
    with database.writing() as session:
        run = claim(session, "roll", every=timedelta(days=1), beat=timedelta(1), owner="ann")
        assert run is not None
        assert finish(session, run)
        assert not finish(session, run)

    assert totals(database, Counted.JOB_RUN) == {("roll", "done"): 1}


def test_polls_are_counted_by_supplier_and_state(database: Database) -> None:
    with database.writing() as session:
        for state in ("ok", "ok", "failed"):
            add_poll(session, a_poll(state), requests={"200": 3, "429": 1})

    assert totals(database, Counted.POLL) == {("acme", "ok"): 2, ("acme", "failed"): 1}
    assert totals(database, Counted.REQUEST) == {("acme", "200"): 9, ("acme", "429"): 3}


def test_what_ended_before_there_were_totals_is_counted_from_its_rows(database: Database) -> None:
    schema.downgrade(database, "0002")
    with database.writing() as session:
        session.add_all([a_poll("ok"), a_poll("ok"), a_poll("failed")])

    schema.upgrade(database)

    assert totals(database, Counted.POLL) == {("acme", "ok"): 2, ("acme", "failed"): 1}


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ends=st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["done", "failed"]))))
def test_a_total_is_how_often_it_was_counted(sqlite: Database, ends: list[tuple[str, str]]) -> None:
    with sqlite.writing() as session:
        session.execute(delete(TallyRow))
        for name, outcome in ends:
            add(session, Counted.JOB_RUN, name, outcome=outcome, at=NOON)

    assert totals(sqlite, Counted.JOB_RUN) == {end: ends.count(end) for end in set(ends)}
