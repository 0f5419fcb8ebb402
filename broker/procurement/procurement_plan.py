"""A procurement plan: what to sign, renew and leave, by when, and what it costs.

Commitments are exact: whole GPUs times exact prices, undiscounted. What depends on demand is an
expectation over the scenarios. Shortfalls are in B200-equivalents.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from pricing.money import Currency


class ProcurementStatus(StrEnum):
    """How good a plan is known to be."""

    OPTIMAL = "optimal"  # no cheaper plan exists, within the gap that was asked for
    FEASIBLE = "feasible"  # a cheaper one may exist, within the gap that is stated


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A quote to sign, for how many GPUs, in which month and by which day.

    `cost_inside` is charged inside the horizon, one-off costs included; `tail` is what the term
    still costs after it, which no demand of the plan covers.
    """

    quote: str
    renews: str | None
    supplier: str
    gpu_model: str
    geo: str
    gpus: int
    sign_month: date
    sign_by: date
    start_on: date
    end_on: date
    price_per_gpu_hour: Decimal
    fixed_cost: Decimal  # paid in the month of signing
    switching_cost: Decimal  # paid in the month in which service starts
    cost_inside: Decimal
    tail: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """A contract that ends inside the horizon, and how many of its GPUs are not renewed.

    `notice_by` is the day by which the supplier must have been told.
    """

    contract: str
    supplier: str
    gpu_model: str
    geo: str
    gpus_held: int
    gpus_left: int
    end_on: date
    notice_by: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """What one class of work lacks in a month of a scenario, in B200-equivalents."""

    scenario: str
    month: date
    class_name: str
    geo: str
    b200_equivalents: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivalLack:
    """What would lack of the promised share if a supplier were lost, in B200-equivalents.

    `scenario` is None where the promise is on the mean over the scenarios.
    """

    scenario: str | None
    month: date
    supplier: str
    b200_equivalents: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MonthCost:
    """What one month costs, undiscounted: commitments, then expectations over the scenarios."""

    month: date
    contracts: Decimal
    renewals: Decimal
    new: Decimal
    one_off: Decimal
    on_demand: Decimal
    shortage_penalty: Decimal
    survival_penalty: Decimal

    @property
    def paid(self) -> Decimal:
        """Return what is paid to suppliers, without penalties."""
        return self.contracts + self.renewals + self.new + self.one_off + self.on_demand


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcurementPlan:
    """The answer. `cost` is what the plan minimises: discounted, penalties in, held contracts out.

    `bound` is proven: no plan costs less. `sunk` is what held contracts cost, discounted likewise.
    """

    as_of: date
    months: int
    currency: Currency
    status: ProcurementStatus
    digest: str
    signatures: tuple[Signature, ...]
    leavings: tuple[Leaving, ...]
    shortfalls: tuple[Shortfall, ...]
    survival_lacks: tuple[SurvivalLack, ...]
    cost_by_month: tuple[MonthCost, ...]
    cost: float
    bound: float
    sunk: float

    @property
    def gap(self) -> float:
        """Return how far the cost may lie above the best there is, as a part of the cost."""
        return max(0.0, self.cost - self.bound) / self.cost if self.cost > 0 else 0.0

    @property
    def tail(self) -> Decimal:
        """Return what the signed terms cost after the horizon."""
        return sum((each.tail for each in self.signatures), Decimal(0))

    @property
    def renewals(self) -> tuple[Signature, ...]:
        """Return the signatures that renew a contract."""
        return tuple(each for each in self.signatures if each.renews is not None)

    @property
    def new_signatures(self) -> tuple[Signature, ...]:
        """Return the signatures for new capacity."""
        return tuple(each for each in self.signatures if each.renews is None)
