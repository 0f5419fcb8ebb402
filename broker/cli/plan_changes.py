"""`tonnage plan replan` and `tonnage plan what-if`: plans made anew from an earlier one."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated

import typer

from broker.api.wire.plan_changes import ComparisonOut
from broker.cli.comparison_report import print_comparison, print_repair
from broker.cli.console import opened, print_json
from broker.cli.plan_files import read_document, write_document
from broker.cli.plan_options import (
    AsJson,
    BudgetSeconds,
    CurrentFile,
    FailIfShort,
    OutFile,
    PlanId,
    SnapshotFile,
    asking_of,
    basis_of_files,
    effort_of,
    end,
    record,
)
from broker.cli.plan_report import planning_shown, print_plan
from broker.clock import utc_now
from broker.errors import BadInputError
from broker.flows.change_plan import (
    answer_loss,
    replan_after_loss,
    suppose,
    what_if,
)
from broker.flows.make_plan import Made
from broker.placement.changes_reading import MAX_FACTOR
from broker.placement.json_faults import Faults, shown
from broker.placement.plan_figures import SideBySide
from broker.placement.plan_json import plan_document
from broker.placement.snapshot_reading import read_pool
from broker.placement.what_if import (
    AddPool,
    Change,
    ClosePool,
    LoseProvider,
    ScaleDemand,
    ScalePrices,
)

Lost = Annotated[str, typer.Option("--lost", metavar="PROVIDER", help="The provider that is gone.")]
Drops = Annotated[
    list[str] | None, typer.Option("--drop", metavar="PROVIDER", help="Without this provider.")
]
Closes = Annotated[
    list[str] | None, typer.Option("--close", metavar="POOL", help="Without this pool.")
]
Prices = Annotated[
    list[str] | None,
    typer.Option(
        "--prices", metavar="[PROVIDER=]FACTOR", help="What is bought costs so many times as much."
    ),
]
Demands = Annotated[
    list[str] | None,
    typer.Option("--demand", metavar="[MODEL=]FACTOR", help="So many times as much is asked for."),
]
Offers = Annotated[
    list[Path] | None,
    typer.Option("--offer", metavar="FILE", help="With this pool, a row of a snapshot as JSON."),
]


def replan(
    lost: Lost,
    snapshot: SnapshotFile = None,
    current: CurrentFile = None,
    plan_id: PlanId = None,
    out: OutFile = None,
    budget_seconds: BudgetSeconds = None,
    fail_if_short: FailIfShort = False,
    as_json: AsJson = False,
) -> None:
    """Answer the loss of a provider: a repair at once, then the full plan.

    From files nothing is kept; else both plans are put on record.
    """
    basis = basis_of_files(snapshot, current, plan_id)

    def tell_repair(repaired: Made, comparison: SideBySide) -> None:
        if not as_json:
            print_repair(repaired.plan, comparison, lost=lost)

    with planning_shown() as tell:
        effort = effort_of(budget_seconds, tell)
        if basis is not None:
            told = answer_loss(basis, lost=lost, effort=effort, on_repair=tell_repair)
            repair, full = plan_document(told.repair.plan), plan_document(told.full.plan)
        else:
            with opened() as database:
                kept = replan_after_loss(
                    database, asking_of(plan_id), lost=lost, clock=utc_now, effort=effort,
                    on_repair=tell_repair,
                )  # fmt: skip
            told, repair, full = kept.told, record(kept.repair), record(kept.full)
    if out is not None:
        write_document(out, full)
    if as_json:
        print_json(
            {
                "repair": repair,
                "repair_comparison": _told(told.after_repair),
                "plan": full,
                "comparison": _told(told.after_full),
            }
        )
    else:
        typer.echo("\nthe full plan\n")
        print_plan(told.full.plan)
        print_comparison(told.after_full)
        _say_where(full)
    end(told.full.plan, fail_if_short=fail_if_short)


def what_if_(
    drops: Drops = None,
    closes: Closes = None,
    prices: Prices = None,
    demands: Demands = None,
    offers: Offers = None,
    snapshot: SnapshotFile = None,
    current: CurrentFile = None,
    plan_id: PlanId = None,
    out: OutFile = None,
    budget_seconds: BudgetSeconds = None,
    fail_if_short: FailIfShort = False,
    as_json: AsJson = False,
) -> None:
    """Suppose changes, plan anew, and compare; the books stay as they are.

    Every option of a change may be repeated. From files nothing is kept; else the supposed plan is
    put on record as `what-if`.
    """
    changes: list[Change] = [
        *(LoseProvider(provider=name) for name in drops or ()),
        *(ClosePool(pool=name) for name in closes or ()),
        *(_prices(text) for text in prices or ()),
        *(_demand(text) for text in demands or ()),
        *(_offer(path) for path in offers or ()),
    ]
    if not changes:
        raise BadInputError(
            "nothing is changed; use --drop, --close, --prices, --demand or --offer"
        )
    _suppose(
        changes, files=(snapshot, current), plan_id=plan_id, out=out,
        budget_seconds=budget_seconds, fail_if_short=fail_if_short, as_json=as_json,
    )  # fmt: skip


def _suppose(
    changes: list[Change],
    *,
    files: tuple[Path | None, Path | None],
    plan_id: str | None,
    out: Path | None,
    budget_seconds: float | None,
    fail_if_short: bool,
    as_json: bool,
) -> None:
    basis = basis_of_files(*files, plan_id)
    with planning_shown() as tell:
        effort = effort_of(budget_seconds, tell)
        if basis is not None:
            told = suppose(basis, changes, effort=effort)
            document = plan_document(told.made.plan)
        else:
            with opened() as database:
                kept = what_if(database, changes, asking_of(plan_id), clock=utc_now, effort=effort)
            told, document = kept.told, record(kept.plan)
    if out is not None:
        write_document(out, document)
    if as_json:
        print_json({"plan": document, "comparison": _told(told.comparison)})
    else:
        print_comparison(told.comparison)
        _say_where(document)
    end(told.made.plan, fail_if_short=fail_if_short)


def _told(comparison: SideBySide) -> dict[str, object]:
    return ComparisonOut.of(comparison).model_dump(mode="json")


def _say_where(document: dict[str, object]) -> None:
    if "id" in document:
        typer.echo(f"\non record as plan {document['id']}: tonnage plan show {document['id']}")


def _prices(text: str) -> ScalePrices:
    name, factor = _scaled(text, option="--prices", whose="PROVIDER")
    return ScalePrices(factor=factor, provider=name)


def _demand(text: str) -> ScaleDemand:
    name, factor = _scaled(text, option="--demand", whose="MODEL")
    return ScaleDemand(factor=float(factor), model=name)


def _scaled(text: str, *, option: str, whose: str) -> tuple[str | None, Decimal]:
    """Return name and factor; the name may have equals signs of its own."""
    name, equals, number = text.rpartition("=")
    try:
        factor = Decimal(number)
    except InvalidOperation:
        factor = Decimal("NaN")
    if not factor.is_finite() or not 0 <= factor <= MAX_FACTOR or (equals and not name):
        raise BadInputError(
            f"{option} {shown(text)} is not [{whose}=]FACTOR with a factor from 0 to {MAX_FACTOR}, "
            "such as 1.2"
        )
    return name or None, factor


def _offer(path: Path) -> AddPool:
    faults = Faults()
    pool = read_pool(faults, read_document(path), "")
    faults.refuse(f"the pool in {path.name}")
    return AddPool(pool=pool)
