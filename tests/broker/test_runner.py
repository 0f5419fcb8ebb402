"""One run a slot, whoever works: real processes that race, die and come back too late."""

import logging
import multiprocessing
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import partial
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from sqlmodel import col, select

from broker.clock import utc_now
from broker.errors import RefusedError
from broker.runner import Job, Outcome, Runner, Task, run_if_due, work
from broker.settings import Settings
from broker.store.engine import Database
from broker.store.job_runs import RunState, slot_of
from broker.store.tables import JobRunRow
from tests.builders import ACTOR, MAY_15

PROCESS = multiprocessing.get_context("forkserver")
"""A server is forked once and has this module loaded: starting a process takes no time."""
PROCESS.set_forkserver_preload([__name__])
RUNNERS = 3
SLOTS = 8
CENTURY = timedelta(days=36_500)
"""A period that does not end while a test runs."""
SHORT = timedelta(milliseconds=150)
QUICK_BEAT = timedelta(milliseconds=50)
SLOW_BEAT = timedelta(minutes=1)
PATIENCE = timedelta(seconds=60)
"""How long a condition may take to come true; no test waits for it when all is well."""


def a_runner(database: Database, *, beat: timedelta = SLOW_BEAT, name: str = "ann") -> Runner:
    settings = Settings(database_url="sqlite://")
    return Runner(database=database, settings=settings, actor=ACTOR, beat=beat, name=name)


def a_job(do: Callable[[Task], None], *, every: timedelta = CENTURY, name: str = "count") -> Job:
    return Job(name=name, every=every, do=do)


def nothing(_: Task) -> None:
    """A job that has nothing to do."""


def rows(database: Database) -> list[JobRunRow]:
    with database.reading() as session:
        return list(session.exec(select(JobRunRow).order_by(col(JobRunRow.slot))))


def looks() -> Iterator[None]:
    """Look again and again, for as long as patience lasts."""
    end = utc_now() + PATIENCE
    while utc_now() < end:
        yield
    pytest.fail("what was waited for did not come about")


def ran(runner: Runner, job: Job) -> Outcome:
    """Look until the job has been run by this runner."""
    for _ in looks():
        outcome = run_if_due(runner, job)
        if outcome is not None:
            break
    assert outcome is not None
    return outcome


def note(path: Path, words: str) -> None:
    with path.open("a") as file:
        file.write(f"{words}\n")


def count(path: Path, task: Task) -> None:
    """A job that says when it begins and ends."""
    note(path, f"begin {task.run.slot}")
    note(path, f"end {task.run.slot}")


def count_and_die(path: Path, task: Task) -> None:
    note(path, f"begin {task.run.slot} {task.run.attempt}")
    os.kill(os.getpid(), signal.SIGKILL)


def count_and_freeze(path: Path, task: Task) -> None:
    note(path, f"begin {task.run.slot} {task.run.attempt}")
    os.kill(os.getpid(), signal.SIGSTOP)


def work_with_others(url: str, path: str, start: Barrier) -> None:
    """One process among several: looks until enough slots have run, whoever ran them."""
    database = Database(url)
    runner, job = a_runner(database, name=str(os.getpid())), a_job(partial(count, Path(path)))
    start.wait(PATIENCE.total_seconds())
    for _ in looks():
        run_if_due(runner, Job(name=job.name, every=SHORT, do=job.do))
        if len(rows(database)) >= SLOTS:
            break
    database.close()


def run_once(url: str, path: str, do: Callable[[Path, Task], None], beat: timedelta) -> None:
    """A process that runs one job; says at the end whether the run was still its own."""
    database = Database(url)
    outcome = run_if_due(a_runner(database, beat=beat, name="bob"), a_job(partial(do, Path(path))))
    database.close()
    raise SystemExit(0 if outcome is not None and outcome.is_ours else 3)


