"""A procurement plan as a page of text: what to do and by when, what lacks, what it costs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from broker.procurement.procurement_plan import ProcurementPlan, Shortfall, Signature

MILLION: Final = Decimal(1_000_000)
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Columns and rows; the `numeric` columns stand right."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]
    numeric: tuple[str, ...] = ()
    when_empty: str = ""


def plan_tables(plan: ProcurementPlan) -> tuple[Table, ...]:
    """Return the page of a plan as tables, decisions first."""
    return (
        Table(
            title="What to do",
            columns=("by", "do", "GPUs", "at", "supplier", "serves from", "to", "quote"),
            rows=tuple(row for _, row in sorted(_decisions(plan), key=lambda each: each[0])),
            numeric=("GPUs", "at"),
            when_empty="Nothing has to be signed, renewed or left.",
        ),
        Table(
            title="What lacks, in B200-equivalents",
            columns=("month", *_scenarios(plan.shortfalls)),
            rows=tuple(_lacking(plan.shortfalls)),
            numeric=_scenarios(plan.shortfalls),
            when_empty="No scenario lacks anything in any month.",
        ),
        Table(
            title="What would lack if a supplier were lost, in B200-equivalents",
            columns=("month", "supplier", "demand", "lacks"),
            rows=tuple(
                (
                    f"{each.month:%Y-%m}",
                    each.supplier,
                    each.scenario or "mean",
                    _gpus(each.b200_equivalents),
                )
                for each in plan.survival_lacks
            ),
            numeric=("lacks",),
            when_empty="The loss of any one supplier leaves what was asked for.",
        ),
        _costs(plan),
    )


def plan_summary(plan: ProcurementPlan) -> Iterator[str]:
    """Yield what the plan costs, how good it is known to be, and what it leaves behind."""
    yield (
        f"To be decided {millions(plan.cost)} {plan.currency} (discounted, penalties in), "
        f"held contracts {millions(plan.sunk)}; no plan costs less than {millions(plan.bound)}: "
        f"gap {plan.gap:.2%}."
    )
    if plan.tail:
        yield (
            f"After the {plan.months} months the signed terms still cost "
            f"{millions(plan.tail)} {plan.currency}, which no demand of the plan covers."
        )


def millions(amount: float | Decimal) -> str:
    """Return an amount in millions, to ten thousand."""
    return f"{Decimal(amount) / MILLION:,.2f} m"


def _decisions(plan: ProcurementPlan) -> Iterator[tuple[tuple[date, int, str], tuple[object, ...]]]:
    for each in plan.signatures:
        verb = "sign" if each.renews is None else "renew"
        yield (each.sign_by, 0, each.quote), (each.sign_by, verb, *_signed(each))
    for left in plan.leavings:
        by = left.notice_by or left.end_on - _ONE_DAY
        yield (
            (by, 1, left.contract),
            (
                by,
                "leave",
                left.gpus_left,
                None,
                left.supplier,
                None,
                left.end_on - _ONE_DAY,
                left.contract,
            ),
        )


def _signed(signature: Signature) -> tuple[object, ...]:
    return (
        signature.gpus,
        f"{signature.price_per_gpu_hour:.2f}",
        signature.supplier,
        signature.start_on,
        signature.end_on - _ONE_DAY,
        signature.quote,
    )


def _scenarios(shortfalls: Iterable[Shortfall]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.scenario for each in shortfalls))


def _lacking(shortfalls: tuple[Shortfall, ...]) -> Iterator[tuple[object, ...]]:
    names = _scenarios(shortfalls)
    total: dict[date, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for each in shortfalls:
        total[each.month][each.scenario] += each.b200_equivalents
    for month in sorted(total):
        yield (f"{month:%Y-%m}", *(_gpus(total[month].get(name, 0.0)) for name in names))


def _gpus(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 or number == 0 else f"{number:,.1f}"


def _costs(plan: ProcurementPlan) -> Table:
    names = ("contracts", "renewals", "new", "one-off", "on demand", "shortage", "survival")
    rows = tuple(
        (
            f"{each.month:%Y-%m}",
            *(
                f"{amount:,.0f}" if amount else None
                for amount in (
                    each.contracts,
                    each.renewals,
                    each.new,
                    each.one_off,
                    each.on_demand,
                    each.shortage_penalty,
                    each.survival_penalty,
                )
            ),
        )
        for each in plan.cost_by_month
    )
    title = (
        f"Cost by month, {plan.currency}; on demand and penalties as expected over the scenarios"
    )
    return Table(title=title, columns=("month", *names), rows=rows, numeric=names)
