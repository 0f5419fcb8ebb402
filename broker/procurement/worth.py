"""Worth: what a month's dollar, a GPU and a lot count for in a procurement plan."""

from __future__ import annotations

from collections.abc import Mapping

from broker.procurement.futures import Delivery, deliveries
from broker.procurement.horizon import HOURS_PER_MONTH, MONTHS_PER_YEAR
from broker.procurement.procurement_input import DemandSeries, ProcurementInput, service_of
from broker.procurement.signing import Choice


def discounts(given: ProcurementInput) -> list[float]:
    """Return what a dollar of each month is worth in the first one."""
    grown = 1.0 + given.policy.yearly_rate
    return [grown ** -(month / MONTHS_PER_YEAR) for month in range(given.months)]


def factors_by_month(given: ProcurementInput) -> list[Mapping[tuple[str, str], float]]:
    """Return for each month the factor of each class and GPU model, as valid on its first day.

    A factor that begins inside the first month counts from it.
    """
    ordered = sorted(given.factors, key=lambda factor: factor.valid_from)
    found: list[Mapping[tuple[str, str], float]] = []
    for month in range(given.months):
        day = max(given.horizon.start_of(month), given.as_of)
        valid = [factor for factor in ordered if factor.valid_from <= day]
        found.append({(f.class_name, f.gpu_model): float(f.b200_equivalents) for f in valid})
    return found


def discounted_hours(given: ProcurementInput, choice: Choice) -> float:
    """Return the expected hours that a GPU of a choice serves inside the horizon, discounted."""
    worth = discounts(given)
    return sum(
        delivery.probability * HOURS_PER_MONTH * part * worth[month]
        for delivery in deliveries(given)
        for month, part in served(given, choice, delivery)[1]
    )


def served(
    given: ProcurementInput, choice: Choice, delivery: Delivery
) -> tuple[int, list[tuple[int, float]]]:
    """Return the month in which service starts, and the part of each month that it covers."""
    horizon = given.horizon
    start, end = service_of(
        choice.quote,
        signed_month=choice.month,
        horizon=horizon,
        contract=choice.renewed,
        late_months=delivery.late_months.get(choice.quote.quote, 0),
    )
    covered = [(month, float(part)) for month, part in horizon.covered(start, end)]
    return horizon.month_of(start), covered


def best_factors(factors: Mapping[tuple[str, str], float]) -> dict[str, float]:
    """Return each GPU model's factor in the work it is best at: what it counts for survival."""
    best: dict[str, float] = {}
    for (_, model), factor in factors.items():
        best[model] = max(best.get(model, 0.0), factor)
    return best


def total_by_month(demand: tuple[DemandSeries, ...], months: int) -> list[float]:
    """Return what all of a demand needs, month by month."""
    return [sum(each.b200_equivalents[month] for each in demand) for month in range(months)]
