"""The cheapest plan by trying every one: for inputs of one class of work in one geography.

Shares no code with the solver's program: what each month costs is worked out from what is signed.
"""

from collections.abc import Iterator
from datetime import date
from itertools import product

from dateutil.relativedelta import relativedelta

from broker.procurement.procurement_input import ProcurementInput, ProcurementQuote

HOURS = 730

Deal = tuple[ProcurementQuote, int, int] | None
"""A quote, the month it is signed in, how many GPUs; None where it is not signed."""


def cheapest(given: ProcurementInput) -> float:
    """The least cost of all plans: discounted, penalties in, held contracts out."""
    return min(_cost(given, deals) for deals in product(*(_deals(given, q) for q in given.quotes)))


def _deals(given: ProcurementInput, quote: ProcurementQuote) -> Iterator[Deal]:
    yield None
    last = quote.valid_until
    held = {each.contract: each for each in given.contracts}
    if quote.renews is not None:
        notice = held[quote.renews].notice_by
        last = last if notice is None else min(last, notice)
    for month in range(given.months):
        if _first(given, month) <= last:
            for gpus in range(quote.min_gpus, quote.max_gpus + 1):
                if gpus % quote.lot_gpus == 0:
                    yield quote, month, gpus


def _first(given: ProcurementInput, month: int) -> date:
    return given.as_of + relativedelta(months=month)


def _cost(given: ProcurementInput, deals: tuple[Deal, ...]) -> float:
    worth = [
        float((1 + given.policy.yearly_rate) ** (-month / 12)) for month in range(given.months)
    ]
    factor = {each.gpu_model: float(each.b200_equivalents) for each in given.factors}
    ours: list[dict[str, float]] = [{} for _ in range(given.months)]
    for held in given.contracts:
        for month in range(given.months):
            if _first(given, month) < held.end_on:
                _add(ours[month], held.supplier, held.gpus * factor[held.gpu_model])
    total = 0.0
    for deal in deals:
        if deal is None:
            continue
        quote, signed, gpus = deal
        start = signed + quote.lead_months
        if quote.renews is not None:
            end_on = next(c.end_on for c in given.contracts if c.contract == quote.renews)
            start = (end_on.year - given.as_of.year) * 12 + end_on.month - given.as_of.month
        if start >= given.months:
            return float("inf")  # it serves nothing inside the horizon, so nobody signs it
        total += float(quote.fixed_cost) * worth[signed]
        total += float(quote.switching_cost_per_gpu) * gpus * worth[start]
        for month in range(start, min(given.months, start + quote.term_months)):
            total += float(quote.price_per_gpu_hour) * gpus * HOURS * worth[month]
            _add(ours[month], quote.supplier, gpus * factor[quote.gpu_model])
    return total + sum(
        HOURS * worth[month] * _month_cost(given, month, ours[month], factor)
        for month in range(given.months)
    )


def _add(holders: dict[str, float], supplier: str, worth: float) -> None:
    holders[supplier] = holders.get(supplier, 0.0) + worth


def _month_cost(
    given: ProcurementInput, month: int, ours: dict[str, float], factor: dict[str, float]
) -> float:
    policy, total = given.policy, 0.0
    offers = sorted(
        given.on_demand, key=lambda each: float(each.price_per_gpu_hour) / factor[each.gpu_model]
    )
    expected = 0.0
    for scenario in given.scenarios:
        needed = scenario.demand[0].b200_equivalents[month]
        expected += scenario.probability * needed
        lacking = max(0.0, needed - sum(ours.values()))
        for offer in offers:
            price = float(offer.price_per_gpu_hour) / factor[offer.gpu_model]
            if price < float(policy.shortage_penalty_per_hour):
                bought = min(lacking, offer.max_gpus * factor[offer.gpu_model])
                total += scenario.probability * bought * price
                lacking -= bought
        total += scenario.probability * lacking * float(policy.shortage_penalty_per_hour)
    counted_on = policy.survival_on_demand_share * sum(
        each.max_gpus * factor[each.gpu_model] for each in given.on_demand
    )
    named = {each.supplier for each in given.contracts}
    for lost in named | {each.supplier for each in given.quotes}:
        left = sum(ours.values()) - ours.get(lost, 0.0) + counted_on
        lack = max(0.0, policy.survival * expected - left)
        total += lack * float(policy.survival_penalty_per_hour)
    return total
