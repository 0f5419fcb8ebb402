"""Plans placement from a snapshot or from the books, and keeps what was planned."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from sqlalchemy.exc import IntegrityError

from broker.clock import Clock, Ticks, ticks_now
from broker.errors import ReusedKeyError
from broker.flows.placement_snapshot import live_snapshot
from broker.identity import new_id
from broker.placement.current import with_current
from broker.placement.plan import Plan
from broker.placement.plan_json import read_placements
from broker.placement.planning import make_plan
from broker.placement.snapshot import Running, Snapshot
from broker.placement.snapshot_reading import read_snapshot
from broker.store.engine import Database
from broker.store.plans import (
    USUAL_PLANS,
    NewPlan,
    PlanEntry,
    PlanKey,
    PlanKind,
    StoredPlan,
    add_plan,
    plan_by_id,
    plan_entries,
    plan_under_key,
)

USUAL_BUDGET_SECONDS = 20.0
SHORTEST_BUDGET_SECONDS = 0.1
LONGEST_BUDGET_SECONDS = 600.0

OnBetter = Callable[[Plan], None]

_NANOSECONDS = 1e9


class Planner(Protocol):
    """What makes plans: ours, or one of a test."""

    def __call__(
        self,
        snapshot: Snapshot,
        *,
        budget_seconds: float,
        elapsed: Callable[[], float],
        on_better: OnBetter | None,
    ) -> Plan:
        """Return the best plan found within the budget; tell of better ones on the way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long to plan, whom to tell of better plans meanwhile, and with what."""

    budget_seconds: float = USUAL_BUDGET_SECONDS
    on_better: OnBetter | None = None
    planner: Planner = make_plan
    ticks: Ticks = ticks_now


USUAL_EFFORT = Effort()


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A plan that was made, and the snapshot that it is of."""

    snapshot: Snapshot
    plan: Plan


def make_from_document(
    document: object, *, current: Sequence[Running] | None = None, effort: Effort = USUAL_EFFORT
) -> Made:
    """Return the plan of a snapshot that came as a JSON value; nothing is kept.

    `current`, where given, takes the place of what the snapshot says is running. Raises
    BadInputError with every fault of the snapshot.
    """
    begun = effort.ticks()
    snapshot = read_snapshot(document)
    return make_from_snapshot(snapshot, current=current, effort=effort, begun=begun)


def make_from_snapshot(
    snapshot: Snapshot,
    *,
    current: Sequence[Running] | None = None,
    notes: Sequence[str] = (),
    effort: Effort = USUAL_EFFORT,
    begun: int | None = None,
) -> Made:
    """Return the plan of a snapshot, with the notes before its reasons.

    The budget counts from `begun`, in ticks, else from now.
    """
    since = effort.ticks() if begun is None else begun
    lost: tuple[str, ...] = ()
    if current is not None:
        snapshot, lost = with_current(snapshot, current)
    plan = effort.planner(
        snapshot,
        budget_seconds=effort.budget_seconds,
        elapsed=lambda: (effort.ticks() - since) / _NANOSECONDS,
        on_better=effort.on_better,
    )
    return Made(snapshot=snapshot, plan=replace(plan, reasons=(*notes, *lost, *plan.reasons)))


def plan_snapshot(
    database: Database,
    document: object,
    *,
    actor: str,
    clock: Clock,
    current_plan: str | None = None,
    key: PlanKey | None = None,
    effort: Effort = USUAL_EFFORT,
) -> StoredPlan:
    """Plan a snapshot that came as a JSON value, and keep the plan.

    `current_plan` is the id of a plan whose placements run now. With a `key`, whoever asks the
    same again gets the plan that was made. Raises BadInputError with every fault, NotFoundError
    for an unknown plan, and ReusedKeyError where the key came with something else before.
    """
    known = None if key is None else _known(database, key)
    if known is not None:
        return known
    made = make_from_document(document, current=_running_of(database, current_plan), effort=effort)
    return keep_plan(
        database, made, PlanKind.SNAPSHOT, actor=actor, clock=clock, parent_id=current_plan, key=key
    )


def plan_live(
    database: Database,
    *,
    actor: str,
    clock: Clock,
    with_confidential: bool = True,
    current_plan: str | None = None,
    key: PlanKey | None = None,
    effort: Effort = USUAL_EFFORT,
) -> StoredPlan:
    """Plan from ledger, offers, demand and leases as they stand, and keep the plan.

    What was left out of the snapshot, and why, stands first among the plan's reasons. Without
    `with_confidential`, suppliers whose terms keep their answers within the team that buys are
    left out. Raises BadInputError, with what to do about each, where the books do not make a
    snapshot, and as `plan_snapshot` does.
    """
    known = None if key is None else _known(database, key)
    if known is not None:
        return known
    begun = effort.ticks()
    current = _running_of(database, current_plan)
    live = live_snapshot(database, as_of=clock(), with_confidential=with_confidential)
    made = make_from_snapshot(
        live.snapshot, current=current, notes=live.left_out, effort=effort, begun=begun
    )
    return keep_plan(
        database, made, PlanKind.LIVE, actor=actor, clock=clock, parent_id=current_plan, key=key
    )


def keep_plan(
    database: Database,
    made: Made,
    kind: PlanKind,
    *,
    actor: str,
    clock: Clock,
    parent_id: str | None = None,
    key: PlanKey | None = None,
) -> StoredPlan:
    """Write a plan down and return it as it stands on record.

    Of two requests with one key that ran at once, both get the plan that was written first.
    """
    new = NewPlan(
        id=new_id(),
        created_at=clock(),
        actor=actor,
        kind=kind,
        snapshot=made.snapshot,
        plan=made.plan,
        parent_id=parent_id,
        key=key,
    )
    try:
        with database.writing() as session:
            add_plan(session, new)
    except IntegrityError:
        first = None if key is None else _known(database, key)
        if first is None:
            raise
        return first
    return show_plan(database, new.id)


def show_plan(database: Database, plan_id: str) -> StoredPlan:
    """Return a plan, or raise NotFoundError."""
    with database.reading() as session:
        return plan_by_id(session, plan_id)


def list_plans(
    database: Database, *, limit: int = USUAL_PLANS, before: str | None = None
) -> list[PlanEntry]:
    """Return the newest plans, or those before one of them."""
    with database.reading() as session:
        return plan_entries(session, limit=limit, before=before)


def body_fingerprint(body: bytes) -> str:
    """Return the fingerprint of a request's body."""
    return hashlib.sha256(body).hexdigest()


def _known(database: Database, key: PlanKey) -> StoredPlan | None:
    with database.reading() as session:
        found = plan_under_key(session, key.principal, key.idempotency_key)
    if found is not None and found.fingerprint != key.fingerprint:
        raise ReusedKeyError(
            f"the Idempotency-Key {key.idempotency_key} came with another request before; choose a "
            "new key for a new request"
        )
    return found


def _running_of(database: Database, plan_id: str | None) -> tuple[Running, ...] | None:
    return None if plan_id is None else read_placements(show_plan(database, plan_id).plan)
