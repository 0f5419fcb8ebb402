"""Webhook endpoints: where capacity events are posted, and how far each has got.

Each endpoint is served in order by one sender at a time, who holds it by a claim that runs out.
What a sender notes counts only while its claim is the one on record.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select, update

from broker.errors import NotFoundError
from broker.store.tables import WebhookEndpointRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An endpoint as it stands. Events below `next_seq` were delivered or are not its kind."""

    id: str
    url: str = field(repr=False)
    secret: str = field(repr=False)
    kinds: tuple[str, ...]
    next_seq: int
    attempts: int
    due_at: datetime
    claimed_until: datetime | None
    last_error: str | None
    disabled_at: datetime | None
    actor: str
    created_at: datetime


def add_endpoint(session: Session, endpoint: Endpoint) -> None:
    """Put an endpoint on record."""
    session.add(
        WebhookEndpointRow(
            id=endpoint.id,
            url=endpoint.url,
            secret=endpoint.secret,
            kinds=json.dumps(endpoint.kinds),
            next_seq=endpoint.next_seq,
            attempts=endpoint.attempts,
            due_at=endpoint.due_at,
            actor=endpoint.actor,
            created_at=endpoint.created_at,
        )
    )


def endpoints(session: Session) -> list[Endpoint]:
    """Return every endpoint, the oldest first."""
    rows = session.exec(select(WebhookEndpointRow).order_by(col(WebhookEndpointRow.id)))
    return [_endpoint(row) for row in rows]


def remove_endpoint(session: Session, endpoint_id: str) -> None:
    """Forget an endpoint, or raise NotFoundError."""
    row = session.get(WebhookEndpointRow, endpoint_id)
    if row is None:
        raise NotFoundError(f"there is no webhook {endpoint_id[:64]}; see: GET /v1/webhooks")
    session.delete(row)


def due_endpoints(session: Session, now: datetime) -> Sequence[str]:
    """Return the ids of endpoints that may be served now, the longest due first."""
    return session.exec(
        select(WebhookEndpointRow.id)
        .where(
            col(WebhookEndpointRow.disabled_at).is_(None),
            col(WebhookEndpointRow.due_at) <= now,
            col(WebhookEndpointRow.claimed_until).is_(None)
            | (col(WebhookEndpointRow.claimed_until) <= now),
        )
        .order_by(col(WebhookEndpointRow.due_at), col(WebhookEndpointRow.id))
    ).all()


def claim_endpoint(
    session: Session, endpoint_id: str, *, now: datetime, until: datetime
) -> Endpoint | None:
    """Take an endpoint that nobody serves, until `until`; None if somebody was faster."""
    row = session.exec(
        select(WebhookEndpointRow)
        .where(
            col(WebhookEndpointRow.id) == endpoint_id,
            col(WebhookEndpointRow.disabled_at).is_(None),
            col(WebhookEndpointRow.due_at) <= now,
            col(WebhookEndpointRow.claimed_until).is_(None)
            | (col(WebhookEndpointRow.claimed_until) <= now),
        )
        .with_for_update(skip_locked=True)
    ).first()
    if row is None:
        return None
    row.claimed_until = until
    session.add(row)
    session.flush()
    return _endpoint(row)


def note(session: Session, claimed: Endpoint, **changes: Any) -> bool:
    """Write down how far an endpoint has got; False if it was deleted or the claim ran out."""
    done = session.exec(
        update(WebhookEndpointRow)
        .where(
            col(WebhookEndpointRow.id) == claimed.id,
            col(WebhookEndpointRow.claimed_until) == claimed.claimed_until,
        )
        .values(**changes)
    )
    return done.rowcount == 1


def _endpoint(row: WebhookEndpointRow) -> Endpoint:
    return Endpoint(
        id=row.id,
        url=row.url,
        secret=row.secret,
        kinds=tuple(json.loads(row.kinds)),
        next_seq=row.next_seq,
        attempts=row.attempts,
        due_at=row.due_at,
        claimed_until=row.claimed_until,
        last_error=row.last_error,
        disabled_at=row.disabled_at,
        actor=row.actor,
        created_at=row.created_at,
    )
