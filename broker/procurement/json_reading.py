"""Reading a JSON document with every fault at once, each at its path.

A value that cannot be read is noted and a harmless one returned in its place, so that reading goes
on; whoever reads must look at the faults before using anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from math import isfinite
from typing import Final, TypeVar

from broker.errors import Fault

MAX_TEXT: Final = 200
MAX_AMOUNT: Final = Decimal("1e12")
MAX_WHOLE: Final = 100_000_000
HARMLESS_DAY: Final = date(2000, 1, 1)

_Choice = TypeVar("_Choice", bound=StrEnum)


class Node:
    """One object of the document, at its path; all nodes of a document share their faults."""

    def __init__(self, value: object, *, path: str, faults: list[Fault]) -> None:
        self.path = path
        self.faults = faults
        self._members: dict[str, object] = {}
        self._asked: set[str] = set()
        self._is_object = isinstance(value, dict)
        if isinstance(value, dict):
            self._members = value
        else:
            self.refuse("", "write an object here: { … }")

    def refuse(self, name: str, message: str) -> None:
        """Note a fault of a member, or with an empty name of the object itself."""
        self.faults.append(Fault(code="bad_value", message=message, field=self.at(name)))

    def at(self, name: str) -> str:
        """Return the path of a member."""
        if not name:
            return self.path or "$"
        return f"{self.path}.{name}" if self.path else name

    def has(self, name: str) -> bool:
        """Say whether a member is there and not null."""
        self._asked.add(name)
        return self._members.get(name) is not None

    def text(self, name: str, *, default: str | None = None) -> str:
        """Return a text that is not empty."""
        value = self._value(name, is_required=default is None)
        if value is None:
            return default or ""
        if not isinstance(value, str) or not 0 < len(value.strip()) <= MAX_TEXT:
            self.refuse(name, f"write a text of 1 to {MAX_TEXT} characters")
            return ""
        return value.strip()

    def maybe_text(self, name: str) -> str | None:
        """Return a text, or None where there is none."""
        return self.text(name) if self.has(name) else None

    def whole(
        self, name: str, *, least: int = 0, most: int = MAX_WHOLE, default: int | None = None
    ) -> int:
        """Return a whole number between two bounds."""
        value = self._value(name, is_required=default is None)
        if value is None:
            return least if default is None else default
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            self.refuse(name, f"write a whole number from {least:,} to {most:,}")
            return least
        return value

    def amount(self, name: str, *, default: Decimal | None = None) -> Decimal:
        """Return an amount that is not negative, exactly as written."""
        value = self._value(name, is_required=default is None)
        if value is None:
            return Decimal(0) if default is None else default
        found = _decimal(value)
        if found is None or not 0 <= found <= MAX_AMOUNT:
            self.refuse(name, 'write an amount of 0 or more as text, such as "2.63"')
            return Decimal(0)
        return found

    def number(
        self, name: str, *, least: float = 0.0, most: float = 1.0, default: float | None = None
    ) -> float:
        """Return a number between two bounds."""
        value = self._value(name, is_required=default is None)
        if value is None:
            return least if default is None else default
        found = finite(value)
        if found is None or not least <= found <= most:
            self.refuse(name, f"write a number from {least:g} to {most:g}")
            return least
        return found

    def day(self, name: str) -> date:
        """Return a day."""
        value = self._value(name, is_required=True)
        if value is None:
            return HARMLESS_DAY
        try:
            return date.fromisoformat(value if isinstance(value, str) else "")
        except ValueError:
            self.refuse(name, "write a day as YYYY-MM-DD")
            return HARMLESS_DAY

    def maybe_day(self, name: str) -> date | None:
        """Return a day, or None where there is none."""
        return self.day(name) if self.has(name) else None

    def choice(self, name: str, of: type[_Choice], *, default: _Choice) -> _Choice:
        """Return one of the words of an enumeration."""
        value = self._value(name, is_required=False)
        if value is None:
            return default
        if not isinstance(value, str) or value not in set(of):
            self.refuse(name, f"write one of {', '.join(of)}")
            return default
        return of(value)

    def raw(self, name: str) -> object:
        """Return a member as it is; None, and noted, where it is missing."""
        return self._value(name, is_required=True)

    def child(self, name: str) -> Node | None:
        """Return an object, or None where there is none."""
        if not self.has(name):
            return None
        return Node(self._members[name], path=self.at(name), faults=self.faults)

    def children(self, name: str, *, least: int = 0) -> Iterator[Node]:
        """Yield the objects of a list; one that may be empty may be left out."""
        value = self._value(name, is_required=least > 0)
        if value is None:
            return
        if not isinstance(value, list) or len(value) < least:
            self.refuse(name, f"write a list of at least {least} objects" if least else "no list")
            return
        for number, each in enumerate(value):
            yield Node(each, path=f"{self.at(name)}[{number}]", faults=self.faults)

    def close(self) -> None:
        """Refuse every member that nobody asked for: a misspelt name must not pass in silence."""
        for name in self._members.keys() - self._asked:
            self.refuse(str(name)[:MAX_TEXT], "is not known here; check how it is spelt")

    def _value(self, name: str, *, is_required: bool) -> object:
        self._asked.add(name)
        value = self._members.get(name)
        if value is None and is_required and self._is_object:
            self.refuse(name, "is missing")
        return value


def finite(value: object) -> float | None:
    """Return a JSON number as a float; None for anything else, also for infinity."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if isfinite(found) else None


def _decimal(value: object) -> Decimal | None:
    """Return an amount written as text or as a number, digit by digit."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        found = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return found if found.is_finite() else None
