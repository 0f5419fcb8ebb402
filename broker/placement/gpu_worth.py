"""What one more GPU would be worth, pool by pool."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from broker.placement.plan import Plan
from broker.placement.snapshot import PoolKind, Snapshot
from pricing.money import priced

_CENT = Decimal("0.0001")


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuWorth:
    """Dollars per GPU-hour: what one more GPU saves, what it would cost, and what is left.

    A GPU of a contract is paid already, so it costs nothing more; one that must be bought is worth
    its saving less its price. Above zero means that more GPUs there would lower the cost.
    """

    pool: str
    gpu_model: str
    kind: PoolKind
    saves_per_gpu_hour: Decimal
    price_per_gpu_hour: Decimal

    @property
    def net_per_gpu_hour(self) -> Decimal:
        """What is gained by one more."""
        return self.saves_per_gpu_hour - self.price_per_gpu_hour

    def sentence(self) -> str:
        """Say it."""
        if not self.kind.is_bought:
            return f"one more GPU of {self.pool} would save {self.saves_per_gpu_hour} USD an hour"
        return (
            f"one more GPU of {self.pool} would save {self.saves_per_gpu_hour} USD an hour and cost "
            f"{priced(self.price_per_gpu_hour)}"
        )


def gpu_worths(snapshot: Snapshot, plan: Plan) -> tuple[GpuWorth, ...]:
    """Return what one more GPU is worth in each pool of the plan, the most worth first."""
    pools = {pool.pool: pool for pool in snapshot.pools}
    found = [
        GpuWorth(
            pool=price.pool,
            gpu_model=pools[price.pool].gpu_model,
            kind=pools[price.pool].kind,
            saves_per_gpu_hour=Decimal(price.value_per_gpu_hour).quantize(_CENT),
            price_per_gpu_hour=pools[price.pool].marginal_price_per_gpu_hour,
        )
        for price in plan.shadow_prices
        if price.pool in pools
    ]
    return tuple(sorted(found, key=lambda each: (-each.net_per_gpu_hour, each.pool)))
