"""A sheet of exchange rates: one CSV row per currency pair and day.

Columns, in any order: `base, quote, date, rate, source`. One unit of `base` costs `rate` units of
`quote`. A pair has one rate a day; the same row twice is one row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from pricing.fx import FxRate
from pricing.money import Currency, currency
from providers.csv_sheet import BadCellError, RowFault, RowReading, read_day, read_sheet

COLUMNS = ("base", "quote", "date", "rate", "source")

HIGHEST_RATE = Decimal(1_000_000)

_PLAIN_DECIMAL = re.compile(r"[0-9]{1,7}(?:\.[0-9]{1,12})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class FxRow:
    """One rate and the physical line on which it stands."""

    line: int
    rate: FxRate


@dataclass(frozen=True, slots=True, kw_only=True)
class FxSheet:
    """What a sheet says. With any fault nothing of it should be stored."""

    rows: tuple[FxRow, ...] = ()
    faults: tuple[RowFault, ...] = ()


def parse(content: bytes) -> FxSheet:
    """Return the rates of a sheet, and everything wrong with it at once. Never raises."""
    sheet = read_sheet(content, columns=COLUMNS)
    faults = list(sheet.faults)
    rows: dict[tuple[object, ...], FxRow] = {}
    for record in sheet.records:
        reading = RowReading(record=record, sheet=sheet)
        rate = _rate_of(reading)
        faults += reading.faults
        if rate is None:
            continue
        row = FxRow(line=record.line, rate=rate)
        known = rows.setdefault((rate.base, rate.quote, rate.on), row)
        if known.rate != rate:
            message = f"line {known.line} has another rate for this pair and day; keep one"
            faults.append(
                RowFault(code="conflict_in_file", message=message, line=row.line, field="rate")
            )
    return FxSheet(
        rows=tuple(rows.values()),
        faults=tuple(sorted(faults, key=lambda fault: fault.line or 0)),
    )


def _rate_of(row: RowReading) -> FxRate | None:
    if not row.is_whole():
        return None
    base = row.cell("base", _currency)
    quote = row.cell("quote", _currency)
    on = row.cell("date", read_day)
    rate = row.cell("rate", _rate)
    source = row.cell("source", str)
    if not (base and quote and on and rate and source):
        return None
    if base == quote:
        row.complain("same_currency", f"{base} needs no rate to itself; remove the row", "quote")
        return None
    return FxRate(base=base, quote=quote, on=on, rate=rate, source=source)


def _currency(text: str) -> Currency:
    try:
        return currency(text)
    except ValueError as bad:
        raise BadCellError("unknown_currency", str(bad)) from None


def _rate(text: str) -> Decimal:
    if not _PLAIN_DECIMAL.fullmatch(text):
        raise BadCellError("bad_number", "a rate is plain digits such as 1.0842")
    rate = Decimal(text)
    if not 0 < rate <= HIGHEST_RATE:
        raise BadCellError("not_positive", f"a rate is above zero and at most {HIGHEST_RATE}")
    return rate
