"""Plan procurement: from a document or from the books, solved, and kept with what it was made from.

The books are read in one step, the solver runs outside any transaction, the plan is written in
another step.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlmodel import Session

from broker.clock import Clock
from broker.errors import NotFoundError
from broker.flows.procurement_books import InputMaker
from broker.flows.procurement_demand import demand_scenarios
from broker.flows.procurement_notes import GatheredInput, PlanningBooks
from broker.identity import new_id
from broker.procurement.input_json import input_document
from broker.procurement.input_reading import DEFAULT_MONTHS, read_input
from broker.procurement.negotiating import negotiation_sheets
from broker.procurement.negotiation_sheet import NegotiationSheet
from broker.procurement.plan_json import plan_document
from broker.procurement.procurement_input import ProcurementInput, ProcurementPolicy
from broker.procurement.procurement_plan import ProcurementPlan
from broker.procurement.procuring import procure
from broker.procurement.solving import Effort, is_large
from broker.store.engine import Database
from broker.store.pools import stored_pools
from broker.store.prices import fx_table
from broker.store.procurement_plans import (
    StoredProcurementPlan,
    add_procurement_plan,
    find_procurement_plan,
    recent_procurement_plans,
)
from broker.store.renewals import read_books

MOST_LISTED: Final = 200
TOO_MANY_SHEETS: Final = (
    "no negotiation sheets: the input is large, and each would take long; name the contract of one "
    "with --renewal, or the field renewal"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan with its sheets, the input it was made from, and what that assumes or misses."""

    given: ProcurementInput
    plan: ProcurementPlan
    sheets: tuple[NegotiationSheet, ...]
    notes: tuple[str, ...] = ()


def read_procurement(document: object) -> ProcurementInput:
    """Return the input that a document states; raise BadInputError with every fault."""
    return read_input(document)


def gather_input(
    database: Database,
    *,
    as_of: date,
    months: int = DEFAULT_MONTHS,
    policy: ProcurementPolicy | None = None,
) -> GatheredInput:
    """Return the input that the books make: contracts, open offers, on-demand pools, demand."""
    with database.reading() as session:
        read = _planning_books(session, as_of=as_of, months=months, policy=policy)
        maker = InputMaker(read)
        scenarios, assumed = demand_scenarios(session, read, maker)
    return maker.made(scenarios, assumed)


def solve_procurement(
    given: ProcurementInput,
    *,
    with_sheets: bool = True,
    only: str | None = None,
    notes: tuple[str, ...] = (),
    effort: Effort | None = None,
) -> Planned:
    """Return the plan of an input and the sheets of its open renewals, or of one contract's.

    A sheet takes some forty solves: of a large input one is made only where it is asked for. Raises NotFoundError when `only` names no contract with an open offer to renew it.
    """
    if only is not None and only not in {each.renews for each in given.quotes}:
        raise NotFoundError(
            f"no open offer renews {only[:60]}; record one: tonnage quotes import FILE"
        )
    plan = procure(given, effort=effort)
    if with_sheets and only is None and is_large(given):
        return Planned(given=given, plan=plan, sheets=(), notes=(*notes, TOO_MANY_SHEETS))
    sheets = negotiation_sheets(given, only=only) if with_sheets else ()
    return Planned(given=given, plan=plan, sheets=sheets, notes=notes)


def make_procurement_plan(
    database: Database,
    document: object | None,
    *,
    as_of: date,
    months: int,
    with_sheets: bool,
    only: str | None,
    actor: str,
    clock: Clock,
) -> StoredProcurementPlan:
    """Plan from a document, or without one from the books, and put the plan on record."""
    if document is not None:
        planned = solve_procurement(read_procurement(document), with_sheets=with_sheets, only=only)
    else:
        gathered = gather_input(database, as_of=as_of, months=months)
        planned = solve_procurement(
            gathered.require(), with_sheets=with_sheets, only=only, notes=gathered.notes
        )
    return keep_plan(database, planned, actor=actor, clock=clock)


def keep_plan(
    database: Database, planned: Planned, *, actor: str, clock: Clock
) -> StoredProcurementPlan:
    """Put a plan on record with the input it was made from."""
    kept = StoredProcurementPlan(
        id=new_id(),
        as_of=planned.plan.as_of,
        months=planned.plan.months,
        digest=planned.plan.digest,
        actor=actor,
        created_at=clock(),
        given=input_document(planned.given),
        plan=procurement_document(planned),
    )
    with database.writing() as session:
        add_procurement_plan(session, kept)
    return kept


def procurement_document(planned: Planned) -> dict[str, Any]:
    """Return a plan as JSON values, with what it assumes and misses."""
    return {**plan_document(planned.plan, planned.sheets), "notes": list(planned.notes)}


def list_procurement_plans(database: Database, *, limit: int) -> list[StoredProcurementPlan]:
    """Return the latest plans, newest first."""
    with database.reading() as session:
        return recent_procurement_plans(session, limit=min(limit, MOST_LISTED))


def show_procurement_plan(database: Database, plan_id: str) -> StoredProcurementPlan:
    """Return a plan on record, or raise NotFoundError."""
    with database.reading() as session:
        return find_procurement_plan(session, plan_id)


def _planning_books(
    session: Session, *, as_of: date, months: int, policy: ProcurementPolicy | None
) -> PlanningBooks:
    return PlanningBooks(
        as_of=as_of,
        months=months,
        books=read_books(session),
        rates=fx_table(session),
        pools=stored_pools(session),
        policy=policy or ProcurementPolicy(),
    )
