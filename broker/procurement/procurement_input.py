"""What a procurement plan is made from: demand by scenario, contracts, quotes and a policy.

Demand is counted in B200-equivalents: GPUs of any model times a dated factor per class of work.
Prices are per GPU-hour in one currency. Dates are days; service ends on the first day without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from broker.procurement.horizon import Horizon, month_start_on_or_after, months_after
from pricing.money import USD, Currency


class SurvivalDemand(StrEnum):
    """Of which demand a share must be left when any one supplier is lost."""

    EXPECTED = "expected"  # the mean over the scenarios
    SCENARIO = "scenario"  # that of each scenario


class SurvivalPriority(StrEnum):
    """How survival stands to money."""

    PENALTY = "penalty"  # lacking it costs the penalty
    FIRST = "first"  # as much of it as there can be, then the cheapest way there


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """How many B200s do the work of one GPU of a model, for a class of work, from a day on."""

    class_name: str
    gpu_model: str
    b200_equivalents: Decimal
    valid_from: date
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemandSeries:
    """What one class of work needs in one geography, in B200-equivalents, month by month."""

    class_name: str
    geo: str
    b200_equivalents: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One future, and how likely it is."""

    scenario: str
    probability: float
    demand: tuple[DemandSeries, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldContract:
    """GPUs that are ours and paid for whether used or not, from `start_on` until `end_on`.

    Without a `start_on` they serve already.
    `notice_by` is the last day on which it can still be renewed or left.
    """

    contract: str
    supplier: str
    gpu_model: str
    geo: str
    gpus: int
    price_per_gpu_hour: Decimal
    end_on: date
    notice_by: date | None = None
    start_on: date | None = None

    def served(self, horizon: Horizon) -> Iterator[tuple[int, Decimal]]:
        """Yield each month of the horizon that is served, with the part of its days."""
        start = horizon.first_day if self.start_on is None else self.start_on
        return horizon.covered(start, self.end_on)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slip:
    """How likely a delivery is late, and by how many months. Late suppliers are late together."""

    months: int
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcurementQuote:
    """An offer that can be signed until `valid_until`, in lots between two sizes.

    One that `renews` a contract starts on the day that contract ends; any other one a lead time
    after the month it is signed in, and never before `delivery_on`. `fixed_cost` is paid once when
    it is signed, `switching_cost_per_gpu` once when service starts.
    """

    quote: str
    supplier: str
    gpu_model: str
    geo: str
    price_per_gpu_hour: Decimal
    min_gpus: int
    max_gpus: int
    term_months: int
    valid_until: date
    lot_gpus: int = 1
    renews: str | None = None
    lead_months: int = 0
    delivery_on: date | None = None
    fixed_cost: Decimal = Decimal(0)
    switching_cost_per_gpu: Decimal = Decimal(0)
    slip: Slip | None = None

    @property
    def min_lots(self) -> int:
        """Return the fewest lots that can be signed."""
        return max(1, -(-self.min_gpus // self.lot_gpus))

    @property
    def max_lots(self) -> int:
        """Return the most lots that can be signed."""
        return self.max_gpus // self.lot_gpus


@dataclass(frozen=True, slots=True, kw_only=True)
class OnDemandOffer:
    """GPUs that can firmly be had by the hour, any month, up to a number."""

    gpu_model: str
    geo: str
    price_per_gpu_hour: Decimal
    max_gpus: int
    supplier: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcurementPolicy:
    """What a shortage is worth, and what must hold whoever fails.

    Penalties are per B200-equivalent and hour. `survival` is the share of demand to be left when
    any one supplier is lost; of on-demand GPUs `survival_on_demand_share` is counted on then.
    `yearly_rate` is the effective yearly rate of our money.
    """

    shortage_penalty_per_hour: Decimal = Decimal(12)
    survival: float = 0.0
    survival_penalty_per_hour: Decimal = Decimal(3)
    survival_demand: SurvivalDemand = SurvivalDemand.EXPECTED
    survival_priority: SurvivalPriority = SurvivalPriority.PENALTY
    survival_on_demand_share: float = 0.5
    max_supplier_share: float = 1.0
    yearly_rate: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcurementInput:
    """Everything that a procurement plan rests on. A read one has no dangling name."""

    as_of: date
    months: int
    currency: Currency = USD
    factors: tuple[Factor, ...] = ()
    scenarios: tuple[Scenario, ...] = ()
    contracts: tuple[HeldContract, ...] = ()
    quotes: tuple[ProcurementQuote, ...] = ()
    on_demand: tuple[OnDemandOffer, ...] = ()
    policy: ProcurementPolicy = field(default_factory=ProcurementPolicy)

    @property
    def horizon(self) -> Horizon:
        """Return the months that are planned."""
        return Horizon(as_of=self.as_of, months=self.months)

    @property
    def contracts_by_name(self) -> Mapping[str, HeldContract]:
        """Return the contracts by their names."""
        return {each.contract: each for each in self.contracts}

    @property
    def suppliers(self) -> tuple[str, ...]:
        """Return every supplier whose loss is weighed: of contracts and of quotes, by name."""
        held = {each.supplier for each in self.contracts}
        return tuple(sorted(held | {each.supplier for each in self.quotes}))

    def renewed_contract(self, quote: ProcurementQuote) -> HeldContract | None:
        """Return the contract that a quote renews; None for a new one."""
        return None if quote.renews is None else self.contracts_by_name[quote.renews]

    def quote(self, name: str) -> ProcurementQuote:
        """Return a quote by its name, or raise KeyError."""
        return {each.quote: each for each in self.quotes}[name]

    def with_quote(self, quote: ProcurementQuote) -> ProcurementInput:
        """Return the same with a quote in the place of the one of its name."""
        changed = tuple(quote if each.quote == quote.quote else each for each in self.quotes)
        return replace(self, quotes=changed)


def service_of(
    quote: ProcurementQuote,
    *,
    signed_month: int,
    horizon: Horizon,
    contract: HeldContract | None,
    late_months: int = 0,
) -> tuple[date, date]:
    """Return the first day of service and the first day after it.

    A late delivery moves both: suppliers bill a term from the day on which they deliver.
    """
    if contract is not None:
        start = contract.end_on
    else:
        start = horizon.start_of(signed_month + quote.lead_months)
        if quote.delivery_on is not None:
            start = max(start, month_start_on_or_after(quote.delivery_on))
    start = months_after(start, late_months)
    return start, months_after(start, quote.term_months)
