"""Leaving: what it costs, what it saves, and the highest price at which staying is still better."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from broker.contracts.line import Line
from broker.renewals import shown
from broker.renewals.assumptions import AssumptionName
from broker.renewals.evidence import Evidence
from broker.renewals.switching import (
    SwitchCost,
    Switching,
    compare_switching,
    double_running_cost,
)
from pricing.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Staying:
    """What leaving is measured against: the line, its end, and the offer to stay."""

    as_of: date
    incumbent: str
    line: Line
    end_on: date  # the first day without service
    offer: Money | None  # per GPU-hour, levelised; None while there is none
    term_hours: Decimal | None  # of the term compared over; None when no term is stated
    year_hours: Decimal  # of the twelve months after the end

    @property
    def last_day(self) -> date:
        """Return the last day of service."""
        return self.end_on - timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeavingCosts:
    """The stated parts of leaving; None where nobody stated one."""

    double_running_days: int | None
    migration_work: Money | None
    egress: Money | None
    early_termination_fee: Money | None
    lost_prepayment: Money | None
    other_regions_serve: bool | None = None  # None also where no alternative is elsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchCostView:
    """What leaving costs once, part by part, and the hours that both sides are paid for."""

    migration_work: Money
    double_running: Money
    double_running_gpu_hours: int
    egress: Money
    early_termination_fee: Money
    lost_prepayment: Money
    total: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """What leaving for one alternative costs and gains. Savings are against the offer to stay."""

    cost: SwitchCostView | None
    saving_per_hour: Money | None  # of all GPUs; negative when leaving costs more
    saving_per_year: Money | None
    break_even_hours: int | None  # None also when leaving never pays back
    break_even_days: int | None
    net_gain: Money | None  # over the term
    walk_away_price: Money | None  # per GPU-hour, rounded down


def stated_leaving_costs(evidence: Evidence, *, some_elsewhere: bool) -> LeavingCosts:
    """Return what is stated of leaving; the evidence notes what is not.

    `some_elsewhere`: an alternative is in another part of the world, so it matters whether that
    would do.
    """
    why = "the cost of switching, and with it the walk-away price,"
    names = AssumptionName
    return LeavingCosts(
        double_running_days=evidence.days(names.DOUBLE_RUNNING_DAYS, needed_for=why),
        migration_work=evidence.money(names.MIGRATION_WORK_COST, needed_for=why),
        egress=evidence.money(names.EGRESS_COST, needed_for=why),
        early_termination_fee=evidence.money(names.EARLY_TERMINATION_FEE, needed_for=why),
        lost_prepayment=evidence.money(names.LOST_PREPAYMENT, needed_for=why),
        other_regions_serve=evidence.answer(
            names.OTHER_REGIONS_SERVE, needed_for="whether offers from elsewhere are a way out"
        )
        if some_elsewhere
        else None,
    )


def what_leaving_gains(alternative: Money, *, staying: Staying, costs: LeavingCosts) -> Leaving:
    """Return what leaving for a price per GPU-hour costs and gains, as far as it is known."""
    gpus = staying.line.gpu_count
    cost = _switch_cost(alternative, costs, gpus=gpus)
    saving = None if staying.offer is None else (staying.offer - alternative) * gpus
    compared = _compared(alternative, cost, staying)
    has_offer = staying.offer is not None
    break_even = compared.break_even_hours if compared and has_offer else None
    break_even_days = compared.break_even_days if compared and has_offer else None
    return Leaving(
        cost=None if cost is None else _cost_view(cost, costs, gpus=gpus),
        saving_per_hour=shown.maybe_total(saving),
        saving_per_year=None if saving is None else shown.total(saving * staying.year_hours),
        break_even_hours=None if break_even is None else shown.whole(break_even),
        break_even_days=None if break_even_days is None else shown.whole(break_even_days),
        net_gain=shown.total(compared.net_gain) if compared and has_offer else None,
        walk_away_price=shown.limit(compared.walk_away_price) if compared else None,
    )


def _compared(alternative: Money, cost: SwitchCost | None, staying: Staying) -> Switching | None:
    if cost is None or not staying.term_hours:
        return None
    # The walk-away price does not depend on the offer, so it is known before there is one.
    return compare_switching(
        offer=alternative if staying.offer is None else staying.offer,
        alternative=alternative,
        cost=cost,
        gpus=staying.line.gpu_count,
        term_hours=staying.term_hours,
    )


def _switch_cost(alternative: Money, costs: LeavingCosts, *, gpus: int) -> SwitchCost | None:
    if (
        costs.double_running_days is None
        or costs.migration_work is None
        or costs.egress is None
        or costs.early_termination_fee is None
        or costs.lost_prepayment is None
    ):
        return None
    return SwitchCost(
        migration_work=costs.migration_work,
        double_running=double_running_cost(alternative, days=costs.double_running_days, gpus=gpus),
        egress=costs.egress,
        early_termination_fee=costs.early_termination_fee,
        lost_prepayment=costs.lost_prepayment,
    )


def _cost_view(cost: SwitchCost, costs: LeavingCosts, *, gpus: int) -> SwitchCostView:
    one = Money(Decimal(1), cost.total.currency)
    days = costs.double_running_days or 0
    return SwitchCostView(
        migration_work=shown.total(cost.migration_work),
        double_running=shown.total(cost.double_running),
        double_running_gpu_hours=shown.whole(double_running_cost(one, days=days, gpus=gpus).amount),
        egress=shown.total(cost.egress),
        early_termination_fee=shown.total(cost.early_termination_fee),
        lost_prepayment=shown.total(cost.lost_prepayment),
        total=shown.total(cost.total),
    )
