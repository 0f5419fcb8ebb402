"""JSON text into values without loss: decimals stay exact, and no key hides another."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal

from broker.errors import BadInputError
from broker.placement.json_faults import shown

_MAX_EXPONENT = 999


def values_of(text: str | bytes, *, name: str = "this document") -> object:
    """Return the value of a JSON text; decimals are Decimal.

    Raises BadInputError for text that is no JSON, is nested too deep, or names a key twice in one
    object: whoever wrote that meant something, and one of the two would be lost.
    """
    try:
        return json.loads(text, parse_float=_decimal, object_pairs_hook=_object)
    except json.JSONDecodeError as wrong:
        raise BadInputError(
            f"{name} is no JSON: {wrong.msg} in line {wrong.lineno}, column {wrong.colno}"
        ) from wrong
    except UnicodeDecodeError as wrong:
        raise BadInputError(f"{name} is no UTF-8 text; write it anew") from wrong
    except RecursionError as wrong:
        raise BadInputError(f"{name} is nested too deep; a snapshot has few levels") from wrong
    except ValueError as wrong:  # a whole number of thousands of digits
        raise BadInputError(f"{name} holds a number that nobody can mean; shorten it") from wrong


def _decimal(text: str) -> Decimal:
    _, _, exponent = text.lower().partition("e")
    if len(text) > _MAX_EXPONENT or abs(int(exponent or 0)) > _MAX_EXPONENT:
        raise ValueError("a number of absurd size")
    return Decimal(text)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        name, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise BadInputError(f"the key {shown(name)} stands twice in one object; take one out")
    return found
