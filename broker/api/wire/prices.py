"""Market prices as they cross the network. Amounts are text, exact; days are ISO days.

All prices are US dollars per GPU-hour, as suppliers publish them.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from broker.flows.import_fx import FxImportReport
from broker.flows.import_prices import PriceImportReport
from broker.flows.list_prices import LatestPrice, PriceList, PriceSources, SeriesLevels
from broker.store.price_history import Series, Sighting
from pricing.money import MAX_DECIMALS, USD, Money, plain
from pricing.series import KnownPrices, PriceKind, Unpriced
from providers.csv_sheet import RowFault

Price = Annotated[str, Field(description="US dollars per GPU-hour", examples=["4.4"])]

EXAMPLES_PER_NOTICE = 3


def amount(value: Decimal) -> str:
    """Return an amount as text, rounded half-even to what the books keep."""
    return plain(Money(value).rounded(MAX_DECIMALS).amount)


class Issue(BaseModel):
    """One thing to say about a row."""

    line: int | None = Field(description="physical line of the file; its first line is 1")
    field: str | None = Field(description="column")
    severity: Literal["error", "warning"] = Field(description="an error stops the whole import")
    code: str = Field(description="stable, for programs")
    message: str

    @classmethod
    def of(cls, fault: RowFault, *, severity: Literal["error", "warning"]) -> Issue:
        """Return a fault of a sheet as an issue."""
        return cls(
            line=fault.line,
            field=fault.field,
            severity=severity,
            code=fault.code,
            message=fault.message,
        )


class UnmappedEntry(BaseModel):
    """A row that was set aside because nobody knows its GPU yet."""

    line: int
    gpu: str = Field(description="as quoted")
    reason: str
    suggestion: str | None = Field(description="the GPU model that may be meant")


class PriceImport(BaseModel):
    """What an import found and added. With an error it added nothing."""

    file: str
    status: Literal["ok", "errors"]
    dry_run: bool
    import_id: str | None = Field(description="null when nothing was written")
    rows: int
    series: int = Field(description="product lines that the file names")
    new_sightings: int = Field(description="rows that were not on record yet")
    levels: int = Field(description="price levels of those product lines now")
    newly_mapped: int = Field(description="rows that an earlier import had set aside")
    unmapped: list[UnmappedEntry]
    notices: dict[str, int] = Field(description="rows that deserve a look, by code")
    issues: list[Issue] = Field(description="every error; a few examples of each notice")

    @classmethod
    def of(cls, report: PriceImportReport) -> PriceImport:
        """Return the report of a flow."""
        return cls(
            file=report.file,
            status="ok" if report.is_ok else "errors",
            dry_run=report.dry_run,
            import_id=report.import_id,
            rows=report.rows,
            series=report.series,
            new_sightings=report.new_sightings,
            levels=report.levels,
            newly_mapped=report.newly_mapped,
            unmapped=[
                UnmappedEntry(
                    line=row.line,
                    gpu=row.gpu_as_quoted,
                    reason=row.reason,
                    suggestion=row.suggestion,
                )
                for row in report.unmapped
            ],
            notices=report.notice_counts(),
            issues=[
                *(Issue.of(fault, severity="error") for fault in report.faults),
                *(Issue.of(notice, severity="warning") for notice in _examples(report)),
            ],
        )


class FxImport(BaseModel):
    """What an import of exchange rates found and added. With an error it added nothing."""

    file: str
    status: Literal["ok", "errors"]
    rows: int
    new_rates: int
    issues: list[Issue]

    @classmethod
    def of(cls, report: FxImportReport) -> FxImport:
        """Return the report of a flow."""
        return cls(
            file=report.file,
            status="ok" if report.is_ok else "errors",
            rows=report.rows,
            new_rates=report.new_rates,
            issues=[Issue.of(fault, severity="error") for fault in report.faults],
        )


class SeriesEntry(BaseModel):
    """One provider's product line as it was observed, and what its spelling means."""

    provider: str
    gpu_model: str
    part: str | None = Field(description="null when the spelling leaves the form factor open")
    form_factor: str | None
    memory_gb: int | None = Field(description="as observed")
    kind: PriceKind
    gpu_as_quoted: str
    excluded_because: str | None = Field(description="why nothing is compared with it")

    @classmethod
    def of(cls, series: Series) -> SeriesEntry:
        """Return a series."""
        return cls(
            provider=series.key.provider,
            gpu_model=series.key.gpu_model,
            part=series.key.part,
            form_factor=series.form_factor,
            memory_gb=series.key.memory_gb,
            kind=series.key.kind,
            gpu_as_quoted=series.key.gpu_as_quoted,
            excluded_because=series.excluded_because,
        )


