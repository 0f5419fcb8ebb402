"""A sheet of market prices: one CSV row per provider, GPU, terms and day.

Columns, in any order: `date, provider, gpu, vram_gb, usd_per_gpu_hour, kind, fetched_at`.
Rows of one series and day with different prices are different products, not a change; identical
rows count once. A row whose GPU nobody knows is set aside whole and does not stop the rest,
because providers list new cards before anybody maps them.

Sheets carry quotients such as a node price over eight, and the digits of a binary float. Prices
are therefore rounded half-even to the millionth that the books keep, and each rounding is told.
"""

from __future__ import annotations

import csv
import io
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TypeVar

from pricing.hardware import Gpu, UnknownGpuError, canonical_gpu
from pricing.money import MAX_DECIMALS, USD, Money
from pricing.series import PriceKind, Prices, SeriesKey

COLUMNS = ("date", "provider", "gpu", "vram_gb", "usd_per_gpu_hour", "kind", "fetched_at")
OPTIONAL_CELLS = frozenset({"vram_gb"})

LOWEST_USD_PER_GPU_HOUR = Decimal("0.005")
HIGHEST_USD_PER_GPU_HOUR = Decimal(200)
MAX_QUOTED_DECIMALS = 17
"""As many as a binary float can print; more is no price."""
LONGEST_CELL = 120

_STORED_STEP = Decimal(1).scaleb(-MAX_DECIMALS)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?"
    r"(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_PLAIN_DECIMAL = re.compile(r"-?[0-9]{1,9}(?:\.(?P<decimals>[0-9]+))?")
_PLAIN_INTEGER = re.compile(r"[0-9]{1,4}")
_UNDECODED = re.compile("[\udc80-\udcff]")

_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFault:
    """One thing wrong with, or worth knowing of, a sheet: where it stands and what would help."""

    code: str
    message: str
    line: int | None = None
    field: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketRow:
    """One price as observed. `line` is the physical line on which the row begins."""

    line: int
    observed_on: date
    key: SeriesKey
    price: Money
    fetched_at: datetime


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
    records, faults = _records(content.decode("utf-8-sig", errors="surrogateescape"))
    if not records:
        complaint = _fault("missing_header", f"the sheet is empty; begin it with {_header_line()}")
        return MarketSheet(faults=(complaint, *faults))
    positions, header_faults = _positions(records[0])
    faults += header_faults
    rows: list[MarketRow] = []
    unmapped: list[UnmappedRow] = []
    notices: list[RowFault] = []
    for record in records[1:] if positions else ():
        row = _RowReading(record, positions, width=len(records[0].cells))
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    line: int
    cells: Sequence[str]
    raw: str


class _BadCellError(ValueError):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def _records(text: str) -> tuple[list[_Record], list[RowFault]]:
    lines = list(io.StringIO(text, newline=""))
    reader = csv.reader(lines, strict=True)
    records: list[_Record] = []
    faults: list[RowFault] = []
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return records, faults
        except csv.Error as error:
            message = f"the quotes do not match or the cell is too long ({error}); correct the row"
            faults.append(_fault("bad_quoting", message, line=line))
            continue
        if any(cell.strip() for cell in cells):
            raw = "".join(lines[line - 1 : reader.line_num]).rstrip("\r\n")
            records.append(_Record(line=line, cells=cells, raw=raw))


def _positions(header: _Record) -> tuple[dict[str, int], list[RowFault]]:
    """Return where each known column stands, empty if the line is no header, and its faults."""
    names = [cell.strip().lower() for cell in header.cells]
    known = [name for name in names if name in COLUMNS]
    if not known:
        if any(_UNDECODED.search(name) for name in names):
            return {}, [_fault("not_utf8", "save the sheet as UTF-8 text", line=header.line)]
        message = f"the first line names no known column; begin with {_header_line()}"
        return {}, [_fault("missing_header", message, line=header.line)]
    return {name: names.index(name) for name in known}, list(_header_faults(names, header.line))


def _header_faults(names: Sequence[str], line: int) -> Iterator[RowFault]:
    for name in COLUMNS:
        if name not in names:
            yield _fault("missing_column", "add the column", line=line, field=name)
        elif names.count(name) > 1:
            message = f"the column stands {names.count(name)} times; keep one"
            yield _fault("duplicate_column", message, line=line, field=name)
    for name in dict.fromkeys(names):
        if name not in COLUMNS:
            message = f"{_shown(name)} is not a column of this sheet; remove it"
            yield _fault("unknown_column", message, line=line, field=_printable(name))


