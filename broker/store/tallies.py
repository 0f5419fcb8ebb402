"""Running totals of what happened, kept beside the rows they count: those are deleted when old.

A total that is computed from rows falls when old ones go, and whoever watches it would take that
for a restart. These only grow.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import Session, col, select

from broker.store.tables import TallyRow

_INSERTS: dict[str, Callable[..., Any]] = {
    "postgresql": postgresql_insert,
    "sqlite": sqlite_insert,
}


class Counted(StrEnum):
    """What is counted."""

    JOB_RUN = "job-run"  # by job and state
    POLL = "poll"  # by supplier and state
    REQUEST = "request"  # by supplier and how it was answered


def add(
    session: Session, kind: Counted, name: str, *, outcome: str, at: datetime, times: int = 1
) -> None:
    """Count one more, or several, of which the last ended at an instant."""
    insert = _INSERTS[session.get_bind().dialect.name]
    fresh = insert(TallyRow).values(
        kind=kind.value, name=name, outcome=outcome, total=times, last_at=at
    )
    session.execute(
        fresh.on_conflict_do_update(
            index_elements=["kind", "name", "outcome"],
            set_={"total": col(TallyRow.total) + times, "last_at": fresh.excluded.last_at},
        )
    )


def tallies(session: Session, kind: Counted) -> list[TallyRow]:
    """Return every total of a kind, by name and outcome."""
    return list(
        session.exec(
            select(TallyRow)
            .where(TallyRow.kind == kind)
            .order_by(col(TallyRow.name), col(TallyRow.outcome))
        )
    )
