"""Grants to requests that wait, written by the code of the hot path inside a transaction of ours.

The same function of the database on PostgreSQL, the same book on SQLite: accounts, transfers,
events and fences of a grant are the same, however long it was waited for.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import cast

import sqlalchemy as sa
from sqlmodel import Session

from broker.store.columns import micros_of
from broker.store.grant_words import Outcome, Wish
from broker.store.grants_book import Book

_BATCH = sa.text(
    """
    SELECT o_ix, o_code::text AS code
      FROM lease_batch(
        :p0, :p1, :p2, :p3, :p4, :p5, CAST(:p6 AS jsonb), :p7, '{}', '{}', '{}', '{}', '{}',
        '{}', '{}', NULL)
     WHERE o_kind = 'w'
    """
).bindparams(
    sa.bindparam("p0", type_=sa.ARRAY(sa.Text)),
    *(sa.bindparam(f"p{place}", type_=sa.ARRAY(sa.Integer)) for place in range(1, 6)),
    sa.bindparam("p6", type_=sa.Text),
    sa.bindparam("p7", type_=sa.ARRAY(sa.Text)),
)
_GRANTED = ("G", "S")


def grant_waiting(session: Session, wishes: Sequence[Wish], *, now: datetime) -> set[str]:
    """Grant what fits, in this order; return the ids of the requests that were granted.

    The pools, the events and the requests are locked. `now` is the time of SQLite; PostgreSQL
    reads its own.
    """
    if not wishes:
        return set()
    session.flush()
    if session.get_bind().dialect.name == "sqlite":
        granted = _by_the_book(session, wishes, now)
    else:
        granted = _in_one_call(session, wishes)
    session.expire_all()
    return granted


def _by_the_book(session: Session, wishes: Sequence[Wish], now: datetime) -> set[str]:
    connection = cast(sqlite3.Connection, session.connection().connection.dbapi_connection)
    usual = connection.row_factory
    connection.row_factory = sqlite3.Row
    try:
        book = Book(connection, micros_of(now))
        answers = [book.grant(wish) for wish in wishes]
    finally:
        connection.row_factory = usual
    return {one.request_id for one in answers if one.outcome is Outcome.GRANTED}


def _in_one_call(session: Session, wishes: Sequence[Wish]) -> set[str]:
    from broker.store.grants_postgresql import Load  # asyncpg comes with an extra

    arguments = Load(wishes).arguments()[:8]
    rows = session.execute(_BATCH, {f"p{place}": value for place, value in enumerate(arguments)})
    return {wishes[row.o_ix - 1].request_id for row in rows if row.code in _GRANTED}
