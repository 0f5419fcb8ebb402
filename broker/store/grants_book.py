"""What `grants.sql` does on PostgreSQL, in plain Python on SQLite, one entry after the other.

All of it runs inside one transaction that holds the only write lock there is. Instants are whole
microseconds, as stored; the clock is that of the one process that serves. Rules:

- every change of a pool's accounts has its transfers and its event in the same transaction;
- an overdue lease counts as used until the sweep has ended it;
- a request's row carries what became of it, so whoever asks again finds it.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from typing import Any

from broker.capacity.lease import LeaseState
from broker.capacity.request import Candidate, Line, Refusal, RequestState
from broker.identity import new_id
from broker.store.columns import instant_of, micros_of
from broker.store.grant_words import (
    Answer,
    Beat,
    Outcome,
    Renewal,
    Return,
    ReturnOutcome,
    Wish,
)

SECOND = 1_000_000
LAST_CALL = 60 * SECOND
"""An open-ended lease is not granted on a pool that closes sooner."""
FOR_EVER = 1 << 62

_PEAK = """
    WITH taken AS (
      SELECT ll.gpu_count AS n, CASE l.state WHEN 'scheduled' THEN l.starts_at END AS start,
             coalesce(l.ends_at + :grace, :for_ever) AS until
        FROM (SELECT * FROM lease WHERE state = 'scheduled' AND starts_at < :until
              UNION ALL
              SELECT * FROM lease WHERE is_live AND ends_at IS NOT NULL AND ends_at < :until
                AND state <> 'scheduled') AS l
        JOIN lease_line AS ll ON ll.lease_id = l.id AND ll.pool_id = :pool
    ), step AS (
      SELECT :from AS at, 0 AS delta
      UNION ALL
      SELECT max(start, :from), n FROM taken WHERE start < :until AND until > :from
      UNION ALL
      SELECT max(until, :from), -n FROM taken
        WHERE until < :until AND (start IS NULL OR until > :from)
    ), netted AS (SELECT at, sum(delta) AS delta FROM step GROUP BY at)
    SELECT max(load) FROM (SELECT sum(delta) OVER (ORDER BY at) AS load FROM netted)
