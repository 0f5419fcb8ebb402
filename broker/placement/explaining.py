"""Explanation of a plan: why it is as it is, for people who decide and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from broker.errors import NotFoundError
from broker.placement.gpu_worth import GpuWorth, gpu_worths
from broker.placement.plan import Move, Plan
from broker.placement.pool_choice import PoolChoice, pool_choices
from broker.placement.recount import Site
from broker.placement.relaxation import Relaxation, relaxations
from broker.placement.snapshot import Snapshot
from broker.placement.survival_price import SurvivalPrice, survival_prices

MOST_OF_EACH = 8
"""Lines of each part on the page; programs get all of them."""

FIRST_OF_EACH = 3
"""Lines of each part beside a plan."""

_NEEDED = "What short models would need"
_SURVIVAL = "What survival costs"
_OFFERS = "Which offers would pay if there were more of them"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """All that can be said of a plan. `choices` of the models that were asked for."""

    choices: tuple[PoolChoice, ...]
    worths: tuple[GpuWorth, ...]
    survival: tuple[SurvivalPrice, ...]
    relaxations: tuple[Relaxation, ...]
    moves: tuple[Move, ...]

    def page(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield headings and the sentences under them, without empty parts."""
        parts = (
            (_NEEDED, [each.sentence() for each in self.relaxations]),
            ("Why not the cheaper pool", [each.sentence() for each in self.choices]),
            (_SURVIVAL, [each.sentence() for each in self.survival]),
            ("What one more owned GPU is worth", _worthwhile(self.worths, are_bought=False)),
            (_OFFERS, _worthwhile(self.worths, are_bought=True)),
            ("Moves", [move_sentence(each) for each in self.moves]),
        )
        for heading, lines in parts:
            if lines:
                more = len(lines) - MOST_OF_EACH
                rest = (f"and {more} more: see --json",) if more > 0 else ()
                yield heading, (*lines[:MOST_OF_EACH], *rest)


def highlights(snapshot: Snapshot, plan: Plan) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the first lines of what matters most about a plan: far quicker than all of it."""
    site = Site.of(snapshot)
    parts = (
        (_NEEDED, [each.sentence() for each in relaxations(site, plan)]),
        (_SURVIVAL, [each.sentence() for each in survival_prices(site, plan)]),
        (_OFFERS, _worthwhile(gpu_worths(snapshot, plan), are_bought=True)),
    )
    for heading, lines in parts:
        if lines:
            yield heading, tuple(lines[:FIRST_OF_EACH])


def explain(
    snapshot: Snapshot, plan: Plan, *, model: str | None = None, pool: str | None = None
) -> Explanation:
    """Explain a plan: all of it, or what concerns one model or one pool."""
    site = Site.of(snapshot)
    if model is not None and model not in site.models:
        raise NotFoundError(f"the snapshot has no model {model!r}")
    if pool is not None and pool not in site.pools:
        raise NotFoundError(f"the snapshot has no pool {pool!r}")
    models = [model] if model else sorted({run.model for run in plan.placements})
    choices = [choice for name in models for choice in pool_choices(site, plan, name)]
    choices.sort(key=_weight, reverse=True)
    return Explanation(
        choices=tuple(each for each in choices if pool in (None, each.pool, each.cheaper_pool)),
        worths=tuple(each for each in gpu_worths(snapshot, plan) if pool in (None, each.pool)),
        survival=tuple(
            each
            for each in survival_prices(site, plan)
            if model in (None, each.model)
            and (pool is None or site.pools[pool].provider == each.provider)
        ),
        relaxations=tuple(each for each in relaxations(site, plan) if model in (None, each.model)),
        moves=tuple(
            each
            for each in plan.moves
            if model in (None, each.model) and (pool is None or _touches(each, pool))
        ),
    )


def _weight(choice: PoolChoice) -> Decimal:
    return choice.replicas * (choice.price_per_million - choice.cheaper_price_per_million)


def _touches(move: Move, pool: str) -> bool:
    return any(place and place.endswith(f" on {pool}") for place in (move.source, move.target))


def _worthwhile(worths: Iterable[GpuWorth], *, are_bought: bool) -> list[str]:
    return [
        each.sentence()
        for each in worths
        if each.kind.is_bought is are_bought and each.net_per_gpu_hour > 0
    ]


def move_sentence(move: Move) -> str:
    """Say what moves, and what that saves."""
    if move.source is None:
        return f"{move.model}: {move.replicas} start as {move.target}"
    if move.target is None:
        return f"{move.model}: {move.replicas} stop as {move.source}"
    verb = "saves" if move.saves_per_hour >= 0 else "costs"
    return (
        f"{move.model}: {move.replicas} go from {move.source} to {move.target}, which {verb} "
        f"{abs(move.saves_per_hour):.2f} USD an hour, starts included"
    )
