"""How long 24 months of procurement take: `python benchmarks/procurement.py [--seeds 1 2 3]`.

Invents a site of 18 suppliers, 8 GPU models, 4 geographies, 5 classes of work, 5 scenarios, 60
contracts and 250 quotes, and prints for each seed: seconds of the processor to write the program
and to solve it, the proven gap, and in the same run what the linear relaxation costs and what a
buyer pays who signs month by month the cheapest that covers the expected need.

The buyer's signatures are priced by the same second stage as the plan's, so the two costs compare.
`--gap` is where the search stops; the peak of memory is that of the whole run.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from broker.procurement.formulation import ChoiceColumns, Formulation, formulate
from broker.procurement.horizon import months_after
from broker.procurement.procurement_input import (
    DemandSeries,
    Factor,
    HeldContract,
    OnDemandOffer,
    ProcurementInput,
    ProcurementPolicy,
    ProcurementQuote,
    Scenario,
)
from broker.procurement.signing import Restriction
from broker.procurement.solving import Effort, solve_input
from broker.solver import solve

AS_OF = date(2026, 5, 1)
GPUS = {  # B200-equivalents, dollars per GPU-hour
    "H100": (0.42, 2.2),
    "H200": (0.52, 2.7),
    "B200": (1.0, 4.2),
    "GB200": (1.1, 4.6),
    "B300": (1.3, 5.4),
    "MI300X": (0.5, 1.9),
    "MI355X": (0.95, 3.5),
    "A100": (0.2, 1.1),
}
GROWTH = {"low": 1.2, "lower": 1.5, "middle": 1.8, "higher": 2.2, "high": 3.0}
CHANCES = (0.1, 0.25, 0.3, 0.25, 0.1)
TERMS, LEADS = (6, 12, 24, 36), (2, 3, 4, 6, 9, 12, 15)
SMALLEST, LARGEST = (64, 128, 512, 1024), (1024, 2048, 4096, 8192)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large a site is."""

    suppliers: int = 18
    geos: int = 4
    classes: int = 5
    months: int = 24
    contracts: int = 60
    quotes: int = 250
    b200s: int = 150_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One seed's figures; costs in millions of dollars, seconds of the processor."""

    seed: int
    rows: int
    columns: int
    whole: int
    build_seconds: float
    solve_seconds: float
    gap: float
    cost: float
    relaxation: float
    month_by_month: float
    signed: int
    peak_mib: float


def make_site(seed: int, size: Size) -> ProcurementInput:
    """Return an invented input: the same for the same seed."""
    chance = np.random.default_rng(seed)
    classes = [f"class-{number}" for number in range(size.classes)]
    geos = [f"geo-{number}" for number in range(size.geos)]
    contracts = tuple(_contracts(chance, size, geos))
    return ProcurementInput(
        as_of=AS_OF,
        months=size.months,
        factors=tuple(_factors(chance, classes)),
        scenarios=tuple(_scenarios(chance, size, classes, geos)),
        contracts=contracts,
        quotes=(*_renewals(chance, contracts, size), *_quotes(chance, size, geos)),
        on_demand=tuple(
            OnDemandOffer(
                gpu_model=model,
                geo=geo,
                price_per_gpu_hour=_price(price * 1.5),
                max_gpus=size.b200s // 100,
            )
            for geo in geos
            for model, (_, price) in GPUS.items()
        ),
        policy=ProcurementPolicy(
            shortage_penalty_per_hour=Decimal(9), survival=0.7, yearly_rate=0.08
        ),
    )


def _factors(chance: np.random.Generator, classes: list[str]) -> Iterator[Factor]:
    for name in classes:
        for model, (worth, _) in GPUS.items():
            value = worth * chance.normal(1, 0.1)
            if model == "B200":
                value = max(value, 0.9)
            elif chance.random() < 0.15:
                continue  # this work does not run on it
            yield Factor(
                class_name=name,
                gpu_model=model,
                b200_equivalents=_price(value),
                valid_from=AS_OF,
            )


