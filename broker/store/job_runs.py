"""Runs of scheduled jobs: which process runs which slot, decided by the database and its clock.

Every process computes the same slot from the time of the database, and the row of the slot is the
claim: one insert wins. While it runs, its owner beats. A run that has missed so many beats belongs
to nobody: whoever looks next takes it with the next attempt, and from then on nothing that the
former owner says about it counts. At most one run of a job is running, whatever the slot.

So a slot is run at least once, and only once unless its owner dies or stops beating; what a job
does must be harmless when done twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, CursorResult, cast, delete, func, type_coerce, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import Session, col, select

from broker.store.columns import UtcTime
from broker.store.tables import JobRunRow
from broker.store.tallies import Counted, add

MISSED_BEATS = 3
"""A run whose last beat is older than this many is taken from its owner."""
MAX_ATTEMPTS = 3
"""A run that has lost so many owners is given up: perhaps it is what kills them."""
KEEP_FOR = timedelta(days=30)
"""How long runs are remembered. Longer than any period, so that no slot can be claimed anew."""

log = logging.getLogger(__name__)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INSERTS: dict[str, Callable[..., Any]] = {
    "postgresql": postgresql_insert,
    "sqlite": sqlite_insert,
}


class RunState(StrEnum):
    """How a run stands."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A run that is ours; `attempt` tells us from whoever had it before or has it after us."""

    job: str
    slot: int
    attempt: int
    at: datetime  # UTC, by the clock of the database


def database_now(session: Session) -> datetime:
    """Return the present instant by the clock of the database, not of this process.

    On PostgreSQL to the microsecond and moving on within a transaction; on SQLite, whose finest
    clock it is, to the millisecond.
    """
    now: datetime | None = session.scalar(select(_NOW[session.get_bind().dialect.name]))
    if now is None:
        raise LookupError("the database does not tell the time")
    return now


def slot_of(now: datetime, every: timedelta) -> int:
    """Return the number of the period that an instant falls in: whole periods since 1970."""
    return (now - _EPOCH) // every


def is_due(session: Session, job: str, *, every: timedelta, beat: timedelta) -> bool:
    """Say whether a claim might win. Writes nothing, so it can be asked often."""
    now = database_now(session)
    slot = slot_of(now, every)
    rows = session.exec(
        select(JobRunRow).where(
            col(JobRunRow.job) == job,
            (col(JobRunRow.state) == RunState.RUNNING) | (col(JobRunRow.slot) == slot),
        )
    ).all()
    running = [row for row in rows if row.state == RunState.RUNNING]
    if running:
        return any(row.beat_at < _dead_before(now, beat) for row in running)
    return not rows


def claim(
    session: Session, job: str, *, every: timedelta, beat: timedelta, owner: str
) -> Claim | None:
    """Take the run of a dead owner, else the present slot; None when there is nothing to take."""
    now = database_now(session)
    _give_up(session, job, now=now, beat=beat)
    return _take_over(session, job, now=now, beat=beat, owner=owner) or _take_slot(
        session, job, slot_of(now, every), now=now, owner=owner
    )


def keep(session: Session, run: Claim) -> bool:
    """Note that the owner is alive; say whether the run is still ours."""
    return _change(session, run, beat_at=database_now(session))


def release(session: Session, run: Claim) -> bool:
    """Leave an unfinished run to whoever looks next; say whether it was still ours."""
    return _change(session, run, beat_at=_EPOCH)


def finish(session: Session, run: Claim, *, error: str | None = None) -> bool:
    """Note how a run ended; say whether it was still ours, else nothing is noted."""
    state = RunState.DONE if error is None else RunState.FAILED
    now = database_now(session)
    is_ours = _change(session, run, state=state.value, finished_at=now, error=error)
    if is_ours:
        add(session, Counted.JOB_RUN, run.job, outcome=state.value, at=now)
    return is_ours


def last_runs(session: Session) -> dict[str, JobRunRow]:
    """Return the latest run of every job that ever ran, by job."""
    latest = (
        select(JobRunRow.job, func.max(JobRunRow.started_at).label("started_at"))
        .group_by(col(JobRunRow.job))
        .subquery()
    )
    rows = session.exec(
        select(JobRunRow)
        .join(
            latest,
            (col(JobRunRow.job) == latest.c.job)
            & (col(JobRunRow.started_at) == latest.c.started_at),
        )
        .order_by(col(JobRunRow.slot))
    )
    return {row.job: row for row in rows}


