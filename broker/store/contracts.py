"""Contracts, suppliers and quotes as the rules know them, read from the book of record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from sqlalchemy import tuple_
from sqlmodel import Session, col, select

from broker.contracts.contract import Contract
from broker.contracts.event import contract_stream, supplier_stream
from broker.contracts.fold import fold
from broker.contracts.line import Line
from broker.contracts.quote import Quote
from broker.contracts.row_values import folded_ref
from broker.contracts.supplier import Supplier, fold_supplier
from broker.errors import BadInputError, NotFoundError
from broker.store.ledger import events_of
from broker.store.tables import ContractLineRow, ContractRow, QuoteRow, SupplierRow


def contract_by_id(session: Session, contract_id: str) -> Contract:
    """Return a contract by its id, or raise NotFoundError."""
    events = events_of(session, contract_stream(contract_id))
    if not events:
        raise NotFoundError(f"there is no contract {contract_id}")
    return fold(events)


def all_contracts(session: Session) -> Iterator[Contract]:
    """Yield every contract, by supplier and reference."""
    ids = session.exec(
        select(ContractRow.id).order_by(ContractRow.supplier_key, ContractRow.folded_ref)
    )
    for contract_id in ids.all():
        yield contract_by_id(session, contract_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractKey:
    """A contract's id, and its place in the order by supplier and reference."""

    id: str
    place: tuple[str, str]


def contract_ids_after(
    session: Session, place: tuple[str, str] | None, *, limit: int
) -> list[ContractKey]:
    """Return up to `limit` contracts that come after a place, by supplier and reference."""
    order = (ContractRow.supplier_key, ContractRow.folded_ref)
    query = select(ContractRow).order_by(*order).limit(limit)
    if place is not None:
        query = query.where(tuple_(*order) > tuple_(*place))
    return [
        ContractKey(id=row.id, place=(row.supplier_key, row.folded_ref))
        for row in session.exec(query)
    ]


def contract_id_of(session: Session, supplier_key: str, ref: str) -> str | None:
    """Return the id of a supplier's contract by its reference, however that is spelt."""
    return session.exec(
        select(ContractRow.id).where(
            ContractRow.supplier_key == supplier_key, ContractRow.folded_ref == folded_ref(ref)
        )
    ).first()


def find_contract(session: Session, name: str) -> Contract:
    """Return the contract that a person means: an id, "ref" or "supplier:ref".

    Raises NotFoundError, or BadInputError when two suppliers use the same reference.
    """
    supplier_key, _, ref = name.rpartition(":")
    query = select(ContractRow).where(
        (col(ContractRow.id) == name) | (col(ContractRow.folded_ref) == folded_ref(ref))
    )
    if supplier_key:
        query = query.where(ContractRow.supplier_key == supplier_key)
    found = session.exec(query).all()
    if not found:
        raise NotFoundError(f"there is no contract {name}; see: tonnage contracts list")
    if len(found) > 1:
        choices = ", ".join(sorted(f"{row.supplier_key}:{row.ref}" for row in found))
        raise BadInputError(f"several suppliers use {name}; say which: {choices}")
    return contract_by_id(session, found[0].id)


def find_line(session: Session, name: str) -> tuple[Contract, Line]:
    """Return the line that a person means: a line id, "CONTRACT/LINE", or "CONTRACT" of one line."""
    by_id = session.get(ContractLineRow, name)
    if by_id is not None:
        contract = contract_by_id(session, by_id.contract_id)
        return contract, contract.line(by_id.line_no)
    head, slash, tail = name.rpartition("/")
    if slash and tail.isdecimal():
        contract = find_contract(session, head)
        return contract, contract.line(int(tail))
    contract = find_contract(session, name)
    if len(contract.lines) != 1:
        numbers = ", ".join(f"{name}/{line.line_no}" for line in contract.lines)
        raise BadInputError(f"contract {name} has several lines; say which: {numbers}")
    return contract, contract.lines[0]


def supplier_by_key(session: Session, key: str) -> Supplier:
    """Return a supplier by its key, or raise NotFoundError."""
    events = events_of(session, supplier_stream(key))
    if not events:
        raise NotFoundError(f"there is no supplier {key}; see: tonnage suppliers list")
    return fold_supplier(events)


def all_suppliers(session: Session) -> list[Supplier]:
    """Return every supplier by key, with tiers and market quotes."""
    keys = session.exec(select(SupplierRow.key).order_by(SupplierRow.key)).all()
    return [supplier_by_key(session, key) for key in keys]


def stream_of_quote(session: Session, quote_id: str) -> str:
    """Return the stream that a quote was recorded in, or raise NotFoundError."""
    row = session.get(QuoteRow, quote_id)
    if row is None:
        raise NotFoundError(f"there is no quote {quote_id}")
    return row.stream


def quotes_known(session: Session, *, on: date) -> list[Quote]:
    """Return every quote received by `on`, of any supplier and state, newest first."""
    found = [
        quote
        for supplier in all_suppliers(session)
        for quote in supplier.quotes
        if quote.received_on <= on
    ]
    for contract in all_contracts(session):
        found.extend(quote for quote in contract.quotes if quote.received_on <= on)
    return sorted(found, key=lambda quote: quote.received_on, reverse=True)
