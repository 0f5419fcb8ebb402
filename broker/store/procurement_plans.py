"""Procurement plans on record: added, listed, found; never changed."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlmodel import Session, col, select

from broker.errors import NotFoundError
from broker.store.tables import ProcurementPlanRow


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredProcurementPlan:
    """A plan and the input it was made from, as JSON documents."""

    id: str
    as_of: date
    months: int
    digest: str
    actor: str
    created_at: datetime
    given: dict[str, Any]
    plan: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSheet:
    """The newest negotiation sheet of a contract line, and the plan that it belongs to."""

    plan_id: str
    as_of: date
    currency: str
    sheet: dict[str, Any]


def add_procurement_plan(session: Session, stored: StoredProcurementPlan) -> None:
    """Put a plan on record."""
    session.add(
        ProcurementPlanRow(
            id=stored.id,
            as_of=stored.as_of,
            months=stored.months,
            digest=stored.digest,
            actor=stored.actor,
            created_at=stored.created_at,
            input=json.dumps(stored.given, ensure_ascii=False),
            plan=json.dumps(stored.plan, ensure_ascii=False),
        )
    )


def recent_procurement_plans(session: Session, *, limit: int) -> list[StoredProcurementPlan]:
    """Return the latest plans, newest first."""
    rows = session.exec(_newest_first().limit(limit))
    return [_stored(row) for row in rows]


def find_procurement_plan(session: Session, plan_id: str) -> StoredProcurementPlan:
    """Return a plan, or raise NotFoundError."""
    row = session.get(ProcurementPlanRow, plan_id)
    if row is None:
        raise NotFoundError(
            f"there is no procurement plan {plan_id[:60]}; make one: tonnage procure"
        )
    return _stored(row)


def newest_sheet(session: Session, contract: str, *, as_of: date) -> StoredSheet | None:
    """Return the sheet of a line ("CONTRACT/LINE") in the newest plan made for a day up to then.

    None when that plan has no sheet for it: an older one may no longer be so.
    """
    query = select(ProcurementPlanRow).where(col(ProcurementPlanRow.as_of) <= as_of)
    row = session.exec(
        query.order_by(
            col(ProcurementPlanRow.as_of).desc(),
            col(ProcurementPlanRow.created_at).desc(),
            col(ProcurementPlanRow.id).desc(),
        ).limit(1)
    ).first()
    if row is None:
        return None
    stored = _stored(row)
    for sheet in stored.plan["negotiation_sheets"]:
        if sheet["contract"] == contract:
            return StoredSheet(
                plan_id=stored.id,
                as_of=stored.as_of,
                currency=stored.plan["currency"],
                sheet=sheet,
            )
    return None


def _newest_first() -> Any:
    return select(ProcurementPlanRow).order_by(
        col(ProcurementPlanRow.created_at).desc(), col(ProcurementPlanRow.id).desc()
    )


def _stored(row: ProcurementPlanRow) -> StoredProcurementPlan:
    return StoredProcurementPlan(
        id=row.id,
        as_of=row.as_of,
        months=row.months,
        digest=row.digest,
        actor=row.actor,
        created_at=row.created_at,
        given=json.loads(row.input),
        plan=json.loads(row.plan),
    )
