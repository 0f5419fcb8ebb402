"""Procurement inputs for tests: one class of work in one geography unless a test says otherwise."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from broker.procurement.input_reading import read_input
from broker.procurement.procurement_input import (
    DemandSeries,
    Factor,
    HeldContract,
    OnDemandOffer,
    ProcurementInput,
    ProcurementPolicy,
    ProcurementQuote,
    Scenario,
)

AS_OF = date(2026, 5, 1)
STORY_FILE = Path(__file__).parents[3] / "fixtures" / "procurement" / "renewal-story.json"


def the_story_document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(STORY_FILE.read_text())
    return found


def the_story() -> ProcurementInput:
    return read_input(the_story_document())


def a_factor(gpu_model: str = "B200", value: str = "1", class_name: str = "serving") -> Factor:
    return Factor(
        class_name=class_name,
        gpu_model=gpu_model,
        b200_equivalents=Decimal(value),
        valid_from=date(2026, 1, 1),
    )


def a_scenario(
    *needed: float, name: str = "only", probability: float = 1.0, geo: str = "us"
) -> Scenario:
    series = DemandSeries(class_name="serving", geo=geo, b200_equivalents=needed)
    return Scenario(scenario=name, probability=probability, demand=(series,))


def a_held(
    gpus: int = 64,
    *,
    name: str = "HC-1/1",
    supplier: str = "harbor",
    end_on: date = date(2026, 8, 1),
    notice_by: date | None = None,
) -> HeldContract:
    return HeldContract(
        contract=name,
        supplier=supplier,
        gpu_model="B200",
        geo="us",
        gpus=gpus,
        price_per_gpu_hour=Decimal("2.5"),
        end_on=end_on,
        notice_by=notice_by,
    )


def a_quote(
    name: str = "alder-1",
    *,
    price: str = "3",
    lots: tuple[int, int] = (1, 4),
    lot_gpus: int = 16,
    supplier: str = "alder",
    gpu_model: str = "B200",
    renews: str | None = None,
    term_months: int = 12,
    valid_until: date = date(2026, 6, 30),
    lead_months: int = 1,
    fixed_cost: str = "0",
    switching: str = "0",
) -> ProcurementQuote:
    return ProcurementQuote(
        quote=name,
        supplier=supplier,
        gpu_model=gpu_model,
        geo="us",
        price_per_gpu_hour=Decimal(price),
        min_gpus=lots[0] * lot_gpus,
        max_gpus=lots[1] * lot_gpus,
        lot_gpus=lot_gpus,
        term_months=term_months,
        valid_until=valid_until,
        renews=renews,
        lead_months=lead_months,
        fixed_cost=Decimal(fixed_cost),
        switching_cost_per_gpu=Decimal(switching),
    )


def an_on_demand(price: str = "6", gpus: int = 16, gpu_model: str = "B200") -> OnDemandOffer:
    return OnDemandOffer(
        gpu_model=gpu_model, geo="us", price_per_gpu_hour=Decimal(price), max_gpus=gpus
    )


def an_input(
    *scenarios: Scenario,
    contracts: tuple[HeldContract, ...] = (),
    quotes: tuple[ProcurementQuote, ...] = (),
    on_demand: tuple[OnDemandOffer, ...] = (),
    factors: tuple[Factor, ...] = (),
    policy: ProcurementPolicy | None = None,
) -> ProcurementInput:
    return ProcurementInput(
        as_of=AS_OF,
        months=len(scenarios[0].demand[0].b200_equivalents),
        factors=factors or (a_factor(),),
        scenarios=scenarios,
        contracts=contracts,
        quotes=quotes,
        on_demand=on_demand,
        policy=policy or ProcurementPolicy(),
    )


def a_renewal_case(*, rival: str = "4", ask: str = "5", demand: float = 80) -> ProcurementInput:
    """64 GPUs whose supplier asks 5, and another that offers 32 or 48 at 4."""
    return an_input(
        a_scenario(*[demand] * 8),
        contracts=(a_held(64, notice_by=date(2026, 7, 10)),),
        quotes=(
            a_quote("renewal", renews="HC-1/1", supplier="harbor", price=ask, fixed_cost="5000"),
            a_quote("rival", price=rival, lots=(2, 3), switching="500", fixed_cost="9000"),
        ),
        on_demand=(an_on_demand(),),
    )
