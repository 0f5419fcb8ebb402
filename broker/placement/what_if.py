"""What if: a snapshot as it would be after something has changed. Nothing is ever written.

Changes come one after another, in the order given. Each says what it is about in a sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, Protocol

from broker.errors import BadInputError, Fault
from broker.placement.json_faults import FaultCode
from broker.placement.plan import Plan
from broker.placement.snapshot import Pool, Running, Snapshot

PRICE_DECIMALS: Final = 12
"""Of a scaled price; more digits than any price has, however often it is scaled."""


class Change(Protocol):
    """Something that may happen to a snapshot."""

    def apply(self, snapshot: Snapshot) -> Snapshot:
        """Return the snapshot after it; BadInputError where it speaks of what is not there."""

    def sentence(self) -> str:
        """Say what happens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoseProvider:
    """A provider is gone, with all its pools and what ran there."""

    provider: str

    def apply(self, snapshot: Snapshot) -> Snapshot:
        """Take the provider out."""
        names = [each.provider for each in snapshot.providers]
        _require_known("provider", self.provider, names)
        gone = {pool.pool for pool in snapshot.pools if pool.provider == self.provider}
        return replace(
            without_pools(snapshot, gone),
            providers=tuple(each for each in snapshot.providers if each.provider != self.provider),
        )

    def sentence(self) -> str:
        """Say what happens."""
        return f"{self.provider} is lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosePool:
    """One pool is gone: a contract that ends, a delivery that slips, an offer withdrawn."""

    pool: str

    def apply(self, snapshot: Snapshot) -> Snapshot:
        """Take the pool out."""
        names = [each.pool for each in snapshot.pools]
        _require_known("pool", self.pool, names)
        return without_pools(snapshot, {self.pool})

    def sentence(self) -> str:
        """Say what happens."""
        return f"pool {self.pool} is gone"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalePrices:
    """Prices of what must be bought move by a factor, of one provider or of all.

    What is paid already keeps its price.
    """

    factor: Decimal
    provider: str | None = None

    def apply(self, snapshot: Snapshot) -> Snapshot:
        """Multiply the prices."""
        names = [each.provider for each in snapshot.providers]
        if self.provider is not None:
            _require_known("provider", self.provider, names)
        pools = tuple(
            replace(
                pool,
                price_per_gpu_hour=round(pool.price_per_gpu_hour * self.factor, PRICE_DECIMALS),
            )
            if pool.kind.is_bought and self.provider in (None, pool.provider)
            else pool
            for pool in snapshot.pools
        )
        return replace(snapshot, pools=pools)

    def sentence(self) -> str:
        """Say what happens."""
        whose = "all providers" if self.provider is None else self.provider
        return f"prices of {whose} times {self.factor}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleDemand:
    """Demand moves by a factor, of one model or of all."""

    factor: float
    model: str | None = None

    def apply(self, snapshot: Snapshot) -> Snapshot:
        """Multiply the demand."""
        names = [each.model for each in snapshot.models]
        if self.model is not None:
            _require_known("model", self.model, names)
        demand = tuple(
            replace(row, tokens_per_second=row.tokens_per_second * self.factor)
            if self.model in (None, row.model)
            else row
            for row in snapshot.demand
        )
        return replace(snapshot, demand=demand)

    def sentence(self) -> str:
        """Say what happens."""
        return f"demand for {self.model or 'all models'} times {self.factor:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddPool:
    """A pool more: an offer that is accepted, a contract that begins."""

    pool: Pool

    def apply(self, snapshot: Snapshot) -> Snapshot:
        """Add the pool."""
        nodes = [each.node for each in snapshot.tree]
        _require(
            self.pool.node in nodes,
            _unknown("pool.node", f"no node {self.pool.node!r} in the tree", nodes),
        )
        providers = [each.provider for each in snapshot.providers]
        _require_known("pool.provider", self.pool.provider, providers)
        _require(
            self.pool.pool not in {each.pool for each in snapshot.pools},
            Fault(
                code=FaultCode.DUPLICATE,
                field="pool.pool",
                message=f"there is a pool {self.pool.pool!r} already; give this one another name",
            ),
        )
        return replace(snapshot, pools=(*snapshot.pools, self.pool))

    def sentence(self) -> str:
        """Say what happens."""
        return f"{self.pool.capacity_gpus} GPUs more: {self.pool.pool}"


