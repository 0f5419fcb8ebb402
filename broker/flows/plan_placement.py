"""Plans placement from a snapshot or from the books, and keeps what was planned."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy.exc import IntegrityError

from broker.clock import Clock
from broker.errors import NotFoundError, ReusedKeyError
from broker.flows.make_plan import (
    USUAL_EFFORT,
    Effort,
    Made,
    make_from_document,
    make_from_snapshot,
)
from broker.flows.placement_snapshot import live_snapshot
from broker.identity import new_id
from broker.placement.plan_json import read_placements
from broker.placement.snapshot import Running
from broker.store.engine import Database
from broker.store.plan_limits import USUAL_PLANS
from broker.store.plans import (
    NewPlan,
    PlanEntry,
    PlanKey,
    PlanKind,
    StoredPlan,
    add_plan,
    newest_plan,
    plan_by_id,
    plan_entries,
    plan_under_key,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Who asks for a plan, and what runs now.

    That is `current`, or the placements of the plan on record with the id `current_plan`; without
    either, what the snapshot says. With a `key`, whoever asks the same again gets the plan that was
    made. Without `with_confidential`, a plan from the books leaves suppliers out whose terms keep
    their answers within the team that buys; `on` is the day that counts as today, if another does.
    """

    actor: str
    current: Sequence[Running] | None = None
    current_plan: str | None = None
    key: PlanKey | None = None
    with_confidential: bool = True
    on: date | None = None


def plan_snapshot(
    database: Database,
    document: object,
    asking: Asking,
    *,
    clock: Clock,
    effort: Effort = USUAL_EFFORT,
) -> StoredPlan:
    """Plan a snapshot that came as a JSON value, and keep the plan.

    Raises BadInputError with every fault, NotFoundError for an unknown current plan, and
    ReusedKeyError where the key came with something else before.
    """
    known = _known(database, asking.key)
    if known is not None:
        return known
    made = make_from_document(document, current=_running(database, asking), effort=effort)
    return keep_plan(database, made, PlanKind.SNAPSHOT, asking, clock=clock)


def plan_live(
    database: Database, asking: Asking, *, clock: Clock, effort: Effort = USUAL_EFFORT
) -> StoredPlan:
    """Plan from ledger, offers, demand and leases as they stand, and keep the plan.

    What was left out of the snapshot, and why, stands first among the plan's reasons. Raises
    BadInputError, saying what to do about each, where the books do not make a snapshot, and as
    `plan_snapshot` does.
    """
    known = _known(database, asking.key)
    if known is not None:
        return known
    begun = effort.ticks()
    current = _running(database, asking)
    as_of = clock()
    if asking.on is not None:
        as_of = datetime.combine(asking.on, as_of.timetz())
    live = live_snapshot(database, as_of=as_of, with_confidential=asking.with_confidential)
    made = make_from_snapshot(
        live.snapshot, current=current, notes=live.left_out, effort=effort, begun=begun
    )
    return keep_plan(database, made, PlanKind.LIVE, asking, clock=clock)


def keep_plan(
    database: Database, made: Made, kind: PlanKind, asking: Asking, *, clock: Clock
) -> StoredPlan:
    """Write a plan down and return it as it stands on record.

    Of two requests with one key that ran at once, both get the plan that was written first.
    """
    new = NewPlan(
        id=new_id(),
        created_at=clock(),
        actor=asking.actor,
        kind=kind,
        snapshot=made.snapshot,
        plan=made.plan,
        parent_id=asking.current_plan,
        key=asking.key,
    )
    try:
        with database.writing() as session:
            add_plan(session, new)
    except IntegrityError:
        first = _known(database, asking.key)
        if first is None:
            raise
        return first
    return show_plan(database, new.id)


def show_plan(database: Database, plan_id: str) -> StoredPlan:
    """Return a plan, or raise NotFoundError."""
    with database.reading() as session:
        return plan_by_id(session, plan_id)


def newest(database: Database, *, not_of: PlanKind | None = None) -> StoredPlan:
    """Return the plan that was made last, of all or not of a kind, or raise NotFoundError."""
    with database.reading() as session:
        found = newest_plan(session, not_of=not_of)
    if found is None:
        raise NotFoundError("no plan is on record; make one: tonnage plan")
    return found


def list_plans(
    database: Database, *, limit: int = USUAL_PLANS, before: str | None = None
) -> list[PlanEntry]:
    """Return the newest plans, or those before one of them."""
    with database.reading() as session:
        return plan_entries(session, limit=limit, before=before)


def body_fingerprint(body: bytes) -> str:
    """Return the fingerprint of a request's body."""
    return hashlib.sha256(body).hexdigest()


def _known(database: Database, key: PlanKey | None) -> StoredPlan | None:
    if key is None:
        return None
    with database.reading() as session:
        found = plan_under_key(session, key.principal, key.idempotency_key)
    if found is not None and found.fingerprint != key.fingerprint:
        raise ReusedKeyError(
            "this Idempotency-Key was used before, for another plan; choose a fresh key, or send "
            "the body that it was used for"
        )
    return None if found is None else replace(found, is_replayed=True)


def _running(database: Database, asking: Asking) -> Sequence[Running] | None:
    if asking.current_plan is None:
        return asking.current
    return read_placements(show_plan(database, asking.current_plan).plan)
