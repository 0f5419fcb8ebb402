"""The demo's procurement plan: made from its books, kept, with the sheet of the line it is about."""

from __future__ import annotations

from broker.flows.load_demo import ACTOR, DEMO_DAY, DEMO_LINE, demo_clock
from broker.flows.plan_procurement import gather_input, keep_plan, solve_procurement
from broker.procurement.negotiation_sheet import NegotiationSheet
from broker.store.engine import Database


def plan_demo(database: Database) -> tuple[NegotiationSheet, ...]:
    """Plan from the demo's books and return the sheet of its renewal."""
    gathered = gather_input(database, as_of=DEMO_DAY)
    planned = solve_procurement(gathered.require(), only=DEMO_LINE, notes=gathered.notes)
    keep_plan(database, planned, actor=ACTOR, clock=demo_clock)
    return planned.sheets
