"""Runs scheduled jobs: any number of processes, each run by one of them, none held up by another.

APScheduler is only the clock that makes a process look; whether there is something to do, and who
does it, the database decides (`broker.store.job_runs`).
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, timedelta

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy.exc import SQLAlchemyError

from broker.clock import Clock, utc_now
from broker.errors import TonnageError
from broker.logs import without_secrets
from broker.settings import Settings
from broker.store.engine import Database
from broker.store.job_runs import Claim, RunState, claim, finish, is_due, keep, release
from providers.errors import SupplierError

BEAT = timedelta(seconds=10)
LOOK_EVERY = timedelta(seconds=15)
"""How often a process looks whether a job is due; more often where the period is short."""
LOOKS_A_PERIOD = 4

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """A process that works the schedule, and what its jobs may use."""

    database: Database
    settings: Settings
    actor: str  # who the books shall say did it
    clock: Clock = utc_now
    beat: timedelta = BEAT
    name: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One run of a job, as the job sees it."""

    runner: Runner
    run: Claim

    @property
    def today(self) -> date:
        """Return the business day of the run: by the clock that decided that it is due."""
        return self.runner.settings.as_of or self.run.at.astimezone(UTC).date()


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Something to do once in every period."""

    name: str
    every: timedelta
    do: Callable[[Task], None]
    spread: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended; `is_ours` False: another process has taken it over and will say."""

    run: Claim
    state: RunState
    error: str | None
    is_ours: bool


def work(runner: Runner, jobs: Iterable[Job], *, until: Callable[[], object]) -> None:
    """Work the schedule until `until` returns; runs that have begun are brought to their end."""
    jobs = tuple(jobs)
    scheduler = _scheduler(runner, jobs)
    scheduler.start()
    log.info("working", extra={"runner": runner.name, "jobs": [each.name for each in jobs]})
    try:
        until()
    finally:
        log.info("stopping; what runs is brought to its end", extra={"runner": runner.name})
        scheduler.shutdown()


def run_if_due(runner: Runner, job: Job) -> Outcome | None:
    """Run a job if it is due and this runner wins it; None if not. A failure is an outcome."""
    with runner.database.reading() as session:
        if not is_due(session, job.name, every=job.every, beat=runner.beat):
            return None
    with runner.database.writing() as session:
        run = claim(session, job.name, every=job.every, beat=runner.beat, owner=runner.name)
    return None if run is None else _run(runner, job, run)


def _scheduler(runner: Runner, jobs: tuple[Job, ...]) -> BackgroundScheduler:
    # It would tell of every look, and complain of each that finds the job still at work.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    scheduler = BackgroundScheduler(
        jobstores={"default": MemoryJobStore()},
        # A thread for each, so that no slow supplier keeps another job waiting.
        executors={"default": ThreadPoolExecutor(max(1, len(jobs)))},
        # Without a grace time a look that comes late, after a suspend, say, would be dropped.
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        timezone=UTC,
    )
    for job in jobs:
        look_every = min(LOOK_EVERY, job.every / LOOKS_A_PERIOD)
        scheduler.add_job(
            _look,
            "interval",
            args=(runner, job),
            id=job.name,
            seconds=look_every.total_seconds(),
            jitter=job.spread.total_seconds() or None,
            next_run_time=runner.clock(),
        )
    return scheduler


def _look(runner: Runner, job: Job) -> None:
    try:
        run_if_due(runner, job)
    except SQLAlchemyError:  # a run that could not be noted runs out and is taken over
        log.warning("database did not answer", extra={"job": job.name}, exc_info=True)


def _run(runner: Runner, job: Job, run: Claim) -> Outcome:
    began = {"job": run.job, "slot": run.slot, "attempt": run.attempt}
    log.info("job begins", extra=began)
    try:
        with _beating(runner, run):
            error = _error_of(job, Task(runner=runner, run=run))
    except BaseException:  # Ctrl-C: somebody else may have it at once
        with runner.database.writing() as session:
            release(session, run)
        raise
    with runner.database.writing() as session:
        is_ours = finish(session, run, error=error)
    state = RunState.DONE if error is None else RunState.FAILED
    if is_ours:
        log.info("job ended", extra={**began, "state": state.value})
    else:
        log.warning("job was taken over by another process meanwhile", extra=began)
    return Outcome(run=run, state=state, error=error, is_ours=is_ours)


def _error_of(job: Job, task: Task) -> str | None:
    """Do the job; return what went wrong, as it may be kept, or None."""
    try:
        job.do(task)
    except Exception as failure:
        log.exception("job failed", extra={"job": job.name, "slot": task.run.slot})
        return _told(failure)
    return None


def _told(failure: Exception) -> str:
    """Return a failure in words: only our own messages are known to hold no secret."""
    kind = type(failure).__name__
    if isinstance(failure, TonnageError | SupplierError):
        return f"{kind}: {without_secrets(str(failure))}"
    return f"{kind}; the log says where"


@contextmanager
def _beating(runner: Runner, run: Claim) -> Iterator[None]:
    """Say from a thread of its own that the owner is alive, for as long as the block lasts."""
    over = threading.Event()
    thread = threading.Thread(
        target=_beat, args=(runner, run, over), name=f"beat {run.job}", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _beat(runner: Runner, run: Claim, over: threading.Event) -> None:
    while not over.wait(runner.beat.total_seconds()):
        try:
            with runner.database.writing() as session:
                if not keep(session, run):
                    return
        except SQLAlchemyError:  # a busy or absent database: the next beat may get through
            log.warning("beat missed", extra={"job": run.job, "slot": run.slot}, exc_info=True)
