"""What is measured of plans, each figure in a process of its own.

Seconds are those of the clock on the wall. A plan counts as checked once `check_plan` has found
nothing wrong with it, so the seconds of the first plan hold those of its check.
"""

from __future__ import annotations

import resource
import time
from collections import defaultdict
from collections.abc import Callable

import numpy as np
from placement_baselines import Answer, greedy_cheapest, scipy_milp
from placement_laminar import Laminar
from placement_site import make_snapshot
from placement_slices import SLICES, cases, sliced_dollars, snapshot_of

from broker.placement.checking import check_plan
from broker.placement.plan import Placement, Plan
from broker.placement.planning import make_plan
from broker.placement.recount import Site
from broker.placement.scoring import Score, score
from broker.placement.snapshot import Snapshot
from broker.solver import Program, solve

Figures = dict[str, float | str | None]

PEER_SECONDS = 60.0
"""What a solver that is handed the whole program may take."""

TOKENS_APART = 1.0
"""Tokens per second below which two shortfalls count as the same."""


def measure_plan(size: str, seed: int, gpus: int | None = None) -> Figures:
    """Plan a site once: how long, how good, how much memory, and whether it holds."""
    snapshot = make_snapshot(size, seed, gpus=gpus)
    plans, plan, seconds = planned(snapshot)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    first_seconds, first = plans[0]
    began = time.perf_counter()
    wrong = len(check_plan(snapshot, first))
    check_seconds = time.perf_counter() - began
    cheapest = score(snapshot, greedy_cheapest(snapshot).placements or ())
    return {
        "GPUs": sum(pool.capacity_gpus for pool in snapshot.pools),
        "GPUs used": sum(gpus_by_provider(snapshot, plan).values()),
        "replicas": sum(line.replicas for line in plan.placements),
        "first checked plan, s": first_seconds + check_seconds,
        "bound and plan, s": seconds,
        "gap_managed": plan.gap_managed,
        "gap_variable": plan.gap_variable,
        "status": plan.status.value,
        "memory, MB": memory,
        "violations": wrong + len(check_plan(snapshot, plan)),
        **_short(snapshot, plan),
        "money, $/h": float(plan.cost_per_hour.money),
        "purchases, $/h": float(plan.cost_per_hour.new),
        "greedy purchases, $/h": float(cheapest.new_per_hour),
        "purchases / greedy": _ratio(plan.cost_per_hour.new, cheapest.new_per_hour),
        "money / greedy": _ratio(plan.cost_per_hour.money, cheapest.money),
        "greedy lacks for survival, tokens/s": cheapest.survival_shortfall,
    }


def measure_peer(size: str, seed: int) -> Figures:
    """Reach what `scipy.optimize.milp` reaches in its time, and how much sooner."""
    return _beside(
        make_snapshot(size, seed), "SciPy", lambda it: scipy_milp(it, seconds=PEER_SECONDS)
    )


def measure_straightforward(size: str, seed: int) -> Figures:
    """Reach what the model reaches as one would write it down in PuLP, with its CBC."""
    from placement_pulp import pulp_cbc  # of the extra `bench`; the other parts do without it

    return _beside(make_snapshot(size, seed), "PuLP", lambda it: pulp_cbc(it, seconds=PEER_SECONDS))


def measure_slices() -> dict[str, Figures]:
    """Compare every case of mixed request sizes with each number of slices."""
    found: dict[str, Figures] = {}
    for case in cases():
        sliced = [sliced_dollars(case, slices) for slices in SLICES]
        snapshot = snapshot_of(case)
        _, plan, _ = planned(snapshot)
        ours = float(plan.cost_per_hour.money)
        found[case.name] = {
            **{f"{n} slices, $/h": it for n, it in zip(SLICES, sliced, strict=True)},
            "continuous, $/h": ours if not plan.unserved else None,
            "continuous / best": ours / min(sliced),
            "continuous / one slice": ours / sliced[0],
            "violations": len(check_plan(snapshot, plan)),
        }
    return found