class PriceEntry(BaseModel):
    """The last known price of a product; without one, why there is none. Never 0."""

    provider: str
    gpu_model: str
    kind: PriceKind
    low: Price | None = Field(description="the cheapest listed that day")
    high: Price | None = Field(description="the dearest listed that day")
    observed_on: date | None = Field(description="when it was last seen, if ever")
    age_days: int | None
    stale: bool | None = Field(description="true when carried forward from an earlier day")
    unknown_because: Unpriced | None

    @classmethod
    def of(cls, price: LatestPrice) -> PriceEntry:
        """Return a latest price."""
        product, known = price.product, price.known
        if not isinstance(known, KnownPrices):
            return cls(
                provider=product.provider,
                gpu_model=product.gpu_model,
                kind=product.kind,
                low=None,
                high=None,
                observed_on=known.last_observed_on,
                age_days=None,
                stale=None,
                unknown_because=known.because,
            )
        return cls(
            provider=product.provider,
            gpu_model=product.gpu_model,
            kind=product.kind,
            low=plain(known.cheapest),
            high=plain(max(known.prices)),
            observed_on=known.observed_on,
            age_days=known.age_days,
            stale=known.is_stale,
            unknown_because=None,
        )


class Prices(BaseModel):
    """The last known prices as of a day."""

    as_of: date
    max_age_days: int = Field(description="older prices are unknown")
    currency: str = USD
    items: list[PriceEntry]
    excluded_count: int = Field(description="product lines that are compared with nothing")
    excluded: list[SeriesEntry]

    @classmethod
    def of(cls, found: PriceList) -> Prices:
        """Return a price list."""
        return cls(
            as_of=found.as_of,
            max_age_days=found.max_age_days,
            items=[PriceEntry.of(price) for price in found.prices],
            excluded_count=len(found.excluded),
            excluded=[SeriesEntry.of(series) for series in found.excluded],
        )


class LevelEntry(BaseModel):
    """A price and the days it was first and last seen; it held on every seen day between."""

    price: Price
    first_seen_on: date
    last_seen_on: date


class GapEntry(BaseModel):
    """Days on which nobody looked: unknown, not unchanged."""

    first_day: date
    days: int


class SeriesHistoryEntry(BaseModel):
    """How the price of one product line moved."""

    series: SeriesEntry
    levels: list[LevelEntry]
    gaps: list[GapEntry]

    @classmethod
    def of(cls, found: SeriesLevels) -> SeriesHistoryEntry:
        """Return the levels of a series."""
        return cls(
            series=SeriesEntry.of(found.series),
            levels=[
                LevelEntry(
                    price=plain(level.price),
                    first_seen_on=level.first_seen_on,
                    last_seen_on=level.last_seen_on,
                )
                for level in found.levels
            ],
            gaps=[GapEntry(first_day=gap.start, days=gap.days) for gap in found.gaps],
        )


class PriceHistories(BaseModel):
    """How prices moved, one entry for each product line."""

    currency: str = USD
    items: list[SeriesHistoryEntry]


class PriceSource(BaseModel):
    """The raw row that a price came from."""

    series: SeriesEntry
    observed_on: date
    price: Price
    fetched_at: datetime
    file: str
    line: int
    import_id: str

    @classmethod
    def of(cls, row: Sighting) -> PriceSource:
        """Return a raw row."""
        return cls(
            series=SeriesEntry.of(row.series),
            observed_on=row.observed_on,
            price=plain(row.price),
            fetched_at=row.fetched_at,
            file=row.file,
            line=row.line,
            import_id=row.import_id,
        )


class PriceSourceList(BaseModel):
    """Raw rows, the newest first; `total` counts those that were not sent too."""

    total: int
    currency: str = USD
    items: list[PriceSource]

    @classmethod
    def of(cls, found: PriceSources) -> PriceSourceList:
        """Return raw rows."""
        return cls(total=found.total, items=[PriceSource.of(row) for row in found.rows])


def _examples(report: PriceImportReport) -> list[RowFault]:
    told: dict[str, int] = {}
    examples: list[RowFault] = []
    for notice in report.notices:
        told[notice.code] = told.get(notice.code, 0) + 1
        if told[notice.code] <= EXAMPLES_PER_NOTICE:
            examples.append(notice)
    return examples
