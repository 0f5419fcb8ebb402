"""Variations: the same input with one figure a fifth higher or lower."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from broker.procurement.procurement_input import ProcurementInput, Scenario

STEPS: Final = (Decimal("-0.2"), Decimal("0.2"))
"""How far a figure is moved, as a part of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """An input in which one thing differs, and by which part."""

    what: str
    change: Decimal
    given: ProcurementInput


def variations(given: ProcurementInput, *, renewal: str) -> Iterator[Variation]:
    """Yield the input with demand, penalty, prices of other quotes and on-demand prices moved."""

    def other_quotes(factor: Decimal) -> ProcurementInput:
        return _with_quote_prices(given, factor, but=renewal)

    moves: tuple[tuple[str, Callable[[Decimal], ProcurementInput]], ...] = (
        ("demand", lambda factor: _with_demand(given, float(factor))),
        ("shortage penalty", lambda factor: _with_penalty(given, factor)),
        ("prices of other quotes", other_quotes),
        ("on-demand prices", lambda factor: _with_on_demand_prices(given, factor)),
    )
    for what, moved in moves:
        for step in STEPS:
            yield Variation(what=what, change=step, given=moved(1 + step))


def _with_demand(given: ProcurementInput, factor: float) -> ProcurementInput:
    return replace(given, scenarios=tuple(_scaled(each, factor) for each in given.scenarios))


def _scaled(scenario: Scenario, factor: float) -> Scenario:
    demand = tuple(
        replace(each, b200_equivalents=tuple(factor * value for value in each.b200_equivalents))
        for each in scenario.demand
    )
    return replace(scenario, demand=demand)


def _with_penalty(given: ProcurementInput, factor: Decimal) -> ProcurementInput:
    penalty = given.policy.shortage_penalty_per_hour * factor
    return replace(given, policy=replace(given.policy, shortage_penalty_per_hour=penalty))


def _with_quote_prices(given: ProcurementInput, factor: Decimal, *, but: str) -> ProcurementInput:
    quotes = tuple(
        each
        if each.quote == but
        else replace(each, price_per_gpu_hour=each.price_per_gpu_hour * factor)
        for each in given.quotes
    )
    return replace(given, quotes=quotes)


def _with_on_demand_prices(given: ProcurementInput, factor: Decimal) -> ProcurementInput:
    offers = tuple(
        replace(each, price_per_gpu_hour=each.price_per_gpu_hour * factor)
        for each in given.on_demand
    )
    return replace(given, on_demand=offers)
