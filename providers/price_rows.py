"""A dated price sheet of ours, for suppliers that publish no price by API, or have no API.

One CSV row per machine, place and terms, in the columns of `COLUMNS`. `as_of` is the day the price
was read; the offers made of it say so (`price_kind`: "price-sheet 2026-10-04"). A cell of `region`,
`gpu_memory_gb`, `term_months` or `stock` may be empty. With any fault nothing of a sheet is used.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Final, TypeVar

from pricing.money import Currency, currency
from pricing.offer import PriceUnit, StockState, Terms
from providers.access import Access
from providers.csv_sheet import BadCellError, RowFault, RowReading, read_day, read_sheet, shown
from providers.errors import AnswerChanged, ErrorKind, supplier_error
from providers.supplier import Page

COLUMNS: Final = (
    "supplier",
    "native_id",
    "gpu",
    "gpu_count",
    "gpu_memory_gb",
    "region",
    "terms",
    "term_months",
    "price",
    "unit",
    "currency",
    "stock",
    "as_of",
    "source",
)
OPTIONAL: Final = frozenset({"region", "gpu_memory_gb", "term_months", "stock"})
CALL: Final = "price-sheet"
MOST_TOLD: Final = 20
"""So many faults of a sheet are named in one message."""

_PLAIN: Final = re.compile(r"[0-9]{1,7}(\.[0-9]{1,9})?")
_COUNT: Final = re.compile(r"[1-9][0-9]{0,4}")

_Kind = TypeVar("_Kind", PriceUnit, Terms, StockState)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRow:
    """One price of a sheet, in the unit that the sheet names."""

    line: int
    supplier: str
    native_id: str
    gpu: str
    gpu_count: int
    gpu_memory_gb: int | None
    region: str | None
    terms: Terms
    term_months: int | None
    price: Decimal
    unit: PriceUnit
    currency: Currency
    stock: StockState
    as_of: date
    source: str

    @property
    def price_kind(self) -> str:
        """Return what sort of price this is: it was read from a sheet, on that day."""
        return f"{CALL} {self.as_of.isoformat()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRows:
    """The rows of a sheet and everything wrong with it."""

    rows: tuple[PriceRow, ...]
    faults: tuple[RowFault, ...]


def read_price_rows(content: bytes) -> PriceRows:
    """Return the rows of a sheet, and everything wrong with it at once. Never raises."""
    sheet = read_sheet(content, columns=COLUMNS)
    faults, rows = list(sheet.faults), []
    for record in sheet.records:
        reading = RowReading(record=record, sheet=sheet, optional=OPTIONAL)
        row = _row(reading)
        faults += reading.faults
        if row is not None:
            rows.append(row)
    return PriceRows(rows=tuple(rows), faults=tuple(faults))


def price_rows(page: Page, *, supplier: str) -> tuple[PriceRow, ...]:
    """Return the rows of a sheet that came as a page, or raise AnswerChanged that names its faults.

    The first `MOST_TOLD` of them, and how many more there are.
    """
    read = read_price_rows(page.body)
    if read.faults:
        told = [_told(fault) for fault in read.faults[:MOST_TOLD]]
        more = len(read.faults) - len(told)
        raise AnswerChanged(
            f"{page.url}: " + "; ".join(told) + (f"; and {more} more" if more else ""),
            supplier=supplier,
        )
    return read.rows


def sheet_page(path: Path, *, supplier: str, access: Access) -> Page:
    """Return a sheet as a page, or raise SupplierError when the file cannot be read."""
    try:
        body = path.read_bytes()
    except OSError as unreadable:
        raise supplier_error(
            ErrorKind.NOT_FOUND,
            f"{CALL}: {path.name} cannot be read ({type(unreadable).__name__}); check the path",
            supplier=supplier,
        ) from None
    return Page(call=CALL, url=path.name, body=body, fetched_at=access.now())


def _told(fault: RowFault) -> str:
    where = [f"line {fault.line}" if fault.line else "", fault.field or ""]
    return ": ".join(part for part in (", ".join(filter(None, where)), fault.message) if part)


def _row(reading: RowReading) -> PriceRow | None:
    if not reading.is_whole():
        return None
    supplier = reading.cell("supplier", str.lower)
    native_id = reading.cell("native_id", str)
    gpu = reading.cell("gpu", str)
    gpu_count = reading.cell("gpu_count", _count)
    memory = reading.cell("gpu_memory_gb", _count)
    region = reading.cell("region", str)
    terms = reading.cell("terms", _one_of(Terms))
    months = reading.cell("term_months", _count)
    price = reading.cell("price", _price)
    unit = reading.cell("unit", _one_of(PriceUnit))
    code = reading.cell("currency", _currency)
    stock = reading.cell("stock", _one_of(StockState))
    as_of = reading.cell("as_of", read_day)
    source = reading.cell("source", str)
    if reading.faults or not (supplier and native_id and gpu and gpu_count and terms and price):
        return None
    if not (unit and code and as_of and source):
        return None
    return PriceRow(
        line=reading.record.line,
        supplier=supplier,
        native_id=native_id,
        gpu=gpu,
        gpu_count=gpu_count,
        gpu_memory_gb=memory,
        region=region,
        terms=terms,
        term_months=months,
        price=price,
        unit=unit,
        currency=code,
        stock=stock or StockState.UNKNOWN,
        as_of=as_of,
        source=source,
    )


def _count(text: str) -> int:
    if not _COUNT.fullmatch(text):
        raise BadCellError("bad_number", f"{shown(text)} is not a whole number from 1 up")
    return int(text)


def _price(text: str) -> Decimal:
    if not _PLAIN.fullmatch(text):
        raise BadCellError("bad_number", "a price is plain digits such as 68.80")
    if Decimal(text) == 0:
        raise BadCellError("not_positive", "a price is above zero; leave out what has none")
    return Decimal(text)


def _currency(text: str) -> Currency:
    try:
        return currency(text)
    except ValueError as wrong:
        raise BadCellError("bad_currency", str(wrong)) from None


def _one_of(kind: type[_Kind]) -> Callable[[str], _Kind]:
    def read(text: str) -> _Kind:
        try:
            return kind(text.lower())
        except ValueError:
            raise BadCellError(
                "unknown_word", f"{shown(text)} is none of {', '.join(kind)}"
            ) from None

    return read
