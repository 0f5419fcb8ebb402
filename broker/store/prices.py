"""What the market lists and what currencies cost, as the rules ask for it: read, never written.

Slices and cards under another's name are on record, but no comparison here sees them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func, select

from broker.alerts.prices import LISTED_KINDS, ListedSeries
from broker.store.price_history import find_series, observed_between
from broker.store.tables import FxRateRow, PriceSeriesRow, PriceSightingRow
from pricing.fx import FxRate, FxTable
from pricing.market import FRESH_FOR, Observation, SourceKind
from pricing.money import USD, Currency, Money
from pricing.series import PriceKind
from pricing.tenor import Tenor

ON_DEMAND_KINDS = (PriceKind.ON_DEMAND, PriceKind.SECURE)
"""Kinds that compare as on-demand: whole machines in data centres, kept until given back.

Spot may be taken away, community machines are private ones, serverless is sold by the second.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCoverage:
    """How much is on record of one GPU model."""

    gpu_model: str
    providers: tuple[str, ...]
    first_observed_on: date
    last_observed_on: date


def listed_prices(
    session: Session, *, until: date | None = None
) -> dict[ListedSeries, dict[date, frozenset[Decimal]]]:
    """Return all that each provider listed of a GPU family in one kind, day by day.

    Form factors, memories and spellings are united in one set a day: feeds rename those overnight
    while the price stays. Slices are left out. Days after `until` are as if nobody had looked.
    """
    query = (
        select(
            col(PriceSightingRow.series_id),
            col(PriceSightingRow.observed_on),
            col(PriceSightingRow.price_per_gpu_hour),
        )
        .join(PriceSeriesRow)
        .where(*_comparable(sorted(LISTED_KINDS)), *observed_between(None, until))
        .distinct()
    )
    found: dict[ListedSeries, dict[date, set[Decimal]]] = defaultdict(lambda: defaultdict(set))
    seen = session.exec(query).all()
    # Asked second: a series that an import adds meanwhile is then known, and none ever goes.
    listed = {
        series.id: ListedSeries(
            provider=series.key.provider,
            gpu_model=series.key.gpu_model,
            kind=series.key.kind.value,
        )
        for series in find_series(session)
    }
    for series_id, day, price in seen:
        found[listed[series_id]][day].add(price)
    return {
        series: {day: frozenset(prices) for day, prices in sorted(days.items())}
        for series, days in found.items()
    }


def list_observations(session: Session, *, as_of: date, gpu_model: str) -> list[Observation]:
    """Return what each provider's public list asks on demand for a model, as of a day.

    One per provider and form factor: the cheapest price of its latest day, at most as old as a
    benchmark accepts. Slices are left out. The supplier's region and tier are not in the lists.
    """
    query = (
        select(
            PriceSeriesRow,
            col(PriceSightingRow.observed_on),
            col(PriceSightingRow.price_per_gpu_hour),
        )
        .join(PriceSightingRow, col(PriceSightingRow.series_id) == PriceSeriesRow.id)
        .where(
            *_comparable(ON_DEMAND_KINDS),
            PriceSeriesRow.gpu_model == gpu_model,
            *observed_between(as_of - FRESH_FOR, as_of),
        )
    )
    latest: dict[tuple[str, str | None], tuple[PriceSeriesRow, date, Decimal]] = {}
    for row, day, price in session.exec(query):
        place = (row.provider, row.form_factor)
        known = latest.get(place)
        # Of two kinds at one price the name decides, so that the answer is always the same.
        if known is None or (-day.toordinal(), price, row.kind) < (
            -known[1].toordinal(),
            known[2],
            known[0].kind,
        ):
            latest[place] = (row, day, price)
    return [
        Observation(
            supplier=row.provider,
            source=SourceKind.LIST,
            gpu_model=gpu_model,
            tenor=Tenor.ON_DEMAND,
            price_per_gpu_hour=Money(price, USD),
            observed_on=day,
            reference=f"{row.provider}/{row.kind}/{day.isoformat()}",
            form_factor=row.form_factor,
        )
        for row, day, price in sorted(
            latest.values(), key=lambda found: (found[0].provider, found[0].form_factor or "")
        )
    ]


def price_days(session: Session) -> tuple[date, date] | None:
    """Return the first and the last day of which a price is on record, or None without any."""
    first, last = session.exec(
        select(func.min(PriceSightingRow.observed_on), func.max(PriceSightingRow.observed_on))
    ).one()
    return None if first is None else (first, last)


def model_coverage(session: Session) -> list[ModelCoverage]:
    """Return how much is on record of each GPU model, by name."""
    query = (
        select(
            col(PriceSeriesRow.gpu_model),
            col(PriceSeriesRow.provider),
            func.min(PriceSightingRow.observed_on),
            func.max(PriceSightingRow.observed_on),
        )
        .join(PriceSightingRow, col(PriceSightingRow.series_id) == PriceSeriesRow.id)
        .group_by(col(PriceSeriesRow.gpu_model), col(PriceSeriesRow.provider))
    )
    found: dict[str, list[tuple[str, date, date]]] = defaultdict(list)
    for model, provider, first, last in session.exec(query):
        found[model].append((provider, first, last))
    return [
        ModelCoverage(
            gpu_model=model,
            providers=tuple(sorted(provider for provider, _, _ in seen)),
            first_observed_on=min(first for _, first, _ in seen),
            last_observed_on=max(last for _, _, last in seen),
        )
        for model, seen in sorted(found.items())
    ]


def fx_table(session: Session) -> FxTable:
    """Return every exchange rate on record."""
    return FxTable(
        FxRate(
            base=Currency(row.base),
            quote=Currency(row.quote),
            on=row.on,
            rate=Decimal(row.rate),
            source=row.source,
        )
        for row in session.exec(select(FxRateRow))
    )


def _comparable(kinds: Sequence[str]) -> list[ColumnElement[bool]]:
    return [
        col(PriceSeriesRow.memory_differs).is_(False),
        col(PriceSeriesRow.kind).in_([str(kind) for kind in kinds]),
    ]
