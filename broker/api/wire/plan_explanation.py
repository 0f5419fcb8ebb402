"""Explanations of plans as they cross the network: figures, and the sentence that says them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Self

from pydantic import BaseModel, Field

from broker.api.wire.plans import Dollars, Rate
from broker.placement.explaining import Explanation, move_sentence
from broker.placement.gpu_worth import GpuWorth
from broker.placement.plan import Move, Plan
from broker.placement.pool_choice import Obstacle, PoolChoice
from broker.placement.relaxation import Lever, Relaxation
from broker.placement.snapshot import PoolKind, Snapshot
from broker.placement.survival_price import SurvivalPrice
from pricing.money import plain

PerMillion = Annotated[str, Field(description="US dollars per million tokens at full use")]
PerGpuHour = Annotated[str, Field(description="US dollars per GPU-hour")]
Share = Annotated[float, Field(description="a fraction of one")]


class ChoiceOut(BaseModel):
    """A place that is used although another is cheaper, and why."""

    model: str
    config: str
    pool: str
    replicas: int
    price_per_million: PerMillion
    cheaper_config: str
    cheaper_pool: str
    cheaper_price_per_million: PerMillion
    obstacle: Obstacle
    because: str
    sentence: str

    @classmethod
    def of(cls, choice: PoolChoice) -> Self:
        """Return a choice."""
        return cls(
            model=choice.model,
            config=choice.config,
            pool=choice.pool,
            replicas=choice.replicas,
            price_per_million=plain(choice.price_per_million),
            cheaper_config=choice.cheaper_config,
            cheaper_pool=choice.cheaper_pool,
            cheaper_price_per_million=plain(choice.cheaper_price_per_million),
            obstacle=choice.obstacle,
            because=choice.because,
            sentence=choice.sentence(),
        )


class WorthOut(BaseModel):
    """What one more GPU of a pool saves, costs, and what is left."""

    pool: str
    gpu_model: str
    kind: PoolKind
    saves_per_gpu_hour: PerGpuHour
    price_per_gpu_hour: PerGpuHour = Field(description="of a contract 0: it is paid already")
    net_per_gpu_hour: PerGpuHour
    sentence: str

    @classmethod
    def of(cls, worth: GpuWorth) -> Self:
        """Return a worth."""
        return cls(
            pool=worth.pool,
            gpu_model=worth.gpu_model,
            kind=worth.kind,
            saves_per_gpu_hour=plain(worth.saves_per_gpu_hour),
            price_per_gpu_hour=plain(worth.price_per_gpu_hour),
            net_per_gpu_hour=plain(worth.net_per_gpu_hour),
            sentence=worth.sentence(),
        )


class SurvivalOut(BaseModel):
    """What survival costs a model inside a node, and whose loss it is for."""

    model: str
    scope: str
    provider: str
    provider_share: Share
    spare: Rate
    held: Rate
    dollars_per_hour: Dollars
    sentence: str

    @classmethod
    def of(cls, price: SurvivalPrice) -> Self:
        """Return what survival costs."""
        return cls(
            model=price.model,
            scope=price.scope,
            provider=price.provider,
            provider_share=price.provider_share,
            spare=price.spare,
            held=price.held,
            dollars_per_hour=plain(price.dollars_per_hour),
            sentence=price.sentence(),
        )


class RelaxationOut(BaseModel):
    """One change that would end one shortfall of a model."""

    model: str
    lever: Lever
    change: str
    given_up: Share = Field(description="part of the promise that goes")
    gpus: int
    dollars_per_hour: Dollars | None = Field(description="null: no GPUs, or none is listed")
    sentence: str

    @classmethod
    def of(cls, change: Relaxation) -> Self:
        """Return a relaxation."""
        dollars = change.dollars_per_hour
        return cls(
            model=change.model,
            lever=change.lever,
            change=change.change,
            given_up=change.given_up,
            gpus=change.gpus,
            dollars_per_hour=None if dollars is None else plain(dollars),
            sentence=change.sentence(),
        )


class MoveSentenceOut(BaseModel):
    """What moves, and what that saves."""

    model: str
    replicas: int
    saves_per_hour: Dollars
    sentence: str

    @classmethod
    def of(cls, move: Move) -> Self:
        """Return a move."""
        return cls(
            model=move.model,
            replicas=move.replicas,
            saves_per_hour=plain(move.saves_per_hour),
            sentence=move_sentence(move),
        )


class PlanExplanationOut(BaseModel):
    """Why a plan is as it is."""

    plan_id: str | None = Field(description="null: of a file")
    relaxations: list[RelaxationOut] = Field(description="what short models would need")
    choices: list[ChoiceOut] = Field(description="why not the cheaper pool, the dearest first")
    survival: list[SurvivalOut] = Field(description="what survival costs, the dearest first")
    worths: list[WorthOut] = Field(description="what one more GPU is worth, the most first")
    moves: list[MoveSentenceOut]
    withheld: int = Field(description="left out: what prices not for this key could be told from")

    @classmethod
    def of(cls, explanation: Explanation, *, plan_id: str | None = None, withheld: int = 0) -> Self:
        """Return all of an explanation."""
        return cls(
            plan_id=plan_id,
            relaxations=[RelaxationOut.of(each) for each in explanation.relaxations],
            choices=[ChoiceOut.of(each) for each in explanation.choices],
            survival=[SurvivalOut.of(each) for each in explanation.survival],
            worths=[WorthOut.of(each) for each in explanation.worths],
            moves=[MoveSentenceOut.of(each) for each in explanation.moves],
            withheld=withheld,
        )


def without_prices(
    explanation: Explanation, snapshot: Snapshot, plan: Plan, *, of: Collection[str]
) -> tuple[Explanation, int]:
    """Return an explanation without what tells prices of these suppliers, and how much that was.

    A sum that such a price is part of goes as a whole: what is left of it would tell the price.
    """
    hidden = {pool.pool for pool in snapshot.pools if pool.kind.is_bought and pool.provider in of}
    if not hidden:
        return explanation, 0
    on_hidden = {run.model for run in plan.placements if run.pool in hidden}
    shown = Explanation(
        choices=tuple(
            each for each in explanation.choices if not hidden & {each.pool, each.cheaper_pool}
        ),
        worths=tuple(each for each in explanation.worths if each.pool not in hidden),
        survival=tuple(each for each in explanation.survival if each.model not in on_hidden),
        relaxations=tuple(
            each for each in explanation.relaxations if each.dollars_per_hour is None
        ),
        moves=tuple(
            each
            for each in explanation.moves
            if not any(
                place and place.endswith(f" on {pool}")
                for place in (each.source, each.target)
                for pool in hidden
            )
        ),
    )
    return shown, _lines(explanation) - _lines(shown)


def _lines(explanation: Explanation) -> int:
    return sum(
        len(part)
        for part in (
            explanation.choices,
            explanation.worths,
            explanation.survival,
            explanation.relaxations,
            explanation.moves,
        )
    )
