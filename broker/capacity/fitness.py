"""Whether one pool suits a request: every reason why not, and what would help in words.

GPUs are taken from a pool in whole nodes, of a size that divides evenly into both what the holder
asks for and what the pool is made of: the least common multiple of the two node sizes, which is
the larger one wherever one divides the other. A holder that wants nodes of 4 from machines of 8
takes whole machines; one that wants 8 from a pool that gives single GPUs takes eight at a time.

What nobody knows never passes: no region, country, tier, reliability or price is taken on trust.
Words never hold a price: those of contracts are not for everybody who may ask for GPUs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from math import lcm

from broker.capacity.pool import TIERS, Pool
from broker.capacity.request import CapacitySpec, Failing
from pricing.fx import FxTable, NoRateError
from pricing.money import USD, Currency, Money, plain

RATE_MAX_AGE_DAYS = 7
"""An exchange rate older than this does not decide about a price cap."""


class Reason(StrEnum):
    """Why a pool does not suit a request; a closed list, for programs."""

    MODEL = "model"
    REGION = "region"
    RESIDENCY = "residency"
    TIER = "tier"
    RELIABILITY = "reliability"
    NODE_SIZE = "node-size"
    CLOSES_TOO_EARLY = "closes-too-early"
    PRICE = "price"
    CORDONED = "cordoned"
    DRAINING = "draining"
    NOT_OPEN_YET = "not-open-yet"
    NO_FREE_GPUS = "no-free-gpus"


PASSING = frozenset(
    {Reason.CORDONED, Reason.DRAINING, Reason.NOT_OPEN_YET, Reason.NO_FREE_GPUS},
)
"""Reasons that time may take away, though nobody changes the request or the contract."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """A request made ready to be held against many pools at one instant."""

    spec: CapacitySpec
    models: frozenset[str]
    regions: frozenset[str]  # folded
    residency: str | None  # folded
    tier: int | None  # index in TIERS; -1 for a tier that does not exist, which no pool reaches
    starts_at: datetime
    until: datetime  # what a pool must at least be open for: the stated duration, or one TTL
    rates: FxTable | None

    @classmethod
    def of(cls, spec: CapacitySpec, *, now: datetime, rates: FxTable | None = None) -> Want:
        """Return the request as of an instant; a start in the past is now."""
        starts_at = now if spec.starts_at is None else max(now, spec.starts_at)
        least = spec.ttl_seconds if spec.duration_seconds is None else spec.duration_seconds
        return cls(
            spec=spec,
            models=frozenset(spec.gpu_models),
            regions=frozenset(region.casefold() for region in spec.regions),
            residency=None if spec.residency is None else spec.residency.casefold(),
            tier=None if spec.min_tier is None else _tier(spec.min_tier),
            starts_at=starts_at,
            until=starts_at + timedelta(seconds=least),
            rates=rates,
        )

    def step(self, pool: Pool) -> int:
        """Return in what steps GPUs are taken from a pool."""
        return lcm(self.spec.node_size or 1, max(1, pool.node_size))

    def stock(self, pool: Pool) -> int:
        """Return the free GPUs of a pool in whole nodes."""
        free = pool.free
        return free - free % self.step(pool)

    def stock_when_empty(self, pool: Pool) -> int:
        """Return the GPUs in whole nodes if nobody had any and all were delivered and well."""
        whole = max(0, pool.contracted - pool.kept_back)
        return whole - whole % self.step(pool)


def suits(want: Want, pool: Pool) -> bool:
    """Say whether nothing stands against taking at least one whole node of a pool."""
    return next(reasons(want, pool), None) is None


def reasons(want: Want, pool: Pool) -> Iterator[Reason]:
    """Yield everything that stands against a pool. One of another model has that reason alone."""
    if pool.gpu_model not in want.models:
        yield Reason.MODEL
        return
    # What fails most often comes first: whoever only wants to know whether a pool suits stops.
    if want.stock(pool) == 0:
        yield Reason.NO_FREE_GPUS
    yield from _of_the_moment(want, pool)
    yield from _of_the_pool(want, pool)


def _of_the_moment(want: Want, pool: Pool) -> Iterator[Reason]:
    if pool.is_cordoned:
        yield Reason.CORDONED
    if pool.is_draining:
        yield Reason.DRAINING
    if pool.opens_at is not None and want.starts_at < pool.opens_at:
        yield Reason.NOT_OPEN_YET
    if pool.closes_at is not None and want.until > pool.closes_at:
        yield Reason.CLOSES_TOO_EARLY


def _of_the_pool(want: Want, pool: Pool) -> Iterator[Reason]:
    spec = want.spec
    if want.step(pool) > spec.gpu_count:
        yield Reason.NODE_SIZE
    if want.regions and (pool.region or "").casefold() not in want.regions:
        yield Reason.REGION
    if want.residency is not None and (pool.residency or "").casefold() != want.residency:
        yield Reason.RESIDENCY
    if want.tier is not None and not 0 <= _tier(pool.tier) <= want.tier:
        yield Reason.TIER
    if spec.min_reliability_ppm is not None and (
        pool.reliability_ppm is None or pool.reliability_ppm < spec.min_reliability_ppm
    ):
        yield Reason.RELIABILITY
    if spec.max_price is not None and not _is_within(spec.max_price, pool, want):
        yield Reason.PRICE


def failing(want: Want, pool: Pool, found: frozenset[Reason]) -> Failing:
    """Return why a pool fails: the reason hardest to change by its code, and all of them in words."""
    ordered = [reason for reason in Reason if reason in found]
    return Failing(
        pool_id=pool.id,
        reason=ordered[0],
        helps="; ".join(_in_words(reason, want, pool) for reason in ordered),
    )


def _in_words(reason: Reason, want: Want, pool: Pool) -> str:
    match reason:
        case Reason.MODEL:
            return f"{pool.gpu_model} among the gpu_models"
        case Reason.REGION:
            return f"{pool.region} among the regions" if pool.region else "a region on record"
        case Reason.RESIDENCY:
            return f"residency {pool.residency}" if pool.residency else "a country on record"
        case Reason.TIER:
            return _tier_in_words(want, pool)
        case Reason.RELIABILITY if pool.reliability_ppm is None:
            return "a reliability on record, or no min_reliability"
        case Reason.RELIABILITY:
            return f"a min_reliability of at most {reliability(pool.reliability_ppm or 0)}"
        case Reason.PRICE:
            return _price_in_words(want, pool)
        case _:
            return _moment_in_words(reason, want, pool)


def _moment_in_words(reason: Reason, want: Want, pool: Pool) -> str:
    step = want.step(pool)
    match reason:
        case Reason.NODE_SIZE:
            return f"a multiple of {step} GPUs: they come in whole nodes"
        case Reason.CLOSES_TOO_EARLY:
            return f"an end by {instant(pool.closes_at)}: no lease outlives its contract line"
        case Reason.CORDONED:
            return "an end of the cordon"
        case Reason.DRAINING:
            return "an end of the drain"
        case Reason.NOT_OPEN_YET:
            return f"a start from {instant(pool.opens_at)} on"
        case _:
            missing = max(step, want.spec.gpu_count if want.spec.is_gang else step) - pool.free
            return f"{max(1, missing)} more free GPUs"


def instant(moment: datetime | None) -> str:
    """Return an instant to the minute, in UTC, as people read it."""
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M} UTC"


def reliability(parts_per_million: int) -> str:
    """Return a reliability as people write it: a fraction such as 0.9995."""
    return plain(Decimal(parts_per_million) / 1_000_000)


def _tier_in_words(want: Want, pool: Pool) -> str:
    if want.tier == -1:
        return f"a tier that exists: {', '.join(TIERS)}"
    if pool.tier in TIERS:
        return f"min_tier {pool.tier}"
    return "a rating on record, or no min_tier"


def _price_in_words(want: Want, pool: Pool) -> str:
    cap = want.spec.max_price
    known = pool.effective is not None or pool.usd_effective is not None
    if cap is None or not known:
        return "a price on record, or no max_price"
    if _price_in(cap.currency, pool, want) is None:
        own = USD if pool.effective is None else pool.effective.currency
        return f"a max_price in {own}, or a fresh {own}/{cap.currency} rate"
    return "a higher max_price"


def _tier(name: str | None) -> int:
    return TIERS.index(name) if name in TIERS else -1


def _is_within(cap: Money, pool: Pool, want: Want) -> bool:
    price = _price_in(cap.currency, pool, want)
    return price is not None and price <= cap.amount


def _price_in(to: Currency, pool: Pool, want: Want) -> Decimal | None:
    """Return the effective price in a currency: as signed, else by the dollars, else by a rate."""
    if pool.effective is not None and pool.effective.currency == to:
        return pool.effective.amount
    if to == USD and pool.usd_effective is not None:
        return pool.usd_effective
    if pool.effective is not None:
        return _converted(pool.effective, to, want)
    if pool.usd_effective is not None:
        return _converted(Money(pool.usd_effective), to, want)
    return None


def _converted(price: Money, to: Currency, want: Want) -> Decimal | None:
    if want.rates is None:
        return None
    on = want.starts_at.date()
    for via in (None, USD):
        try:
            converted = want.rates.convert(
                price, to, on=on, max_age_days=RATE_MAX_AGE_DAYS, via=via
            )
        except NoRateError:
            continue
        return converted.amount.amount
    return None
