"""Plans on record: written once, read by id or as a list, the newest first."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from broker.errors import NotFoundError
from broker.placement.plan import Plan, PlanStatus
from broker.placement.plan_json import plan_document
from broker.placement.snapshot import Snapshot
from broker.placement.snapshot_json import snapshot_document
from broker.store.plan_limits import USUAL_PLANS
from broker.store.tables import PlanRow, Table

_PLANS = Table.metadata.tables[PlanRow.__tablename__]
_LISTED = [column for column in _PLANS.c if column.name not in {"snapshot", "plan"}]
"""A list does without what makes a plan large."""


class PlanKind(StrEnum):
    """What a plan was made from."""

    LIVE = "live"  # the books, at that moment
    SNAPSHOT = "snapshot"  # one that somebody sent
    WHAT_IF = "what-if"  # an earlier one, changed
    REPLAN = "replan"  # an earlier one, after something was lost


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanKey:
    """Who asked for a plan under which key, and the fingerprint of what they asked."""

    principal: str
    idempotency_key: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanEntry:
    """A plan in a list."""

    id: str
    created_at: datetime
    as_of: datetime
    actor: str
    kind: PlanKind
    status: PlanStatus
    digest: str
    parent_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPlan:
    """A plan with all that it says; `snapshot` and `plan` are JSON values."""

    entry: PlanEntry
    snapshot: dict[str, Any]
    plan: dict[str, Any]
    fingerprint: str | None = None
    is_replayed: bool = False  # made for an earlier request with the same key


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPlan:
    """A plan that is to be kept."""

    id: str
    created_at: datetime
    actor: str
    kind: PlanKind
    snapshot: Snapshot
    plan: Plan
    parent_id: str | None = None
    key: PlanKey | None = None


def add_plan(session: Session, new: NewPlan) -> None:
    """Write a plan. Raises IntegrityError where its key is taken."""
    key = new.key
    session.add(
        PlanRow(
            id=new.id,
            created_at=new.created_at,
            as_of=new.snapshot.as_of,
            actor=new.actor,
            kind=new.kind.value,
            status=new.plan.status.value,
            digest=new.plan.digest,
            parent_id=new.parent_id,
            snapshot=_text(snapshot_document(new.snapshot)),
            plan=_text(plan_document(new.plan)),
            principal=None if key is None else key.principal,
            idempotency_key=None if key is None else key.idempotency_key,
            fingerprint=None if key is None else key.fingerprint,
        )
    )
    session.flush()


def plan_by_id(session: Session, plan_id: str) -> StoredPlan:
    """Return a plan, or raise NotFoundError."""
    row = session.get(PlanRow, plan_id)
    if row is None:
        raise NotFoundError(f"there is no plan {plan_id[:64]}; the ids are in: tonnage plan list")
    return _stored(row)


def newest_plan(
    session: Session, *, kind: PlanKind | None = None, not_of: PlanKind | None = None
) -> StoredPlan | None:
    """Return the plan that was made last, of all, of a kind or not of one; None without any."""
    query = select(PlanRow).order_by(col(PlanRow.id).desc()).limit(1)
    if kind is not None:
        query = query.where(PlanRow.kind == kind.value)
    if not_of is not None:
        query = query.where(PlanRow.kind != not_of.value)
    row = session.exec(query).first()
    return None if row is None else _stored(row)


def plan_under_key(session: Session, principal: str, idempotency_key: str) -> StoredPlan | None:
    """Return the plan that was made for a request with this key, or None."""
    query = select(PlanRow).where(
        PlanRow.principal == principal, PlanRow.idempotency_key == idempotency_key
    )
    row = session.exec(query).first()
    return None if row is None else _stored(row)


def plan_entries(
    session: Session, *, limit: int = USUAL_PLANS, before: str | None = None
) -> list[PlanEntry]:
    """Return the newest plans, or those made before one of them; without what they say."""
    query = sa.select(*_LISTED).order_by(_PLANS.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(_PLANS.c.id < before)
    return [_entry(row) for row in session.execute(query)]


def _entry(row: Any) -> PlanEntry:
    return PlanEntry(
        id=row.id,
        created_at=row.created_at,
        as_of=row.as_of,
        actor=row.actor,
        kind=PlanKind(row.kind),
        status=PlanStatus(row.status),
        digest=row.digest,
        parent_id=row.parent_id,
    )


def _stored(row: PlanRow) -> StoredPlan:
    return StoredPlan(
        entry=_entry(row),
        snapshot=json.loads(row.snapshot),
        plan=json.loads(row.plan),
        fingerprint=row.fingerprint,
    )


def _text(document: dict[str, object]) -> str:
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
