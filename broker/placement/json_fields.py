"""JSON objects read field by field: every fault is kept, with its path, and reading goes on.

A field that cannot be read gives a stand-in (for names the empty text, which no name may be), so
that the rest of a document is read too; whoever reads asks `Faults.refuse` at the end. Numbers may
stand as text, so that prices keep their digits; true and false are no numbers.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from broker.placement.json_faults import (
    FaultCode,
    Faults,
    kind_of,
    listed,
    path_to,
    shown,
    wrong_type,
)

MAX_NAME_CHARACTERS = 200
MAX_DECIMALS = 20
"""More decimals than any price has, and few enough to print."""

Choice = TypeVar("Choice", bound=StrEnum)

_NUMBER = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][-+]?[0-9]{1,3})?")


class Fields:
    """One JSON object at a path, and its fields by type. `names` are all that it may have."""

    def __init__(self, faults: Faults, value: object, path: str, names: Collection[str]) -> None:
        self.faults = faults
        self.path = path
        self._is_object = isinstance(value, Mapping)
        self._values: Mapping[object, object] = value if isinstance(value, Mapping) else {}
        if not self._is_object:
            message = f"{kind_of(value)} stands where an object must; its fields: {listed(names)}"
            faults.add(FaultCode.WRONG_TYPE, path or "$", message)
        for name in self._values:
            if name not in names:
                self._note_unknown(str(name), names)

    def at(self, name: str) -> str:
        """Return the path of a field."""
        return path_to(self.path, name)

    def has(self, name: str) -> bool:
        """Say whether the field is there."""
        return name in self._values

    def name(self, name: str, *, default: str | None = None) -> str:
        """Return a name: printable text that is not blank."""
        return name_of(self.faults, self._value(name, default), self.at(name))

    def name_or_none(self, name: str) -> str | None:
        """Return a name, or None where it is absent or null."""
        return None if self._values.get(name) is None else self.name(name)

    def text_or_none(self, name: str) -> str | None:
        """Return any text, or None where it is absent or null."""
        value = self._values.get(name)
        return None if value is None else text_of(self.faults, value, self.at(name))

    def flag(self, name: str, *, default: bool | None = None) -> bool:
        """Return true or false."""
        value = self._value(name, default)
        if isinstance(value, bool):
            return value
        self._wrong_type(name, value, "true or false")
        return False

    def choice(self, name: str, kind: type[Choice], *, default: Choice | None = None) -> Choice:
        """Return the member of the kind that is written."""
        value = self._value(name, default)
        words = [member.value for member in kind]
        if isinstance(value, str) and value in words:
            return kind(value)
        if isinstance(value, str):
            message = f"{shown(value)} is none of {listed(words)}"
            self.faults.add(FaultCode.BAD_VALUE, self.at(name), message)
        else:
            self._wrong_type(name, value, f"one of {listed(words)}")
        return next(iter(kind))

    def count(self, name: str, *, least: int, most: int, default: int | None = None) -> int:
        """Return a whole number from least to most."""
        number = self.decimal(
            name, least=least, most=most, default=None if default is None else Decimal(default)
        )
        if number == number.to_integral_value():
            return int(number)
        message = f"{shown(number)} is not a whole number"
        self.faults.add(FaultCode.BAD_VALUE, self.at(name), message)
        return least

    def number(
        self, name: str, *, least: float, most: float, default: float | None = None
    ) -> float:
        """Return a finite number from least to most."""
        stands_in = None if default is None else Decimal(repr(default))
        return float(self.decimal(name, least=least, most=most, default=stands_in))

    def decimal(
        self, name: str, *, least: float, most: float, default: Decimal | None = None
    ) -> Decimal:
        """Return an exact number from least to most."""
        value = self._value(name, default)
        return decimal_of(self.faults, value, self.at(name), least=least, most=most)

    def price(self, name: str, *, most: float, default: Decimal | None = None) -> Decimal:
        """Return an exact amount of money, zero or more, with as many decimals as can be kept."""
        amount = self.decimal(name, least=0, most=most, default=default)
        exponent = amount.as_tuple().exponent
        if isinstance(exponent, int) and exponent < -MAX_DECIMALS:
            message = f"{shown(amount)} has more than {MAX_DECIMALS} decimals; round it"
            self.faults.add(FaultCode.OUT_OF_RANGE, self.at(name), message)
        return amount

    def instant_or_none(self, name: str) -> datetime | None:
        """Return an instant in UTC, or None where it is absent or null."""
        return None if self._values.get(name) is None else self._instant(name)

    def instant(self, name: str, *, stand_in: datetime) -> datetime:
        """Return an instant in UTC; the stand-in where none can be read."""
        return self._instant(name) or stand_in

    def rows(self, name: str, *, is_required: bool = True) -> Iterator[tuple[str, object]]:
        """Return each value of a list with its path."""
        value = self._value(name, None if is_required else [])
        if isinstance(value, list | tuple):
            for position, row in enumerate(value):
                yield f"{self.at(name)}[{position}]", row
        else:
            self._wrong_type(name, value, "a list")

    def value(self, name: str, default: object) -> object:
        """Return a field as it stands, or the default."""
        return self._values.get(name, default)

    def required(self, name: str) -> object:
        """Return a field as it stands; None, and a fault, where it is absent."""
        return self._value(name, None)

    def items(self, name: str) -> Iterator[tuple[str, str, object]]:
        """Return key, path and value of each entry of an object whose keys are names."""
        value = self._value(name, None)
        if not isinstance(value, Mapping):
            self._wrong_type(name, value, "an object")
            return
        for key, entry in value.items():
            path = path_to(self.at(name), str(key))
            yield name_of(self.faults, key, path), path, entry

    def _instant(self, name: str) -> datetime | None:
        value = self._value(name, None)
        if not isinstance(value, str):
            self._wrong_type(name, value, "an instant such as 2026-11-21T00:00:00Z")
            return None
        try:
            read = datetime.fromisoformat(value)
            if read.tzinfo is not None:
                return read.astimezone(UTC)
        except (ValueError, OverflowError):
            message = f"{shown(value)} is not an instant such as 2026-11-21T00:00:00Z"
        else:
            message = f"{shown(value)} names no time zone; end it in Z for UTC"
        self.faults.add(FaultCode.BAD_VALUE, self.at(name), message)
        return None

    def _value(self, name: str, default: object) -> object:
        if name in self._values:
            return self._values[name]
        if default is None and self._is_object:
            self.faults.add(FaultCode.MISSING_FIELD, self.at(name), f"{name} is missing; add it")
        elif default is None:
            self.faults.silence(self.at(name))
        return default

    def _wrong_type(self, name: str, value: object, wanted: str) -> None:
        wrong_type(self.faults, value, self.at(name), wanted)

    def _note_unknown(self, name: str, names: Collection[str]) -> None:
        hint = self.faults.hint(name, names)
        message = f"there is no field {shown(name)} here; {hint}take it out or use {listed(names)}"
        self.faults.add(FaultCode.UNKNOWN_FIELD, self.at(name), message)


def name_of(faults: Faults, value: object, path: str) -> str:
    """Return a name, or the empty text and a fault."""
    if not isinstance(value, str):
        wrong_type(faults, value, path, "a name")
        return ""
    if value.strip() and value.isprintable() and len(value) <= MAX_NAME_CHARACTERS:
        return value
    message = (
        f"{shown(value)} is no name: write 1 to {MAX_NAME_CHARACTERS} printable characters, "
        "not all of them blanks"
    )
    faults.add(FaultCode.BAD_VALUE, path, message)
    return ""


def text_of(faults: Faults, value: object, path: str) -> str:
    """Return a text, or the empty text and a fault."""
    if isinstance(value, str):
        return value
    wrong_type(faults, value, path, "a text")
    return ""


def decimal_of(faults: Faults, value: object, path: str, *, least: float, most: float) -> Decimal:
    """Return an exact number from least to most, or least and a fault."""
    read = _exact(value)
    if read is None:
        if isinstance(value, str):
            faults.add(FaultCode.BAD_VALUE, path, f"{shown(value)} is not a number such as 2.10")
        else:
            wrong_type(faults, value, path, "a number")
    elif not read.is_finite():
        faults.add(FaultCode.BAD_VALUE, path, f"{read} is not a finite number")
    elif not Decimal(least) <= read <= Decimal(most):
        message = f"{shown(value)} is not from {_limit(least)} to {_limit(most)}"
        faults.add(FaultCode.OUT_OF_RANGE, path, message)
    else:
        return read
    return Decimal(least)


def _exact(value: object) -> Decimal | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, Decimal):
        return value
    if isinstance(value, int):
        return Decimal(value)
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return Decimal(value)
    return None


def _limit(limit: float) -> str:
    return f"{Decimal(limit):,f}" if limit == int(limit) else str(limit)
