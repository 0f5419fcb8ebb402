"""Changes to a plan as they cross the network, and two plans beside each other."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from broker.api.wire.plans import Dollars, PlanOut, Rate
from broker.placement.plan import PlanStatus
from broker.placement.plan_figures import PlanFigures, SideBySide
from pricing.money import plain

Share = Annotated[float, Field(description="a fraction of one")]


class WhatIfRequest(BaseModel):
    """What to suppose, one after another. Described in docs/placement.md."""

    model_config = ConfigDict(extra="forbid")

    changes: Annotated[
        list[dict[str, Any]],
        Field(
            description="each with its kind: lose-provider, close-pool, scale-prices, "
            "scale-demand, add-pool"
        ),
    ]
    budget_seconds: Annotated[float | None, Field(description="default: as is set")] = None


class ReplanRequest(BaseModel):
    """What was lost."""

    model_config = ConfigDict(extra="forbid")

    lost: Annotated[str, Field(description="a provider of the plan's snapshot")]
    budget_seconds: Annotated[float | None, Field(description="default: as is set")] = None


class FiguresOut(BaseModel):
    """A plan in few numbers; money is null where this key may not see the prices behind it."""

    status: PlanStatus
    new: Dollars | None
    starts: Dollars
    opportunity: Dollars
    money: Dollars | None = Field(description="new, starts and opportunity")
    sunk: Dollars | None
    bound: float | None
    gap_variable: float | None
    gap_managed: float | None
    served_share: Share | None = Field(description="of demand with headroom; null: none is asked")
    unserved: Rate
    survival_shortfall: Rate
    gold_shortfall: Rate
    gpus_bought: int

    @classmethod
    def of(
        cls, figures: PlanFigures, *, with_prices: bool = True, with_contracts: bool = True
    ) -> Self:
        """Return the figures that a caller may see."""

        def dollars(amount: Decimal, is_shown: bool) -> str | None:
            return plain(amount) if is_shown else None

        return cls(
            status=figures.status,
            new=dollars(figures.new, with_prices),
            starts=plain(figures.starts),
            opportunity=plain(figures.opportunity),
            money=dollars(figures.money, with_prices),
            sunk=dollars(figures.sunk, with_contracts),
            bound=figures.bound if with_prices else None,
            gap_variable=figures.gap_variable if with_prices else None,
            gap_managed=figures.gap_managed if with_prices and with_contracts else None,
            served_share=figures.served_share,
            unserved=figures.unserved,
            survival_shortfall=figures.survival_shortfall,
            gold_shortfall=figures.gold_shortfall,
            gpus_bought=figures.gpus_bought,
        )


class ComparisonOut(BaseModel):
    """Two plans beside each other."""

    changes: list[str] = Field(description="what lies between them, in words")
    before: FiguresOut
    after: FiguresOut
    replicas_started: int
    replicas_stopped: int

    @classmethod
    def of(cls, told: SideBySide, *, with_prices: bool = True, with_contracts: bool = True) -> Self:
        """Return the comparison that a caller may see."""
        before, after = (
            FiguresOut.of(each, with_prices=with_prices, with_contracts=with_contracts)
            for each in (told.before, told.after)
        )
        return cls(
            changes=list(told.changes),
            before=before,
            after=after,
            replicas_started=told.replicas_started,
            replicas_stopped=told.replicas_stopped,
        )


class WhatIfOut(BaseModel):
    """The plan that would be made, on record as `what-if`, beside the one it was made from."""

    plan: PlanOut
    comparison: ComparisonOut


class ReplanOut(BaseModel):
    """A loss answered: what stands at once, then what is better; each beside the plan that ran."""

    repair: PlanOut
    repair_comparison: ComparisonOut
    plan: PlanOut
    comparison: ComparisonOut