"""


class Book:
    """The books of capacity in one open transaction, at one moment."""

    def __init__(self, connection: sqlite3.Connection, now: int) -> None:
        self._connection, self.now = connection, now

    def grant(self, wish: Wish) -> Answer:
        """Answer a known key from its row; else take the first candidate that fits."""
        known = self.one(
            "SELECT * FROM capacity_request WHERE principal = ? AND idempotency_key = ?",
            wish.principal,
            wish.idempotency_key,
        )
        if known is not None:
            if known["fingerprint"] != wish.fingerprint:
                return Answer(outcome=Outcome.MISMATCH, request_id=known["id"])
            waits = wish.is_waiting and known["id"] == wish.request_id
            if not waits or known["state"] != RequestState.PENDING:
                return self._replayed(known)
        starts_at = max(self.now, micros_of(wish.starts_at) if wish.starts_at else 0)
        for candidate in wish.candidates:
            pools = self._fitting(wish, candidate, starts_at)
            if pools is not None:
                return self._granted(wish, candidate, pools, starts_at, is_new=known is None)
        return self._not_granted(wish, is_new=known is None)

    def release(self, back: Return) -> ReturnOutcome:
        """Give a lease back; its GPUs are available at once."""
        lease = self.one("SELECT * FROM lease WHERE id = ?", back.lease_id)
        if lease is None or back.principal not in (None, lease["principal"]):
            return ReturnOutcome.UNKNOWN
        if lease["fence"] != back.fence:
            return ReturnOutcome.LOST
        if not lease["is_live"]:
            is_ours = lease["state"] == LeaseState.RELEASED
            return ReturnOutcome.ALREADY if is_ours else ReturnOutcome.LOST
        self.finish(lease, LeaseState.RELEASED, reason=None, actor=lease["principal"])
        return ReturnOutcome.RELEASED

    def renew(self, beat: Beat) -> Renewal:
        """Keep a lease alive; the first heartbeat moves its GPUs from held to leased."""
        lease = self.one(
            "SELECT * FROM lease WHERE id = ? AND fence = ? AND is_live", beat.lease_id, beat.fence
        )
        if lease is None or beat.principal not in (None, lease["principal"]):
            return Renewal()
        state = LeaseState(lease["state"])
        if state is LeaseState.SCHEDULED:
            return Renewal(expires_at=instant_of(lease["expires_at"]), state=state)
        limit = min(_or_for_ever(lease["ends_at"]), self.closes_at(lease["id"]))
        if lease["expires_at"] <= self.now or limit <= self.now:
            return Renewal()
        ttl = beat.ttl_seconds or lease["ttl_seconds"]
        until = min(max(lease["expires_at"], self.now + ttl * SECOND), limit)
        if lease["confirmed_at"] is None:
            self._confirm(lease)
            state = LeaseState.ACTIVE if state is LeaseState.GRANTED else state
        self.do(
            "UPDATE lease SET expires_at = ?, ttl_seconds = ?, state = ?, rev = rev + 1, "
            "confirmed_at = coalesce(confirmed_at, ?) WHERE id = ?",
            *(until, ttl, state.value, self.now, lease["id"]),
        )
        return Renewal(expires_at=instant_of(until), state=state)

    def finish(
        self, lease: sqlite3.Row, state: LeaseState, *, reason: str | None, actor: str
    ) -> None:
        """End a lease; its GPUs are available again."""
        account = "leased" if lease["confirmed_at"] else "held"
        if lease["state"] == LeaseState.SCHEDULED:
            account = "scheduled"
        for line in self.lines(lease["id"]):
            if account == "scheduled":
                self._change(line, scheduled=-line.gpu_count)
            else:
                self._change(line, available=line.gpu_count, **{account: -line.gpu_count})
                cause = f"lease {lease['id']} {state}"
                self.transfer(line, account, "available", cause=cause, actor=actor)
        self.do(
            "UPDATE lease SET state = ?, is_live = 0, reason = ?, ended_at = ?, rev = rev + 1 "
            "WHERE id = ?",
            *(state.value, reason, self.now, lease["id"]),
        )
        self.tell_of(lease, f"lease.{state}", reason=reason)

    def begin(self, lease: sqlite3.Row) -> bool:
        """Give a scheduled lease its GPUs, if there are enough; say whether it began."""
        closes_at = self.closes_at(lease["id"])
        if min(_or_for_ever(lease["ends_at"]), closes_at) <= self.now:
            self.finish(lease, LeaseState.EXPIRED, reason="not-started", actor="sweep")
            return False
        lines = self.lines(lease["id"])
        pools = [self.pool(line.pool_id) for line in lines]
        if any(_free(pool) < line.gpu_count for pool, line in zip(pools, lines, strict=True)):
            return False
        ttl = min(lease["ttl_seconds"], *(pool["confirm_seconds"] for pool in pools))
        until = min(self.now + ttl * SECOND, _or_for_ever(lease["ends_at"]), closes_at)
        self.do(
            "UPDATE lease SET state = 'granted', expires_at = ?, rev = rev + 1 WHERE id = ?",
            *(until, lease["id"]),
        )
        for line in lines:
            n = line.gpu_count
            self._change(line, available=-n, held=n, scheduled=-n)
            cause = f"lease {lease['id']} granted"
            self.transfer(line, "available", "held", cause=cause, actor="sweep")
        self.tell_of(lease, "lease.granted")
        return True

    def lines(self, lease_id: str) -> Candidate:
        """Return the lines of a lease, by pool."""
        rows = self.do(
            "SELECT pool_id, gpu_count FROM lease_line WHERE lease_id = ? ORDER BY pool_id",
            lease_id,
        )
        return tuple(Line(pool_id=row["pool_id"], gpu_count=row["gpu_count"]) for row in rows)

    def closes_at(self, lease_id: str) -> int:
        """Return when the first pool behind a lease closes."""
        row = self.one(
            "SELECT min(closes_at) AS closes_at FROM pool "
            "WHERE id IN (SELECT pool_id FROM lease_line WHERE lease_id = ?)",
            lease_id,
        )
        return _or_for_ever(row["closes_at"] if row is not None else None)

    def pool(self, pool_id: str) -> Any:
        """Return the row of a pool, or None."""
        return self.one("SELECT * FROM pool WHERE id = ?", pool_id)

    def one(self, statement: str, *values: Any) -> sqlite3.Row | None:
        """Return the first row of a query."""
        row: sqlite3.Row | None = self.do(statement, *values).fetchone()
        return row

    def do(self, statement: str, *values: Any) -> sqlite3.Cursor:
        """Run a statement."""
        return self._connection.execute(statement, values)

    def transfer(self, line: Line, debit: str, credit: str, *, cause: str, actor: str) -> None:
        """Write down that GPUs went from one account of a pool to another."""
        self.do(
            "INSERT INTO capacity_transfer (pool_id, debit, credit, gpu_count, cause, actor, at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            *(line.pool_id, debit, credit, line.gpu_count, cause, actor, self.now),
        )

    def tell_of(self, lease: sqlite3.Row, kind: str, **more: Any) -> None:
        """Write an event of a lease."""
        data = {
            "request_id": lease["request_id"],
            "fence": lease["fence"],
            "gpu_count": lease["gpu_count"],
        }
        self.tell(kind, lease["id"], lease["holder"], lease["principal"], **data, **more)

    def tell(
        self, kind: str, object_id: str, holder: str | None, principal: str | None, **data: Any
    ) -> None:
        """Write an event."""
        self.do(
            "INSERT INTO capacity_event (kind, object_id, holder, principal, at, data) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            *(kind, object_id, holder, principal, self.now, json.dumps(data)),
        )

    def _fitting(self, wish: Wish, candidate: Candidate, starts_at: int) -> list[Any] | None:
        """Return the pools of a candidate, in its order, if every line of it fits."""
        pools = [self.pool(line.pool_id) for line in candidate]
        fits = all(
            pool is not None
            and self._is_open(pool, wish, starts_at)
            and self._has_room(pool, line.gpu_count - _claim(wish, line), wish, starts_at)
            for pool, line in zip(pools, candidate, strict=True)
        )
        return pools if fits else None

    def _is_open(self, pool: sqlite3.Row, wish: Wish, starts_at: int) -> bool:
        until = _ends_at(wish, starts_at)
        return (
            not pool["is_cordoned"]
            and not pool["is_draining"]
            and (pool["opens_at"] or 0) <= starts_at
            and (starts_at + LAST_CALL if until is None else until)
            <= _or_for_ever(pool["closes_at"])
        )

    def _has_room(self, pool: sqlite3.Row, wanted: int, wish: Wish, starts_at: int) -> bool:
        """Say whether so many more GPUs fit, now and beside whatever is booked for later."""
        if starts_at <= self.now:
            if wanted > _free(pool):
                return False
            if wanted + pool["scheduled"] <= _free(pool):
                return True
        grace, until = pool["grace_seconds"] * SECOND, _ends_at(wish, starts_at)
        window = {
            "pool": pool["id"],
            "from": starts_at,
            "until": FOR_EVER if until is None else until + grace,
            "grace": grace,
            "for_ever": FOR_EVER,
        }
        peak: int = self._connection.execute(_PEAK, window).fetchone()[0]
        return wanted + peak <= _free(pool)

    def _granted(
        self, wish: Wish, candidate: Candidate, pools: list[Any], starts_at: int, *, is_new: bool
    ) -> Answer:
        later = starts_at > self.now
        ends_at, lease_id = _ends_at(wish, starts_at), new_id()
        state = LeaseState.SCHEDULED if later else LeaseState.GRANTED
        until = starts_at
        if not later:
            ttl = min(wish.ttl_seconds, *(pool["confirm_seconds"] for pool in pools))
            closes_at = min(_or_for_ever(pool["closes_at"]) for pool in pools)
            until = min(self.now + ttl * SECOND, _or_for_ever(ends_at), closes_at)
        if is_new:
            self._write_request(wish, RequestState.GRANTED, lease_id=lease_id)
        else:
            self.do(
                "UPDATE capacity_request SET state = 'granted', reason = NULL, detail = NULL, "
                "lease_id = ?, decided_at = ?, rev = rev + 1 WHERE id = ?",
                *(lease_id, self.now, wish.request_id),
            )
        gpu_count = sum(line.gpu_count for line in candidate)
        fence = self._next_fence()
        self.do(
            "INSERT INTO lease (id, request_id, principal, holder, state, is_live, priority, "
            "is_preemptible, gpu_count, fence, ttl_seconds, granted_at, starts_at, ends_at, "
            "expires_at, rev) VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)",
            *(lease_id, wish.request_id, wish.principal, wish.holder, state.value, wish.priority),
            *(wish.is_preemptible, gpu_count, fence, wish.ttl_seconds),
            *(self.now, starts_at, ends_at, until),
        )
        for pool, line in zip(pools, candidate, strict=True):
            self._write_line(wish, lease_id, pool, line, later=later)
        data = {"request_id": wish.request_id, "fence": fence, "gpu_count": gpu_count}
        self.tell(f"lease.{state}", lease_id, wish.holder, wish.principal, **data)
        return Answer(
            outcome=Outcome.GRANTED,
            request_id=wish.request_id,
            lease_id=lease_id,
            fence=fence,
            expires_at=instant_of(until),
            lines=candidate,
            request_state=RequestState.GRANTED,
            lease_state=state,
        )

    def _write_line(
        self, wish: Wish, lease_id: str, pool: sqlite3.Row, line: Line, *, later: bool
    ) -> None:
        n, claim = line.gpu_count, min(_claim(wish, line), pool["claimed"])
        self.do(
            "INSERT INTO lease_line (lease_id, pool_id, gpu_count, marginal_price, "
            "effective_price, currency) VALUES (?, ?, ?, ?, ?, ?)",
            *(lease_id, line.pool_id, n),
            *(pool["marginal_price"], pool["effective_price"], pool["currency"]),
        )
        if later:
            self._change(line, scheduled=n, claimed=-claim)
            return
        self._change(line, available=-n, held=n, claimed=-claim)
        cause = f"lease {lease_id} granted"
        self.transfer(line, "available", "held", cause=cause, actor=wish.principal)

    def _not_granted(self, wish: Wish, *, is_new: bool) -> Answer:
        is_late = wish.deadline_at is not None and micros_of(wish.deadline_at) <= self.now
        refused = Answer(
            outcome=Outcome.REFUSED,
            request_id=wish.request_id,
            reason=wish.reason.value,
            detail=wish.detail,
        )
        if is_late and wish.may_queue:
            refused = replace(refused, reason=Refusal.DEADLINE.value)
        pending = replace(refused, outcome=Outcome.PENDING, request_state=RequestState.PENDING)
        if not is_new:
            return pending
        if is_late or not wish.would_wait:
            return refused
        self._write_request(wish, RequestState.PENDING, lease_id=None)
        data = {"gpu_count": wish.gpu_count, "reason": wish.reason.value}
        self.tell("request.pending", wish.request_id, wish.holder, wish.principal, **data)
        return pending

    def _write_request(self, wish: Wish, state: RequestState, *, lease_id: str | None) -> None:
        waits = state is RequestState.PENDING
        self.do(
            "INSERT INTO capacity_request (id, principal, idempotency_key, fingerprint, spec, "
            "holder, gpu_count, priority, state, reason, detail, lease_id, created_at, "
            "deadline_at, decided_at, rev) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)",
            *(wish.request_id, wish.principal, wish.idempotency_key, wish.fingerprint, wish.spec),
            *(wish.holder, wish.gpu_count, wish.priority, state.value),
            *((wish.reason.value, wish.detail) if waits else (None, None)),
            *(lease_id, self.now, micros_of(wish.deadline_at) if wish.deadline_at else None),
            None if waits else self.now,
        )

    def _replayed(self, known: sqlite3.Row) -> Answer:
        answer = Answer(
            outcome=Outcome.REPLAYED,
            request_id=known["id"],
            reason=known["reason"],
            detail=known["detail"],
            request_state=RequestState(known["state"]),
        )
        lease = self.one("SELECT * FROM lease WHERE id = ?", known["lease_id"])
        if lease is None:
            return answer
        return replace(
            answer,
            lease_id=lease["id"],
            fence=lease["fence"],
            expires_at=instant_of(lease["expires_at"]),
            lines=self.lines(lease["id"]),
            lease_state=LeaseState(lease["state"]),
        )

    def _confirm(self, lease: sqlite3.Row) -> None:
        for line in self.lines(lease["id"]):
            self._change(line, held=-line.gpu_count, leased=line.gpu_count)
            cause = f"lease {lease['id']} confirmed"
            self.transfer(line, "held", "leased", cause=cause, actor=lease["principal"])
        self.tell_of(lease, "lease.active")

    def _change(self, line: Line, **by: int) -> None:
        sets = ", ".join(f"{account} = {account} + ?" for account in by)
        self.do(
            f"UPDATE pool SET {sets}, gen = gen + 1, changed_at = ? WHERE id = ?",  # noqa: S608 - names of columns, ours
            *(*by.values(), self.now, line.pool_id),
        )

    def _next_fence(self) -> int:
        row = self.do(
            "UPDATE fence SET last = last + 1 WHERE name = 'lease' RETURNING last"
        ).fetchone()
        fence: int = row["last"]
        return fence


def _free(pool: sqlite3.Row) -> int:
    free: int = pool["available"] - pool["kept_back"] - pool["claimed"]
    return free


def _claim(wish: Wish, line: Line) -> int:
    return sum(one.gpu_count for one in wish.claimed if one.pool_id == line.pool_id)


def _ends_at(wish: Wish, starts_at: int) -> int | None:
    return None if wish.duration_seconds is None else starts_at + wish.duration_seconds * SECOND


def _or_for_ever(instant: int | None) -> int:
    return FOR_EVER if instant is None else instant
