"""Published reliability ratings of suppliers: one CSV row per supplier and edition of a scheme.

`ratings.csv` beside this file holds what has been published so far. Ratings jump from edition to
edition, so a row always names scheme, edition, day and where to check it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from importlib import resources
from typing import Final

from providers.csv_sheet import RowFault, RowReading, read_day, read_sheet

COLUMNS: Final = ("supplier", "name", "scheme", "edition", "tier", "published_on", "source")
PUBLISHED: Final = "ratings.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rating:
    """What one edition of a scheme says of a supplier."""

    line: int
    supplier: str
    name: str
    scheme: str
    edition: str
    tier: str
    published_on: date
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingSheet:
    """The ratings of a sheet and everything wrong with it."""

    ratings: tuple[Rating, ...]
    faults: tuple[RowFault, ...]


def published() -> bytes:
    """Return the sheet that the product brings along."""
    return resources.files("providers").joinpath(PUBLISHED).read_bytes()


def parse(content: bytes) -> RatingSheet:
    """Return the ratings of a sheet, and everything wrong with it at once. Never raises."""
    sheet = read_sheet(content, columns=COLUMNS)
    faults, ratings = list(sheet.faults), []
    for record in sheet.records:
        reading = RowReading(record=record, sheet=sheet)
        rating = _rating(reading)
        faults += reading.faults
        if rating is not None:
            ratings.append(rating)
    return RatingSheet(ratings=tuple(ratings), faults=tuple(faults))


def _rating(reading: RowReading) -> Rating | None:
    if not reading.is_whole():
        return None
    texts = {name: reading.cell(name, str) for name in COLUMNS if name != "published_on"}
    published_on = reading.cell("published_on", read_day)
    if reading.faults or published_on is None:
        return None
    known = {name: text for name, text in texts.items() if text is not None}
    if len(known) < len(texts):
        return None
    return Rating(line=reading.record.line, published_on=published_on, **known)
