"""What would become of a capacity request, as it crosses the network."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, Field

from broker.capacity.pool import Pool, PoolKind
from broker.capacity.request import Candidate, Failing, Line, Refusal
from broker.flows.request_capacity import Explanation
from pricing.money import plain


class CandidateLine(BaseModel):
    """The part of a way to serve a request that would stand in one pool."""

    pool_id: str
    supplier: str
    region: str | None
    gpu_model: str
    gpu_count: int
    marginal_price_per_gpu_hour: str | None = Field(description="null too if not yours to know")
    effective_price_per_gpu_hour: str | None = Field(description="null too if not yours to know")
    currency: str | None


class CandidateOut(BaseModel):
    """One way to serve a request."""

    lines: list[CandidateLine]


class FailingOut(BaseModel):
    """Why a pool cannot serve a request, and what would have helped."""

    pool_id: str
    supplier: str
    region: str | None
    gpu_model: str
    reason: str = Field(description="a code")
    helps: str


class ExplanationOut(BaseModel):
    """The ways to serve a request, the best first, and why each other pool fails."""

    reason: Refusal | None = Field(description="null: it would be granted")
    detail: str | None = Field(description="what would have helped")
    candidates: list[CandidateOut]
    failing: list[FailingOut]

    @classmethod
    def of(cls, found: Explanation, *, with_prices: bool) -> ExplanationOut:
        """Return an explanation; contract prices only `with_prices`."""
        plan = found.plan
        return cls(
            reason=plan.refusal,
            detail=plan.helps or None,
            candidates=[
                _candidate(candidate, found.pools, with_prices=with_prices)
                for candidate in plan.candidates
            ],
            failing=[_failing(failing, found.pools) for failing in plan.failing],
        )


def _candidate(
    candidate: Candidate, pools: Mapping[str, Pool], *, with_prices: bool
) -> CandidateOut:
    return CandidateOut(
        lines=[_line(line, pools[line.pool_id], with_prices=with_prices) for line in candidate]
    )


def _line(line: Line, pool: Pool, *, with_prices: bool) -> CandidateLine:
    shown = with_prices or pool.kind is PoolKind.ON_DEMAND
    marginal, effective = (pool.marginal, pool.effective) if shown else (None, None)
    known = effective or marginal
    return CandidateLine(
        pool_id=pool.id,
        supplier=pool.supplier,
        region=pool.region,
        gpu_model=pool.gpu_model,
        gpu_count=line.gpu_count,
        marginal_price_per_gpu_hour=None if marginal is None else plain(marginal.amount),
        effective_price_per_gpu_hour=None if effective is None else plain(effective.amount),
        currency=known.currency if known else None,
    )


def _failing(failing: Failing, pools: Mapping[str, Pool]) -> FailingOut:
    pool = pools[failing.pool_id]
    return FailingOut(
        pool_id=pool.id,
        supplier=pool.supplier,
        region=pool.region,
        gpu_model=pool.gpu_model,
        reason=failing.reason,
        helps=failing.helps,
    )
