"""Formulation: a procurement plan as a two-stage mixed-integer program.

First stage, the same in every future: how many lots of each quote to sign in which month, and
whether to sign at all. Second stage, in each future: which GPUs serve which class of work, what is
bought on demand, what stays short. For each month and supplier, what is left without that supplier
must be the share of demand that the policy asks, or lacking it is paid for.

Costs are discounted to the first month. A term that reaches past the horizon is charged inside it
only. Contracts that are held already are paid anyway and not part of the program.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from broker.procurement.futures import Delivery, Future, deliveries, futures
from broker.procurement.horizon import HOURS_PER_MONTH
from broker.procurement.procurement_input import (
    OnDemandOffer,
    ProcurementInput,
    SurvivalDemand,
)
from broker.procurement.program_draft import Entry, ProgramDraft
from broker.procurement.signing import Choice, Restriction, choices
from broker.procurement.worth import (
    best_factors,
    discounted_hours,
    discounts,
    factors_by_month,
    served,
    total_by_month,
)
from broker.solver import Program

Cell = tuple[int, str, str]
"""GPUs of one kind: month, geography, GPU model."""

Holder = tuple[int, str]
"""Whose they are: month, supplier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceColumns:
    """Where a choice stands in the program: how many lots, and whether it is signed."""

    choice: Choice
    lots: int
    sign: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BoughtColumn:
    """GPUs of an on-demand offer in one month of one future."""

    future: Future
    month: int
    offer: OnDemandOffer
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortColumn:
    """B200-equivalents that one class of work lacks in one month of one future."""

    future: Future
    month: int
    class_name: str
    geo: str
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SurvivalColumn:
    """B200-equivalents that would lack if a supplier were lost; `scenario` None: of the mean."""

    scenario: str | None
    delivery: int
    month: int
    supplier: str
    probability: float
    column: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Formulation:
    """The program, and what its columns mean."""

    program: Program
    choices: tuple[ChoiceColumns, ...]
    bought: tuple[BoughtColumn, ...]
    short: tuple[ShortColumn, ...]
    survival: tuple[SurvivalColumn, ...]


def formulate(given: ProcurementInput, restriction: Restriction) -> Formulation:
    """Return the program of an input under a restriction."""
    return _Writer(given, restriction).formulation()


