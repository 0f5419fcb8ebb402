"""The story of the demo, loaded from the fixtures: contracts, suppliers, quotes, assumptions."""

import csv
from datetime import date
from pathlib import Path

from broker.contracts.supplier import MARKET_CLASS, TierFact
from broker.flows.describe_supplier import describe_supplier, rate_supplier
from broker.flows.import_contracts import import_contracts
from broker.flows.import_fx import import_fx
from broker.flows.import_prices import import_prices
from broker.flows.record_quote import import_quotes
from broker.flows.state_assumption import import_assumptions
from broker.store.engine import Database
from tests.builders import ACTOR, NOON

FIXTURES = Path(__file__).parents[2] / "fixtures"
QUOTES = FIXTURES / "quotes" / "quotes_2026-05.csv"
RENEWAL_OFFER = FIXTURES / "quotes" / "renewal_offer_2026-05-15.csv"
ASSUMPTIONS = FIXTURES / "assumptions" / "assumptions.csv"
HARBOR = "HC-2025-B200-01/1"


def load_contracts(database: Database) -> None:
    """The contracts of the clean sheet, without tranches."""
    path = FIXTURES / "contracts" / "contracts_clean.csv"
    plan, _ = import_contracts(
        database,
        path.read_bytes(),
        file=path.name,
        actor=ACTOR,
        clock=lambda: NOON,
        dry_run=False,
    )
    assert not [issue for issue in plan.issues if issue.is_error]


def load_suppliers(database: Database) -> None:
    """Names, countries and market classes of all suppliers of the story."""
    for path in sorted(FIXTURES.glob("*/suppliers.csv")):
        for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines()):
            describe_supplier(
                database,
                row["key"],
                legal_name=row["legal_name"],
                country=row["country"],
                aliases=(),
                actor=ACTOR,
                clock=lambda: NOON,
            )
            fact = TierFact(
                scheme=MARKET_CLASS,
                edition="",
                tier=row["market_class"],
                on=date.fromisoformat(row["as_of"]),
                source=row["source"],
            )
            rate_supplier(database, row["key"], fact, actor=ACTOR, clock=lambda: NOON)


def load_quotes(database: Database, *paths: Path) -> None:
    """Quote sheets: by default those of the market and the renewal offer."""
    for path in paths or (QUOTES, RENEWAL_OFFER):
        report = import_quotes(
            database, path.read_bytes(), file=path.name, actor=ACTOR, clock=lambda: NOON
        )
        assert report.faults == ()


def load_assumptions(database: Database) -> None:
    """What the team assumes."""
    report = import_assumptions(
        database,
        ASSUMPTIONS.read_bytes(),
        file=ASSUMPTIONS.name,
        actor=ACTOR,
        clock=lambda: NOON,
    )
    assert report.faults == ()


def load_rates(database: Database) -> None:
    """Exchange rates of the spring."""
    path = FIXTURES / "prices" / "fx_rates_spring_2026.csv"
    assert import_fx(database, path.read_bytes(), file=path.name).is_ok


def load_lists(database: Database) -> None:
    """List prices of the spring."""
    path = FIXTURES / "prices" / "list_prices_spring_2026.csv"
    assert import_prices(
        database, path.read_bytes(), file=path.name, actor=ACTOR, clock=lambda: NOON
    ).is_ok


def load_story(database: Database) -> None:
    """All of it but the list prices, which take longest."""
    load_contracts(database)
    load_suppliers(database)
    load_quotes(database)
    load_assumptions(database)
    load_rates(database)