def changed(snapshot: Snapshot, changes: Iterable[Change]) -> Snapshot:
    """Return the snapshot after all the changes, in their order.

    Raises BadInputError with everything that they speak of and is not there, by its path.
    """
    faults: list[Fault] = []
    for position, change in enumerate(changes):
        try:
            snapshot = change.apply(snapshot)
        except BadInputError as refused:
            faults += [
                replace(fault, field=f"changes[{position}].{fault.field}")
                for fault in refused.faults
            ]
    if faults:
        more = f"; and {len(faults) - 1} more" if len(faults) > 1 else ""
        raise BadInputError(f"{faults[0].message}{more}", tuple(faults))
    return snapshot


def running_by(plan: Plan) -> tuple[Running, ...]:
    """Return what a plan runs, as the state that the next one starts from."""
    return tuple(
        Running(model=each.model, config=each.config, pool=each.pool, replicas=each.replicas)
        for each in plan.placements
    )


def without_pools(snapshot: Snapshot, gone: set[str]) -> Snapshot:
    """Return the snapshot without some pools and without what ran there."""
    return replace(
        snapshot,
        pools=tuple(pool for pool in snapshot.pools if pool.pool not in gone),
        current=tuple(row for row in snapshot.current if row.pool not in gone),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two plans beside each other; differences are the second less the first, per hour."""

    money: Decimal
    new: Decimal
    unserved: float
    survival_shortfall: float
    gold_shortfall: float
    gpus_bought: int
    replicas_started: int
    replicas_stopped: int


def compared(before: Plan, after: Plan) -> Comparison:
    """Return what the second plan has more or less than the first."""

    def more(figure: Callable[[Plan], float]) -> float:
        return figure(after) - figure(before)

    ran, runs = _replicas(before), _replicas(after)
    places = ran.keys() | runs.keys()
    change = [runs.get(place, 0) - ran.get(place, 0) for place in places]
    return Comparison(
        money=after.cost_per_hour.money - before.cost_per_hour.money,
        new=after.cost_per_hour.new - before.cost_per_hour.new,
        unserved=more(lambda plan: sum(row.tokens_per_second for row in plan.unserved)),
        survival_shortfall=more(
            lambda plan: sum(row.tokens_per_second for row in plan.survival_shortfall)
        ),
        gold_shortfall=more(lambda plan: sum(row.tokens_per_second for row in plan.gold_shortfall)),
        gpus_bought=sum(each.gpus for each in after.purchases)
        - sum(each.gpus for each in before.purchases),
        replicas_started=sum(each for each in change if each > 0),
        replicas_stopped=-sum(each for each in change if each < 0),
    )


def _replicas(plan: Plan) -> dict[tuple[str, str, str], int]:
    return {(each.model, each.config, each.pool): each.replicas for each in plan.placements}


def _require_known(field: str, name: str, known: Iterable[str]) -> None:
    names = list(known)
    what = field.rpartition(".")[2]
    _require(name in names, _unknown(field, f"no {what} {name!r}", names))


def _unknown(field: str, message: str, known: Iterable[str]) -> Fault:
    names = ", ".join(sorted(known)[:10])
    text = f"{message}; known: {names}" if names else message
    return Fault(code=FaultCode.UNKNOWN_NAME, field=field, message=text)


def _require(holds: bool, fault: Fault) -> None:
    if not holds:
        raise BadInputError(fault.message, (fault,))
