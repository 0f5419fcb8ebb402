"""Switching: what leaving costs, when it pays back, and the highest price worth staying for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from broker.errors import BadInputError
from pricing.commitment import HOURS_PER_DAY
from pricing.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchCost:
    """What leaving costs once. Every part is stated; one that does not apply is a stated zero."""

    migration_work: Money
    double_running: Money
    egress: Money
    early_termination_fee: Money
    lost_prepayment: Money

    @property
    def total(self) -> Money:
        """Return all parts together."""
        return (
            self.migration_work
            + self.double_running
            + self.egress
            + self.early_termination_fee
            + self.lost_prepayment
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Switching:
    """An offer to stay, against an alternative that costs something to reach."""

    saving_per_hour: Money  # of the whole fleet in question; negative when leaving costs more
    break_even_hours: Decimal | None  # None: leaving never pays back
    net_gain: Money  # of switching, over the term
    walk_away_price: Money  # per GPU-hour, the highest worth paying to stay

    @property
    def break_even_days(self) -> Decimal | None:
        """Return the break-even in days; None when leaving never pays back."""
        return None if self.break_even_hours is None else self.break_even_hours / HOURS_PER_DAY


def double_running_cost(alternative: Money, *, days: int, gpus: int) -> Money:
    """Return what it costs to run the alternative beside the old contract for so many days."""
    if days < 0 or gpus < 0:
        raise BadInputError("double running takes zero or more days and GPUs")
    return alternative * (days * HOURS_PER_DAY * gpus)


def latest_double_running_start(end: date, *, days: int) -> date:
    """Return the last day to start double running; `end` is the first day without service."""
    return end - timedelta(days=days)


def compare_switching(
    *, offer: Money, alternative: Money, cost: SwitchCost, gpus: int, term_hours: Decimal
) -> Switching:
    """Return what switching gains against an offer per GPU-hour over a term.

    Break-even is cost / ((offer - alternative) x GPUs) hours. The walk-away price is alternative +
    cost / (GPUs x hours of the term): at that offer, switching gains exactly nothing.
    """
    if gpus < 1 or term_hours <= 0:
        raise BadInputError("switching is compared for at least one GPU and a term above zero")
    saving = (offer - alternative) * gpus
    total = cost.total
    return Switching(
        saving_per_hour=saving,
        break_even_hours=total.ratio_to(saving) if saving.amount > 0 else None,
        net_gain=saving * term_hours - total,
        walk_away_price=alternative + total / (gpus * term_hours),
    )