def test_of_processes_at_work_together_one_runs_each_slot_and_none_overlap(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    path, start = tmp_path / "noted", PROCESS.Barrier(RUNNERS)
    processes = [
        PROCESS.Process(target=work_with_others, args=(database_url, str(path), start))
        for _ in range(RUNNERS)
    ]
    for each in processes:
        each.start()
    for each in processes:
        each.join(PATIENCE.total_seconds())

    assert [each.exitcode for each in processes] == [0] * RUNNERS
    slots = [row.slot for row in rows(database)]
    assert len(slots) >= SLOTS
    assert {(row.state, row.attempt) for row in rows(database)} == {("done", 1)}
    expected = [word for slot in slots for word in (f"begin {slot}", f"end {slot}")]
    assert path.read_text().splitlines() == expected


def test_a_run_whose_process_was_killed_is_taken_over_and_ends(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "noted"
    process = PROCESS.Process(
        target=run_once, args=(database_url, str(path), count_and_die, QUICK_BEAT)
    )
    process.start()
    process.join(PATIENCE.total_seconds())
    assert process.exitcode == -signal.SIGKILL
    assert [row.state for row in rows(database)] == ["running"]

    outcome = ran(a_runner(database, beat=QUICK_BEAT), a_job(partial(count, path)))

    assert (outcome.run.attempt, outcome.state, outcome.is_ours) == (2, RunState.DONE, True)
    (row,) = rows(database)
    assert (row.owner, row.attempt, row.state) == ("ann", 2, "done")
    slot = row.slot
    assert path.read_text().splitlines() == [f"begin {slot} 1", f"begin {slot}", f"end {slot}"]


def test_a_process_that_wakes_after_its_run_was_taken_over_changes_nothing(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "noted"
    process = PROCESS.Process(
        target=run_once, args=(database_url, str(path), count_and_freeze, QUICK_BEAT)
    )
    process.start()
    for _ in looks():
        if path.exists():
            break
    outcome = ran(a_runner(database, beat=QUICK_BEAT), a_job(nothing))
    before = [row.model_dump() for row in rows(database)]

    assert process.pid is not None
    os.kill(process.pid, signal.SIGCONT)
    process.join(PATIENCE.total_seconds())

    assert outcome.run.attempt == 2
    assert process.exitcode == 3  # told that the run was not its own any more
    assert [row.model_dump() for row in rows(database)] == before
    assert (before[0]["owner"], before[0]["state"]) == ("ann", "done")


def test_a_long_run_goes_on_beating(database: Database) -> None:
    seen: set[datetime] = set()

    def outlast(_: Task) -> None:
        for _look in looks():
            seen.add(rows(database)[0].beat_at)
            if len(seen) > 3:
                return

    outcome = run_if_due(a_runner(database, beat=QUICK_BEAT), a_job(outlast))

    assert outcome is not None
    assert outcome.is_ours
    assert outcome.run.at == min(seen)


def test_a_job_that_fails_is_put_on_record_and_the_next_slot_comes(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(_: Task) -> None:
        raise RefusedError("the books do not allow it; see tng_abc_secret")

    outcome = run_if_due(a_runner(database), a_job(fails))

    assert outcome is not None
    (row,) = rows(database)
    assert row.state == outcome.state == "failed"
    assert row.error == "RefusedError: the books do not allow it; see [hidden]"
    assert "job failed" in caplog.messages
    assert run_if_due(a_runner(database), a_job(nothing)) is None
    assert run_if_due(a_runner(database), a_job(nothing, every=CENTURY / 2**20)) is not None


def test_the_message_of_a_failure_that_nobody_foresaw_is_not_kept(sqlite: Database) -> None:
    def fails(_: Task) -> None:
        raise ValueError("could not read 3.1415 USD")

    run_if_due(a_runner(sqlite), a_job(fails))

    error = rows(sqlite)[0].error or ""
    assert error.startswith("ValueError")
    assert "3.1415" not in error


def test_a_job_that_is_interrupted_is_left_to_whoever_looks_next(sqlite: Database) -> None:
    def interrupted(_: Task) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_if_due(a_runner(sqlite), a_job(interrupted))
    outcome = run_if_due(a_runner(sqlite, name="bob"), a_job(nothing))

    assert outcome is not None
    assert (outcome.run.attempt, outcome.state) == (2, RunState.DONE)


@pytest.mark.parametrize("as_of", [None, MAY_15])
def test_the_business_day_is_that_of_the_clock_that_made_the_job_due(
    sqlite: Database, as_of: date | None
) -> None:
    tasks: list[Task] = []
    never = datetime.min.replace(tzinfo=UTC)
    settings = Settings(database_url="sqlite://", as_of=as_of)
    runner = Runner(database=sqlite, settings=settings, actor=ACTOR, clock=lambda: never)

    run_if_due(runner, a_job(tasks.append, every=timedelta(days=1)))

    (task,) = tasks
    assert slot_of(task.run.at, timedelta(days=1)) == task.run.slot
    assert task.today == (as_of or task.run.at.date())


def test_the_schedule_is_worked_until_told_to_stop_and_one_failure_stops_nothing(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    enough, runs = threading.Event(), Counter[str]()

    def good(task: Task) -> None:
        runs[task.run.job] += 1
        if runs["good"] >= 3 and runs["bad"] >= 2:
            enough.set()

    def bad(task: Task) -> None:
        good(task)
        raise RefusedError("no")

    jobs = [a_job(good, name="good", every=SHORT), a_job(bad, name="bad", every=SHORT)]
    with caplog.at_level(logging.CRITICAL, "broker.runner"):
        work(a_runner(database), jobs, until=lambda: enough.wait(PATIENCE.total_seconds()))

    assert enough.is_set()
    states = Counter((row.job, row.state) for row in rows(database))
    assert states == {("good", "done"): runs["good"], ("bad", "failed"): runs["bad"]}


def test_what_runs_is_brought_to_its_end_before_the_work_ends(database: Database) -> None:
    begun, may_end = threading.Event(), threading.Event()

    def long(_: Task) -> None:
        begun.set()
        may_end.wait(PATIENCE.total_seconds())

    def told_to_stop() -> None:
        begun.wait(PATIENCE.total_seconds())
        may_end.set()

    work(a_runner(database), [a_job(long)], until=told_to_stop)

    assert [row.state for row in rows(database)] == ["done"]
