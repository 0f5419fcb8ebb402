"""Money and time come back from both databases as they went in, or are refused on the way."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.exc import StatementError

from broker.store.columns import Micros, UtcTime
from broker.store.engine import Database
from broker.store.tables import Table
from tests.builders import NOON
from tests.conftest import postgres_database, sqlite_database

VALUES = sa.Table(
    "columns_under_test",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("amount", Micros),
    sa.Column("moment", UtcTime),
)
amounts = st.decimals(min_value=-(10**12), max_value=10**12, places=6)
offsets = st.integers(-14 * 60, 14 * 60).map(lambda n: timezone(timedelta(minutes=n)))
FIRST, LAST = (datetime.fromisoformat(f"{year}-01-01") for year in (1900, 2200))
moments = st.datetimes(FIRST, LAST, timezones=offsets)


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]
)
def connection(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[sa.Connection]:
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        url = sqlite_database(template, tmp_path_factory.mktemp("columns"))
    else:
        url = postgres_database(request.getfixturevalue("postgres_server"))
    database = Database(url)
    with database.write_engine.connect() as opened:
        VALUES.create(opened)
        yield opened
        opened.rollback()
    database.close()


def stored(connection: sa.Connection, *rows: dict[str, object]) -> list[sa.Row[tuple[object, ...]]]:
    connection.execute(VALUES.delete())
    connection.execute(VALUES.insert(), list(rows))
    return list(connection.execute(VALUES.select().order_by(VALUES.c.id)))


quick = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@quick
@given(amount=amounts)
def test_an_amount_comes_back_to_the_last_digit(connection: sa.Connection, amount: Decimal) -> None:
    (row,) = stored(connection, {"amount": amount, "moment": None})

    assert row.amount == amount
    assert isinstance(row.amount, Decimal)


@quick
@given(one=amounts, other=amounts)
def test_amounts_are_added_and_compared_exactly(
    connection: sa.Connection, one: Decimal, other: Decimal
) -> None:
    stored(connection, {"amount": one, "moment": None}, {"amount": other, "moment": None})

    total = connection.execute(sa.select(sa.func.sum(VALUES.c.amount, type_=Micros))).scalar_one()
    not_above = connection.execute(
        sa.select(sa.func.count()).select_from(VALUES).where(VALUES.c.amount <= one)
    ).scalar_one()
    assert total == one + other
    assert not_above == 1 + (other <= one)


@quick
@given(moment=moments)
def test_an_instant_comes_back_as_the_same_instant_in_utc(
    connection: sa.Connection, moment: datetime
) -> None:
    (row,) = stored(connection, {"amount": None, "moment": moment})

    assert row.moment == moment
    assert row.moment.tzinfo is UTC


@quick
@given(one=moments, other=moments)
def test_instants_stand_in_their_order_whatever_their_offset(
    connection: sa.Connection, one: datetime, other: datetime
) -> None:
    stored(connection, {"amount": None, "moment": one}, {"amount": None, "moment": other})

    first = connection.execute(sa.select(sa.func.min(VALUES.c.moment, type_=UtcTime))).scalar_one()
    assert first == min(one, other)


def test_nothing_comes_back_as_nothing(connection: sa.Connection) -> None:
    (row,) = stored(connection, {"amount": None, "moment": None})

    assert (row.amount, row.moment) == (None, None)


@pytest.mark.parametrize(
    ("amount", "why"),
    [
        (2.63, "not float"),
        (2, "not int"),
        (Decimal("0.0000001"), "more than 6 decimals"),
        (Decimal("NaN"), "not a finite amount"),
        (Decimal("Infinity"), "not a finite amount"),
    ],
)
def test_what_is_no_exact_amount_is_refused(
    connection: sa.Connection, amount: object, why: str
) -> None:
    with pytest.raises(StatementError, match=why):
        stored(connection, {"amount": amount, "moment": None})


def test_a_time_without_an_offset_is_refused(connection: sa.Connection) -> None:
    with pytest.raises(StatementError, match="naive times are refused"):
        stored(connection, {"amount": None, "moment": NOON.replace(tzinfo=None)})


def test_a_refused_amount_is_not_in_the_message(connection: sa.Connection) -> None:
    with pytest.raises(StatementError) as refusal:
        stored(connection, {"amount": 2.63, "moment": None})

    assert "2.63" not in str(refusal.value)


def test_no_table_keeps_an_amount_or_an_instant_in_any_other_way() -> None:
    plain = (sa.Numeric, sa.DateTime, sa.LargeBinary)
    wrong = [
        f"{table.name}.{column.name}"
        for table in Table.metadata.tables.values()
        for column in table.columns
        if isinstance(column.type, plain)
    ]

    assert wrong == []
