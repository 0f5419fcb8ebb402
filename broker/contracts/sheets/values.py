"""The grammar of a cell: what a text may look like to be a number, a day, a duration, a name.

Each function takes the stripped text of a cell that is not empty and returns its value, or raises
CellRefusedError. A text with two readings is refused, never settled here: whether a comma or a dot
is the decimal mark, and which part of a date is the month, are properties of a whole file.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from broker.contracts.sheets.currencies import ACTIVE_CODES
from broker.contracts.sheets.issue import CellRefusedError, Code
from pricing.money import MAX_DECIMALS, Currency

Choice = TypeVar("Choice", bound=StrEnum)

MAX_WHOLE_DIGITS = 9
MAX_NUMBER_LENGTH = 40
FIRST_YEAR, LAST_YEAR = 2000, 2100
"""Contract days outside these years are typing errors."""
LONGEST_RENEWAL_MONTHS = 600
"""A longer one is a typing error, and would soon leave the calendar."""

_PLAIN = re.compile(r"([0-9]+)(?:\.([0-9]+))?")
_DASH = "[-\u2013\u2014\u2212]"
_RANGE = re.compile(rf"[0-9]\s*(?:{_DASH}|\bto\b|\.\.+|\u2026)\s*[^0-9]?\s*[0-9]")
_NEGATIVE = re.compile(rf"[^0-9]*{_DASH}[^0-9]*[0-9]|\(.*[0-9].*\)|.*[0-9]\s*{_DASH}$")
_TWO_READINGS = re.compile(r"[0-9][,'\u2019\s][0-9]|\.[0-9]+\.")
_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NOTICE = re.compile(r"[Pp]([0-9]{1,4})([DdWwMmYy])")
_FORM_FACTOR = re.compile(r"SXM[0-9]?|PCIE|OAM|NVL[0-9]{0,3}")


def number(text: str) -> Decimal:
    """Return a number of plain digits, with a dot before at most six decimals, zero or more."""
    found = _PLAIN.fullmatch(text)
    if found is None:
        # The patterns that explain are slow on very long texts, which are no numbers anyway.
        raise _why_no_number(text[:MAX_NUMBER_LENGTH])
    whole, decimals = found.group(1), found.group(2) or ""
    if len(whole) > MAX_WHOLE_DIGITS:
        raise CellRefusedError(
            Code.BAD_NUMBER, f"the number has more than {MAX_WHOLE_DIGITS} digits; check it"
        )
    if len(decimals) > MAX_DECIMALS:
        raise CellRefusedError(
            Code.BAD_NUMBER,
            f"the books keep {MAX_DECIMALS} decimals and the number has more; round it",
        )
    return Decimal(text)


def positive_number(text: str) -> Decimal:
    """Return a number above zero."""
    value = number(text)
    if value == 0:
        raise CellRefusedError(
            Code.NOT_POSITIVE, "zero is not a price; write the price that was agreed"
        )
    return value


def whole_number(text: str) -> int:
    """Return a whole number, zero or more."""
    try:
        value = number(text)
    except CellRefusedError as refusal:
        if refusal.code is Code.PRICE_RANGE:
            raise CellRefusedError(
                Code.BAD_NUMBER, "a whole number is needed here, not a range"
            ) from refusal
        raise
    if "." in text:
        # 1.024 is a thousand in half of Europe.
        code = Code.AMBIGUOUS_NUMBER if len(text.partition(".")[2]) == 3 else Code.BAD_NUMBER
        raise CellRefusedError(code, "a whole number is needed here; write it without a dot")
    return int(value)


def positive_whole_number(text: str) -> int:
    """Return a whole number above zero."""
    value = whole_number(text)
    if value == 0:
        raise CellRefusedError(Code.NOT_POSITIVE, "a number above zero is needed here")
    return value


def renewal_months(text: str) -> int:
    """Return for how many months a line can go on at a time."""
    value = positive_whole_number(text)
    if value > LONGEST_RENEWAL_MONTHS:
        raise CellRefusedError(
            Code.BAD_NUMBER,
            f"a renewal is for at most {LONGEST_RENEWAL_MONTHS} months; check the number",
        )
    return value


def rate_percent(text: str) -> Decimal:
    """Return a percentage from 0 to 100 that may well be below one, such as a weekly credit."""
    if text.endswith("%"):
        raise CellRefusedError(Code.BAD_NUMBER, "write the percentage without a sign, 25 for 25 %")
    value = number(text)
    if value > 100:
        raise CellRefusedError(Code.BAD_NUMBER, "a percentage goes from 0 to 100")
    return value


def share_percent(text: str) -> Decimal:
    """Return a percentage of a whole. 1 or 0.25 may be meant as a fraction, so they are refused."""
    value = rate_percent(text)
    if 0 < value <= 1:
        raise CellRefusedError(
            Code.AMBIGUOUS_NUMBER,
            "this may be a fraction or a percentage; write percentages from 0 to 100, 25 for 25 %",
        )
    return value


def cap_percent(text: str) -> Decimal:
    """Return the percentage of a cap. Below one it may be meant as a fraction: refused."""
    value = rate_percent(text)
    return value if value == 1 else share_percent(text)


def day(text: str) -> date:
    """Return a day written as 2026-10-01, the only form with one reading."""
    if not _ISO_DAY.fullmatch(text):
        raise CellRefusedError(Code.BAD_DATE, "write the day as year-month-day, 2026-10-01")
    try:
        value = date.fromisoformat(text)
    except ValueError as problem:
        raise CellRefusedError(
            Code.BAD_DATE, f"{text} is not in the calendar; write a day that exists"
        ) from problem
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise CellRefusedError(
            Code.BAD_DATE, f"contract days lie between {FIRST_YEAR} and {LAST_YEAR}; check the year"
        )
    return value


def duration(text: str) -> str:
    """Return a duration such as P90D or P3M. Months stay months: three are not ninety days."""
    found = _NOTICE.fullmatch(text)
    if found is None:
        raise CellRefusedError(
            Code.BAD_DURATION,
            "write the duration with its unit: P90D for 90 days, P3M for 3 months, P2W, P1Y",
        )
    return f"P{int(found.group(1))}{found.group(2).upper()}"


def currency_code(text: str) -> Currency:
    """Return an ISO 4217 code. Signs are refused: $ is the sign of more than twenty currencies."""
    code = text.upper() if text.isascii() else text
    if code not in ACTIVE_CODES:
        raise CellRefusedError(
            Code.UNKNOWN_CURRENCY,
            f"{text[:12]!r} is not the ISO 4217 code of a current currency; write USD or EUR",
        )
    return Currency(code)


def choice(kind: type[Choice]) -> Callable[[str], Choice]:
    """Return a reader of one of the words of `kind`, in any case, with spaces or dashes."""
    words = {member.value: member for member in kind}

    def read(text: str) -> Choice:
        folded = re.sub(r"[\s_-]+", "_", text.lower()) if text.isascii() else text
        if folded not in words:
            raise CellRefusedError(
                Code.UNKNOWN_VALUE, f"{text[:40]!r} is not known here; write {', '.join(words)}"
            )
        return words[folded]

    return read


def form_factor(text: str) -> str:
    """Return a form factor in capitals."""
    value = text.upper() if text.isascii() else text
    if not _FORM_FACTOR.fullmatch(value):
        raise CellRefusedError(
            Code.UNKNOWN_VALUE, f"{text[:40]!r} is not known here; write SXM, PCIe, OAM or NVL72"
        )
    return value


def text_up_to(limit: int) -> Callable[[str], str]:
    """Return a reader of free text of at most `limit` characters, kept as it is."""

    def read(text: str) -> str:
        if len(text) > limit:
            raise CellRefusedError(
                Code.TEXT_TOO_LONG, f"at most {limit} characters fit here; shorten the text"
            )
        return text

    return read


def _why_no_number(text: str) -> CellRefusedError:
    if _RANGE.search(text):
        return CellRefusedError(
            Code.PRICE_RANGE, "this is a range; write the one number that was agreed"
        )
    if _NEGATIVE.match(text):
        return CellRefusedError(
            Code.NEGATIVE_VALUE, "negative numbers have no place in a contract; check the sign"
        )
    if _TWO_READINGS.search(text):
        return CellRefusedError(
            Code.AMBIGUOUS_NUMBER,
            "a comma, space or second dot can be read in two ways; write plain digits with a dot "
            "before the decimals, 1234.56",
        )
    return CellRefusedError(
        Code.BAD_NUMBER,
        "write plain digits with a dot before the decimals, 2.63; no sign, unit or currency",
    )
