"""Makes a plan from a snapshot; nothing is read from the books and nothing is kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from broker.clock import Ticks, ticks_now
from broker.placement.current import with_current
from broker.placement.plan import Plan
from broker.placement.planning import make_plan
from broker.placement.snapshot import Running, Snapshot
from broker.placement.snapshot_reading import read_snapshot

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