def least_short(snapshot: Snapshot) -> tuple[float, ...]:
    """Return what must stay short at least, stage by stage, even if replicas could be divided."""
    program = Laminar.of(snapshot)
    least: list[float] = []
    for goal in program.stages:
        lower, upper = (np.array(it) for it in zip(*program.limits, strict=True))
        found = solve(
            Program(
                cost=program.cost((goal, 1.0)),
                lower=np.zeros(len(program.upper)),
                upper=np.array(program.upper),
                matrix=program.matrix,
                row_lower=lower,
                row_upper=upper,
            ),
            options={"solver": "ipm"},
        )
        least.append(found.objective * 1000)
        program.add(goal, most=found.objective * (1 + 1e-9) + 1e-6)
    return tuple(least)


def planned(snapshot: Snapshot) -> tuple[list[tuple[float, Plan]], Plan, float]:
    """Return every plan with the second it came at, the last one, and the seconds of it all."""
    plans: list[tuple[float, Plan]] = []
    clock = start_clock()
    plan = make_plan(
        snapshot, elapsed=clock, on_better=lambda better: plans.append((clock(), better))
    )
    seconds = clock()
    return [*plans, (seconds, plan)], plan, seconds


def start_clock() -> Callable[[], float]:
    """Return a clock that tells the seconds from now on."""
    began = time.perf_counter()
    return lambda: time.perf_counter() - began


def _short(snapshot: Snapshot, plan: Plan) -> Figures:
    """Return what is short beyond what the linear program says must be, as shares of demand."""
    counted = score(snapshot, plan.placements)
    short = (unserved_in(counted), counted.survival_shortfall, counted.gold_shortfall)
    floors = (0.0, 0.0, 0.0)
    if max(short) > TOKENS_APART:
        *unserved, survival, gold = least_short(snapshot)
        floors = (sum(unserved), survival, gold)
    needed = needed_by(snapshot)
    names = ("unserved", "survival short", "gold short")
    return {
        **{f"{name} / demand": it / needed for name, it in zip(names, short, strict=True)},
        **{
            f"{name} beyond the LP / demand": max(0.0, it - floor) / needed
            for name, it, floor in zip(names, short, floors, strict=True)
        },
    }


def needed_by(snapshot: Snapshot) -> float:
    """Return the tokens per second that are needed in all, headroom included."""
    site = Site.of(snapshot)
    return sum(sum(site.needed(model).values()) for model in snapshot.models)


def unserved_in(counted: Score) -> float:
    """Return the unserved tokens per second of all priorities."""
    return sum(tokens for _, tokens in counted.unserved)


def gpus_by_provider(snapshot: Snapshot, plan: Plan) -> dict[str, int]:
    """Return the GPUs that the plan uses of each provider."""
    site, used = Site.of(snapshot), defaultdict[str, int](int)
    for line in plan.placements:
        place = (line.model, line.config, line.pool)
        used[site.pools[line.pool].provider] += site.gpus(place, line.replicas)
    return dict(used)


def _ratio(ours: object, theirs: object) -> float | None:
    return float(str(ours)) / float(str(theirs)) if float(str(theirs)) else None


def _beside(snapshot: Snapshot, name: str, ask: Callable[[Snapshot], Answer]) -> Figures:
    plans, plan, seconds = planned(snapshot)
    peer = ask(snapshot)
    ours = score(snapshot, plan.placements)
    theirs = None if peer.placements is None else score(snapshot, peer.placements)
    as_good = next((at for at, it in plans if _is_as_good(snapshot, it.placements, theirs)), None)
    return {
        f"{name}, s": peer.seconds,
        f"{name}, $/h": None if theirs is None else float(theirs.money),
        f"{name}, survival short tokens/s": None if theirs is None else theirs.survival_shortfall,
        "ours, $/h": float(ours.money),
        "ours, survival short tokens/s": ours.survival_shortfall,
        "ours, s": seconds,
        "as good after, s": as_good,
        "as good after / its time": float("inf") if as_good is None else as_good / peer.seconds,
    }


def _is_as_good(snapshot: Snapshot, placements: tuple[Placement, ...], other: Score | None) -> bool:
    """Say whether the placements are no worse, stage by stage, than what another one found."""
    if other is None:
        return True
    for one, two in zip(score(snapshot, placements).stages[:-1], other.stages[:-1], strict=True):
        if abs(one - two) > TOKENS_APART:
            return one < two
    return score(snapshot, placements).money <= other.money
