"""Procurement plans as they cross the network.

Input and plan are the documents that the command line reads and writes, so a plan made in one way
can be read in the other.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from broker.procurement.input_reading import DEFAULT_MONTHS, MAX_MONTHS
from broker.procurement.plan_json import without_prices
from broker.store.procurement_plans import StoredProcurementPlan


class ProcurementRequest(BaseModel):
    """What to plan: a whole input, or the books as of a day."""

    model_config = ConfigDict(extra="forbid")

    input: dict[str, Any] | None = None
    as_of: date | None = None
    months: Annotated[int, Field(ge=1, le=MAX_MONTHS)] = DEFAULT_MONTHS
    with_sheets: bool = True
    renewal: Annotated[str | None, Field(max_length=200)] = None


class ProcurementPlanOut(BaseModel):
    """A plan on record; without the right to see contract prices every amount is null."""

    id: str
    as_of: date
    months: int
    digest: str
    actor: str
    created_at: datetime
    plan: dict[str, Any]
    input: dict[str, Any] | None

    @classmethod
    def of(cls, stored: StoredProcurementPlan, *, with_prices: bool) -> ProcurementPlanOut:
        """Return a plan; its amounts, its sheets and its input only `with_prices`."""
        return cls(
            id=stored.id,
            as_of=stored.as_of,
            months=stored.months,
            digest=stored.digest,
            actor=stored.actor,
            created_at=stored.created_at,
            plan=stored.plan if with_prices else without_prices(stored.plan),
            input=stored.given if with_prices else None,
        )


class ProcurementPlanHead(BaseModel):
    """A plan in the list: when it was made, for which day, and what it does in numbers."""

    id: str
    as_of: date
    months: int
    digest: str
    actor: str
    created_at: datetime
    signatures: int
    renewals: int
    leavings: int

    @classmethod
    def of(cls, stored: StoredProcurementPlan) -> ProcurementPlanHead:
        """Return the head of a plan."""
        return cls(
            id=stored.id,
            as_of=stored.as_of,
            months=stored.months,
            digest=stored.digest,
            actor=stored.actor,
            created_at=stored.created_at,
            signatures=len(stored.plan["sign"]),
            renewals=len(stored.plan["renew"]),
            leavings=len(stored.plan["leave"]),
        )


class ProcurementPlanList(BaseModel):
    """The latest plans, newest first."""

    items: list[ProcurementPlanHead]
