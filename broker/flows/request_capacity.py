"""Asks for capacity: plan from the snapshot, let the engine verify and write, and answer.

    plan ──▶ nothing fits? read the pools again, plan again ──▶ engine ──▶ granted, pending
                 ▲                                                │
                 └────── denied, though the plan had ways: once ──┘

What is refused is not on record: the same key may ask again later, and is then judged anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from broker.capacity.lease import LeaseLine, LeaseState
from broker.capacity.model_names import by_pool_names
from broker.capacity.planning import plan, plan_key, quick_plan
from broker.capacity.pool import Pool, PoolKind
from broker.capacity.request import CapacitySpec, Plan, RequestState
from broker.capacity.spec_json import fingerprint_of, spec_to_json
from broker.clock import Clock
from broker.errors import (
    InsufficientCapacityError,
    RefusedError,
    ReusedKeyError,
    TonnageError,
)
from broker.flows.pool_snapshot import PoolSnapshots, Snapshot
from broker.identity import new_id
from broker.store.engine import Database
from broker.store.grants import Answer, Grants, Outcome, Wish
from broker.store.leases import GrantedLease, GrantedLine, leases_by_id

MOST_WAYS: Final = 1_000
"""Plans kept of one snapshot: it is gone in a second, and so are they."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where capacity is asked for: the engine, and what plans are made from."""

    database: Database
    grants: Grants
    snapshots: PoolSnapshots
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """A request with its key, and whose it is."""

    spec: CapacitySpec
    idempotency_key: str
    principal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What became of a request: granted with its lease, or pending; or why it was refused."""

    request_id: str
    state: RequestState | None  # None: refused, and not on record
    reason: str | None = None
    detail: str | None = None
    lease: GrantedLease | None = None
    is_replayed: bool = False
    refusal: TonnageError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What would become of a request now, with the pools that it was held against."""

    plan: Plan
    pools: dict[str, Pool]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Planned:
    """An ask, and the plan made for it from a snapshot."""

    ask: Ask
    plan: Plan
    snapshot: Snapshot
    request_id: str


async def request_capacity(desk: Desk, asks: Sequence[Ask]) -> list[Decision]:
    """Return what became of each request, once it is committed; each stands for itself.

    Raises UnreachableError when nothing is known of what became of them.
    """
    began = desk.snapshots.now()
    snapshot = await desk.snapshots.usual()
    if snapshot.quotas.quotas:  # what its holder has just been granted counts
        snapshot = await desk.snapshots.since(began)
    planned = _planned(desk, asks, snapshot)
    in_vain = [index for index, each in enumerate(planned) if not each.plan.candidates]
    if in_vain:
        fresh = await desk.snapshots.since(began)
        _plan_again(desk, planned, in_vain, fresh)
    answers = await desk.grants.grant_many([_wish(each) for each in planned])
    denied = [index for index, answer in enumerate(answers) if _was_a_race(answer, planned[index])]
    if denied:
        # Read again: somebody was faster, or a return came in meanwhile.
        fresh = await desk.snapshots.since(desk.snapshots.now())
        changed = [index for index in denied if _has_changed(planned[index], fresh)]
        _plan_again(desk, planned, denied, fresh)
        if changed:
            wishes = [_wish(planned[index]) for index in changed]
            for index, answer in zip(changed, await desk.grants.grant_many(wishes), strict=True):
                answers[index] = answer
    return await _decisions(desk, planned, answers)


async def explain_capacity(desk: Desk, spec: CapacitySpec) -> Explanation:
    """Return what would become of a request now; nothing is written."""
    snapshot = await desk.snapshots.since(desk.snapshots.now())
    found = await asyncio.to_thread(_in_words, desk, spec, snapshot)
    return Explanation(plan=found, pools={pool.id: pool for pool in snapshot.pools})


def _planned(desk: Desk, asks: Sequence[Ask], snapshot: Snapshot) -> list[_Planned]:
    return [
        _Planned(
            ask=ask, plan=_ways(desk, ask.spec, snapshot), snapshot=snapshot, request_id=new_id()
        )
        for ask in asks
    ]


def _plan_again(
    desk: Desk, planned: list[_Planned], which: Sequence[int], snapshot: Snapshot
) -> None:
    for index in which:
        found = _ways(desk, planned[index].ask.spec, snapshot)
        planned[index] = replace(planned[index], plan=found, snapshot=snapshot)


def _ways(desk: Desk, spec: CapacitySpec, snapshot: Snapshot) -> Plan:
    known = by_pool_names(spec, snapshot.shelf.by_model)
    admitted = snapshot.quotas.admit(known)
    if admitted.spec is None:
        return admitted.refused(may_queue=spec.may_queue)
    return _within_quota(_usual_ways(desk, admitted.spec, snapshot), spec, snapshot)


def _usual_ways(desk: Desk, spec: CapacitySpec, snapshot: Snapshot) -> Plan:
    """Plan, or say what was planned from this snapshot for the same wish of somebody else.

    Schedulers ask for the same few shapes again and again; among a thousand pools finding them
    takes as long as writing the grant does.
    """
    key = plan_key(spec)
    found = snapshot.ways.get(key)
    if found is None:
        found = quick_plan(spec, snapshot.shelf, now=desk.clock(), rates=snapshot.rates)
        if found.candidates and len(snapshot.ways) < MOST_WAYS:
            snapshot.ways[key] = found
    return found


def _in_words(desk: Desk, spec: CapacitySpec, snapshot: Snapshot) -> Plan:
    known = by_pool_names(spec, snapshot.shelf.by_model)
    admitted = snapshot.quotas.admit(known)
    if admitted.spec is None:
        return admitted.refused(may_queue=spec.may_queue)
    found = plan(admitted.spec, snapshot.pools, now=desk.clock(), rates=snapshot.rates)
    return _within_quota(found, spec, snapshot)


