"""Pools as they cross the network. Contract prices are told to whoever may read contracts."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from broker.capacity.pool import Account, PoolKind
from broker.capacity.request import MOST_GPUS
from broker.capacity.standing import Standing
from broker.flows.manage_pools import PoolPatch
from broker.store.pools import StoredPool
from pricing.money import plain

PoolId = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[0-9a-z-]+$")]


class PoolAccounts(BaseModel):
    """Where the GPUs of a pool stand; the six add up to those contracted."""

    undelivered: int
    available: int
    held: int = Field(description="granted, and not confirmed yet")
    leased: int
    down: int
    returned: int


class PoolOut(BaseModel):
    """GPUs of one model at one place under one contract line, or on demand up to a limit."""

    id: str
    kind: PoolKind
    supplier: str
    contract_ref: str | None
    line_no: int | None
    gpu_model: str
    form_factor: str | None
    region: str | None
    residency: str | None
    tier: str | None
    reliability: str | None = Field(description="0 to 1, as promised")
    node_size: int
    contracted: int
    accounts: PoolAccounts
    kept_back: int = Field(description="spares that no lease gets")
    claimed: int = Field(description="of the available: promised to requests that wait")
    free: int = Field(description="what a new lease could have now")
    gen: int = Field(description="grows with every change; the ETag")
    cordoned: bool = Field(description="no new leases")
    draining: bool = Field(description="no new leases, and those there are run out")
    opens_at: datetime | None
    closes_at: datetime | None = Field(description="no lease outlives it")
    marginal_price_per_gpu_hour: str | None = Field(description="of one more used GPU-hour")
    effective_price_per_gpu_hour: str | None = Field(description="with what was paid in advance")
    currency: str | None
    changed_at: datetime

    @classmethod
    def of(cls, stored: StoredPool, *, with_prices: bool) -> PoolOut:
        """Return a pool; a contract's prices only `with_prices`."""
        pool = stored.pool
        shown = with_prices or pool.kind is PoolKind.ON_DEMAND
        marginal, effective = (pool.marginal, pool.effective) if shown else (None, None)
        known = effective or marginal
        ppm = pool.reliability_ppm
        return cls(
            id=pool.id,
            kind=pool.kind,
            supplier=pool.supplier,
            contract_ref=pool.contract_ref,
            line_no=pool.line_no,
            gpu_model=pool.gpu_model,
            form_factor=pool.form_factor,
            region=pool.region,
            residency=pool.residency,
            tier=pool.tier,
            reliability=None if ppm is None else plain(Decimal(ppm) / 1_000_000),
            node_size=pool.node_size,
            contracted=pool.contracted,
            accounts=PoolAccounts(
                **{name: stored.accounts.of(Account(name)) for name in PoolAccounts.model_fields}
            ),
            kept_back=pool.kept_back,
            claimed=pool.claimed,
            free=pool.free,
            gen=pool.gen,
            cordoned=pool.is_cordoned,
            draining=pool.is_draining,
            opens_at=pool.opens_at,
            closes_at=pool.closes_at,
            marginal_price_per_gpu_hour=None if marginal is None else plain(marginal.amount),
            effective_price_per_gpu_hour=None if effective is None else plain(effective.amount),
            currency=known.currency if known else None,
            changed_at=stored.changed_at,
        )


class PoolList(BaseModel):
    """All pools, by id."""

    items: list[PoolOut]


class PoolChange(BaseModel):
    """What is to become of a pool; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    cordoned: Annotated[bool | None, Field(strict=True, description="no new leases")] = None
    draining: Annotated[
        bool | None, Field(strict=True, description="cordoned, and leases run out")
    ] = None
    kept_back: Annotated[int | None, Field(strict=True, ge=0, le=MOST_GPUS)] = None

    def patch(self, now: Standing) -> PoolPatch:
        """Return the change for a pool of this standing; draining is the stronger of the two."""
        is_draining = now is Standing.DRAINING if self.draining is None else self.draining
        is_cordoned = now is Standing.CORDONED if self.cordoned is None else self.cordoned
        standing = Standing.CORDONED if is_cordoned else Standing.OPEN
        return PoolPatch(
            standing=Standing.DRAINING if is_draining else standing, kept_back=self.kept_back
        )
