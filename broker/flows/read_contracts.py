"""Read contracts: a page of them, one as it was believed, what must be done and by when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from broker.contracts.contract import Contract
from broker.contracts.event import Event, contract_stream
from broker.contracts.fold import believed_at
from broker.errors import BadInputError, NotFoundError
from broker.renewals.obligations import Obligation, ObligationState, obligations_of
from broker.store import ledger
from broker.store.contracts import all_contracts, contract_by_id, contract_ids_after, find_contract
from broker.store.engine import Database
from broker.store.tables import SupplierRow


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractPage:
    """Some contracts, and where to read on."""

    contracts: tuple[Contract, ...]
    next_page_token: str | None


def contract_page(database: Database, *, page_size: int, page_token: str | None) -> ContractPage:
    """Return contracts by supplier and reference, after the one that the token names."""
    with database.reading() as session:
        ids = contract_ids_after(session, page_token, limit=page_size + 1)
        contracts = tuple(contract_by_id(session, each) for each in ids[:page_size])
    more = len(ids) > page_size
    return ContractPage(contracts=contracts, next_page_token=ids[page_size - 1] if more else None)


def every_contract(database: Database) -> list[Contract]:
    """Return all contracts by supplier and reference."""
    with database.reading() as session:
        return list(all_contracts(session))


def contract_as_believed(database: Database, name: str, *, known_at: datetime | None) -> Contract:
    """Return a contract as known now, or as it was believed at an earlier instant."""
    if known_at is not None and known_at.tzinfo is None:
        raise BadInputError("known_at needs its offset, for instance 2026-05-01T16:00:00Z")
    with database.reading() as session:
        contract = find_contract(session, name)
        if known_at is None:
            return contract
        events = ledger.events_of(session, contract_stream(contract.id))
    believed = believed_at(events, known_at)
    if believed is None:
        raise NotFoundError(f"nothing was known of contract {contract.ref} at {known_at}")
    return believed


def contract_events(database: Database, name: str) -> list[Event]:
    """Return the chain of one contract, oldest first."""
    with database.reading() as session:
        return ledger.events_of(session, contract_stream(find_contract(session, name).id))


def open_obligations(
    database: Database, *, on: date, within_days: int | None
) -> list[tuple[Obligation, Contract]]:
    """Return every open obligation with its contract, the nearest first."""
    found = []
    with database.reading() as session:
        for contract in all_contracts(session):
            supplier = session.get(SupplierRow, contract.supplier_key)
            country = None if supplier is None else supplier.country
            for each in obligations_of(contract, country=country):
                near = within_days is None or (each.due_on - on).days <= within_days
                if each.state is ObligationState.OPEN and near:
                    found.append((each, contract))
    return sorted(found, key=lambda pair: (pair[0].due_on, pair[1].supplier_key, pair[0].id))
