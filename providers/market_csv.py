"""A sheet of market prices: one CSV row per provider, GPU, terms and day.

Columns, in any order: `date, provider, gpu, vram_gb, usd_per_gpu_hour, kind, fetched_at`.
Rows of one series and day with different prices are different products, not a change; identical
rows count once. A row whose GPU nobody knows is set aside whole and does not stop the rest,
because providers list new cards before anybody maps them.

Sheets carry quotients such as a node price over eight, and the digits of a binary float. Prices
are therefore rounded half-even to the millionth that the books keep, and each rounding is told.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal

from pricing.hardware import Gpu, UnknownGpuError, canonical_gpu
from pricing.money import MAX_DECIMALS, USD, Money
from pricing.series import PriceKind, Prices, SeriesKey
from providers.csv_sheet import BadCellError, RowFault, RowReading, read_day, read_sheet, shown

COLUMNS = ("date", "provider", "gpu", "vram_gb", "usd_per_gpu_hour", "kind", "fetched_at")
OPTIONAL_CELLS = frozenset({"vram_gb"})

LOWEST_USD_PER_GPU_HOUR = Decimal("0.005")
HIGHEST_USD_PER_GPU_HOUR = Decimal(200)
MAX_QUOTED_DECIMALS = 17
"""As many as a binary float can print; more is no price."""

_STORED_STEP = Decimal(1).scaleb(-MAX_DECIMALS)
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?"
    r"(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_PLAIN_DECIMAL = re.compile(r"-?[0-9]{1,9}(?:\.(?P<decimals>[0-9]+))?")
_PLAIN_INTEGER = re.compile(r"[0-9]{1,4}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketRow:
    """One price as observed. `line` is the physical line on which the row begins."""

    line: int
    observed_on: date
    key: SeriesKey
    gpu: Gpu  # what the key's spelling means
    price: Money
    fetched_at: datetime
    raw: str  # the row as written, without its line end


@dataclass(frozen=True, slots=True, kw_only=True)
class UnmappedRow:
    """A row whose GPU is not in the alias table, kept as it was written."""

    line: int
    raw: str
    gpu_as_quoted: str
    reason: str
    suggestion: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketSheet:
    """What a sheet says. With any fault nothing of it should be stored.

    `unmapped` and `notices` are warnings: rows set aside, and prices or memories that are stored
    but deserve a look.
    """

    rows: tuple[MarketRow, ...] = ()
    unmapped: tuple[UnmappedRow, ...] = ()
    faults: tuple[RowFault, ...] = ()
    notices: tuple[RowFault, ...] = ()

    def prices_by_series(self) -> dict[SeriesKey, dict[date, Prices]]:
        """Return the prices of each series and observed day; identical rows collapse."""
        found: dict[SeriesKey, dict[date, set[Decimal]]] = defaultdict(lambda: defaultdict(set))
        for row in self.rows:
            found[row.key][row.observed_on].add(row.price.amount)
        return {
            key: {day: frozenset(prices) for day, prices in days.items()}
            for key, days in found.items()
        }


def parse(content: bytes) -> MarketSheet:
    """Return the rows of a sheet, and everything wrong with it at once. Never raises."""
    sheet = read_sheet(content, columns=COLUMNS)
    faults = list(sheet.faults)
    rows: list[MarketRow] = []
    unmapped: list[UnmappedRow] = []
    notices: list[RowFault] = []
    for record in sheet.records:
        row = _MarketReading(record=record, sheet=sheet, optional=OPTIONAL_CELLS)
        read = row.read()
        if isinstance(read, MarketRow):
            rows.append(read)
        elif isinstance(read, UnmappedRow):
            unmapped.append(read)
        faults += row.faults
        notices += row.notices
    return MarketSheet(
        rows=tuple(rows),
        unmapped=tuple(unmapped),
        faults=tuple(sorted(faults, key=lambda fault: fault.line or 0)),
        notices=tuple(notices),
    )


@dataclass(slots=True, kw_only=True)
class _MarketReading(RowReading):
    """One record while it is read as a price: faults and notices are collected."""

    notices: list[RowFault] = field(default_factory=list)

    def read(self) -> MarketRow | UnmappedRow | None:
        """Return the row, or the row set aside, or None if anything is wrong with it."""
        if not self.is_whole():
            return None
        observed_on = self.cell("date", read_day)
        provider = self.cell("provider", str.lower)
        quoted = self.cell("gpu", str)
        memory_gb = self.cell("vram_gb", _gigabytes)
        price = self.cell("usd_per_gpu_hour", self._usd_per_gpu_hour)
        kind = self.cell("kind", _kind)
        fetched_at = self.cell("fetched_at", _instant)
        if quoted is None:
            return None
        gpu = self._gpu(quoted, provider=provider, memory_gb=memory_gb)
        if isinstance(gpu, UnmappedRow):
            return gpu
        if not (observed_on and provider and price and kind and fetched_at) or self.faults:
            return None
        key = SeriesKey(
            provider=provider,
            gpu_model=gpu.model,
            part=gpu.part,
            memory_gb=memory_gb,
            kind=kind,
            gpu_as_quoted=quoted,
        )
        return MarketRow(
            line=self.record.line,
            observed_on=observed_on,
            key=key,
            gpu=gpu,
            price=price,
            fetched_at=fetched_at,
            raw=self.record.raw,
        )

    def _usd_per_gpu_hour(self, text: str) -> Money:
        quoted = _price(text)
        stored = quoted.quantize(_STORED_STEP, rounding=ROUND_HALF_EVEN)
        if stored != quoted:
            message = f"stored half-even to {MAX_DECIMALS} decimals, as many as the books keep"
            self._note("price_rounded", message, "usd_per_gpu_hour")
            return Money(stored, USD)
        return Money(quoted, USD)

    def _gpu(
        self, quoted: str, *, provider: str | None, memory_gb: int | None
    ) -> Gpu | UnmappedRow:
        try:
            gpu = canonical_gpu(quoted, provider=provider, memory_gb=memory_gb)
        except UnknownGpuError as unknown:
            return UnmappedRow(
                line=self.record.line,
                raw=self.record.raw,
                gpu_as_quoted=quoted,
                reason=str(unknown),
                suggestion=unknown.suggestion,
            )
        if gpu.memory_differs(memory_gb):
            message = f"{memory_gb} GB is not the memory of {gpu.part or gpu.model}; a slice of it?"
            self._note("memory_differs", message, "vram_gb")
        return gpu

    def _note(self, code: str, message: str, name: str) -> None:
        self.notices.append(RowFault(code=code, message=message, line=self.record.line, field=name))


def _instant(text: str) -> datetime:
    matched = _INSTANT.fullmatch(text)
    if matched and not matched.group("zone"):
        raise BadCellError("naive_timestamp", f"{shown(text)} names no zone; end it with Z")
    try:
        if matched:
            return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise BadCellError(
        "bad_timestamp", f"{shown(text)} is not an instant such as 2026-07-05T23:04:21Z"
    )


def _kind(text: str) -> PriceKind:
    try:
        return PriceKind(text.lower())
    except ValueError:
        raise BadCellError(
            "unknown_kind", f"{shown(text)} is none of {', '.join(PriceKind)}"
        ) from None


def _gigabytes(text: str) -> int:
    if not _PLAIN_INTEGER.fullmatch(text):
        raise BadCellError("bad_number", f"{shown(text)} is not whole gigabytes such as 80")
    if int(text) == 0:
        raise BadCellError("not_positive", "no GPU has 0 GB; leave an unknown memory empty")
    return int(text)


# The messages below leave the amount out: line and column find it, and a log need not hold it.
def _price(text: str) -> Decimal:
    matched = _PLAIN_DECIMAL.fullmatch(text)
    if not matched:
        message = "a price is plain digits such as 2.63: no sign, comma, currency or exponent"
        raise BadCellError("bad_number", message)
    if len(matched.group("decimals") or "") > MAX_QUOTED_DECIMALS:
        raise BadCellError("too_precise", f"more than {MAX_QUOTED_DECIMALS} decimals; round it")
    price = Decimal(text)
    if price == 0:
        raise BadCellError("not_positive", "a price is above zero; leave an unknown price out")
    if price < 0:
        raise BadCellError("negative_value", "a price is above zero; credits do not belong here")
    if not LOWEST_USD_PER_GPU_HOUR <= price <= HIGHEST_USD_PER_GPU_HOUR:
        raise BadCellError(
            "price_out_of_range",
            f"a GPU-hour costs {LOWEST_USD_PER_GPU_HOUR} to {HIGHEST_USD_PER_GPU_HOUR} USD; "
            "check that the price is not per node, per month or in cents",
        )
    return price