def _scenarios(
    chance: np.random.Generator, size: Size, classes: list[str], geos: list[str]
) -> Iterator[Scenario]:
    shares = chance.dirichlet(np.full(len(classes) * len(geos), 2)).reshape(len(classes), len(geos))
    for (name, growth), probability in zip(GROWTH.items(), CHANCES, strict=True):
        yield Scenario(
            scenario=name,
            probability=probability,
            demand=tuple(
                DemandSeries(
                    class_name=work,
                    geo=geo,
                    b200_equivalents=tuple(
                        float(shares[row, column] * size.b200s * 0.75 * growth ** (month / 12))
                        for month in range(size.months)
                    ),
                )
                for row, work in enumerate(classes)
                for column, geo in enumerate(geos)
            ),
        )


def _contracts(chance: np.random.Generator, size: Size, geos: list[str]) -> Iterator[HeldContract]:
    weights = chance.lognormal(0, 0.8, size.contracts)
    weights /= weights.sum()
    for number in range(size.contracts):
        model = _any(chance, GPUS)
        worth, price = GPUS[model]
        end = months_after(AS_OF, int(chance.integers(2, size.months + 6)))
        yield HeldContract(
            contract=f"contract-{number}",
            supplier=f"supplier-{chance.integers(size.suppliers)}",
            gpu_model=model,
            geo=_any(chance, geos),
            gpus=max(64, int(weights[number] * size.b200s * 0.9 / worth) // 8 * 8),
            price_per_gpu_hour=_price(price * chance.uniform(0.55, 0.9)),
            end_on=end,
            notice_by=end - timedelta(days=60),
        )


def _renewals(
    chance: np.random.Generator, contracts: tuple[HeldContract, ...], size: Size
) -> Iterator[ProcurementQuote]:
    for held in contracts:
        asked = _price(float(held.price_per_gpu_hour) * chance.uniform(1.0, 1.9))
        if held.end_on < months_after(AS_OF, size.months):
            yield ProcurementQuote(
                quote=f"{held.contract} renewed",
                renews=held.contract,
                supplier=held.supplier,
                gpu_model=held.gpu_model,
                geo=held.geo,
                price_per_gpu_hour=asked,
                min_gpus=64,
                max_gpus=held.gpus,
                lot_gpus=8,
                term_months=12,
                valid_until=held.end_on,
                fixed_cost=Decimal(20_000),
            )


def _quotes(chance: np.random.Generator, size: Size, geos: list[str]) -> Iterator[ProcurementQuote]:
    for number in range(size.quotes):
        model = _any(chance, GPUS)
        last = months_after(AS_OF, int(chance.choice((2, 3, 4, 7)))) - timedelta(days=1)
        yield ProcurementQuote(
            quote=f"quote-{number}",
            supplier=f"supplier-{chance.integers(size.suppliers)}",
            gpu_model=model,
            geo=_any(chance, geos),
            price_per_gpu_hour=_price(GPUS[model][1] * chance.uniform(0.75, 1.3)),
            min_gpus=int(chance.choice(SMALLEST)),
            max_gpus=int(chance.choice(LARGEST)),
            lot_gpus=64,
            term_months=int(chance.choice(TERMS)),
            valid_until=last,
            lead_months=int(chance.choice(LEADS)),
            fixed_cost=Decimal(100_000),
            switching_cost_per_gpu=Decimal(900),
        )


def _any(chance: np.random.Generator, of: dict[str, tuple[float, float]] | list[str]) -> str:
    names = list(of)
    return names[int(chance.integers(len(names)))]


def _price(value: float) -> Decimal:
    return Decimal(value).quantize(Decimal("0.0001"))


def measure(seed: int, size: Size, *, gap: float) -> Measured:
    """Return the figures of one seed."""
    given = make_site(seed, size)
    started = time.process_time()
    formulation = formulate(given, Restriction())
    built = time.process_time()
    solved = solve_input(given, effort=Effort(gap=gap))
    done = time.process_time()
    program = formulation.program
    linear = solve(replace(program, is_integer=None))
    return Measured(
        seed=seed,
        rows=program.matrix.shape[0],
        columns=program.matrix.shape[1],
        whole=int(program.is_integer.sum()) if program.is_integer is not None else 0,
        build_seconds=built - started,
        solve_seconds=done - built,
        gap=1 - solved.solution.bound / solved.cost,
        cost=solved.cost / 1e6,
        relaxation=linear.objective / 1e6,
        month_by_month=month_by_month_cost(given, formulation) / 1e6,
        signed=len(solved.signed),
        peak_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


def month_by_month_cost(given: ProcurementInput, formulation: Formulation) -> float:
    """Return what a buyer pays who signs each month the cheapest that covers the expected need."""
    lots = _bought_month_by_month(given, formulation)
    program = formulation.program
    lower, upper = program.lower.copy(), program.upper.copy()
    for each in formulation.choices:
        lower[each.lots] = upper[each.lots] = lots.get(each.lots, 0)
        lower[each.sign] = upper[each.sign] = float(each.lots in lots)
    return solve(replace(program, lower=lower, upper=upper, is_integer=None)).objective


def _bought_month_by_month(given: ProcurementInput, formulation: Formulation) -> dict[int, int]:
    worth = {model: value for model, (value, _) in GPUS.items()}
    lacking: dict[tuple[int, str], float] = defaultdict(float)
    for scenario in given.scenarios:
        for series in scenario.demand:
            for month, needed in enumerate(series.b200_equivalents):
                lacking[month, series.geo] += scenario.probability * needed
    for held in given.contracts:
        for month, part in held.served(given.horizon):
            lacking[month, held.geo] -= held.gpus * float(part) * worth[held.gpu_model]
    taken: dict[int, int] = {}
    signed: set[str] = set()
    by_price = sorted(formulation.choices, key=_price_per_b200)
    for month in range(given.months):
        for each in by_price:
            quote = each.choice.quote
            if each.choice.month == month and quote.quote not in signed:
                lots = _lots_wanted(given, each, lacking)
                if lots >= quote.min_lots:
                    taken[each.lots] = lots
                    signed.add(quote.quote)
    return taken


def _lots_wanted(
    given: ProcurementInput, each: ChoiceColumns, lacking: dict[tuple[int, str], float]
) -> int:
    """Return how many lots cover the most that lacks when service starts, and take them off."""
    quote = each.choice.quote
    months = [month for month, _ in given.horizon.covered(each.choice.start_on, each.choice.end_on)]
    per_lot = quote.lot_gpus * GPUS[quote.gpu_model][0]
    lots = min(quote.max_lots, int(max(0.0, lacking[months[0], quote.geo]) / per_lot))
    if lots >= quote.min_lots:
        for month in months:
            lacking[month, quote.geo] -= lots * per_lot
    return lots


def _price_per_b200(each: ChoiceColumns) -> float:
    quote = each.choice.quote
    return float(quote.price_per_gpu_hour) / GPUS[quote.gpu_model][0]


def main(given: argparse.Namespace) -> None:
    """Print a row for each seed."""
    size = Size()
    if given.small:
        size = Size(suppliers=6, months=12, contracts=12, quotes=40, b200s=20_000)
    names = ("seed", "rows", "columns", "whole", "build s", "solve s", "gap %", "cost M$")
    print("".join(f"{name:>10}" for name in (*names, "over LP", "of buyer", "signed", "MiB")))
    for seed in given.seeds:
        found = measure(seed, size, gap=given.gap)
        cells = (
            f"{found.seed}",
            f"{found.rows:,}",
            f"{found.columns:,}",
            f"{found.whole:,}",
            f"{found.build_seconds:.2f}",
            f"{found.solve_seconds:.1f}",
            f"{100 * found.gap:.3f}",
            f"{found.cost:,.1f}",
            f"{found.cost / found.relaxation:.4f}",
            f"{found.cost / found.month_by_month:.3f}",
            f"{found.signed}",
            f"{found.peak_mib:.0f}",
        )
        print("".join(f"{cell:>10}" for cell in cells), flush=True)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    arguments.add_argument("--gap", type=float, default=0.005)
    arguments.add_argument("--small", action="store_true", help="6 suppliers over 12 months")
    main(arguments.parse_args())
