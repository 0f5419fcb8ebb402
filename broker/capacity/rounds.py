"""A round of the queue: who is served, for whom GPUs are kept, and who gives some back for whom.

Requests take their turn in the order of the queue, each with what those before it have left:

    free now?      ──▶ served
    on its way?    ──▶ kept for it: GPUs of leases that end because they were preempted
    to be had?     ──▶ the fewest leases of a lower band are to be given back, and kept for it
    waited long?   ──▶ whatever is free is kept for it
    else           ──▶ waits, and those behind it may pass

What is kept for a request counts as claimed in its pools, before it is there: when a victim gives
back, its GPUs go to nobody else. Everything is decided anew in each round.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from broker.capacity.lease import Lease, LeaseState
from broker.capacity.planning import Shelf, quick_plan
from broker.capacity.pool import Pool
from broker.capacity.preemption import Asking, band, victims
from broker.capacity.queueing import Decision, Turn, Waiting, in_order, serve
from broker.capacity.quota_book import QuotaBook, gpus_by_model
from broker.capacity.request import Candidate, CapacitySpec, Refusal
from pricing.fx import FxTable

MOST_SEARCHES = 50
"""For so many requests a round is it worked out whose leases would make room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTerms:
    """How long a request lets others pass, and how many GPUs a holder loses at once at most."""

    backfill_for: timedelta
    budget: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What a round brings to each that waits, and which lease is to be given back for whom."""

    decisions: tuple[Decision, ...]
    notices: tuple[tuple[str, str], ...]  # the victim's id, the id of the request

    @property
    def claimed(self) -> dict[str, int]:
        """Return by pool how many GPUs are kept for those that go on waiting."""
        total: dict[str, int] = defaultdict(int)
        for decision in self.decisions:
            for line in decision.claimed:
                total[line.pool_id] += line.gpu_count
        return dict(total)


def play(
    waiting: Iterable[Waiting],
    pools: Sequence[Pool],
    leases: Sequence[Lease],
    *,
    now: datetime,
    terms: RoundTerms,
    book: QuotaBook | None = None,
    rates: FxTable | None = None,
) -> Round:
    """Return what a round brings to each that waits, in the order of the queue.

    `leases` are all that could be preempted or already are.
    """
    table = _Table(pools, leases, now=now, terms=terms, book=book or QuotaBook(), rates=rates)
    decisions: list[Decision] = []
    position = 0
    for one in in_order(waiting, now=now):
        decision = table.turn(one)
        if decision.turn in (Turn.WAITS, Turn.CLAIMS):
            position += 1
            decision = replace(decision, position=position)
        decisions.append(decision)
    return Round(decisions=tuple(decisions), notices=tuple(table.notices))


class _Table:
    """What is free, what is on its way, and who may still give back, as the round goes on."""

    def __init__(
        self,
        pools: Sequence[Pool],
        leases: Sequence[Lease],
        *,
        now: datetime,
        terms: RoundTerms,
        book: QuotaBook,
        rates: FxTable | None,
    ) -> None:
        self._now, self._terms, self._book, self._rates = now, terms, book, rates
        self._free = Shelf.of(replace(pool, claimed=0) for pool in pools)
        self._model_of = {pool.id: pool.gpu_model for pool in pools}
        self._coming = [lease for lease in leases if lease.state is LeaseState.PREEMPTING]
        self._left = [lease for lease in leases if lease.state is not LeaseState.PREEMPTING]
        self._ahead = _given_back(self._free, self._coming)
        self._searches = 0
        self.notices: list[tuple[str, str]] = []

    def turn(self, one: Waiting) -> Decision:
        """Return what the round brings to the next in the queue, and take it off the table."""
        admitted = self._book.admit(one.spec)
        spec = admitted.spec
        if spec is None:
            if one.spec.deadline is None or one.spec.deadline > self._now:
                return _over_quota(one, admitted.verdict.helps if admitted.verdict else "")
            spec = one.spec
        decision = self._alone(replace(one, spec=spec))
        if decision.turn is Turn.SERVED:
            ways = self._book.within(spec.holder, decision.candidates, self._model_of)
            if not ways:
                return _over_quota(one, "fewer GPUs, or a higher quota")
            decision = replace(decision, candidates=ways)
        elif decision.turn is not Turn.REJECTED:
            kept = self._kept_ahead(one.id, spec)
            if kept:
                decision = replace(decision, turn=Turn.CLAIMS, claimed=kept)
        self._take(spec.holder, decision)
        return decision

    def _alone(self, one: Waiting) -> Decision:
        """Return what becomes of a request that has all that is free to itself."""
        pools = _of_models(self._free, one.spec) or list(self._free.pools)
        backfill_for = self._terms.backfill_for
        (decision,) = serve(
            [one], pools, now=self._now, backfill_for=backfill_for, rates=self._rates
        )
        return decision

    def _kept_ahead(self, request_id: str, spec: CapacitySpec) -> Candidate:
        """Return what is kept of GPUs on their way, after notice to more leases if need be."""
        if spec.starts_at is not None and spec.starts_at > self._now:
            return ()
        found = self._ways_ahead(spec) if self._coming else ()
        if not found and self._gives_notice(request_id, spec):
            found = self._ways_ahead(spec)
        return found[0] if found else ()

    def _ways_ahead(self, spec: CapacitySpec) -> tuple[Candidate, ...]:
        made = quick_plan(spec, self._ahead, now=self._now, rates=self._rates)
        return self._book.within(spec.holder, made.candidates, self._model_of)

    def _gives_notice(self, request_id: str, spec: CapacitySpec) -> bool:
        reclaim = self._book.reclaimable(spec)
        if self._searches == MOST_SEARCHES or not self._may_be_worth_it(spec, reclaim):
            return False
        self._searches += 1
        chosen = victims(
            Asking(id=request_id, spec=spec, reclaim=reclaim),
            _of_models(self._ahead, spec),
            [*self._left, *self._coming],
            now=self._now,
            budget=self._terms.budget,
            rates=self._rates,
        )
        gone = {lease.id for lease in chosen}
        self._left = [lease for lease in self._left if lease.id not in gone]
        self._coming += [replace(lease, state=LeaseState.PREEMPTING) for lease in chosen]
        self._ahead = _given_back(self._ahead, chosen)
        self.notices += [(lease.id, request_id) for lease in chosen]
        return bool(chosen)

    def _may_be_worth_it(self, spec: CapacitySpec, reclaim: dict[str, int]) -> bool:
        own = band(spec.priority)
        return any(
            lease.is_preemptible and (band(lease.priority) < own or lease.holder in reclaim)
            for lease in self._left
        )

    def _take(self, holder: str, decision: Decision) -> None:
        taken = decision.candidates[0] if decision.candidates else decision.claimed
        self._free, self._ahead = self._free.less(taken), self._ahead.less(taken)
        if decision.turn is Turn.SERVED:
            self._book = self._book.with_use(holder, gpus_by_model(taken, self._model_of))


def _over_quota(one: Waiting, helps: str) -> Decision:
    return Decision(request_id=one.id, turn=Turn.WAITS, refusal=Refusal.OVER_QUOTA, helps=helps)


def _of_models(shelf: Shelf, spec: CapacitySpec) -> list[Pool]:
    return [
        pool for model in dict.fromkeys(spec.gpu_models) for pool in shelf.by_model.get(model, ())
    ]


def _given_back(shelf: Shelf, leases: Iterable[Lease]) -> Shelf:
    """Return the pools as they stand when some leases have ended."""
    back: dict[str, int] = defaultdict(int)
    for lease in leases:
        for line in lease.lines:
            back[line.pool_id] += line.gpu_count
    if not back:
        return shelf
    return Shelf.of(replace(pool, available=pool.available + back[pool.id]) for pool in shelf.pools)
