"""The demand of a procurement plan made from the books.

Where nobody has forecast anything, demand stays what the GPUs in service are worth today.
"""

from __future__ import annotations

from typing import Final

from sqlmodel import Session

from broker.flows.procurement_books import InputMaker
from broker.flows.procurement_notes import ANYWHERE, PlanningBooks
from broker.procurement.procurement_input import DemandSeries, Scenario

ALL_WORK: Final = "all"
"""The one class of work where demand is not forecast by class."""


def demand_scenarios(
    session: Session, read: PlanningBooks, maker: InputMaker
) -> tuple[tuple[Scenario, ...], tuple[str, ...]]:
    """Return the scenarios of demand, and what they assume."""
    del session
    return _as_today(read, maker)


def _as_today(
    read: PlanningBooks, maker: InputMaker
) -> tuple[tuple[Scenario, ...], tuple[str, ...]]:
    today = sum(
        float(each.gpus * maker.factor_on(each.gpu_model, read.as_of))
        for each in maker.held()
        if each.start_on is None
    )
    series = DemandSeries(
        class_name=ALL_WORK, geo=ANYWHERE, b200_equivalents=(today,) * read.months
    )
    scenario = Scenario(scenario="as today", probability=1.0, demand=(series,))
    assumed = (
        f"demand stays what the GPUs in service do today, {today:,.0f} B200-equivalents: nobody "
        "has forecast any"
    )
    return (scenario,), (assumed,)