def _within_quota(found: Plan, spec: CapacitySpec, snapshot: Snapshot) -> Plan:
    """Return a plan without the ways that its holder may not go. As old as the snapshot is."""
    if not (snapshot.quotas.quotas and found.candidates):
        return found
    model_of = {pool.id: pool.gpu_model for pool in snapshot.pools}
    ways = snapshot.quotas.within(spec.holder, found.candidates, model_of)
    if ways:
        return replace(found, candidates=ways)
    return snapshot.quotas.admit(spec).refused(may_queue=spec.may_queue)


def _wish(planned: _Planned) -> Wish:
    spec, ask = planned.ask.spec, planned.ask
    text = spec_to_json(spec)
    return Wish(
        request_id=planned.request_id,
        principal=ask.principal,
        idempotency_key=ask.idempotency_key,
        fingerprint=fingerprint_of(text),
        spec=text,
        holder=spec.holder,
        gpu_count=spec.gpu_count,
        priority=spec.priority,
        is_preemptible=spec.is_preemptible,
        is_gang=spec.is_gang,
        ttl_seconds=spec.ttl_seconds,
        duration_seconds=spec.duration_seconds,
        starts_at=spec.starts_at,
        may_queue=spec.may_queue,
        deadline_at=spec.deadline,
        candidates=planned.plan.candidates,
        refusal=planned.plan.refusal,
        detail=planned.plan.helps,
    )


def _was_a_race(answer: Answer, planned: _Planned) -> bool:
    return answer.outcome is Outcome.REFUSED and bool(planned.plan.candidates)


def _has_changed(planned: _Planned, fresh: Snapshot) -> bool:
    before, after = planned.snapshot.gens, fresh.gens
    tried = {line.pool_id for way in planned.plan.candidates for line in way}
    return any(before.get(pool_id) != after.get(pool_id) for pool_id in tried)


async def _decisions(
    desk: Desk, planned: Sequence[_Planned], answers: Sequence[Answer]
) -> list[Decision]:
    replayed = [
        answer.lease_id
        for answer in answers
        if answer.outcome is Outcome.REPLAYED and answer.lease_id is not None
    ]
    known = await asyncio.to_thread(_leases, desk.database, replayed) if replayed else {}
    return [_decision(each, answer, known) for each, answer in zip(planned, answers, strict=True)]


def _leases(database: Database, lease_ids: Sequence[str]) -> dict[str, GrantedLease]:
    with database.reading() as session:
        found = leases_by_id(session, lease_ids)
    return {lease_id: stored.granted for lease_id, stored in found.items()}


def _decision(planned: _Planned, answer: Answer, known: dict[str, GrantedLease]) -> Decision:
    match answer.outcome:
        case Outcome.GRANTED:
            return Decision(
                request_id=answer.request_id,
                state=RequestState.GRANTED,
                lease=_lease(planned, answer),
            )
        case Outcome.PENDING:
            return Decision(
                request_id=answer.request_id,
                state=RequestState.PENDING,
                reason=answer.reason,
                detail=answer.detail,
            )
        case Outcome.MISMATCH:
            refusal: TonnageError = ReusedKeyError(
                "this Idempotency-Key was used before, for another request; choose a fresh key, "
                "or send the body that it was used for"
            )
        case Outcome.REFUSED:
            refusal = _insufficient(planned.plan, answer)
        case Outcome.REPLAYED:
            return _replayed(answer, known)
    return Decision(request_id=answer.request_id, state=None, reason=answer.reason, refusal=refusal)


def _replayed(answer: Answer, known: dict[str, GrantedLease]) -> Decision:
    """Return what became of a request that was sent before, as it stands now."""
    state = answer.request_state
    refusal: TonnageError | None = None
    if state is RequestState.REJECTED:
        refusal = InsufficientCapacityError(_told(answer.reason, answer.detail))
    elif state is RequestState.CANCELLED:
        refusal = RefusedError("this request was cancelled; ask again with a fresh key")
    return Decision(
        request_id=answer.request_id,
        state=state,
        reason=answer.reason,
        detail=answer.detail,
        lease=known.get(answer.lease_id or ""),
        is_replayed=True,
        refusal=refusal,
    )


def _lease(planned: _Planned, answer: Answer) -> GrantedLease:
    if answer.lease_id is None or answer.fence is None or answer.expires_at is None:
        raise RuntimeError("the engine granted a request without telling the lease")
    pools = planned.snapshot.by_id
    return GrantedLease(
        id=answer.lease_id,
        request_id=answer.request_id,
        state=answer.lease_state or LeaseState.GRANTED,
        fence=answer.fence,
        ttl_seconds=planned.ask.spec.ttl_seconds,
        expires_at=answer.expires_at,
        lines=tuple(_line(pools[line.pool_id], line.gpu_count) for line in answer.lines),
    )


def _line(pool: Pool, gpu_count: int) -> GrantedLine:
    return GrantedLine(
        line=LeaseLine(
            pool_id=pool.id,
            supplier=pool.supplier,
            contract_ref=pool.contract_ref,
            region=pool.region,
            gpu_model=pool.gpu_model,
            gpu_count=gpu_count,
            marginal=pool.marginal,
            effective=pool.effective,
        ),
        is_contract=pool.kind is PoolKind.CONTRACT,
    )


def _insufficient(found: Plan, answer: Answer) -> InsufficientCapacityError:
    return InsufficientCapacityError(_told(answer.reason, answer.detail or found.helps))


def _told(reason: str | None, helps: str | None) -> str:
    return f"not granted ({reason or 'no-capacity'}); what would have helped: {helps or 'waiting'}"
