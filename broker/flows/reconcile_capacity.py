"""Compares what suppliers say we own with the contract lines in force. Reads; writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlmodel import Session

from broker.capacity.matching import OwnedLine, Stated
from broker.capacity.reconciliation import CapacityFinding, reconcile_capacity
from broker.contracts.state import IN_FORCE
from broker.store.contracts import all_contracts, all_suppliers
from broker.store.engine import Database
from broker.store.holdings import stated_holdings, suppliers_that_show_holdings


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """What was compared on a day, and every difference."""

    on: date
    holdings: int
    lines: int
    readable: tuple[str, ...]  # suppliers of which it can be said that something is not there
    findings: tuple[CapacityFinding, ...]


def reconcile(database: Database, *, on: date) -> Reconciliation:
    """Return the differences between suppliers' books and ours on a day."""
    with database.reading() as session:
        return reconcile_books(session, on=on)


def list_holdings(database: Database, *, supplier: str | None = None) -> list[Stated]:
    """Return what suppliers still list, by supplier and id."""
    with database.reading() as session:
        return stated_holdings(session, supplier=supplier)


def reconcile_books(session: Session, *, on: date) -> Reconciliation:
    """Return the differences as a session sees them."""
    lines = owned_lines(session)
    holdings = stated_holdings(session)
    readable = suppliers_that_show_holdings(session)
    return Reconciliation(
        on=on,
        holdings=len(holdings),
        lines=len(lines),
        readable=tuple(sorted(readable)),
        findings=reconcile_capacity(holdings, lines, readable=readable, on=on),
    )


def owned_lines(session: Session) -> list[OwnedLine]:
    """Return every line in force, with the names that its supplier goes by."""
    names = {
        supplier.key: frozenset({supplier.key, *(alias.lower() for alias in supplier.aliases)})
        for supplier in all_suppliers(session)
    }
    return [
        OwnedLine(
            contract=contract,
            line=line,
            supplier_names=names.get(contract.supplier_key, frozenset({contract.supplier_key})),
        )
        for contract in all_contracts(session)
        if contract.state in IN_FORCE
        for line in contract.lines
    ]
