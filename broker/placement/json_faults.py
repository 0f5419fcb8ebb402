"""What is wrong with a JSON document: every fault with its path, in words that are safe to print."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from broker.errors import BadInputError, Fault

MAX_HINTS = 20
"""So many unknown names get a "did you mean": likeness is dear to look for."""

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_SHOWN_CHARACTERS = 40


class FaultCode(StrEnum):
    """What can be wrong with a document."""

    MISSING_FIELD = "missing_field"
    UNKNOWN_FIELD = "unknown_field"
    WRONG_TYPE = "wrong_type"
    BAD_VALUE = "bad_value"
    OUT_OF_RANGE = "out_of_range"
    UNKNOWN_NAME = "unknown_name"
    DUPLICATE = "duplicate"
    CONTRADICTION = "contradiction"
    BAD_TREE = "bad_tree"


@dataclass(slots=True)
class Faults:
    """Everything found wrong so far, in the order in which it was met."""

    found: list[Fault] = field(default_factory=list)
    _paths: set[str] = field(default_factory=set)
    _hints: int = 0

    def add(self, code: FaultCode, path: str, message: str) -> None:
        """Note a fault."""
        self._paths.add(path)
        self.found.append(Fault(code=code, message=message, field=path))

    def silence(self, path: str) -> None:
        """Take a path for wrong without a fault of its own: what it is part of has one."""
        self._paths.add(path)

    def has(self, path: str) -> bool:
        """Say whether something is already wrong at exactly this path."""
        return path in self._paths

    def hint(self, name: str, known: Collection[str]) -> str:
        """Return a "did you mean" for the known name most like this one, or nothing."""
        if self._hints >= MAX_HINTS:
            return ""
        self._hints += 1
        close = difflib.get_close_matches(name[:_SHOWN_CHARACTERS], sorted(known), n=1)
        return f"did you mean {shown(close[0])}? " if close else ""

    def refuse(self, what: str) -> None:
        """Raise BadInputError with every fault, if there is one."""
        if not self.found:
            return
        count = len(self.found)
        faults = "1 fault" if count == 1 else f"{count} faults"
        raise BadInputError(f"{what} has {faults}; correct them and send it again", (*self.found,))


def wrong_type(faults: Faults, value: object, path: str, wanted: str) -> None:
    """Note that another kind of value stands at a path, unless its absence is noted already."""
    if not (value is None and faults.has(path)):
        faults.add(FaultCode.WRONG_TYPE, path, f"{kind_of(value)} stands where {wanted} must")


def path_to(path: str, name: str) -> str:
    """Return the path of a field inside an object: `a.b`, or `a["b c"]` for unusual names."""
    if _PLAIN_KEY.fullmatch(name):
        return f"{path}.{name}" if path else name
    return f"{path}[{shown(name)}]"


def kind_of(value: object) -> str:
    """Return what kind of JSON value this is, in words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    return f"the text {shown(value)}" if isinstance(value, str) else f"the number {shown(value)}"


def shown(value: object) -> str:
    """Return a value short enough to stand in a message, and safe to print."""
    if isinstance(value, str):
        cut = value if len(value) <= _SHOWN_CHARACTERS else f"{value[:_SHOWN_CHARACTERS]}…"
        return '"' + cut.encode("unicode_escape").decode().replace('"', '\\"') + '"'
    if isinstance(value, int) and value.bit_length() > 128:
        return "a whole number of more than 38 digits"
    text = str(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"


def listed(names: Collection[str]) -> str:
    """Return names with commas between them."""
    return ", ".join(names)