@dataclass(slots=True)
class _RowReading:
    """One record while it is read: what is wrong is collected, not thrown."""

    record: _Record
    positions: Mapping[str, int]
    width: int
    faults: list[RowFault] = field(default_factory=list)
    notices: list[RowFault] = field(default_factory=list)

    def read(self) -> MarketRow | UnmappedRow | None:
        """Return the row, or the row set aside, or None if anything is wrong with it."""
        line, count = self.record.line, len(self.record.cells)
        if count != self.width:
            message = f"{count} cells under {self.width} columns; check commas and quotes"
            self.faults.append(_fault("cell_count", message, line=line))
            return None
        observed_on = self.cell("date", _day)
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
            line=line, observed_on=observed_on, key=key, price=price, fetched_at=fetched_at
        )

    def cell(self, name: str, read: Callable[[str], _Read]) -> _Read | None:
        """Return the cell of a column as a value; None if empty, absent or wrong."""
        if name not in self.positions:
            return None  # the header's fault says so once
        text = self.record.cells[self.positions[name]].strip()
        try:
            if _is_filled(text, required=name not in OPTIONAL_CELLS):
                return read(text)
        except _BadCellError as bad:
            self.faults.append(_fault(bad.code, str(bad), line=self.record.line, field=name))
        return None

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
        self.notices.append(_fault(code, message, line=self.record.line, field=name))


def _is_filled(text: str, *, required: bool) -> bool:
    if required and not text:
        raise _BadCellError("missing_required", "the cell is empty; fill it in")
    if "\0" in text:
        raise _BadCellError("nul", "the cell holds a NUL character; export the sheet again")
    if _UNDECODED.search(text):
        raise _BadCellError("not_utf8", "the cell is not UTF-8 text; save the sheet as UTF-8")
    if not text.isprintable():
        raise _BadCellError("bad_text", "the cell holds a line break or control character")
    if len(text) > LONGEST_CELL:
        raise _BadCellError("bad_text", f"the cell is longer than {LONGEST_CELL} characters")
    return bool(text)


def _day(text: str) -> date:
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise _BadCellError("bad_date", f"{_shown(text)} is not a day such as 2026-07-05")


def _instant(text: str) -> datetime:
    matched = _INSTANT.fullmatch(text)
    if matched and not matched.group("zone"):
        raise _BadCellError("naive_timestamp", f"{_shown(text)} names no zone; end it with Z")
    try:
        if matched:
            return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise _BadCellError(
        "bad_timestamp", f"{_shown(text)} is not an instant such as 2026-07-05T23:04:21Z"
    )


def _kind(text: str) -> PriceKind:
    try:
        return PriceKind(text.lower())
    except ValueError:
        raise _BadCellError(
            "unknown_kind", f"{_shown(text)} is none of {', '.join(PriceKind)}"
        ) from None


def _gigabytes(text: str) -> int:
    if not _PLAIN_INTEGER.fullmatch(text):
        raise _BadCellError("bad_number", f"{_shown(text)} is not whole gigabytes such as 80")
    if int(text) == 0:
        raise _BadCellError("not_positive", "no GPU has 0 GB; leave an unknown memory empty")
    return int(text)


# The messages below leave the amount out: line and column find it, and a log need not hold it.
def _price(text: str) -> Decimal:
    matched = _PLAIN_DECIMAL.fullmatch(text)
    if not matched:
        message = "a price is plain digits such as 2.63: no sign, comma, currency or exponent"
        raise _BadCellError("bad_number", message)
    if len(matched.group("decimals") or "") > MAX_QUOTED_DECIMALS:
        raise _BadCellError("too_precise", f"more than {MAX_QUOTED_DECIMALS} decimals; round it")
    price = Decimal(text)
    if price == 0:
        raise _BadCellError("not_positive", "a price is above zero; leave an unknown price out")
    if price < 0:
        raise _BadCellError("negative_value", "a price is above zero; credits do not belong here")
    if not LOWEST_USD_PER_GPU_HOUR <= price <= HIGHEST_USD_PER_GPU_HOUR:
        raise _BadCellError(
            "price_out_of_range",
            f"a GPU-hour costs {LOWEST_USD_PER_GPU_HOUR} to {HIGHEST_USD_PER_GPU_HOUR} USD; "
            "check that the price is not per node, per month or in cents",
        )
    return price


def _fault(
    code: str, message: str, *, line: int | None = None, field: str | None = None
) -> RowFault:
    return RowFault(code=code, message=message, line=line, field=field)


def _header_line() -> str:
    return ",".join(COLUMNS)


def _printable(text: str) -> str:
    return ascii(text[:40])[1:-1]


def _shown(text: str) -> str:
    return ascii(text if len(text) <= 40 else f"{text[:37]}...")
