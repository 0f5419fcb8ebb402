"""Market: like with like. What comparable suppliers ask, and where one price stands among them.

A benchmark is the median over suppliers, one value each, of prices that were seen lately for the
same GPU, form factor, tenor, region and supplier tier. Own private quotes and public lists are
separate series: hyperscaler lists run at two to three times what is really signed, so a mixture
would say more about who publishes a list than about the price of a GPU.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from pricing.money import CurrencyMismatchError, Money
from pricing.spread import mad, median, quantile, within_mads
from pricing.tenor import Tenor, neighbours

FRESH_FOR = timedelta(days=45)
"""An observation older than this no longer speaks for today's market."""

MINIMUM_SUPPLIERS = 5
"""With fewer suppliers a median misleads: widen the key, or say that there is no benchmark."""

OUTLIER_SCALED_MADS = Decimal(5)
"""Values further than this many scaled MADs from the median are dropped."""


class SourceKind(StrEnum):
    """Where prices come from. The kinds are never mixed in one benchmark."""

    QUOTE = "quote"  # an offer made to us in private
    LIST = "list"  # a price anybody can read


class Widening(StrEnum):
    """A part of the key that was loosened to find enough suppliers, in the order it is tried."""

    REGION = "region"
    TENOR = "tenor"
    TIER = "tier"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One supplier's price as we saw it on one day.

    The price is already levelised for prepayment and leaves storage and egress out. None in a
    field means that we do not know it, so it never equals a value that a key asks for.
    """

    supplier: str
    source: SourceKind
    gpu_model: str
    tenor: Tenor
    price_per_gpu_hour: Money
    observed_on: date
    reference: str  # "quote Q-17" or a page: where a person can check it
    form_factor: str | None = None
    region_group: str | None = None
    tier: str | None = None  # supplier class, such as hyperscaler or neocloud

    def __post_init__(self) -> None:
        if self.price_per_gpu_hour.amount <= 0:
            raise ValueError(
                f"an observed price is above zero; leave out what {self.supplier} did not state"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkKey:
    """What is compared. None in a field means that any value will do."""

    source: SourceKind
    gpu_model: str
    tenor: Tenor
    form_factor: str | None = None
    region_group: str | None = None
    tier: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """How many suppliers were left, outliers dropped, with this much of the key widened."""

    widened: tuple[Widening, ...]
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """What the market asks per GPU-hour, and what that statement rests on."""

    key: BenchmarkKey
    as_of: date
    median: Money
    mad: Money  # median absolute deviation from the median, unscaled
    q1: Money
    q3: Money
    widened: tuple[Widening, ...]
    members: tuple[Observation, ...]  # one per supplier, cheapest first
    dropped: tuple[Observation, ...]  # outliers, cheapest first

    @property
    def n(self) -> int:
        """Return the number of suppliers behind the figures."""
        return len(self.members)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoBenchmark:
    """Too few suppliers, even after all widening. An answer, not an error."""

    key: BenchmarkKey
    as_of: date
    tried: tuple[Attempt, ...]

    @property
    def found(self) -> int:
        """Return the number of suppliers that the widest attempt left."""
        return self.tried[-1].n


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a price stands: strictly above `above` of `n` suppliers."""

    above: int
    n: int

    def __str__(self) -> str:
        return f"above {self.above} of {self.n}"


def benchmark(
    observations: Iterable[Observation],
    *,
    key: BenchmarkKey,
    as_of: date,
    leave_out: str | None,
) -> Benchmark | NoBenchmark:
    """Return the benchmark of a key on a day, or say how little was found.

    `leave_out` is the supplier under negotiation, who must not set the price it is measured by.
    Each supplier counts once: its latest observation, the lowest if several share that day. When
    too few are left the key is widened, one part after another; that adds suppliers, and those
    already found keep the closer value. The order of the observations does not matter. Raises
    CurrencyMismatchError when the comparable prices are not all in one currency.
    """
    comparable = [
        seen
        for seen in observations
        if seen.source == key.source
        and seen.gpu_model == key.gpu_model
        and seen.supplier != leave_out
        and timedelta(0) <= as_of - seen.observed_on <= FRESH_FOR
    ]
    _require_one_currency(comparable)
    by_supplier: dict[str, Observation] = {}
    tried: list[Attempt] = []
    for widened in _widenings(key):
        alike = [seen for seen in comparable if _alike(seen, key, widened)]
        by_supplier = _latest_by_supplier(alike) | by_supplier
        members, dropped = _without_outliers(sorted(by_supplier.values(), key=_cheapest_first))
        tried.append(Attempt(widened=widened, n=len(members)))
        if len(members) >= MINIMUM_SUPPLIERS:
            return _summary(key, as_of, widened=widened, members=members, dropped=dropped)
    return NoBenchmark(key=key, as_of=as_of, tried=tuple(tried))