def forget_old_runs(session: Session) -> int:
    """Delete the runs that ended and are older than KEEP_FOR; return how many."""
    old = database_now(session) - KEEP_FOR
    statement = delete(JobRunRow).where(
        col(JobRunRow.state) != RunState.RUNNING, col(JobRunRow.started_at) < old
    )
    return _touched(session, statement)


def _give_up(session: Session, job: str, *, now: datetime, beat: timedelta) -> None:
    """End a run that has lost its last owner: the job goes on with its next slot."""
    statement = (
        update(JobRunRow)
        .where(*_dead(job, now=now, beat=beat), col(JobRunRow.attempt) >= MAX_ATTEMPTS)
        .values(
            state=RunState.FAILED.value,
            finished_at=now,
            error=f"given up: all of its {MAX_ATTEMPTS} owners stopped before it ended",
        )
    )
    if _touched(session, statement):
        add(session, Counted.JOB_RUN, job, outcome=RunState.FAILED.value, at=now)
        log.warning("job given up until its next slot", extra={"job": job})


def _take_over(
    session: Session, job: str, *, now: datetime, beat: timedelta, owner: str
) -> Claim | None:
    # Two takers: the second waits for the row, then no longer finds it dead.
    taken = session.execute(
        update(JobRunRow)
        .where(*_dead(job, now=now, beat=beat))
        .values(attempt=JobRunRow.attempt + 1, owner=owner, beat_at=now)
        .returning(col(JobRunRow.slot), col(JobRunRow.attempt))
        .execution_options(synchronize_session=False)
    ).first()
    return None if taken is None else Claim(job=job, slot=taken.slot, attempt=taken.attempt, at=now)


def _take_slot(session: Session, job: str, slot: int, *, now: datetime, owner: str) -> Claim | None:
    insert = _INSERTS[session.get_bind().dialect.name]
    # Without a target it minds both keys: the slot is taken, or an earlier one still runs.
    won = session.execute(
        insert(JobRunRow)
        .values(
            job=job,
            slot=slot,
            attempt=1,
            owner=owner,
            state=RunState.RUNNING.value,
            started_at=now,
            beat_at=now,
        )
        .on_conflict_do_nothing()
        .returning(col(JobRunRow.attempt))
    ).first()
    return None if won is None else Claim(job=job, slot=slot, attempt=1, at=now)


def _dead(job: str, *, now: datetime, beat: timedelta) -> tuple[ColumnElement[bool], ...]:
    return (
        col(JobRunRow.job) == job,
        col(JobRunRow.state) == RunState.RUNNING,
        col(JobRunRow.beat_at) < _dead_before(now, beat),
    )


def _dead_before(now: datetime, beat: timedelta) -> datetime:
    return now - MISSED_BEATS * beat


def _change(session: Session, run: Claim, **values: Any) -> bool:
    statement = (
        update(JobRunRow)
        .where(
            col(JobRunRow.job) == run.job,
            col(JobRunRow.slot) == run.slot,
            col(JobRunRow.attempt) == run.attempt,
            col(JobRunRow.state) == RunState.RUNNING,
        )
        .values(**values)
    )
    return _touched(session, statement) > 0


def _touched(session: Session, statement: Any) -> int:
    result = session.execute(statement, execution_options={"synchronize_session": False})
    assert isinstance(result, CursorResult)
    return result.rowcount


def _sqlite_now() -> ColumnElement[datetime]:
    """Return the SQL for whole microseconds since 1970; `unixepoch` with parts came only in 3.42."""
    seconds = cast(func.strftime("%s", "now"), BigInteger)
    milliseconds = cast(func.substr(func.strftime("%f", "now"), 4), BigInteger)
    return type_coerce(seconds * 1_000_000 + milliseconds * 1_000, UtcTime)


_NOW: dict[str, ColumnElement[datetime]] = {
    "postgresql": func.clock_timestamp(type_=UtcTime),
    "sqlite": _sqlite_now(),
}
