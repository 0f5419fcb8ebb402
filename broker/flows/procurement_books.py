"""A procurement input made from the books: what is held, what can be signed, what that is worth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from decimal import Decimal
from typing import Final

from broker.capacity.pool import PoolKind
from broker.flows.procurement_holdings import HoldingsReader
from broker.flows.procurement_notes import ANYWHERE, GatheredInput, Notes, PlanningBooks
from broker.flows.procurement_quotes import QuotesReader
from broker.procurement.procurement_input import (
    Factor,
    HeldContract,
    OnDemandOffer,
    ProcurementInput,
    Scenario,
)
from broker.renewals.assumptions import AssumptionName, Scope, ScopeKind
from pricing.money import USD

REFERENCE: Final = "B200"
"""The GPU that demand is counted in."""


class InputMaker:
    """Makes the input part by part, and remembers what it assumed and missed."""

    def __init__(self, read: PlanningBooks) -> None:
        self._read = read
        self._notes = Notes(read)
        self._factors = {model: tuple(self._factors_of(model)) for model in sorted(self._models())}
        usable = frozenset(model for model, factors in self._factors.items() if factors)
        self._holdings = HoldingsReader(read, self._notes, usable=usable)
        self._quotes = QuotesReader(read, self._notes, usable=usable, holdings=self._holdings)

    def held(self) -> tuple[HeldContract, ...]:
        """Return what is ours."""
        return self._holdings.contracts()

    def made(self, scenarios: tuple[Scenario, ...], assumed: Iterable[str]) -> GatheredInput:
        """Return the input for a demand, and what the demand itself assumes."""
        contracts = self._holdings.contracts()
        quotes = tuple(self._quotes.quotes())
        self._notes.assume(
            f"every region serves all demand (one geography, {ANYWHERE!r}); tell geographies apart "
            "in a file: tonnage procure --show-input"
        )
        policy = self._read.policy
        self._notes.assume(
            f"a lacking B200-equivalent costs {policy.shortage_penalty_per_hour} USD an hour; "
            f"{policy.survival:.0%} of demand survives the loss of any one supplier"
        )
        classes = {each.class_name for scenario in scenarios for each in scenario.demand}
        given = ProcurementInput(
            as_of=self._read.as_of,
            months=self._read.months,
            currency=USD,
            factors=tuple(self._factors_for(sorted(classes))),
            scenarios=scenarios,
            contracts=contracts,
            quotes=quotes,
            on_demand=tuple(self._on_demand()),
            policy=policy,
        )
        return GatheredInput(
            given=given,
            assumed=(*assumed, *self._notes.assumed),
            missing=self._notes.missing,
        )

    def factor_on(self, gpu_model: str, day: date) -> Decimal:
        """Return how many B200s a GPU is worth on a day; 0 where nobody stated it."""
        valid = [each for each in self._factors.get(gpu_model, ()) if each.valid_from <= day]
        return valid[-1].b200_equivalents if valid else Decimal(0)

    def _models(self) -> set[str]:
        books = self._read.books
        lines = {line.gpu_model for _, line in self._read.lines()}
        quoted = {each.gpu_model for each in books.quotes_received_by(self._read.as_of)}
        return lines | quoted

    def _factors_of(self, model: str) -> Iterator[Factor]:
        if model == REFERENCE:
            yield _factor(model, Decimal(1), date.min, "by definition")
            return
        scope, horizon = Scope(kind=ScopeKind.GPU, key=model), self._read.horizon
        days = [max(self._read.as_of, horizon.start_of(each)) for each in range(horizon.months)]
        stated = dict.fromkeys(
            self._read.books.assumptions.latest(AssumptionName.B200_FACTOR, scope, on=day)
            for day in days
        )
        if None in stated:
            self._notes.lack(
                f"b200_factor of {model}",
                f"so no {model} is counted",
                f"tonnage assumptions set b200_factor 0.40 --scope gpu:{model} --source TEXT",
            )
        for each in stated:
            if each is not None:
                yield _factor(model, each.number, each.valid_from, each.source)

    def _factors_for(self, classes: Iterable[str]) -> Iterator[Factor]:
        for name in classes:
            for factors in self._factors.values():
                for each in factors:
                    yield Factor(
                        class_name=name,
                        gpu_model=each.gpu_model,
                        b200_equivalents=each.b200_equivalents,
                        valid_from=each.valid_from,
                        source=each.source,
                    )

    def _on_demand(self) -> Iterator[OnDemandOffer]:
        found = False
        for stored in self._read.pools:
            pool = stored.pool
            if pool.kind is not PoolKind.ON_DEMAND or not stored.gpu_limit:
                continue
            if pool.usd_marginal is not None and self._factors.get(pool.gpu_model):
                found = True
                yield OnDemandOffer(
                    gpu_model=pool.gpu_model,
                    geo=ANYWHERE,
                    price_per_gpu_hour=pool.usd_marginal,
                    max_gpus=stored.gpu_limit,
                    supplier=pool.supplier,
                )
        if not found:
            self._notes.lack(
                "on-demand GPUs",
                "so nothing is bought by the hour",
                "state them in a file: tonnage procure --show-input",
            )


def _factor(model: str, value: Decimal, valid_from: date, source: str) -> Factor:
    return Factor(
        class_name="",
        gpu_model=model,
        b200_equivalents=value,
        valid_from=valid_from,
        source=source,
    )
