"""Fill a fresh database with the demo's story: from contract sheets to the renewal offer.

All of it goes through the flows that real data takes; nothing is written past them.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Protocol

from broker.contracts.supplier import MARKET_CLASS, TierFact
from broker.errors import BadInputError, Fault
from broker.flows.demo_demand import load_demo_demand
from broker.flows.describe_supplier import describe_supplier, rate_supplier
from broker.flows.import_contracts import import_contracts
from broker.flows.import_fx import import_fx
from broker.flows.import_prices import import_prices
from broker.flows.load_ratings import load_ratings
from broker.flows.poll_prices import poll_suppliers
from broker.flows.record_quote import import_quotes
from broker.flows.state_assumption import import_assumptions
from broker.store.engine import Database
from providers import registry
from providers.access import Access
from providers.ratings_csv import PUBLISHED, published
from providers.reading import ReadingState
from providers.replay import RECORDING, Replay
from providers.supplier import Ask

DEMO_DAY = date(2026, 5, 15)
"""The day the renewal offer arrives; the demo's screens and lists take it for today."""

DEMO_SUPPLIERS = (
    "lambda",
    "runpod",
    "verda",
    "crusoe",
    "hyperstack",
    "shadeform",
    "primeintellect",
    "sfcompute",
    "digitalocean",
)
"""Suppliers whose answers are recorded as plain HTTP; the figures in them are invented."""

DEMO_LINE = "HC-2025-B200-01/1"
"""The line that the offer renews."""

ACTOR = "demo"

Tell = Callable[[str], None]
"""Is told what each step did."""


class _Complaint(Protocol):
    """What every reader of sheets says of a fault."""

    @property
    def code(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def line(self) -> int | None: ...
    @property
    def field(self) -> str | None: ...


def demo_clock() -> datetime:
    """Return the minute of the story: everything in the demo is recorded in it."""
    return datetime(DEMO_DAY.year, DEMO_DAY.month, DEMO_DAY.day, 9, 30, tzinfo=UTC)


def require_fixtures(fixtures: Path) -> None:
    """Raise BadInputError unless the folder looks like the one that the demo reads."""
    for name in ("contracts", "prices", "quotes", "assumptions", "demand", "suppliers"):
        if not (fixtures / name).is_dir():
            raise _missing(fixtures / name)


def load_demo(database: Database, fixtures: Path, *, tell: Tell) -> None:
    """Load the fixtures in the order of the story; raise BadInputError where one is missing."""
    for name in ("contracts_clean.csv", "contracts_clean_tranches.csv"):
        _contracts(database, fixtures / "contracts" / name, tell)
    for path in _sheets(fixtures / "prices", "list_prices_*.csv"):
        _prices(database, path, tell)
    for path in _sheets(fixtures / "prices", "fx_rates_*.csv"):
        rates = import_fx(database, path.read_bytes(), file=path.name)
        _refuse(path, rates.faults)
        tell(f"{path.name}: exchange rates")
    for folder in ("contracts", "quotes"):
        _suppliers(database, fixtures / folder / "suppliers.csv", tell)
    for name in ("quotes_2026-05.csv", "renewal_offer_2026-05-15.csv"):
        _quotes(database, fixtures / "quotes" / name, tell)
    for path in _sheets(fixtures / "assumptions", "*.csv"):
        stated = import_assumptions(
            database, path.read_bytes(), file=path.name, actor=ACTOR, clock=demo_clock
        )
        _refuse(path, stated.faults)
        tell(f"{path.name}: {len(stated.recorded)} assumptions")
    load_demo_demand(database, fixtures, clock=demo_clock, tell=tell)
    poll_demo(database, fixtures, tell=tell)


def poll_demo(database: Database, fixtures: Path, *, tell: Tell) -> None:
    """Poll the suppliers whose recorded answers are at hand: nothing leaves this machine."""
    report = load_ratings(database, published(), file=PUBLISHED, actor=ACTOR, clock=demo_clock)
    tell(f"{PUBLISHED}: {report.ratings} published ratings of suppliers")
    folder = fixtures / "suppliers"
    polls = poll_suppliers(
        database,
        [registry.supplier(key) for key in DEMO_SUPPLIERS],
        Ask(),
        lambda key: _replaying(key, folder / key),
        actor=ACTOR,
        clock=demo_clock,
    )
    failed = [poll.supplier for poll in polls if poll.state is not ReadingState.OK]
    if failed:
        raise BadInputError(f"the recorded answers of {', '.join(failed)} cannot be read")
    offers = sum(poll.offers for poll in polls)
    tell(
        f"{folder.name}: {offers} offers of {len(polls)} suppliers, answers recorded, figures invented"
    )


def _replaying(key: str, folder: Path) -> Access:
    """Return an access on which every credential is invented and every answer recorded."""
    secrets = dict.fromkeys(registry.supplier(key).profile.secrets, "ZGVtbw")
    sheet = {f"TONNAGE_{key.upper()}_PRICE_SHEET": str(folder / "price_sheet.csv")}
    return Access(
        environment={**secrets, **sheet, f"TONNAGE_{key.upper()}_ORG_ID": "demo"},
        now=demo_clock,
        sleep=lambda _seconds: None,
        transport=Replay.of(folder / RECORDING).transport(),
    )


def _contracts(database: Database, path: Path, tell: Tell) -> None:
    content = _read(path)
    plan, _ = import_contracts(
        database, content, file=path.name, actor=ACTOR, clock=demo_clock, dry_run=False
    )
    _refuse(path, [issue for issue in plan.issues if issue.is_error])
    tell(f"{path.name}: {plan.summary['create']} contract lines")


def _prices(database: Database, path: Path, tell: Tell) -> None:
    report = import_prices(
        database, path.read_bytes(), file=path.name, actor=ACTOR, clock=demo_clock
    )
    _refuse(path, report.faults)
    tell(f"{path.name}: {report.rows:,} list prices of {report.series} series")


def _quotes(database: Database, path: Path, tell: Tell) -> None:
    report = import_quotes(database, _read(path), file=path.name, actor=ACTOR, clock=demo_clock)
    _refuse(path, report.faults)
    tell(f"{path.name}: {len(report.recorded)} quotes")


def _suppliers(database: Database, path: Path, tell: Tell) -> None:
    rows = list(csv.DictReader(_read(path).decode().splitlines()))
    for row in rows:
        describe_supplier(
            database,
            row["key"],
            legal_name=row["legal_name"],
            country=row["country"] or None,
            aliases=(),
            actor=ACTOR,
            clock=demo_clock,
        )
        fact = TierFact(
            scheme=MARKET_CLASS,
            edition="demo",
            tier=row["market_class"],
            on=date.fromisoformat(row["as_of"]),
            source=row["source"],
        )
        rate_supplier(database, row["key"], fact, actor=ACTOR, clock=demo_clock)
    tell(f"{path.name}: {len(rows)} suppliers")


def _sheets(folder: Path, pattern: str) -> list[Path]:
    found = sorted(folder.glob(pattern))
    if not found:
        raise _missing(folder / pattern)
    return found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as gone:
        raise _missing(path) from gone


def _missing(path: Path) -> BadInputError:
    return BadInputError(
        f"{path} is not there; run the demo from a checkout, or name its folder with --fixtures"
    )


def _refuse(path: Path, complaints: Iterable[_Complaint]) -> None:
    wrong = tuple(
        Fault(code=each.code, message=each.message, line=each.line, field=each.field)
        for each in complaints
    )
    if wrong:
        raise BadInputError(f"{path.name} of the fixtures has {len(wrong)} faults", wrong)
