"""The two column types that SQLite and PostgreSQL disagree on: exact money and UTC time.

Plain `Numeric` on SQLite is a float and loses digits; plain `DateTime` on SQLite drops the offset
without a word. Nothing else may be used for amounts and instants (a test asks).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, DateTime, Numeric
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from pricing.money import MAX_DECIMALS, storable

_SCALE = 10**MAX_DECIMALS
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def micros_of(instant: datetime) -> int:
    """Return an aware instant as SQLite stores it: whole microseconds."""
    return (instant - _EPOCH) // _MICROSECOND


def instant_of(micros: int) -> datetime:
    """Return the aware instant that SQLite stores as whole microseconds."""
    return _EPOCH + micros * _MICROSECOND


class Micros(TypeDecorator[Decimal]):
    """An exact decimal with up to six places: NUMERIC on PostgreSQL, whole millionths on SQLite."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the database's own type."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(Numeric(24, MAX_DECIMALS))
        return dialect.type_descriptor(BigInteger())

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        """Refuse floats and more than six decimals; never round."""
        if value is None:
            return None
        if not isinstance(value, Decimal):
            raise TypeError(f"an amount is a Decimal, not {type(value).__name__}")
        exact = storable(value)
        return exact if dialect.name == "postgresql" else int(exact.scaleb(MAX_DECIMALS))

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Return the Decimal that was stored."""
        return _decimal(value) if dialect.name == "postgresql" else _from_micros(value)

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[Any], Decimal | None]:
        """Return the reader of a whole column: lists of offers read hundreds of amounts."""
        del coltype
        return _decimal if dialect.name == "postgresql" else _from_micros


class UtcTime(TypeDecorator[datetime]):
    """An instant in UTC: timestamptz on PostgreSQL, whole microseconds on SQLite."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the database's own type."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(DateTime(timezone=True))
        return dialect.type_descriptor(BigInteger())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Refuse naive times."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs its offset; naive times are refused")
        instant = value.astimezone(UTC)
        return instant if dialect.name == "postgresql" else micros_of(instant)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Return the aware instant that was stored."""
        return _in_utc(value) if dialect.name == "postgresql" else _from_microseconds(value)

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[Any], datetime | None]:
        """Return the reader of a whole column."""
        del coltype
        return _in_utc if dialect.name == "postgresql" else _from_microseconds


def _decimal(value: Any) -> Decimal | None:
    return None if value is None else Decimal(value)


def _from_micros(value: Any) -> Decimal | None:
    return None if value is None else Decimal(value) / _SCALE


def _in_utc(value: datetime | None) -> datetime | None:
    return None if value is None else value.astimezone(UTC)


def _from_microseconds(value: int | None) -> datetime | None:
    return None if value is None else instant_of(value)
