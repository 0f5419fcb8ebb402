"""Who is served next of those that wait, and who may pass whom.

The order is priority, then age, then id. A request rises by one band for every RISE_AFTER that it
waits, so that no stream of more urgent ones keeps it back for good.

A gang that does not fit lets those behind it pass, for a while: as long as GPUs would only stand
idle for it. After that it claims every whole node that is free of what it asks for, and whatever
comes free in later rounds, until it is served. It never claims more than it needs where nodes are
of one size: with as many free it would have been served. Claims are decided anew in each round;
what pools say is claimed is free to those who wait, and to nobody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from broker.capacity.fitness import Want, suits
from broker.capacity.planning import Shelf, quick_plan
from broker.capacity.pool import Pool
from broker.capacity.preemption import BAND
from broker.capacity.request import Candidate, CapacitySpec, Line, Plan, Refusal
from pricing.fx import FxTable

RISE_AFTER = timedelta(hours=1)
"""A request rises by one band for each such while it waits."""


class Turn(StrEnum):
    """What a round brings to a request that waits."""

    SERVED = "served"  # try its candidates
    CLAIMS = "claims"  # its lines are kept for it
    WAITS = "waits"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A request that waits, and since when."""

    id: str
    spec: CapacitySpec
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What becomes of a request in this round.

    `candidates` are the ways to serve it, the best first. `claimed` is what is kept for it.
    `position` counts from 1 among those that go on waiting; None for all others.
    """

    request_id: str
    turn: Turn
    candidates: tuple[Candidate, ...] = ()
    claimed: tuple[Line, ...] = ()
    position: int | None = None
    refusal: Refusal | None = None
    helps: str = ""


def in_order(
    waiting: Iterable[Waiting], *, now: datetime, rise_after: timedelta = RISE_AFTER
) -> list[Waiting]:
    """Return those that wait in the order in which they are served."""

    def rank(one: Waiting) -> tuple[int, datetime, str]:
        risen = max(0, (now - one.created_at) // rise_after)
        return -(one.spec.priority + BAND * risen), one.created_at, one.id

    return sorted(waiting, key=rank)


def serve(
    waiting: Iterable[Waiting],
    pools: Sequence[Pool],
    *,
    now: datetime,
    backfill_for: timedelta,
    rise_after: timedelta = RISE_AFTER,
    rates: FxTable | None = None,
) -> tuple[Decision, ...]:
    """Return what a round brings to each that waits, in the order of the queue.

    The first candidates of all that are served fit beside each other and beside all claims.
    """
    shelf = Shelf.of(replace(pool, claimed=0) for pool in pools)
    decisions: list[Decision] = []
    position = 0
    for one in in_order(waiting, now=now, rise_after=rise_after):
        decision = _decision(one, shelf, now=now, backfill_for=backfill_for, rates=rates)
        if decision.turn in (Turn.WAITS, Turn.CLAIMS):
            position += 1
            decision = replace(decision, position=position)
        taken = decision.candidates[0] if decision.candidates else decision.claimed
        shelf = shelf.less(taken)
        decisions.append(decision)
    return tuple(decisions)


def _decision(
    one: Waiting,
    shelf: Shelf,
    *,
    now: datetime,
    backfill_for: timedelta,
    rates: FxTable | None,
) -> Decision:
    if one.spec.deadline is not None and one.spec.deadline <= now:
        return Decision(
            request_id=one.id,
            turn=Turn.REJECTED,
            refusal=Refusal.DEADLINE,
            helps="a later deadline, or none",
        )
    made = quick_plan(replace(one.spec, may_queue=True), shelf, now=now, rates=rates)
    if made.candidates:
        return Decision(request_id=one.id, turn=Turn.SERVED, candidates=made.candidates)
    if made.refusal is not Refusal.NO_CAPACITY:
        return _refused(one, made)
    claimed: tuple[Line, ...] = ()
    if now - one.created_at >= backfill_for:
        claimed = _claim(Want.of(one.spec, now=now, rates=rates), shelf, now=now)
    turn = Turn.CLAIMS if claimed else Turn.WAITS
    return Decision(
        request_id=one.id,
        turn=turn,
        claimed=claimed,
        refusal=Refusal.NO_CAPACITY,
        helps=made.helps,
    )


def _refused(one: Waiting, made: Plan) -> Decision:
    """Return that waiting will not help: contracts ended, or prices rose, since it was asked."""
    return Decision(request_id=one.id, turn=Turn.REJECTED, refusal=made.refusal, helps=made.helps)


def _claim(want: Want, shelf: Shelf, *, now: datetime) -> tuple[Line, ...]:
    """Return all that is free of every model asked for; nothing for a start that is not yet."""
    if want.starts_at > now:
        return ()
    return tuple(
        Line(pool_id=pool.id, gpu_count=want.stock(pool))
        for model in dict.fromkeys(want.spec.gpu_models)
        for pool in shelf.by_model.get(model, ())
        if suits(want, pool)
    )
