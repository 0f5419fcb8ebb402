"""Procuring: the plan of an input, and what a solved program means in GPUs, days and money."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import Final

from broker.procurement.horizon import HOURS_PER_MONTH
from broker.procurement.procurement_input import ProcurementInput
from broker.procurement.procurement_plan import (
    Leaving,
    MonthCost,
    ProcurementPlan,
    ProcurementStatus,
    Shortfall,
    Signature,
    SurvivalLack,
)
from broker.procurement.solving import Effort, Solved, solve_input
from broker.procurement.worth import discounts
from broker.solver import Outcome

_NOTHING: Final = 1e-6
_CENT: Final = Decimal("0.01")


def procure(given: ProcurementInput, *, effort: Effort | None = None) -> ProcurementPlan:
    """Return the cheapest plan, as far as the effort goes.

    Raises RefusedError when the solver finds none.
    """
    return plan_of(given, solve_input(given, effort=effort))


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
