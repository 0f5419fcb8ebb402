"""A GPU model's market as it crosses the network. Prices are US dollars per GPU-hour."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Annotated

from pydantic import BaseModel, Field

from broker.api.wire.prices import Price, PriceEntry, SeriesEntry, amount
from broker.flows.compare_market import Comparison, DayOfPrices, MarketView
from broker.flows.list_prices import LatestPrice, Product
from broker.store.prices import ModelCoverage
from pricing.market import Benchmark, NoBenchmark, Observation, Widening
from pricing.money import USD, plain
from pricing.panel import PanelStep
from pricing.series import PriceKind

Fraction = Annotated[
    str, Field(description="a fraction to four decimals: 0.16 is 16 %", examples=["0.16"])
]
Index = Annotated[str, Field(description="level of an index that starts at 100")]

_SHOWN_STEP = Decimal("0.0001")


class ComparisonEntry(PriceEntry):
    """What one provider asks in one kind, and how its cheapest price moved."""

    move_7_days: Fraction | None = Field(description="null when a price is unknown at either end")
    move_30_days: Fraction | None

    @classmethod
    def of_comparison(cls, row: Comparison) -> ComparisonEntry:
        """Return a row of the comparison."""
        entry = PriceEntry.of(LatestPrice(product=row.product, known=row.known))
        return cls(
            **entry.model_dump(),
            move_7_days=_ratio(row.move_7_days),
            move_30_days=_ratio(row.move_30_days),
        )


class BenchmarkMember(BaseModel):
    """One supplier's price behind a benchmark."""

    supplier: str
    price: Price
    observed_on: date
    form_factor: str | None
    reference: str

    @classmethod
    def of(cls, seen: Observation) -> BenchmarkMember:
        """Return an observation."""
        return cls(
            supplier=seen.supplier,
            price=amount(seen.price_per_gpu_hour.amount),
            observed_on=seen.observed_on,
            form_factor=seen.form_factor,
            reference=seen.reference,
        )


class BenchmarkEntry(BaseModel):
    """The median of public on-demand lists, one value a supplier.

    Without enough suppliers there is no figure, and `n` says how many there were.
    """

    n: int = Field(description="suppliers, outliers dropped")
    median: Price | None
    mad: Price | None = Field(description="median absolute deviation")
    q1: Price | None
    q3: Price | None
    widened: list[Widening] = Field(description="what was loosened to find enough suppliers")
    members: list[BenchmarkMember]
    dropped: list[BenchmarkMember] = Field(description="outliers")

    @classmethod
    def of(cls, found: Benchmark | NoBenchmark) -> BenchmarkEntry:
        """Return a benchmark, or that there is none."""
        if isinstance(found, NoBenchmark):
            return cls(
                n=found.found,
                median=None,
                mad=None,
                q1=None,
                q3=None,
                widened=list(found.tried[-1].widened),
                members=[],
                dropped=[],
            )
        return cls(
            n=found.n,
            median=amount(found.median.amount),
            mad=amount(found.mad.amount),
            q1=amount(found.q1.amount),
            q3=amount(found.q3.amount),
            widened=list(found.widened),
            members=[BenchmarkMember.of(member) for member in found.members],
            dropped=[BenchmarkMember.of(member) for member in found.dropped],
        )


class PanelEntry(BaseModel):
    """One step of the index: the same suppliers at both ends. Unknown with too few of them."""

    since: date
    until: date
    suppliers: list[str]
    move: Fraction | None
    index: Index | None

    @classmethod
    def of(cls, step: PanelStep) -> PanelEntry:
        """Return a step."""
        return cls(
            since=step.since,
            until=step.until,
            suppliers=list(step.members),
            move=_ratio(None if step.ratio is None else step.ratio - 1),
            index=_ratio(step.index),
        )


class DayEntry(BaseModel):
    """What was listed on one day on which somebody looked."""

    day: date
    low: Price
    high: Price


class ProductHistory(BaseModel):
    """A product day by day, for charts; a day that is missing is a day nobody looked."""

    provider: str
    kind: PriceKind
    days: list[DayEntry]

    @classmethod
    def of(cls, product: Product, days: tuple[DayOfPrices, ...]) -> ProductHistory:
        """Return the days of a product."""
        return cls(
            provider=product.provider,
            kind=product.kind,
            days=[
                DayEntry(day=one.day, low=plain(min(one.prices)), high=plain(max(one.prices)))
                for one in days
            ],
        )


class Market(BaseModel):
    """A GPU model's market as of a day."""

    gpu_model: str
    as_of: date
    window_start: date
    currency: str = USD
    comparison: list[ComparisonEntry]
    list_benchmark: BenchmarkEntry
    panel_start: date | None = Field(description="where the index is 100")
    panel: list[PanelEntry]
    history: list[ProductHistory]
    excluded_count: int = Field(description="product lines that are compared with nothing")
    excluded: list[SeriesEntry]

    @classmethod
    def of(cls, view: MarketView) -> Market:
        """Return a market view."""
        return cls(
            gpu_model=view.gpu_model,
            as_of=view.as_of,
            window_start=view.window_start,
            comparison=[ComparisonEntry.of_comparison(row) for row in view.comparisons],
            list_benchmark=BenchmarkEntry.of(view.list_benchmark),
            panel_start=view.panel_start,
            panel=[PanelEntry.of(step) for step in view.panel],
            history=[ProductHistory.of(product, days) for product, days in view.history.items()],
            excluded_count=len(view.excluded),
            excluded=[SeriesEntry.of(series) for series in view.excluded],
        )


class GpuModel(BaseModel):
    """A GPU model by its canonical name, and whose prices of it are on record."""

    gpu_model: str
    providers: list[str]
    first_observed_on: date | None
    last_observed_on: date | None

    @classmethod
    def of(cls, model: str, coverage: ModelCoverage | None) -> GpuModel:
        """Return a model with what is on record of it."""
        return cls(
            gpu_model=model,
            providers=list(coverage.providers) if coverage else [],
            first_observed_on=coverage.first_observed_on if coverage else None,
            last_observed_on=coverage.last_observed_on if coverage else None,
        )


class GpuModelList(BaseModel):
    """Every GPU model that is known by name."""

    items: list[GpuModel]


def _ratio(value: Decimal | None) -> str | None:
    if value is None:
        return None
    return plain(value.quantize(_SHOWN_STEP, rounding=ROUND_HALF_EVEN))
