"""A queue with pools and leases in it, for tests of its rounds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlmodel import col, select

from broker.capacity.request import Candidate, CapacitySpec, Refusal, RequestState
from broker.capacity.rounds import RoundTerms
from broker.capacity.spec_json import fingerprint, spec_from_json, spec_to_json
from broker.clock import Clock, utc_now
from broker.flows.serve_queue import QueueReport, serve_queue
from broker.store.engine import Database
from broker.store.grants import Answer, Grants, Outcome, Swept, Wish
from broker.store.tables import CapacityRequestRow, LeaseRow
from tests.broker.store.capacity_rows import a_wish, on, with_grants

TERMS = RoundTerms(backfill_for=timedelta(minutes=5))


def a_spec(gpus: int = 8, **changes: Any) -> CapacitySpec:
    """So many H100 until released, by somebody who may wait."""
    defaults: dict[str, Any] = {"gpu_models": ("H100",), "holder": "chat", "may_queue": True}
    return CapacitySpec(gpu_count=gpus, **{**defaults, **changes})


def asked(spec: CapacitySpec, *ways: Candidate) -> Wish:
    """A request as the API sends it, with the ways that its planner found; none: it waits."""
    return a_wish(
        *ways,
        spec=spec_to_json(spec),
        fingerprint=fingerprint(spec),
        holder=spec.holder,
        gpu_count=spec.gpu_count,
        priority=spec.priority,
        is_preemptible=spec.is_preemptible,
        is_gang=spec.is_gang,
        ttl_seconds=spec.ttl_seconds,
        duration_seconds=spec.duration_seconds,
        may_queue=spec.may_queue,
        deadline_at=spec.deadline,
        refusal=Refusal.NO_CAPACITY,
    )


def ask(database: Database, spec: CapacitySpec, *ways: Candidate, **changes: Any) -> Answer:
    """Send a request; return what became of it."""
    wish = replace(asked(spec, *ways), **changes)
    return with_grants(database, lambda grants: grants.grant(wish))


def hold(database: Database, pool_id: str, spec: CapacitySpec) -> Answer:
    """Lease GPUs of a pool."""
    answer = ask(database, spec, on((pool_id, spec.gpu_count)))
    assert answer.outcome is Outcome.GRANTED
    return answer


def wait(database: Database, spec: CapacitySpec) -> str:
    """Queue a request; return its id."""
    answer = ask(database, spec)
    assert answer.outcome is Outcome.PENDING
    return answer.request_id


def a_round(
    database: Database, terms: RoundTerms = TERMS, *, clock: Clock = utc_now
) -> QueueReport:
    return serve_queue(database, terms=terms, clock=clock)


def sweep(database: Database) -> Swept:
    async def once(grants: Grants) -> Swept:
        return await grants.sweep()

    return with_grants(database, once)


def request(database: Database, request_id: str) -> CapacityRequestRow:
    with database.reading() as session:
        return session.get_one(CapacityRequestRow, request_id)


def state(database: Database, request_id: str) -> str:
    return request(database, request_id).state


def lease_for(database: Database, request_id: str) -> LeaseRow:
    with database.reading() as session:
        return session.exec(select(LeaseRow).where(LeaseRow.request_id == request_id)).one()


def age(database: Database, request_id: str, by: timedelta) -> None:
    """Let a request have waited longer."""
    with database.writing() as session:
        row = session.get_one(CapacityRequestRow, request_id)
        session.execute(
            sa.update(CapacityRequestRow)
            .where(col(CapacityRequestRow.id) == request_id)
            .values(created_at=row.created_at - by)
        )


def miss_deadline(database: Database, request_id: str) -> None:
    """Let the deadline of a request have passed: the clock of PostgreSQL is not ours to set."""
    passed = utc_now() - timedelta(seconds=1)
    with database.writing() as session:
        row = session.get_one(CapacityRequestRow, request_id)
        row.spec = spec_to_json(replace(spec_from_json(row.spec), deadline=passed))
        row.deadline_at = passed


GRANTED, PENDING = RequestState.GRANTED.value, RequestState.PENDING.value
REJECTED, CANCELLED = RequestState.REJECTED.value, RequestState.CANCELLED.value
