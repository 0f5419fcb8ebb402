"""A JSON document while it is read: every fault is noted with its path, none is thrown.

A `Place` is one value and where it stands, such as `models[2].configs[0].gpus`. What cannot be
read is None and a fault; who asks goes on reading, so that one look finds all there is to correct.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final, TypeVar

from broker.contracts.sheets.issue import CellRefusedError, Code
from broker.errors import Fault

LONGEST_NAME: Final = 120
LONGEST_TEXT: Final = 400

_NUMBER: Final = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,6})?")
_Read = TypeVar("_Read")
_Choice = TypeVar("_Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One value of a document, where it stands, and the faults found so far in the whole."""

    value: object
    path: str = ""
    faults: list[Fault] = field(default_factory=list)

    def refuse(self, code: Code, message: str) -> None:
        """Note a fault of this place."""
        self.faults.append(Fault(code=code.value, message=message, field=self.path or None))

    def at(self, name: str) -> Place:
        """Return a field of an object; None inside where there is none."""
        inner = self.value.get(name) if isinstance(self.value, dict) else None
        path = f"{self.path}.{name}" if self.path else name
        return Place(value=inner, path=path, faults=self.faults)

    def is_object(self, known: frozenset[str]) -> bool:
        """Say whether it is an object; what it is besides `known` is a fault each."""
        if not isinstance(self.value, dict):
            self.refuse(Code.UNKNOWN_VALUE, "an object is needed here, {…}")
            return False
        for name in self.value:
            if name not in known:
                shown = ascii(str(name)[:LONGEST_NAME])[1:-1]
                self.at(shown).refuse(
                    Code.UNKNOWN_COLUMN, f"not known here; known are {', '.join(sorted(known))}"
                )
        return True

    def items(self, *, what: str) -> Iterator[Place]:
        """Yield the items of a list that has at least one."""
        if not isinstance(self.value, list) or not self.value:
            self.refuse(Code.MISSING_REQUIRED, f"a list of at least one {what} is needed here")
            return
        for number, item in enumerate(self.value):
            yield Place(value=item, path=f"{self.path}[{number}]", faults=self.faults)

    def read(self, grammar: Callable[[str], _Read], *, optional: bool = False) -> _Read | None:
        """Return the value that a text or number stands for; None, and a fault, if there is none."""
        if self.value is None or self.value == "":
            if not optional:
                self.refuse(Code.MISSING_REQUIRED, "nothing stands here; fill it in")
            return None
        if isinstance(self.value, bool) or not isinstance(self.value, str | int | float):
            self.refuse(Code.UNKNOWN_VALUE, "a text or a number is needed here")
            return None
        try:
            return grammar(_as_text(self.value))
        except CellRefusedError as refusal:
            self.refuse(refusal.code, str(refusal))
            return None

    def or_else(self, grammar: Callable[[str], _Read], default: _Read) -> _Read:
        """Return the value, or the default where there is none or a faulty one."""
        found = self.read(grammar, optional=True)
        return default if found is None else found


def name(text: str) -> str:
    """Return a name: one line, not too long, without blanks at its ends."""
    return _line(text.strip(), longest=LONGEST_NAME)


def words(text: str) -> str:
    """Return a sentence: one line, not too long."""
    return _line(text.strip(), longest=LONGEST_TEXT)


def number(text: str) -> Decimal:
    """Return a number of plain digits, zero or more, with at most six decimals."""
    if not _NUMBER.fullmatch(text):
        raise CellRefusedError(
            Code.BAD_NUMBER,
            "write a number of at most twelve digits and six decimals, zero or more, such as 5200",
        )
    return Decimal(text)


def above_zero(text: str) -> Decimal:
    """Return a number above zero."""
    value = number(text)
    if value == 0:
        raise CellRefusedError(Code.NOT_POSITIVE, "a number above zero is needed here")
    return value


def share(text: str) -> Decimal:
    """Return a fraction of a whole, from 0 to 1."""
    value = number(text)
    if value > 1:
        raise CellRefusedError(Code.BAD_NUMBER, "a share goes from 0 to 1, 0.25 for a quarter")
    return value


def whole(text: str, *, least: int = 1, most: int = 10**9) -> int:
    """Return a whole number between two bounds."""
    if not re.fullmatch(r"[0-9]{1,15}", text) or not least <= int(text) <= most:
        raise CellRefusedError(
            Code.BAD_NUMBER, f"a whole number from {least} to {most} is needed here"
        )
    return int(text)


def day(text: str) -> date:
    """Return a day written as 2026-05-15."""
    try:
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise CellRefusedError(Code.BAD_DATE, "write the day as year-month-day, 2026-05-15")


def one_of(kind: type[_Choice]) -> Callable[[str], _Choice]:
    """Return a reader of one of the words of `kind`."""

    def read(text: str) -> _Choice:
        try:
            return kind(text.strip().lower())
        except ValueError as unknown:
            raise CellRefusedError(
                Code.UNKNOWN_VALUE, f"{text[:40]!a} is not known here; write {', '.join(kind)}"
            ) from unknown

    return read


def _line(text: str, *, longest: int) -> str:
    if not text:
        raise CellRefusedError(Code.MISSING_REQUIRED, "only blanks stand here; fill it in")
    if len(text) > longest:
        raise CellRefusedError(Code.TEXT_TOO_LONG, f"at most {longest} characters fit here")
    if not text.isprintable():
        raise CellRefusedError(
            Code.UNKNOWN_VALUE, "the text holds a line break or control character; take it out"
        )
    return text


def _as_text(value: str | int | float) -> str:
    if isinstance(value, float):
        # 1e16 has no plain digits of its own; NaN and infinity have none at all, and are refused.
        return format(Decimal(repr(value)), "f") if value == value else "NaN"
    return str(value)
