"""What if, and what now: plans made anew from an earlier one, after a change or a loss.

Nothing here touches the ledger. From the books each plan is kept with the one that it came from; of
files nothing is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from broker.clock import Clock
from broker.errors import NotAllowedError
from broker.flows.make_plan import USUAL_EFFORT, Effort, Made, make_from_snapshot
from broker.flows.offer_query import confidential_suppliers
from broker.flows.plan_placement import Asking, keep_plan, newest, show_plan
from broker.placement.current import with_current
from broker.placement.json_faults import listed
from broker.placement.plan_figures import SideBySide, side_by_side
from broker.placement.plan_fit import require_fit
from broker.placement.plan_json import read_plan
from broker.placement.repairing import after_loss, repair
from broker.placement.snapshot_json import snapshot_document
from broker.placement.snapshot_reading import read_snapshot
from broker.placement.what_if import Change, LoseProvider, changed, running_by
from broker.store.engine import Database
from broker.store.plans import PlanKind, StoredPlan

_NANOSECONDS: Final = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Replanned:
    """What is done at once about a loss, what is better, and that beside what was."""

    repair: Made
    full: Made
    after_repair: SideBySide
    after_full: SideBySide


@dataclass(frozen=True, slots=True, kw_only=True)
class Supposed:
    """The plan that would be made, and that beside what is."""

    made: Made
    comparison: SideBySide


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptReplan:
    """A loss answered on record: both plans name the one that ran as their parent."""

    repair: StoredPlan
    full: StoredPlan
    told: Replanned


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptWhatIf:
    """A supposed plan on record; it names the one that it was made from as its parent."""

    plan: StoredPlan
    told: Supposed


OnRepair = Callable[[Made, SideBySide], None]
"""Is told of a repair the moment it stands."""


def plan_of_documents(snapshot: object, plan: object) -> Made:
    """Return a snapshot and a plan of it that came as JSON values.

    Raises BadInputError with every fault of either, or where the plan is of another snapshot.
    """
    made = Made(snapshot=read_snapshot(snapshot), plan=read_plan(plan))
    require_fit(made.snapshot, made.plan)
    return made


def plan_on_record(stored: StoredPlan) -> Made:
    """Return the snapshot and the plan that are on record."""
    return Made(snapshot=read_snapshot(stored.snapshot), plan=read_plan(stored.plan))


def suppose(basis: Made, changes: Sequence[Change], *, effort: Effort = USUAL_EFFORT) -> Supposed:
    """Plan anew what a plan was made from, with changes; what it placed is what runs.

    Raises BadInputError with every change that speaks of what is not there.
    """
    begun = effort.ticks()
    running, notes = with_current(basis.snapshot, running_by(basis.plan))
    # Read as any other: numbers that were scaled must keep the rules of snapshots, too.
    snapshot = read_snapshot(snapshot_document(changed(running, changes)))
    told = tuple(f"what if: {change.sentence()}" for change in changes)
    made = make_from_snapshot(snapshot, notes=(*told, *notes), effort=effort, begun=begun)
    return Supposed(made=made, comparison=_beside(basis, made, changes))


def answer_loss(
    basis: Made, *, lost: str, effort: Effort = USUAL_EFFORT, on_repair: OnRepair | None = None
) -> Replanned:
    """Return the repair of a plan that has lost a provider, then the full plan.

    The repair leaves in place what still runs; the full plan moves it where that pays for the
    starts. Raises BadInputError for a provider that is not in the snapshot.
    """
    begun = effort.ticks()
    loss = LoseProvider(provider=lost)
    left = after_loss(basis.snapshot, basis.plan, lost=lost)
    mended = repair(
        basis.snapshot,
        basis.plan,
        lost=lost,
        elapsed=lambda: (effort.ticks() - begun) / _NANOSECONDS,
    )
    repaired = Made(snapshot=left, plan=mended)
    after_repair = _beside(basis, repaired, [loss])
    if on_repair is not None:
        on_repair(repaired, after_repair)
    full = make_from_snapshot(left, notes=(loss.sentence(),), effort=effort)
    return Replanned(
        repair=repaired,
        full=full,
        after_repair=after_repair,
        after_full=_beside(basis, full, [loss]),
    )


def what_if(
    database: Database,
    changes: Sequence[Change],
    asking: Asking,
    *,
    clock: Clock,
    effort: Effort = USUAL_EFFORT,
) -> KeptWhatIf:
    """Suppose changes to the plan `asking.current_plan`, else to the newest real one; keep it.

    Raises NotFoundError where there is no such plan, BadInputError as `suppose` does, and
    NotAllowedError for whoever could learn from it prices that they may not see.
    """
    before = _parent(database, asking)
    if not asking.with_confidential:
        _require_nothing_confidential(before)
    told = suppose(plan_on_record(before), changes, effort=effort)
    after = _after(before, asking)
    kept = keep_plan(database, told.made, PlanKind.WHAT_IF, after, clock=clock)
    return KeptWhatIf(plan=kept, told=told)


def replan_after_loss(
    database: Database,
    asking: Asking,
    *,
    lost: str,
    clock: Clock,
    effort: Effort = USUAL_EFFORT,
    on_repair: OnRepair | None = None,
) -> KeptReplan:
    """Answer the loss of a provider by the plan `asking.current_plan`, else by the newest real one.

    The repair is on record, and `on_repair` told of it, before the full plan is begun. Raises
    NotFoundError where there is no such plan, and BadInputError for an unknown provider.
    """
    before = _parent(database, asking)
    after = _after(before, asking)
    kept: list[StoredPlan] = []

    def keep(repaired: Made, comparison: SideBySide) -> None:
        kept.append(keep_plan(database, repaired, PlanKind.REPLAN, after, clock=clock))
        if on_repair is not None:
            on_repair(repaired, comparison)

    told = answer_loss(plan_on_record(before), lost=lost, effort=effort, on_repair=keep)
    full = keep_plan(database, told.full, PlanKind.REPLAN, after, clock=clock)
    return KeptReplan(repair=kept[0], full=full, told=told)


def _parent(database: Database, asking: Asking) -> StoredPlan:
    if asking.current_plan is not None:
        return show_plan(database, asking.current_plan)
    return newest(database, not_of=PlanKind.WHAT_IF)


def _after(before: StoredPlan, asking: Asking) -> Asking:
    return replace(asking, current_plan=before.entry.id)


def _beside(before: Made, after: Made, changes: Sequence[Change]) -> SideBySide:
    return side_by_side(
        (before.snapshot, before.plan), (after.snapshot, after.plan), changes=changes
    )


def _require_nothing_confidential(before: StoredPlan) -> None:
    """Refuse what would give prices away: whoever may move prices finds the one they meet."""
    if before.entry.kind is PlanKind.SNAPSHOT:
        return
    hidden = sorted(
        {each["provider"] for each in before.snapshot["pools"]} & confidential_suppliers()
    )
    if hidden:
        raise NotAllowedError(
            f"plan {before.entry.id} holds prices of {listed(hidden)}, which stay within the team "
            "that buys; ask of a plan that you had made, or with a key that may write prices"
        )
