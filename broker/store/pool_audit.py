"""Puts on the audit log what a person did to a pool, in the transaction that did it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlmodel import Session

from broker.access.audit import AuditDraft, Origin, state_hash
from broker.store.audit import audited
from broker.store.tables import PoolRow

PoolState = dict[str, Any]


def state_of_pool(row: PoolRow) -> PoolState:
    """Return what people can change of a pool."""
    return {
        "id": row.id,
        "gen": row.gen,
        "standing": row.standing,
        "kept_back": row.kept_back,
        "down": row.down,
        "gpu_limit": row.gpu_limit,
        "residency": row.residency,
        "confirm_seconds": row.confirm_seconds,
        "grace_seconds": row.grace_seconds,
    }


def audit_pool(
    session: Session,
    row: PoolRow,
    before: PoolState | None,
    *,
    action: str,
    actor: str,
    origin: Origin,
    at: datetime,
) -> None:
    """Record that a pool came from one state, None if there was no pool, to that of its row.

    Last in its transaction, as any entry of the log.
    """
    draft = AuditDraft(
        actor=actor,
        action=action,
        object_id=row.id,
        origin=origin,
        before_hash=state_hash(before),
        after_hash=state_hash(state_of_pool(row)),
    )
    audited(session, draft, at=at)
