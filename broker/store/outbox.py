"""The outbox: messages written in the transaction that raised the alert, sent later, once or more.

A sender claims a message for a while, sends it outside any transaction, and notes what became of
it. A sender that dies in between leaves a claim that runs out, and the message is sent again; so
every message carries its fingerprint.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlmodel import Session, col, func, select, update

from broker.identity import new_id
from broker.store.tables import OutboxRow


def enqueue(
    session: Session, fingerprint: str, *, channels: Collection[str], payload: str, at: datetime
) -> None:
    """Write one message a channel. The same fingerprint goes through a channel only once."""
    for channel in channels:
        session.add(
            OutboxRow(
                id=new_id(),
                fingerprint=fingerprint,
                channel=channel,
                payload=payload,
                created_at=at,
                due_at=at,
            )
        )


def claim(
    session: Session, *, channels: Collection[str], now: datetime, until: datetime
) -> OutboxRow | None:
    """Take the longest due message that nobody holds, and hold it until `until`."""
    row = session.exec(
        select(OutboxRow)
        .where(
            col(OutboxRow.delivered_at).is_(None),
            col(OutboxRow.due_at) <= now,
            col(OutboxRow.claimed_until).is_(None) | (col(OutboxRow.claimed_until) <= now),
            col(OutboxRow.channel).in_(channels),
        )
        .order_by(col(OutboxRow.due_at), col(OutboxRow.id))
        .limit(1)
        .with_for_update(skip_locked=True)
    ).first()
    if row is not None:
        row.claimed_until = until
        row.attempts += 1
        session.add(row)
        session.flush()
    return row


def note_delivered(session: Session, row: OutboxRow, *, at: datetime) -> None:
    """Note that a message went out, whoever holds it by now."""
    session.exec(
        update(OutboxRow)
        .where(col(OutboxRow.id) == row.id)
        .values(delivered_at=at, claimed_until=None, last_error=None)
    )


def note_failed(session: Session, row: OutboxRow, *, due_at: datetime, error: str) -> None:
    """Note that a message did not go out and when to try again, if the claim is still ours."""
    session.exec(
        update(OutboxRow)
        .where(
            col(OutboxRow.id) == row.id,
            col(OutboxRow.claimed_until) == row.claimed_until,
            col(OutboxRow.delivered_at).is_(None),
        )
        .values(due_at=due_at, claimed_until=None, last_error=error)
    )


def waiting(session: Session) -> dict[str, int]:
    """Return how many messages have not gone out yet, by channel."""
    rows = session.exec(
        select(OutboxRow.channel, func.count())
        .where(col(OutboxRow.delivered_at).is_(None))
        .group_by(OutboxRow.channel)
        .order_by(OutboxRow.channel)
    )
    return dict(rows.all())