def standing(price: Money, market: Benchmark) -> Standing:
    """Return how many of the benchmark's suppliers a price per GPU-hour is above."""
    above = sum(price > member.price_per_gpu_hour for member in market.members)
    return Standing(above=above, n=market.n)


def _require_one_currency(comparable: Sequence[Observation]) -> None:
    found = sorted({seen.price_per_gpu_hour.currency for seen in comparable})
    if len(found) > 1:
        raise CurrencyMismatchError(
            f"comparable prices are in {', '.join(found)}; "
            "convert them to one currency with dated exchange rates first"
        )


def _widenings(key: BenchmarkKey) -> Iterator[tuple[Widening, ...]]:
    """Yield what to loosen, cumulatively; a part that already takes any value is passed over."""
    widened: tuple[Widening, ...] = ()
    yield widened
    if key.region_group is not None:
        widened = (*widened, Widening.REGION)
        yield widened
    widened = (*widened, Widening.TENOR)
    yield widened
    if key.tier is not None:
        yield (*widened, Widening.TIER)


def _alike(seen: Observation, key: BenchmarkKey, widened: tuple[Widening, ...]) -> bool:
    tenors = neighbours(key.tenor) if Widening.TENOR in widened else {key.tenor}
    region = None if Widening.REGION in widened else key.region_group
    tier = None if Widening.TIER in widened else key.tier
    return (
        seen.tenor in tenors
        and key.form_factor in (None, seen.form_factor)
        and region in (None, seen.region_group)
        and tier in (None, seen.tier)
    )


def _latest_by_supplier(alike: Iterable[Observation]) -> dict[str, Observation]:
    latest_last = sorted(alike, key=_cheapest_first, reverse=True)
    latest_last.sort(key=lambda seen: seen.observed_on)  # stable: within a day the cheapest is last
    return {seen.supplier: seen for seen in latest_last}


def _cheapest_first(seen: Observation) -> tuple[Decimal, str, str, str, str]:
    # All that tells two observations apart, so that their order of arrival cannot.
    place = f"{seen.form_factor}|{seen.region_group}|{seen.tier}"
    return seen.price_per_gpu_hour.amount, seen.supplier, seen.reference, seen.tenor, place


def _without_outliers(
    cheapest_first: Sequence[Observation],
) -> tuple[tuple[Observation, ...], tuple[Observation, ...]]:
    prices = [seen.price_per_gpu_hour.amount for seen in cheapest_first]
    near = set(within_mads(prices, limit=OUTLIER_SCALED_MADS))
    members = tuple(seen for seen in cheapest_first if seen.price_per_gpu_hour.amount in near)
    dropped = tuple(seen for seen in cheapest_first if seen.price_per_gpu_hour.amount not in near)
    return members, dropped


def _summary(
    key: BenchmarkKey,
    as_of: date,
    *,
    widened: tuple[Widening, ...],
    members: tuple[Observation, ...],
    dropped: tuple[Observation, ...],
) -> Benchmark:
    prices = [member.price_per_gpu_hour.amount for member in members]
    unit = members[0].price_per_gpu_hour.currency
    return Benchmark(
        key=key,
        as_of=as_of,
        median=Money(median(prices), unit),
        mad=Money(mad(prices), unit),
        q1=Money(quantile(prices, Decimal("0.25")), unit),
        q3=Money(quantile(prices, Decimal("0.75")), unit),
        widened=widened,
        members=members,
        dropped=dropped,
    )
