"""Pools in a database, for tests: contracts written as events, synced, and looked at."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlmodel import select

from broker.capacity.accounts import Accounts
from broker.contracts.event import EventDraft, EventKind, contract_stream
from broker.contracts.line_terms import LineTerms, terms_to_json
from broker.flows.manage_pools import list_pools
from broker.flows.sync_pools import SyncReport, sync_pools
from broker.identity import new_id
from broker.store import ledger
from broker.store.capacity_check import disagreements
from broker.store.engine import Database
from broker.store.pools import StoredPool
from broker.store.tables import CapacityEventRow, CapacityTransferRow, OfferRow, SupplierRow
from tests.builders import (
    MAY_15,
    NOON,
    a_draft,
    contract_recorded,
    line_recorded,
    some_terms,
    supplier_recorded,
)

SUPPLIER = "harbor-compute"


def sync(database: Database, on: date = MAY_15, at: datetime = NOON) -> SyncReport:
    return sync_pools(database, on=on, clock=lambda: at)


def tell(database: Database, contract_id: str, *drafts: EventDraft) -> None:
    """Append events to a contract."""
    with database.writing() as session:
        ledger.append(session, contract_stream(contract_id), drafts, recorded_at=NOON)


def sign(
    database: Database, *lines: LineTerms, contract_id: str = "c1", state: str = "active"
) -> None:
    """Put a contract on record, by default one line of 1,024 B200 for a year."""
    with database.writing() as session:
        if session.get(SupplierRow, SUPPLIER) is None:
            stream = f"supplier/{SUPPLIER}"
            ledger.append(session, stream, [supplier_recorded(SUPPLIER)], recorded_at=NOON)
    drafts = [
        line_recorded(terms, line_no=number)
        for number, terms in enumerate(lines or (some_terms(),), start=1)
    ]
    opening = contract_recorded(contract_id, ref=f"HC-{contract_id}", state=state)
    tell(database, contract_id, opening, *drafts)


def amend(database: Database, since: date, terms: LineTerms, contract_id: str = "c1") -> None:
    """Agree on other terms of line 1 from a day on."""
    amendment = new_id()
    payload = {
        "amendment_id": amendment,
        "line_no": 1,
        "terms": terms_to_json(terms),
        "changes": {},
        "source": "contracts.csv:2",
    }
    decided = {"amendment_id": amendment}
    tell(
        database,
        contract_id,
        a_draft(EventKind.AMENDMENT_PROPOSED, payload),
        a_draft(EventKind.AMENDMENT_APPROVED, decided, valid_from=since),
    )


def accept(database: Database, number: int, on: date, contract_id: str = "c1") -> None:
    """Accept a tranche of line 1."""
    payload = {"line_no": 1, "tranche_no": number, "accepted_on": on.isoformat()}
    tell(database, contract_id, a_draft(EventKind.TRANCHE_ACCEPTED, payload, valid_from=on))


def only_pool(database: Database) -> StoredPool:
    (pool,) = list_pools(database)
    return pool


def accounts(database: Database) -> Accounts:
    return only_pool(database).accounts


def check(database: Database) -> list[str]:
    with database.reading() as session:
        return disagreements(session)


def written(database: Database) -> tuple[int, int]:
    """Return how many transfers and events there are."""
    with database.reading() as session:
        transfers = session.exec(select(CapacityTransferRow)).all()
        return len(transfers), len(session.exec(select(CapacityEventRow)).all())


def an_offer(database: Database, offer_id: str = "o1", **changes: Any) -> str:
    """Put an offer on record, or change it: machines of 8 H100 at 20 dollars an hour."""
    values: dict[str, Any] = {
        "id": offer_id,
        "supplier": "acme",
        "native_id": "gpu-8x-h100",
        "region": "us-east",
        "terms": "on-demand",
        "gpu_model": "H100",
        "part": "H100-SXM",
        "form_factor": "SXM",
        "gpu_as_quoted": "H100",
        "gpu_count": 8,
        "currency": "USD",
        "price_per_instance": Decimal("20.00"),
        "usd_per_gpu_hour": Decimal("2.50"),
        "is_listed": True,
        "stock_state": "in-stock",
        "stock_at_least": False,
        "min_units": 1,
        "unit_step": 1,
        "flags": "[]",
        "source": "https://example.com",
        "digest": "d",
        "first_seen_at": NOON,
        "changed_at": NOON,
    }
    with database.writing() as session:
        session.merge(OfferRow(**{**values, **changes}))
    return offer_id
