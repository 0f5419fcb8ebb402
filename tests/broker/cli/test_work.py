"""The schedule is worked by hand, by cron, or in the foreground until told to stop."""

import itertools
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from broker.cli.work import work_until_told
from broker.runner import Job, Runner, Task
from broker.settings import Settings
from broker.store.engine import Database
from broker.store.job_runs import MISSED_BEATS, claim, database_now
from broker.store.tables import JobRunRow
from tests.broker.cli.commands import run

QUIET = ("--job", "roll ledger", "--job", "forget old runs")
"""Jobs that ask nobody outside."""
PATIENCE_SECONDS = 60
LOOK_SECONDS, LOOKS = 0.05, 1200
PROCESS = multiprocessing.get_context("forkserver")
PROCESS.set_forkserver_preload([__name__])


def told(*words: str, url: str, **environment: str) -> Any:
    result = run("work", *words, "--json", database_url=url, **environment)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_the_list_shows_every_job_and_that_none_has_run(sqlite_url: str) -> None:
    jobs = {each["job"]: each for each in told("--list", url=sqlite_url)["jobs"]}

    assert {"roll ledger", "evaluate alerts", "deliver alerts", "poll:lambda"} <= jobs.keys()
    assert jobs["evaluate alerts"] == {
        "job": "evaluate alerts",
        "every_seconds": 3600,
        "last_run": None,
    }


def test_each_due_job_runs_once_and_a_second_time_none_is_due(sqlite_url: str) -> None:
    first, second = (told("--once", *QUIET, url=sqlite_url) for _ in range(2))

    assert [(each["job"], each["state"], each["attempt"]) for each in first["runs"]] == [
        ("roll ledger", "done", 1),
        ("forget old runs", "done", 1),
    ]
    assert second == {"runs": []}


def test_the_list_shows_the_last_run_of_a_job(sqlite_url: str) -> None:
    (done,) = told("--once", "--job", "roll ledger", url=sqlite_url)["runs"]

    (job,) = told("--list", "--job", "roll ledger", url=sqlite_url)["jobs"]
    table = run("work", "--list", database_url=sqlite_url).stdout

    last = job["last_run"]
    assert (last["slot"], last["state"], last["attempt"]) == (done["slot"], "done", 1)
    assert last["owner"].endswith(f":{os.getpid()}")
    assert last["started_at"] <= last["finished_at"]
    (line,) = [line for line in table.splitlines() if line.startswith("roll ledger")]
    assert " day " in line
    assert last["owner"] in line
    assert "never" in table  # what has not run


def test_people_read_what_ran_and_where_to_look_when_nothing_is_due(sqlite_url: str) -> None:
    first, second = (run("work", "--once", *QUIET, database_url=sqlite_url) for _ in range(2))

    assert [line.split()[0:3] for line in first.stdout.splitlines()[1:]] == [
        ["roll", "ledger", "done"],
        ["forget", "old", "runs"],
    ]
    assert "tonnage work --list" in second.stdout


def test_a_failed_job_is_told_and_does_not_stop_the_next_one(sqlite_url: str) -> None:
    words = ("work", "--once", "--job", "deliver alerts", "--job", "forget old runs")
    unusable = {"TONNAGE_WEBHOOK_URL": "https://example.com/hook"}  # and no secret to sign with

    result = run(*words, "--json", database_url=sqlite_url, **unusable)

    assert result.exit_code == 1
    failed, done = json.loads(result.stdout)["runs"]
    assert (failed["state"], done["state"]) == ("failed", "done")
    assert failed["error"].startswith("BadInputError: ")


def test_a_job_that_does_not_exist_is_refused(sqlite_url: str) -> None:
    result = run("work", "--once", "--job", "make coffee", database_url=sqlite_url)

    assert result.exit_code == 2
    assert "no job 'make coffee'" in result.stderr
    assert "tonnage work --list" in result.stderr


def test_a_run_that_another_process_is_at_is_not_run_twice(
    sqlite: Database, sqlite_url: str
) -> None:
    day, beat = timedelta(days=1), timedelta(minutes=1)
    with sqlite.writing() as session:
        taken = claim(session, "roll ledger", every=day, beat=beat, owner="elsewhere:1")
    assert taken is not None

    assert told("--once", "--job", "roll ledger", url=sqlite_url) == {"runs": []}

    with sqlite.writing() as session:
        row = session.get_one(JobRunRow, ("roll ledger", taken.slot))
        row.beat_at = database_now(session) - (MISSED_BEATS + 1) * beat
        session.add(row)
    (retaken,) = told("--once", "--job", "roll ledger", url=sqlite_url)["runs"]
    assert (retaken["slot"], retaken["attempt"], retaken["state"]) == (taken.slot, 2, "done")


@pytest.fixture
def working(sqlite_url: str) -> Iterator[subprocess.Popen[str]]:
    """Run the schedule in a process of its own; yield it when it is at work."""
    process = subprocess.Popen(
        [sys.executable, "-m", "broker", "work", *QUIET],
        env={**os.environ, "TONNAGE_DATABASE_URL": sqlite_url},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if '"event": "working"' in line:
            break
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize("told_by", [signal.SIGTERM, signal.SIGINT])
def test_work_goes_on_until_a_signal_and_ends_in_good_order(
    working: subprocess.Popen[str], sqlite_url: str, told_by: signal.Signals
) -> None:
    assert working.stderr is not None
    for _ in range(len(QUIET) // 2):
        assert any('"event": "job ended"' in line for line in working.stderr)

    working.send_signal(told_by)
    _, rest = working.communicate(timeout=PATIENCE_SECONDS)

    assert working.returncode == 0
    assert "Traceback" not in rest
    assert '"event": "stopping' in rest
    jobs = told("--list", *QUIET, url=sqlite_url)["jobs"]
    assert {each["last_run"]["state"] for each in jobs} == {"done"}
    assert {each["last_run"]["owner"].split(":")[1] for each in jobs} == {str(working.pid)}


def work_for_ever(url: str, began: str) -> None:
    """A process at a job that does not end; the first signal to stop it, it sends itself."""

    def endless(_: Task) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        Path(began).touch()
        threading.Event().wait()

    runner = Runner(
        database=Database(url), settings=Settings(database_url=url), actor="dana", name="stuck"
    )
    work_until_told(runner, [Job(name="roll ledger", every=timedelta(days=1), do=endless)])


def test_a_second_signal_ends_a_process_that_does_not_come_to_an_end(
    sqlite: Database, sqlite_url: str, tmp_path: Path
) -> None:
    began = tmp_path / "began"
    process = PROCESS.Process(target=work_for_ever, args=(sqlite_url, str(began)))
    process.start()
    patience = itertools.count()
    while not began.exists() and next(patience) < LOOKS:
        process.join(LOOK_SECONDS)
    # Until the process has taken in the first one, more of the same make no difference.
    while process.is_alive() and next(patience) < LOOKS:
        process.terminate()
        process.join(LOOK_SECONDS)

    assert process.exitcode == -signal.SIGTERM
    with sqlite.reading() as session:
        (row,) = session.exec(select(JobRunRow)).all()
    assert (row.owner, row.state) == ("stuck", "running")
