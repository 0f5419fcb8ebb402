"""`tonnage work`: the scheduled jobs, in the foreground, once, or as a list."""

from __future__ import annotations

import signal
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated

import typer

from broker.cli.console import FOUND_WRONG, actor, opened, print_json, print_table, read_settings
from broker.errors import NotFoundError
from broker.jobs import poll_supplier, schedule, suppliers_at_hand
from broker.logs import log_to_stderr
from broker.runner import Job, Outcome, Runner, run_if_due, work
from broker.store.engine import Database
from broker.store.job_runs import RunState, last_runs
from broker.store.tables import JobRunRow

STOPPING = (signal.SIGINT, signal.SIGTERM)


def work_(
    once: Annotated[
        bool, typer.Option("--once", help="Run every job that is due one time, then end.")
    ] = False,
    list_: Annotated[
        bool, typer.Option("--list", help="Show the schedule and the last run of each job.")
    ] = False,
    job: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this job; may be repeated.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what --once or --list find as JSON.")
    ] = False,
) -> None:
    """Run the scheduled jobs until stopped by Ctrl-C or SIGTERM.

    Several processes may work at once: each run is done by one of them. What runs when the signal
    comes is brought to its end; a second signal ends it at once, and another process takes it over.
    """
    settings = read_settings()
    if not list_:
        log_to_stderr(settings.log_level)
    jobs = _chosen(schedule(suppliers_at_hand(), poll_supplier), job or [])
    with opened(settings) as database:
        if list_:
            _print_schedule(database, jobs, as_json=as_json)
            return
        runner = Runner(database=database, settings=settings, actor=actor())
        if not once:
            work_until_told(runner, jobs)
            return
        outcomes = [run for each in jobs if (run := run_if_due(runner, each)) is not None]
    _print_outcomes(outcomes, as_json=as_json)
    if any(each.state is RunState.FAILED for each in outcomes):
        raise typer.Exit(FOUND_WRONG)


def work_until_told(runner: Runner, jobs: Iterable[Job]) -> None:
    """Work the schedule until a signal to stop; the next one ends the process where it stands."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)  # every thread inherits it
    work(runner, jobs, until=_told_to_stop)


def _chosen(jobs: tuple[Job, ...], names: list[str]) -> tuple[Job, ...]:
    known = {each.name for each in jobs}
    for name in names:
        if name not in known:
            raise NotFoundError(f"there is no job {name!r}; tonnage work --list shows all of them")
    return tuple(each for each in jobs if not names or each.name in names)


def _told_to_stop() -> None:
    signal.sigwait(STOPPING)
    for each in STOPPING:
        signal.signal(each, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)


def _print_outcomes(outcomes: list[Outcome], *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "runs": [
                    {
                        "job": each.run.job,
                        "slot": each.run.slot,
                        "attempt": each.run.attempt,
                        "state": each.state.value,
                        "error": each.error,
                    }
                    for each in outcomes
                ]
            }
        )
        return
    if not outcomes:
        typer.echo("no job is due; tonnage work --list shows when each ran")
        return
    rows = [(each.run.job, each.state.value, each.run.attempt, each.error) for each in outcomes]
    print_table(("job", "state", "attempt", "error"), rows, numeric=("attempt",))


def _print_schedule(database: Database, jobs: Iterable[Job], *, as_json: bool) -> None:
    with database.reading() as session:
        last = last_runs(session)
    if as_json:
        print_json({"jobs": [_as_json(each, last.get(each.name)) for each in jobs]})
        return
    columns = ("job", "every", "last run", "state", "ended", "owner", "attempt", "error")
    rows = [
        (each.name, _words(each.every), *_cells(last.get(each.name)))  #
        for each in jobs
    ]
    print_table(columns, rows, numeric=("attempt",))


def _cells(run: JobRunRow | None) -> tuple[object, ...]:
    if run is None:
        return (None, "never", *[None] * 4)
    ended = None if run.finished_at is None else _clock_time(run.finished_at)
    return (_clock_time(run.started_at), run.state, ended, run.owner, run.attempt, run.error)


def _as_json(job: Job, run: JobRunRow | None) -> dict[str, object]:
    return {
        "job": job.name,
        "every_seconds": int(job.every.total_seconds()),
        "last_run": None
        if run is None
        else {
            "slot": run.slot,
            "attempt": run.attempt,
            "state": run.state,
            "owner": run.owner,
            "started_at": run.started_at.isoformat(),
            "beat_at": run.beat_at.isoformat(),
            "finished_at": None if run.finished_at is None else run.finished_at.isoformat(),
            "error": run.error,
        },
    }


def _clock_time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}Z"


def _words(every: timedelta) -> str:
    for unit, name in ((timedelta(days=1), "day"), (timedelta(hours=1), "hour")):
        if every % unit == timedelta(0):
            return _counted(every // unit, name)
    if every % timedelta(minutes=1) == timedelta(0):
        return _counted(every // timedelta(minutes=1), "minute")
    return _counted(int(every.total_seconds()), "second")


def _counted(number: int, name: str) -> str:
    return name if number == 1 else f"{number} {name}s"
