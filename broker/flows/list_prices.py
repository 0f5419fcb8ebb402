"""Reads market prices: what is known as of a day, how it moved, and the rows behind it.

Prices are told per provider, GPU model and kind: parts, memories and spellings are united, because
feeds rename them overnight while the price stays. Slices are named apart and compared with nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from broker.errors import BadInputError
from broker.store.engine import Database
from broker.store.price_history import (
    PriceFilter,
    Series,
    SeriesHistory,
    Sighting,
    count_sightings,
    find_sightings,
    histories,
    see_one_moment,
)
from broker.store.prices import ModelCoverage, model_coverage
from pricing.hardware import UnknownGpuError, canonical_gpu, known_models
from pricing.series import (
    DayRange,
    KnownPrices,
    PriceHistory,
    PriceKind,
    PriceLevel,
    Prices,
    UnknownPrices,
)
from providers.csv_sheet import EARLIEST_DAY, LATEST_DAY

MAX_AGE_DAYS = 45
"""A price that nobody has confirmed for longer is unknown, unless the reader says otherwise."""

_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """What is told as one: a provider's offer of a GPU model in one kind."""

    provider: str
    gpu_model: str
    kind: PriceKind


@dataclass(frozen=True, slots=True, kw_only=True)
class LatestPrice:
    """What is known of a product's price as of a day, or why nothing is."""

    product: Product
    known: KnownPrices | UnknownPrices


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceList:
    """The latest prices as of a day, and the series that were left out of them."""

    as_of: date
    max_age_days: int
    prices: tuple[LatestPrice, ...]
    excluded: tuple[Series, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesLevels:
    """The levels of one series that touch a period, and the days of it on which nobody looked."""

    series: Series
    start: date
    end: date  # the first day after the period
    levels: tuple[PriceLevel, ...]
    gaps: tuple[DayRange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSources:
    """The newest raw rows behind some prices, and how many there are in all."""

    total: int
    rows: tuple[Sighting, ...]


def price_filter(
    *, gpu: str | None = None, provider: str | None = None, kind: PriceKind | None = None
) -> PriceFilter:
    """Return the filter for a GPU as people spell it; a part (H100-PCIE) narrows its model.

    Raises BadInputError for a GPU that is not in the alias table.
    """
    provider = provider and provider.strip().lower()
    if gpu is None:
        return PriceFilter(provider=provider, kind=kind)
    try:
        found = canonical_gpu(gpu)
    except UnknownGpuError as unknown:
        raise BadInputError(str(unknown)) from unknown
    is_model = gpu.strip().upper() == found.model
    return PriceFilter(
        gpu_model=found.model,
        part=None if is_model else found.part,
        provider=provider,
        kind=kind,
    )


def require_days(*days: date | None) -> None:
    """Raise BadInputError for a day on which no price can be on record, such as 0001-01-01."""
    for day in days:
        if day is not None and not EARLIEST_DAY <= day <= LATEST_DAY:
            raise BadInputError(f"{day} is not a day from {EARLIEST_DAY} to {LATEST_DAY}")


def latest_prices(
    database: Database, wanted: PriceFilter, *, as_of: date, max_age_days: int = MAX_AGE_DAYS
) -> PriceList:
    """Return the last known price of each product as of a day, by model, kind and price."""
    require_days(as_of)
    with database.reading() as session:
        see_one_moment(session)
        found = histories(session, wanted)
    prices = [
        LatestPrice(product=product, known=history.as_of(as_of, max_age_days=max_age_days))
        for product, history in united(found).items()
    ]
    return PriceList(
        as_of=as_of,
        max_age_days=max_age_days,
        prices=tuple(sorted(prices, key=_cheapest_first)),
        excluded=excluded_series(found, until=as_of),
    )


def price_levels(
    database: Database, wanted: PriceFilter, *, first: date | None = None, last: date | None = None
) -> tuple[SeriesLevels, ...]:
    """Return how each series moved from `first` to `last`, both included.

    Without them a series is told from the first to the last day that it was seen.
    """
    require_days(first, last)
    with database.reading() as session:
        see_one_moment(session)
        found = histories(session, wanted)
    told = (_levels_within(one, first=first, last=last) for one in found)
    return tuple(one for one in told if one is not None)


def price_sources(
    database: Database,
    wanted: PriceFilter,
    *,
    first: date | None = None,
    last: date | None = None,
    limit: int = 200,
) -> PriceSources:
    """Return the raw rows behind the prices from `first` to `last`, both included, newest first."""
    require_days(first, last)
    with database.reading() as session:
        see_one_moment(session)
        return PriceSources(
            total=count_sightings(session, wanted, first=first, last=last),
            rows=tuple(find_sightings(session, wanted, first=first, last=last, limit=limit)),
        )


def gpu_models(database: Database) -> tuple[tuple[str, ModelCoverage | None], ...]:
    """Return every GPU model that we know by name, with what is on record of its prices."""
    with database.reading() as session:
        covered = {coverage.gpu_model: coverage for coverage in model_coverage(session)}
    return tuple((model, covered.get(model)) for model in sorted(known_models() | covered.keys()))


def united(found: Iterable[SeriesHistory]) -> dict[Product, PriceHistory]:
    """Return one history for each product, of all its series that may be compared."""
    days: dict[Product, dict[date, set[Decimal]]] = defaultdict(lambda: defaultdict(set))
    for one in found:
        if one.series.excluded_because is not None:
            continue
        key = one.series.key
        product = Product(provider=key.provider, gpu_model=key.gpu_model, kind=key.kind)
        for day, prices in one.history.prices_by_day().items():
            days[product][day] |= prices
    return {product: PriceHistory.of(_frozen(of_product)) for product, of_product in days.items()}


def excluded_series(found: Iterable[SeriesHistory], *, until: date) -> tuple[Series, ...]:
    """Return the series seen by a day that nothing is compared with."""
    return tuple(
        one.series
        for one in found
        if one.series.excluded_because is not None and one.history.observed_days[0] <= until
    )


def _frozen(days: dict[date, set[Decimal]]) -> dict[date, Prices]:
    return {day: frozenset(prices) for day, prices in days.items()}


def _cheapest_first(price: LatestPrice) -> tuple[str, str, bool, Decimal, str]:
    known = price.known
    is_known = isinstance(known, KnownPrices)
    cheapest = known.cheapest if isinstance(known, KnownPrices) else Decimal(0)
    product = price.product
    return product.gpu_model, product.kind.value, not is_known, cheapest, product.provider


def _levels_within(
    one: SeriesHistory, *, first: date | None, last: date | None
) -> SeriesLevels | None:
    """Return a series over a period, or None if it was not seen in it."""
    days = one.history.observed_days
    start = days[0] if first is None else first
    end = (days[-1] if last is None else last) + _ONE_DAY
    levels = tuple(
        level
        for level in one.history.levels
        if level.first_seen_on < end and level.last_seen_on >= start
    )
    if end <= start or not levels:
        return None
    return SeriesLevels(
        series=one.series,
        start=start,
        end=end,
        levels=levels,
        gaps=one.history.gaps(start, end),
    )
