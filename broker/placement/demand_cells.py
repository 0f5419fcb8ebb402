"""The grammar of a demand sheet's cells: names, months, instants, counts of tokens.

Like that of contract sheets, each takes the stripped text of a cell that is not empty and returns
its value, or raises CellRefusedError.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Final

from broker.contracts.sheets import values as cell
from broker.contracts.sheets.issue import CellRefusedError, Code

LONGEST_WINDOW_SECONDS: Final = 31 * 24 * 3600

_MONTH: Final = re.compile(r"[0-9]{4}-[0-9]{2}")
_TOKENS: Final = re.compile(r"[0-9]{1,15}")


def month(text: str) -> date:
    """Return the first day of a month written as 2026-11."""
    if not _MONTH.fullmatch(text):
        raise CellRefusedError(Code.BAD_DATE, "write the month as year-month, 2026-11")
    return cell.day(f"{text}-01")


def instant(text: str) -> datetime:
    """Return an instant in UTC, written as 2026-11-21T00:10:00Z or with another offset."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as problem:
        raise _no_instant() from problem
    if found.tzinfo is None:
        raise _no_instant()
    if not cell.FIRST_YEAR <= found.year <= cell.LAST_YEAR:
        raise CellRefusedError(
            Code.BAD_DATE, f"years lie between {cell.FIRST_YEAR} and {cell.LAST_YEAR}; check it"
        )
    return found.astimezone(UTC)


def tokens(text: str) -> int:
    """Return a whole number of tokens, zero or more."""
    if not _TOKENS.fullmatch(text):
        raise CellRefusedError(
            Code.BAD_NUMBER, "a whole number of tokens is needed here, in plain digits"
        )
    return int(text)


def window_seconds(text: str) -> int:
    """Return how long a window lasted."""
    seconds = cell.positive_whole_number(text)
    if seconds > LONGEST_WINDOW_SECONDS:
        raise CellRefusedError(
            Code.BAD_NUMBER, f"a window lasts at most {LONGEST_WINDOW_SECONDS} seconds; split it"
        )
    return seconds


def _no_instant() -> CellRefusedError:
    return CellRefusedError(
        Code.BAD_DATE, "write the instant with its offset, 2026-11-21T00:10:00Z"
    )