class _Writer:
    """Writes the columns and rows of one input, part by part."""

    def __init__(self, given: ProcurementInput, restriction: Restriction) -> None:
        self._given = given
        self._draft = ProgramDraft()
        self._discount = discounts(given)
        self._factors = factors_by_month(given)
        self._best = [best_factors(month) for month in self._factors]
        self._deliveries = deliveries(given)
        self._choices = list(self._signatures(choices(given, restriction), restriction))
        self._offers: dict[tuple[str, str], list[OnDemandOffer]] = defaultdict(list)
        for offer in given.on_demand:
            self._offers[offer.geo, offer.gpu_model].append(offer)
        self._bought: list[BoughtColumn] = []
        self._short: list[ShortColumn] = []
        self._survival: list[SurvivalColumn] = []

    def formulation(self) -> Formulation:
        """Write the second stage for each outcome of the deliveries, and return all of it."""
        for number, delivery in enumerate(self._deliveries):
            supply = self._supply(delivery)
            cells = self._capacity_columns(supply)
            for future in futures(self._given):
                if future.delivery == number:
                    self._serve(future, cells)
            self._survive(number, delivery, supply)
        return Formulation(
            program=self._draft.program(),
            choices=tuple(self._choices),
            bought=tuple(self._bought),
            short=tuple(self._short),
            survival=tuple(self._survival),
        )

    def _signatures(
        self, wanted: Iterator[Choice], restriction: Restriction
    ) -> Iterator[ChoiceColumns]:
        by_quote: dict[str, list[ChoiceColumns]] = defaultdict(list)
        for choice in wanted:
            quote, draft = choice.quote, self._draft
            lots = draft.column(
                cost=self._cost_per_lot(choice), upper=quote.max_lots, is_whole=True
            )
            fixed = float(quote.fixed_cost) * self._discount[choice.month]
            sign = draft.column(cost=fixed, upper=1, is_whole=True)
            draft.row([(lots, 1), (sign, -quote.max_lots)], upper=0)
            draft.row([(lots, 1), (sign, -quote.min_lots)], lower=0)
            found = ChoiceColumns(choice=choice, lots=lots, sign=sign)
            by_quote[quote.quote].append(found)
            yield found
        for name, columns in by_quote.items():
            is_forced = name in restriction.forced
            signs = [(each.sign, 1.0) for each in columns]
            self._draft.row(signs, lower=1 if is_forced else 0, upper=1)
        self._keep_renewals_within_contracts(by_quote)

    def _keep_renewals_within_contracts(self, by_quote: Mapping[str, list[ChoiceColumns]]) -> None:
        """Let several offers to renew one contract together renew no more than the largest could."""
        by_contract: dict[str, list[ChoiceColumns]] = defaultdict(list)
        for columns in by_quote.values():
            for each in columns:
                if each.choice.quote.renews is not None:
                    by_contract[each.choice.quote.renews].append(each)
        for contract, columns in by_contract.items():
            most = max(
                self._given.contracts_by_name[contract].gpus,
                *(each.choice.quote.max_gpus for each in columns),
            )
            gpus = [(each.lots, float(each.choice.quote.lot_gpus)) for each in columns]
            self._draft.row(gpus, upper=most)

    def _cost_per_lot(self, choice: Choice) -> float:
        """Return the expected discounted cost of a lot inside the horizon, switching included."""
        quote = choice.quote
        cost = float(quote.price_per_gpu_hour) * discounted_hours(self._given, choice)
        for delivery in self._deliveries:
            start, _ = served(self._given, choice, delivery)
            if start < self._given.months:
                worth = delivery.probability * self._discount[start]
                cost += float(quote.switching_cost_per_gpu) * worth
        return cost * quote.lot_gpus

    def _supply(self, delivery: Delivery) -> _Supply:
        supply = _Supply()
        for held in self._given.contracts:
            for month, part in held.served(self._given.horizon):
                ours = held.gpus * float(part)
                worth = ours * self._best[month].get(held.gpu_model, 0.0)
                supply.held[month, held.geo, held.gpu_model] += ours
                supply.held_by[month, held.supplier] += worth
        for each in self._choices:
            quote = each.choice.quote
            for month, covered in served(self._given, each.choice, delivery)[1]:
                gpus = quote.lot_gpus * covered
                factor = self._best[month].get(quote.gpu_model, 0.0)
                supply.signed[month, quote.geo, quote.gpu_model].append((each.lots, gpus))
                supply.signed_by[month, quote.supplier].append((each.lots, gpus * factor))
        return supply

    def _capacity_columns(self, supply: _Supply) -> dict[Cell, int]:
        """Return for each kind of GPU a column of how many are ours: the same in every scenario."""
        columns = {}
        for cell in sorted(supply.held.keys() | supply.signed.keys()):
            column = self._draft.column()
            held = supply.held.get(cell, 0.0)
            signed = [(lots, -gpus) for lots, gpus in supply.signed.get(cell, ())]
            self._draft.row([(column, 1.0), *signed], lower=held, upper=held)
            columns[cell] = column
        return columns

    def _serve(self, future: Future, cells: Mapping[Cell, int]) -> None:
        """Write one future: its demand, what serves it, what is bought for it and what lacks."""
        uses: dict[Cell, list[Entry]] = defaultdict(list)
        models = sorted({each.gpu_model for each in self._given.factors})
        for series in future.scenario.demand:
            for month, needed in enumerate(series.b200_equivalents[: self._given.months]):
                if needed <= 0:
                    continue
                serving = [(self._short_column(future, month, series.class_name, series.geo), 1.0)]
                for model in models:
                    factor = self._factors[month].get((series.class_name, model), 0.0)
                    cell = (month, series.geo, model)
                    has_supply = cell in cells or (series.geo, model) in self._offers
                    if factor > 0 and has_supply:
                        column = self._draft.column()
                        serving.append((column, factor))
                        uses[cell].append((column, 1.0))
                self._draft.row(serving, lower=needed)
        for cell, used in uses.items():
            self._limit(future, cell, used, ours=cells.get(cell))

    def _short_column(self, future: Future, month: int, class_name: str, geo: str) -> int:
        hourly = float(self._given.policy.shortage_penalty_per_hour)
        column = self._draft.column(cost=self._expected(future.probability, month) * hourly)
        self._short.append(
            ShortColumn(future=future, month=month, class_name=class_name, geo=geo, column=column)
        )
        return column

    def _limit(self, future: Future, cell: Cell, used: list[Entry], *, ours: int | None) -> None:
        """Use no more GPUs of a kind than are ours or bought on demand."""
        month, geo, model = cell
        entries = list(used)
        if ours is not None:
            entries.append((ours, -1.0))
        for offer in self._offers.get((geo, model), ()):
            column = self._draft.column(
                cost=self._expected(future.probability, month) * float(offer.price_per_gpu_hour),
                upper=offer.max_gpus,
            )
            entries.append((column, -1.0))
            self._bought.append(
                BoughtColumn(future=future, month=month, offer=offer, column=column)
            )
        self._draft.row(entries, upper=0)

    def _expected(self, probability: float, month: int) -> float:
        """Return what a dollar an hour in a month of a future is worth now."""
        return probability * self._discount[month] * HOURS_PER_MONTH

    def _survive(self, number: int, delivery: Delivery, supply: _Supply) -> None:
        """Ask of each month that the loss of any one supplier leaves enough."""
        policy = self._given.policy
        is_limited = policy.max_supplier_share < 1
        if policy.survival <= 0 and not is_limited:
            return
        demands = list(self._survival_demands())
        for month in range(self._given.months):
            own = {name: self._own(month, name, supply) for name in self._given.suppliers}
            total = self._draft.column()
            self._draft.row(
                [(total, 1.0), *((one, -1.0) for one in own.values())], lower=0, upper=0
            )
            for name, column in own.items():
                if is_limited:
                    self._limit_share(month, name, supply, own=column, total=total)
                bought = policy.survival_on_demand_share * self._on_demand_without(month, name)
                for scenario, probability, needed in demands if policy.survival > 0 else ():
                    slack = self._draft.column(
                        cost=self._expected(probability * delivery.probability, month)
                        * float(policy.survival_penalty_per_hour)
                    )
                    self._draft.row(
                        [(total, 1.0), (column, -1.0), (slack, 1.0)],
                        lower=policy.survival * needed[month] - bought,
                    )
                    self._survival.append(
                        SurvivalColumn(
                            scenario=scenario,
                            delivery=number,
                            month=month,
                            supplier=name,
                            probability=probability * delivery.probability,
                            column=slack,
                        )
                    )

    def _own(self, month: int, supplier: str, supply: _Supply) -> int:
        """Return a column of what a supplier gives us in a month, in B200-equivalents."""
        column = self._draft.column()
        held = supply.held_by.get((month, supplier), 0.0)
        signed = [(lots, -worth) for lots, worth in supply.signed_by.get((month, supplier), ())]
        self._draft.row([(column, 1.0), *signed], lower=held, upper=held)
        return column

    def _limit_share(
        self, month: int, supplier: str, supply: _Supply, *, own: int, total: int
    ) -> None:
        """Keep a supplier within its share, or where it is above it already, from getting more."""
        share = self._given.policy.max_supplier_share
        held = supply.held_by.get((month, supplier), 0.0)
        all_held = sum(gpus for (when, _), gpus in supply.held_by.items() if when == month)
        self._draft.row([(own, 1.0), (total, -share)], upper=max(0.0, held - share * all_held))

    def _on_demand_without(self, month: int, supplier: str) -> float:
        return sum(
            offer.max_gpus * self._best[month].get(offer.gpu_model, 0.0)
            for offer in self._given.on_demand
            if offer.supplier != supplier
        )

    def _survival_demands(self) -> Iterator[tuple[str | None, float, list[float]]]:
        """Yield the demands of which a share must be left, each with its probability."""
        totals = [
            (each, total_by_month(each.demand, self._given.months))
            for each in self._given.scenarios
        ]
        if self._given.policy.survival_demand is SurvivalDemand.SCENARIO:
            for scenario, total in totals:
                yield scenario.scenario, scenario.probability, total
            return
        expected = [
            sum(scenario.probability * total[month] for scenario, total in totals)
            for month in range(self._given.months)
        ]
        yield None, 1.0, expected


class _Supply:
    """What is held and what could be signed, by kind of GPU and by supplier."""

    def __init__(self) -> None:
        self.held: dict[Cell, float] = defaultdict(float)
        self.signed: dict[Cell, list[Entry]] = defaultdict(list)
        self.held_by: dict[Holder, float] = defaultdict(float)  # B200-equivalents
        self.signed_by: dict[Holder, list[Entry]] = defaultdict(list)
