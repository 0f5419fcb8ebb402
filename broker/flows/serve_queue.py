"""Serves those that wait: reads, decides, and writes a round of the queue in one transaction.

    read and decide, no lock held ──▶ take the turn ──▶ lock ──▶ grant, keep, give notice ──▶ commit
                                          └─ another round was written meanwhile: nothing is done

Deciding takes as long as the queue is, so it happens before anything is locked: grants to others
go on meanwhile. What they took is found out under lock, where each grant is verified, and the next
round goes by it. Rounds never mix: a round that was overtaken by another is dropped whole.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from broker.capacity.lease import Lease
from broker.capacity.model_names import by_pool_names
from broker.capacity.queueing import Decision, Turn, Waiting
from broker.capacity.request import CapacitySpec
from broker.capacity.rounds import Round, RoundTerms, play
from broker.capacity.spec_json import spec_from_json
from broker.clock import Clock
from broker.store.capacity_events import lock_events
from broker.store.engine import Database
from broker.store.grant_words import Wish
from broker.store.job_runs import database_now
from broker.store.lease_writing import grant_waiting
from broker.store.pools import stored_pools
from broker.store.prices import fx_table
from broker.store.queue_rounds import (
    Notice,
    give_notice,
    is_idle,
    last_round,
    leases_in_play,
    lock_claims,
    lock_pending,
    note_reason,
    pending_requests,
    reject,
    suspend_claims,
    take_round,
    write_claims,
)
from broker.store.quotas import quota_book
from broker.store.tables import CapacityRequestRow

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueReport:
    """What a round brought. `is_ours` False: another process wrote one meanwhile."""

    is_ours: bool = True
    granted: int = 0
    rejected: int = 0
    waiting: int = 0
    preempting: int = 0
    claimed_gpus: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prepared:
    """A round that is decided and not written yet."""

    seen: datetime | None  # the last round before it
    round: Round
    requests: Mapping[str, CapacityRequestRow]
    specs: Mapping[str, CapacitySpec]
    graces: Mapping[str, timedelta]  # by lease


def serve_queue(database: Database, *, terms: RoundTerms, clock: Clock) -> QueueReport:
    """Serve those that wait once; return what it brought.

    Where nobody waits nothing is written or locked. `clock` is the time of SQLite.
    """
    with database.reading() as session:
        prepared = _prepared(session, terms, clock)
    if prepared is None:
        return QueueReport()
    with database.writing() as session:
        report = _written(session, prepared, clock)
    if report.granted or report.rejected or report.preempting:
        log.info(
            "queue served",
            extra={
                "granted": report.granted,
                "rejected": report.rejected,
                "preempting": report.preempting,
                "waiting": report.waiting,
            },
        )
    return report


def _prepared(session: Session, terms: RoundTerms, clock: Clock) -> _Prepared | None:
    if is_idle(session):
        return None
    seen = last_round(session)
    pools = stored_pools(session)
    known = {each.pool.gpu_model for each in pools}
    requests = {row.id: row for row in pending_requests(session)}
    specs = {row.id: by_pool_names(spec_from_json(row.spec), known) for row in requests.values()}
    models = {model for spec in specs.values() for model in spec.gpu_models}
    leases = leases_in_play(session, models)
    round_ = play(
        [
            Waiting(id=row.id, spec=specs[row.id], created_at=row.created_at)
            for row in requests.values()
        ],
        [each.pool for each in pools],
        leases,
        now=_now(session, clock),
        terms=terms,
        book=quota_book(session),
        rates=fx_table(session) if any(spec.max_price for spec in specs.values()) else None,
    )
    grace_of = {each.pool.id: each.grace_seconds for each in pools}
    return _Prepared(
        seen=seen,
        round=round_,
        requests=requests,
        specs=specs,
        graces={lease.id: _grace(lease, grace_of) for lease in leases},
    )


def _written(session: Session, prepared: _Prepared, clock: Clock) -> QueueReport:
    decisions = prepared.round.decisions
    if not take_round(session, prepared.seen, at=_now(session, clock)):
        return QueueReport(is_ours=False, waiting=len(decisions))
    before = lock_claims(session, _pools_of(decisions))
    lock_events(session)
    pending = lock_pending(session, [decision.request_id for decision in decisions])
    now = _now(session, clock)
    held = [decision for decision in decisions if decision.request_id in pending]
    for decision in held:
        if decision.turn is Turn.REJECTED:
            reject(session, pending[decision.request_id], decision, at=now)
        elif decision.turn is not Turn.SERVED:
            note_reason(pending[decision.request_id], decision)
    session.flush()
    suspend_claims(session, before)
    wishes = [_wish(prepared, decision) for decision in held if decision.turn is Turn.SERVED]
    granted = grant_waiting(session, wishes, now=now)
    claimed = _claimed(held)
    write_claims(session, before, claimed, at=now)
    told = give_notice(session, _notices(prepared, pending), at=now)
    rejected = sum(decision.turn is Turn.REJECTED for decision in held)
    return QueueReport(
        granted=len(granted),
        rejected=rejected,
        waiting=len(held) - len(granted) - rejected,
        preempting=len(told),
        claimed_gpus=sum(claimed.values()),
    )


def _wish(prepared: _Prepared, decision: Decision) -> Wish:
    row, spec = prepared.requests[decision.request_id], prepared.specs[decision.request_id]
    return Wish(
        request_id=row.id,
        principal=row.principal,
        idempotency_key=row.idempotency_key,
        fingerprint=row.fingerprint,
        spec=row.spec,
        holder=row.holder,
        gpu_count=row.gpu_count,
        priority=row.priority,
        is_preemptible=spec.is_preemptible,
        is_gang=spec.is_gang,
        ttl_seconds=spec.ttl_seconds,
        duration_seconds=spec.duration_seconds,
        starts_at=spec.starts_at,
        may_queue=True,
        deadline_at=row.deadline_at,
        candidates=decision.candidates,
        is_waiting=True,
    )


def _pools_of(decisions: Sequence[Decision]) -> set[str]:
    return {
        line.pool_id
        for decision in decisions
        for lines in (*decision.candidates, decision.claimed)
        for line in lines
    }


def _claimed(decisions: Sequence[Decision]) -> dict[str, int]:
    return Round(decisions=tuple(decisions), notices=()).claimed


def _notices(prepared: _Prepared, pending: Mapping[str, CapacityRequestRow]) -> list[Notice]:
    return [
        Notice(lease_id=lease_id, request_id=request_id, grace=prepared.graces[lease_id])
        for lease_id, request_id in prepared.round.notices
        if request_id in pending
    ]


def _grace(lease: Lease, grace_of: Mapping[str, int]) -> timedelta:
    return timedelta(seconds=max(grace_of[line.pool_id] for line in lease.lines))


def _now(session: Session, clock: Clock) -> datetime:
    """Return the time that leases go by: on PostgreSQL its own, on SQLite that of the process."""
    return clock() if session.get_bind().dialect.name == "sqlite" else database_now(session)
