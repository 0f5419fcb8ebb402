"""When each supplier last answered, and how asking it last went."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, func, select

from broker.store.tables import PollPlaceRow, PollRow


@dataclass(frozen=True, slots=True, kw_only=True)
class LastAnswer:
    """A supplier that has answered before."""

    supplier: str
    seen_at: datetime  # the last whole answer of any of its places
    last_poll: str | None  # the state of the latest poll; None when polls are not on record


def last_answers(session: Session) -> list[LastAnswer]:
    """Return the last answer of every supplier that ever answered, by supplier."""
    rows = session.exec(
        select(PollPlaceRow.supplier, func.max(PollPlaceRow.seen_at))
        .group_by(col(PollPlaceRow.supplier))
        .order_by(col(PollPlaceRow.supplier))
    )
    return [
        LastAnswer(supplier=supplier, seen_at=seen_at, last_poll=last_poll_state(session, supplier))
        for supplier, seen_at in rows.all()
        if seen_at is not None
    ]


def last_poll_state(session: Session, supplier: str) -> str | None:
    """Return how the latest poll of a supplier went; None when there has been none."""
    return session.exec(
        select(PollRow.state)
        .where(PollRow.supplier == supplier)
        .order_by(col(PollRow.started_at).desc(), col(PollRow.id).desc())
        .limit(1)
    ).first()
