"""What time does to leases, on SQLite: starts, ends, and a clock that leaps ahead.

A holder counts by a stopwatch of its own. If the clock leaps, or nobody serves for a while, holders
could not renew: their leases are kept alive rather than given to others while still in use.
"""

from __future__ import annotations

import sqlite3

from broker.capacity.lease import LeaseState
from broker.store.grant_words import Swept
from broker.store.grants_book import SECOND, Book

LEAP = 30 * SECOND
"""So much further than the stopwatch, and it is not drift."""
PAUSE = LEAP

_OVERDUE = """
    SELECT * FROM (
      SELECT l.*, CASE l.state WHEN 'preempting' THEN min(l.ends_at, l.expires_at + g.grace)
                  ELSE l.expires_at + g.grace END AS due_at
        FROM lease AS l JOIN (
          SELECT ll.lease_id, max(p.grace_seconds) * 1000000 AS grace
            FROM lease AS o JOIN lease_line AS ll ON ll.lease_id = o.id
            JOIN pool AS p ON p.id = ll.pool_id
            WHERE o.is_live AND o.expires_at <= :now GROUP BY ll.lease_id
        ) AS g ON g.lease_id = l.id
        WHERE l.state <> 'scheduled'
    ) WHERE due_at <= :now ORDER BY expires_at LIMIT :most
"""


def welcome(book: Book) -> None:
    """Keep every live lease for at least another TTL: it could not be renewed meanwhile."""
    live = book.do("SELECT * FROM lease WHERE is_live AND state <> 'scheduled'").fetchall()
    for lease in live:
        wanted = book.now + lease["ttl_seconds"] * SECOND
        wanted = min(wanted, lease["ends_at"] or wanted, book.closes_at(lease["id"]))
        if wanted > lease["expires_at"]:
            book.do(
                "UPDATE lease SET expires_at = ?, rev = rev + 1 WHERE id = ?", wanted, lease["id"]
            )
    book.do(
        "INSERT INTO sweep (name, swept_at) VALUES ('lease', ?1) "
        "ON CONFLICT (name) DO UPDATE SET swept_at = ?1",
        book.now,
    )


def keep_through_leap(book: Book, expected: int | None) -> bool:
    """Extend all leases by a leap of the clock, if there was one; say whether."""
    last = book.one("SELECT swept_at FROM sweep WHERE name = 'lease'")
    if expected is None or last is None:
        return False
    # Another process may have seen the same leap first: then its sweep is of this side of it.
    jump = book.now - max(expected, last["swept_at"])
    if jump <= LEAP:
        return False
    book.do(
        "UPDATE lease SET expires_at = expires_at + ?, rev = rev + 1 "
        "WHERE is_live AND state <> 'scheduled'",
        jump,
    )
    book.tell("clock.jumped", "clock", None, None, seconds=round(jump / SECOND))
    book.do(
        "UPDATE sweep SET swept_at = ?, paused_until = ? WHERE name = 'lease'",
        *(book.now, book.now + PAUSE),
    )
    return True


def sweep(book: Book, *, expected: int | None, most: int) -> Swept:
    """End what is overdue and begin what is due, at most so many of each."""
    if keep_through_leap(book, expected) or _is_paused(book):
        return Swept(paused=True)
    ended = {"silent": 0, "ended": 0, "unconfirmed": 0, "preempted": 0}
    overdue = book._connection.execute(_OVERDUE, {"now": book.now, "most": most}).fetchall()
    for lease in overdue:
        reason = _reason(lease)
        ended[reason] += 1
        state = LeaseState.PREEMPTED if reason == "preempted" else LeaseState.EXPIRED
        book.finish(lease, state, reason=reason, actor="sweep")
    due = book.do(
        "SELECT * FROM lease WHERE state = 'scheduled' AND starts_at <= ? "
        "ORDER BY starts_at, fence LIMIT ?",
        *(book.now, most),
    ).fetchall()
    started = sum([book.begin(lease) for lease in due])
    book.do("UPDATE sweep SET swept_at = ? WHERE name = 'lease'", book.now)
    lag = book.now - min((lease["due_at"] for lease in overdue), default=book.now)
    return Swept(
        expired=ended["silent"] + ended["ended"],
        unconfirmed=ended["unconfirmed"],
        preempted=ended["preempted"],
        started=started,
        lag_seconds=lag / SECOND,
    )


def _is_paused(book: Book) -> bool:
    row = book.one("SELECT paused_until FROM sweep WHERE name = 'lease'")
    # A pause that ends later than it could was written before a step back.
    return row is not None and book.now < (row["paused_until"] or 0) <= book.now + PAUSE


def _reason(lease: sqlite3.Row) -> str:
    if lease["state"] == LeaseState.PREEMPTING:
        return "preempted"
    if lease["confirmed_at"] is None:
        return "unconfirmed"
    ends_at = lease["ends_at"]
    return "ended" if ends_at is not None and ends_at <= lease["expires_at"] else "silent"
