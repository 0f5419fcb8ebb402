"""Procuring: solve the program of an input, and say what its solution means.

The search stops at a gap or after a number of nodes, never by the clock: the same input always
gets the same plan.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Final

import numpy as np
from scipy.sparse import csc_array, vstack

from broker.errors import RefusedError
from broker.procurement.formulation import Formulation, SurvivalColumn, discounts, formulate
from broker.procurement.horizon import HOURS_PER_MONTH
from broker.procurement.procurement_input import ProcurementInput, SurvivalPriority
from broker.procurement.procurement_plan import (
    Leaving,
    MonthCost,
    ProcurementPlan,
    ProcurementStatus,
    Shortfall,
    Signature,
    SurvivalLack,
)
from broker.procurement.signing import Choice, Restriction
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


def procure(given: ProcurementInput, *, effort: Effort | None = None) -> ProcurementPlan:
    """Return the cheapest plan, as far as the effort goes.

    Raises RefusedError when the solver finds none.
    """
    return plan_of(given, solve_input(given, effort=effort))


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


def plan_of(given: ProcurementInput, solved: Solved) -> ProcurementPlan:
    """Return what a solution means: in GPUs, days and money."""
    solution = solved.solution
    signatures = tuple(sorted(_signatures(given, solved), key=_by_day))
    return ProcurementPlan(
        as_of=given.as_of,
        months=given.months,
        currency=given.currency,
        status=(
            ProcurementStatus.OPTIMAL
            if solution.outcome is Outcome.OPTIMAL
            else ProcurementStatus.FEASIBLE
        ),
        digest=_digest(given, signatures),
        signatures=signatures,
        leavings=tuple(_leavings(given, signatures)),
        shortfalls=tuple(_shortfalls(given, solved)),
        survival_lacks=tuple(_survival_lacks(given, solved)),
        cost_by_month=tuple(_cost_by_month(given, solved, signatures)),
        cost=solution.objective,
        bound=min(solution.bound, solution.objective),
        sunk=_sunk(given),
    )


def _by_day(signature: Signature) -> tuple[date, str]:
    return signature.sign_by, signature.quote


def _signatures(given: ProcurementInput, solved: Solved) -> Iterator[Signature]:
    horizon = given.horizon
    for choice, gpus in solved.signed:
        quote = choice.quote
        hourly = quote.price_per_gpu_hour * gpus * HOURS_PER_MONTH
        switching = quote.switching_cost_per_gpu * gpus
        inside = horizon.months_inside(choice.start_on, choice.end_on)
        yield Signature(
            quote=quote.quote,
            renews=quote.renews,
            supplier=quote.supplier,
            gpu_model=quote.gpu_model,
            geo=quote.geo,
            gpus=gpus,
            sign_month=horizon.start_of(choice.month),
            sign_by=choice.sign_by,
            start_on=choice.start_on,
            end_on=choice.end_on,
            price_per_gpu_hour=quote.price_per_gpu_hour,
            fixed_cost=_cents(quote.fixed_cost),
            switching_cost=_cents(switching),
            cost_inside=_cents(hourly * inside + quote.fixed_cost + switching),
            tail=_cents(hourly * max(Decimal(0), quote.term_months - inside)),
        )


def _leavings(given: ProcurementInput, signatures: Iterable[Signature]) -> Iterator[Leaving]:
    renewed: dict[str, int] = defaultdict(int)
    for each in signatures:
        if each.renews is not None:
            renewed[each.renews] += each.gpus
    for held in sorted(given.contracts, key=lambda held: (held.end_on, held.contract)):
        left = held.gpus - renewed[held.contract]
        if given.as_of < held.end_on < given.horizon.end_on and left > 0:
            yield Leaving(
                contract=held.contract,
                supplier=held.supplier,
                gpu_model=held.gpu_model,
                geo=held.geo,
                gpus_held=held.gpus,
                gpus_left=left,
                end_on=held.end_on,
                notice_by=held.notice_by,
            )


def _shortfalls(given: ProcurementInput, solved: Solved) -> Iterator[Shortfall]:
    """Yield what lacks in each scenario, in the mean over how deliveries turn out."""
    chances = {each.scenario: each.probability for each in given.scenarios}
    lacking: dict[tuple[str, int, str, str], float] = defaultdict(float)
    for each in solved.formulation.short:
        name, value = each.future.scenario.scenario, float(solved.solution.values[each.column])
        if value > _NOTHING and chances[name] > 0:
            share = each.future.probability / chances[name]
            lacking[name, each.month, each.class_name, each.geo] += share * value
    for (name, month, class_name, geo), value in lacking.items():
        yield Shortfall(
            scenario=name,
            month=given.horizon.start_of(month),
            class_name=class_name,
            geo=geo,
            b200_equivalents=value,
        )


def _survival_lacks(given: ProcurementInput, solved: Solved) -> Iterator[SurvivalLack]:
    """Yield the worst lack of each month and supplier over how deliveries turn out."""
    worst: dict[tuple[str | None, int, str], float] = defaultdict(float)
    for each in solved.formulation.survival:
        key = (each.scenario, each.month, each.supplier)
        worst[key] = max(worst[key], float(solved.solution.values[each.column]))
    for (scenario, month, supplier), value in worst.items():
        if value > _NOTHING:
            yield SurvivalLack(
                scenario=scenario,
                month=given.horizon.start_of(month),
                supplier=supplier,
                b200_equivalents=value,
            )


def _cost_by_month(
    given: ProcurementInput, solved: Solved, signatures: Iterable[Signature]
) -> Iterator[MonthCost]:
    horizon, zero = given.horizon, Decimal(0)
    held, renewals, new, one_off = ([zero] * given.months for _ in range(4))
    for contract in given.contracts:
        for month, part in contract.served(horizon):
            hours = contract.gpus * HOURS_PER_MONTH * part
            held[month] += contract.price_per_gpu_hour * hours
    for each in signatures:
        kind = new if each.renews is None else renewals
        for month, part in horizon.covered(each.start_on, each.end_on):
            kind[month] += each.price_per_gpu_hour * each.gpus * HOURS_PER_MONTH * part
        one_off[horizon.month_of(each.sign_month)] += each.fixed_cost
        one_off[horizon.month_of(each.start_on)] += each.switching_cost
    on_demand, shortage, survival = _expected_by_month(given, solved)
    for month in range(given.months):
        yield MonthCost(
            month=horizon.start_of(month),
            contracts=_cents(held[month]),
            renewals=_cents(renewals[month]),
            new=_cents(new[month]),
            one_off=_cents(one_off[month]),
            on_demand=_cents(on_demand[month]),
            shortage_penalty=_cents(shortage[month]),
            survival_penalty=_cents(survival[month]),
        )


def _expected_by_month(
    given: ProcurementInput, solved: Solved
) -> tuple[list[float], list[float], list[float]]:
    """Return what is expected to be paid on demand and in penalties, month by month."""
    values, policy = solved.solution.values, given.policy
    on_demand, shortage, survival = ([0.0] * given.months for _ in range(3))
    for bought in solved.formulation.bought:
        hours = bought.future.probability * HOURS_PER_MONTH * float(values[bought.column])
        on_demand[bought.month] += hours * float(bought.offer.price_per_gpu_hour)
    for short in solved.formulation.short:
        hours = short.future.probability * HOURS_PER_MONTH * float(values[short.column])
        shortage[short.month] += hours * float(policy.shortage_penalty_per_hour)
    for lack in solved.formulation.survival:
        hours = lack.probability * HOURS_PER_MONTH * float(values[lack.column])
        survival[lack.month] += hours * float(policy.survival_penalty_per_hour)
    return on_demand, shortage, survival


def _sunk(given: ProcurementInput) -> float:
    worth, horizon = discounts(given), given.horizon
    return sum(
        float(held.price_per_gpu_hour * held.gpus * HOURS_PER_MONTH * part) * worth[month]
        for held in given.contracts
        for month, part in held.served(horizon)
    )


def _cents(amount: Decimal | float) -> Decimal:
    return Decimal(amount).quantize(_CENT)


def _digest(given: ProcurementInput, signatures: Iterable[Signature]) -> str:
    """Return a hash of what is to be done: equal plans have equal digests."""
    told = [
        (each.quote, each.gpus, each.sign_month.isoformat(), str(each.price_per_gpu_hour))
        for each in signatures
    ]
    content = json.dumps([given.as_of.isoformat(), given.months, told])
    return hashlib.sha256(content.encode()).hexdigest()
