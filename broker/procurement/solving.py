"""Solving: the program of a procurement input, as far as an effort goes.

The search stops at a gap or after a number of nodes, never by the clock: the same input always
gets the same plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

import numpy as np
from scipy.sparse import csc_array, vstack

from broker.errors import RefusedError
from broker.procurement.formulation import Formulation, SurvivalColumn, formulate
from broker.procurement.procurement_input import ProcurementInput, SurvivalPriority
from broker.procurement.signing import Choice, Restriction, choices
from broker.solver import Outcome, Program, Solution, solve

DEFAULT_GAP: Final = 0.002
"""How far a plan may lie above the best there is, as a part of its cost."""

EXACT_GAP: Final = 1e-6
"""For what a negotiation rests on: differences of two plans, so each must be the best."""

MAX_NODES: Final = 20_000
"""Where a search gives up proving more."""

MANY_CHOICES: Final = 400
ROUGH_GAP: Final = 0.001
"""Of more choices, at no finer a gap, signatures are found before whole lots: in two thirds of the
time."""

FIRST_STEP: Final = 0.8
"""The part of the gap that the search for signatures may use up."""

HEURISTIC_EFFORT: Final = 0.2
"""How much of a search goes into finding better plans, against proving that there are none."""

_NOTHING: Final = 1e-6
_CENT: Final = Decimal("0.01")
_FREE: Final = Restriction()


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How hard to search."""

    gap: float = DEFAULT_GAP
    max_nodes: int = MAX_NODES


@dataclass(frozen=True, slots=True, kw_only=True)
class Solved:
    """A solved program: its cost, what is proven of it, and how many GPUs of each choice."""

    formulation: Formulation
    solution: Solution
    signed: tuple[tuple[Choice, int], ...]

    @property
    def cost(self) -> float:
        """Return the discounted cost, penalties included and held contracts left out."""
        return self.solution.objective

    def gpus_of(self, quote: str) -> int:
        """Return how many GPUs of a quote are signed."""
        return sum(gpus for choice, gpus in self.signed if choice.quote.quote == quote)


def solve_input(
    given: ProcurementInput,
    restriction: Restriction = _FREE,
    *,
    effort: Effort | None = None,
) -> Solved:
    """Return the solved program of an input under a restriction."""
    formulation = formulate(given, restriction)
    program = formulation.program
    search = effort or Effort()
    if given.policy.survival_priority is SurvivalPriority.FIRST and formulation.survival:
        program = _surviving_as_much_as_can_be(program, formulation.survival, search)
    is_large = len(formulation.choices) > MANY_CHOICES and search.gap >= ROUGH_GAP
    solution = (
        _signs_then_lots(formulation, program, search) if is_large else _solution(program, search)
    )
    return Solved(
        formulation=formulation,
        solution=solution,
        signed=tuple(_signed(formulation, solution)),
    )


def is_large(given: ProcurementInput) -> bool:
    """Say whether so much can be signed that one solve takes long."""
    return sum(1 for _ in choices(given, _FREE)) > MANY_CHOICES


def _signs_then_lots(formulation: Formulation, program: Program, effort: Effort) -> Solution:
    """Return a plan of a large program: what to sign with parts of lots, then whole lots of that.

    The bound is that of the first step, which allows more, so it is proven for both.
    """
    if program.is_integer is None:
        return _solution(program, effort)
    is_integer, lower, upper = program.is_integer.copy(), program.lower.copy(), program.upper.copy()
    is_integer[[each.lots for each in formulation.choices]] = False
    parts = _solution(
        replace(program, is_integer=is_integer), replace(effort, gap=effort.gap * FIRST_STEP)
    )
    for each in formulation.choices:
        lower[each.sign] = upper[each.sign] = round(float(parts.values[each.sign]))
    try:
        whole = _solution(
            replace(program, lower=lower, upper=upper),
            replace(effort, gap=effort.gap * (1 - FIRST_STEP) / 2),
        )
    except RefusedError:  # a limit that parts of lots keep and whole ones do not
        return _solution(program, effort)
    is_within = whole.objective - parts.bound <= effort.gap * abs(whole.objective)
    return replace(
        whole,
        bound=min(parts.bound, whole.objective),
        outcome=Outcome.OPTIMAL if is_within else Outcome.LIMIT,
    )


def _solution(program: Program, effort: Effort) -> Solution:
    options = {
        "mip_rel_gap": effort.gap,
        "mip_abs_gap": 0.01,
        "mip_max_nodes": effort.max_nodes,
        "mip_heuristic_effort": HEURISTIC_EFFORT,
    }
    found = solve(program, options=options)
    if found.outcome not in (Outcome.OPTIMAL, Outcome.LIMIT) or not len(found.values):
        raise RefusedError(
            f"no plan can be found ({found.outcome}); loosen what the policy asks of every plan"
        )
    return found


def _surviving_as_much_as_can_be(
    program: Program, columns: Iterable[SurvivalColumn], effort: Effort
) -> Program:
    """Return the program with the expected lack of survival held at the least there can be."""
    weights = np.zeros(len(program.cost))
    for each in columns:
        weights[each.column] = each.probability
    least = _solution(replace(program, cost=weights), effort).objective
    return replace(
        program,
        matrix=csc_array(vstack([program.matrix, csc_array(weights[np.newaxis, :])])),
        row_lower=np.append(program.row_lower, -np.inf),
        row_upper=np.append(program.row_upper, least + max(_NOTHING, abs(least) * effort.gap)),
    )


def _signed(formulation: Formulation, solution: Solution) -> Iterator[tuple[Choice, int]]:
    for each in formulation.choices:
        lots = round(float(solution.values[each.lots]))
        if lots:
            yield each.choice, lots * each.choice.quote.lot_gpus
