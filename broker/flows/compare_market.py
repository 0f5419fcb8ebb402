"""Puts a GPU model's market together: who asks what, how it moved, and what the lists agree on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from broker.errors import BadInputError
from broker.flows.list_prices import (
    MAX_AGE_DAYS,
    Product,
    excluded_series,
    price_filter,
    require_days,
    united,
)
from broker.store.engine import Database
from broker.store.price_history import Series, histories, see_one_moment
from broker.store.prices import ON_DEMAND_KINDS, list_observations
from pricing.market import Benchmark, BenchmarkKey, NoBenchmark, SourceKind, benchmark
from pricing.money import USD, Money
from pricing.panel import MINIMUM_PANEL, PanelStep, matched_panel
from pricing.series import KnownPrices, PriceHistory, Prices, UnknownPrices
from pricing.tenor import Tenor

WINDOW_DAYS = 90
LONGEST_WINDOW_DAYS = 730

PANEL_STEP_DAYS = 7
PANEL_MAX_AGE_DAYS = 7
"""A step compares prices that somebody looked at within the step; older ones are no evidence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What one provider asks in one kind, and by which fraction its cheapest price moved.

    A move is None when no price is known at one of its two ends.
    """

    product: Product
    known: KnownPrices | UnknownPrices
    move_7_days: Decimal | None
    move_30_days: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DayOfPrices:
    """What was listed on one day on which somebody looked."""

    day: date
    prices: Prices


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketView:
    """A GPU model's market as of a day. Days after it are as if nobody had looked yet."""

    gpu_model: str
    as_of: date
    window_start: date
    comparisons: tuple[Comparison, ...]
    list_benchmark: Benchmark | NoBenchmark
    panel_start: date | None  # where the index starts; None when never enough are known at once
    panel: tuple[PanelStep, ...]
    history: Mapping[Product, tuple[DayOfPrices, ...]]
    excluded: tuple[Series, ...]


def compare_market(
    database: Database, *, gpu: str, as_of: date, window_days: int = WINDOW_DAYS
) -> MarketView:
    """Return the market of a GPU model as of a day, with the days of the window before it.

    Raises BadInputError for a GPU that nobody knows and a window that is no number of days.
    """
    if not 1 <= window_days <= LONGEST_WINDOW_DAYS:
        raise BadInputError(f"a window is 1 to {LONGEST_WINDOW_DAYS} days")
    require_days(as_of)
    gpu_model = price_filter(gpu=gpu).gpu_model or gpu
    window_start = as_of - timedelta(days=window_days)
    wanted = price_filter(gpu=gpu_model)
    with database.reading() as session:
        see_one_moment(session)
        found = histories(session, wanted)
        listed = list_observations(session, as_of=as_of, gpu_model=gpu_model)
    products = {
        product: history
        for product, history in united(found).items()
        if history.observed_days[0] <= as_of
    }
    panel_dates, known = _panel_of(products, _panel_dates(window_start, as_of))
    key = BenchmarkKey(source=SourceKind.LIST, gpu_model=gpu_model, tenor=Tenor.ON_DEMAND)
    return MarketView(
        gpu_model=gpu_model,
        as_of=as_of,
        window_start=window_start,
        comparisons=_comparisons(products, as_of),
        list_benchmark=benchmark(listed, key=key, as_of=as_of, leave_out=None),
        panel_start=panel_dates[0] if panel_dates else None,
        panel=matched_panel(known, dates=panel_dates),
        history=_within(products, window_start, as_of),
        excluded=excluded_series(found, until=as_of),
    )


def _comparisons(products: Mapping[Product, PriceHistory], as_of: date) -> tuple[Comparison, ...]:
    rows = [
        Comparison(
            product=product,
            known=history.as_of(as_of, max_age_days=MAX_AGE_DAYS),
            move_7_days=_move(history, as_of, days=7),
            move_30_days=_move(history, as_of, days=30),
        )
        for product, history in products.items()
    ]
    return tuple(sorted(rows, key=lambda row: (row.product.kind.value, row.product.provider)))


def _move(history: PriceHistory, as_of: date, *, days: int) -> Decimal | None:
    now = history.as_of(as_of, max_age_days=MAX_AGE_DAYS)
    before = history.as_of(as_of - timedelta(days=days), max_age_days=MAX_AGE_DAYS)
    if isinstance(now, KnownPrices) and isinstance(before, KnownPrices):
        return now.cheapest / before.cheapest - 1
    return None


def _panel_dates(start: date, as_of: date) -> tuple[date, ...]:
    """Return the ends of the panel's steps: back from the day asked for, so that it is one."""
    steps = (as_of - start).days // PANEL_STEP_DAYS
    return tuple(as_of - timedelta(days=PANEL_STEP_DAYS * step) for step in range(steps, -1, -1))


def _panel_of(
    products: Mapping[Product, PriceHistory], dates: Sequence[date]
) -> tuple[tuple[date, ...], dict[str, dict[date, Money]]]:
    """Return the dates from the first with a panel on, and the prices to measure it by.

    Every step is measured from the last known date. If the first had no panel, none would.
    """
    cheapest = _on_demand(products, dates)
    for place, day in enumerate(dates):
        if sum(day in seen for seen in cheapest.values()) >= MINIMUM_PANEL:
            return tuple(dates[place:]), cheapest
    return (), cheapest


def _on_demand(
    products: Mapping[Product, PriceHistory], dates: Sequence[date]
) -> dict[str, dict[date, Money]]:
    """Return each provider's cheapest on-demand price on those dates on which it is known."""
    cheapest: dict[str, dict[date, Money]] = defaultdict(dict)
    for product, history in products.items():
        if product.kind not in ON_DEMAND_KINDS:
            continue
        for day in dates:
            known = history.as_of(day, max_age_days=PANEL_MAX_AGE_DAYS - 1)
            if isinstance(known, KnownPrices):
                price = Money(known.cheapest, USD)
                of_provider = cheapest[product.provider]
                of_provider[day] = min(of_provider.get(day, price), price)
    return cheapest


def _within(
    products: Mapping[Product, PriceHistory], start: date, as_of: date
) -> dict[Product, tuple[DayOfPrices, ...]]:
    days = {
        product: tuple(
            DayOfPrices(day=day, prices=prices)
            for day, prices in history.prices_by_day().items()
            if start <= day <= as_of
        )
        for product, history in sorted(
            products.items(), key=lambda found: (found[0].kind.value, found[0].provider)
        )
    }
    return {product: of_product for product, of_product in days.items() if of_product}
