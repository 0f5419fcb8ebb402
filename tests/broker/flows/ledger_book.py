"""A small book of record for tests of flows, commands and routes: three contracts and an offer."""

from pathlib import Path

from broker.contracts.event import contract_stream
from broker.contracts.import_outcome import PlanStatus
from broker.flows.import_contracts import import_contracts
from broker.store import ledger
from broker.store.contracts import find_contract
from broker.store.engine import Database
from tests.builders import ACTOR, NOON, a_quote, quote_recorded

SHEET = Path(__file__).parents[3] / "fixtures" / "contracts" / "contracts_clean.csv"
HARBOR, AUTO, SIGNED = "HC-2025-B200-01", "HC-2026-H100-02", "KC-10"
"""One that ends, one that renews by itself, and one that is not delivered yet."""

NAMES = (HARBOR, AUTO, SIGNED)


def sheet_of(*names: str) -> bytes:
    """Return the clean sheet with only the lines of these contracts."""
    header, *rows = SHEET.read_text(encoding="utf-8").splitlines()
    kept = [row for row in rows if row.split(",")[0] in names]
    return "\n".join([header, *kept, ""]).encode()


SMALL = sheet_of(*NAMES)


def keep_books(database: Database, content: bytes = SMALL) -> None:
    """Import a sheet, by default that of the three contracts."""
    plan, _ = import_contracts(
        database, content, file="sheet.csv", actor=ACTOR, clock=lambda: NOON, dry_run=False
    )
    assert plan.status is PlanStatus.OK


def offer_renewal(database: Database, name: str = HARBOR) -> str:
    """Put the renewal offer of a contract on record; return its id."""
    quote = a_quote()
    with database.writing() as session:
        stream = contract_stream(find_contract(session, name).id)
        ledger.append(session, stream, [quote_recorded(quote)], recorded_at=NOON)
    return quote.id
