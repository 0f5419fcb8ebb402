"""Reads an answer by its declared shape, and says exactly where it is of another.

Adapters describe what they need of an answer as pydantic models of `Shape`: unknown fields are
ignored, needed ones that are missing or of another kind are named. Numbers stay exact.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel

from providers.errors import AnswerChanged
from providers.supplier import Page, Skip, SkipReason

_WRITTEN = re.compile(
    r"\$?\s*(?P<number>-?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+)(?:[eE]-?\d+)?)"
)

MOST_DIGITS = 50
"""Before or after the dot: what is longer is no amount, and arithmetic would break on it."""

MOST_MALFORMED = 5
"""One row in so many may be unreadable; with more the answer as a whole has changed."""


class Shape(BaseModel):
    """The part of an answer that an adapter reads."""

    model_config = ConfigDict(extra="ignore", frozen=True, arbitrary_types_allowed=True)


class CamelShape(Shape):
    """A shape whose fields are written `likeThis` in the answer; a null there is an absence."""

    model_config = ConfigDict(alias_generator=to_camel)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: each for name, each in value.items() if each is not None}


def _exact(value: Any) -> Decimal:
    if isinstance(value, bool):
        raise ValueError("a number is expected")  # noqa: TRY004 - pydantic wants ValueError
    if isinstance(value, int | Decimal):
        number = Decimal(value)
    elif isinstance(value, str):
        matched = _WRITTEN.fullmatch(value.strip())
        if matched is None:
            raise ValueError("an amount such as 8.00, $8.00 or 1,234.50 is expected")
        number = Decimal(matched.group("number").replace(",", ""))
    else:
        raise ValueError("an exact number is expected")  # noqa: TRY004
    if not number.is_finite() or abs(number.adjusted()) > MOST_DIGITS:
        raise ValueError("a number of a believable size is expected")
    return number


def _instant(value: Any) -> datetime:
    try:
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            return datetime.fromtimestamp(float(value), UTC)
        if isinstance(value, str):
            read = datetime.fromisoformat(value)
            return read.replace(tzinfo=read.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        pass  # said below, in words that do not quote the value
    raise ValueError("an instant such as 2026-11-20T08:00:00Z is expected")


Amount = Annotated[Decimal, BeforeValidator(_exact)]
"""A number as suppliers write them: 8, 8.00, "8.00", "$8.00", "1,234.50". Never a float."""

UtcInstant = Annotated[datetime, BeforeValidator(_instant)]
"""ISO 8601 or seconds since 1970. One without an offset is taken as UTC, as its suppliers mean."""

T = TypeVar("T")
Row = TypeVar("Row", bound=Shape)


def read_as(shape: type[T], value: Any, *, call: str, supplier: str) -> T:
    """Return a value read as a shape, or raise AnswerChanged that names every difference."""
    try:
        return TypeAdapter(shape).validate_python(value)
    except ValidationError as differs:
        raise AnswerChanged(
            f"{call}: {_differences(differs)}; the adapter needs an update", supplier=supplier
        ) from None


def read_page(shape: type[T], page: Page, *, supplier: str) -> T:
    """Return the content of a page read as a shape, or raise AnswerChanged."""
    return read_as(shape, page.json(supplier), call=page.call, supplier=supplier)


def read_rows(
    shape: type[Row],
    values: Iterable[Any],
    *,
    name_of: Callable[[Any], str],
    call: str,
    supplier: str,
) -> tuple[list[Row], list[Skip]]:
    """Return the rows that can be read, and a skip for each that cannot.

    When more than one in five cannot, the answer has changed: AnswerChanged says how.
    """
    adapter = TypeAdapter(shape)
    rows: list[Row] = []
    skips: list[Skip] = []
    for index, value in enumerate(values):
        try:
            rows.append(adapter.validate_python(value))
        except ValidationError as differs:
            skips.append(
                Skip(
                    native_id=_named(name_of, value, index),
                    reason=SkipReason.MALFORMED,
                    detail=_differences(differs),
                )
            )
    if len(skips) * MOST_MALFORMED > len(rows) + len(skips):
        raise AnswerChanged(
            f"{call}: {len(skips)} of {len(rows) + len(skips)} rows cannot be read, first "
            f"{skips[0].native_id}: {skips[0].detail}; the adapter needs an update",
            supplier=supplier,
        )
    return rows, skips


def _named(name_of: Callable[[Any], str], value: Any, index: int) -> str:
    try:
        return str(name_of(value))
    except (KeyError, TypeError, AttributeError, IndexError):
        return f"row {index + 1}"


def _differences(differs: ValidationError) -> str:
    # Where and what, never the value: an answer may hold a contract price or a credential.
    found: Sequence[Any] = differs.errors(include_input=False, include_url=False)
    told = [f"{'.'.join(str(step) for step in each['loc'])}: {each['msg']}" for each in found[:3]]
    more = f" and {len(found) - 3} more" if len(found) > 3 else ""
    return "; ".join(told) + more
