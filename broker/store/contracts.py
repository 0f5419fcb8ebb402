"""Contracts, suppliers and quotes as the rules know them, read from the book of record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy import tuple_
from sqlmodel import Session, col, select

from broker.contracts.contract import Contract
from broker.contracts.event import contract_stream, supplier_stream
from broker.contracts.fold import fold
from broker.contracts.line import Line
from broker.contracts.row_values import folded_ref
from broker.contracts.supplier import Supplier, fold_supplier
from broker.errors import BadInputError, NotFoundError
from broker.store.ledger import events_of
from broker.store.tables import ContractLineRow, ContractRow, QuoteRow, SupplierRow

LONGEST_LINE_NO = 9
"""Digits of a line number; a longer number is part of a reference."""


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


def contract_ids_after(session: Session, contract_id: str | None, *, limit: int) -> list[str]:
    """Return up to `limit` ids of contracts that come after one, by supplier and reference.

    Raises BadInputError when there is no such contract to read on from.
    """
    order = (ContractRow.supplier_key, ContractRow.folded_ref)
    query = select(ContractRow.id).order_by(*order).limit(limit)
    if contract_id is not None:
        last = session.get(ContractRow, contract_id)
        if last is None:
            raise BadInputError("the page_token is not one that was given out here; begin anew")
        query = query.where(tuple_(*order) > tuple_(last.supplier_key, last.folded_ref))
    return list(session.exec(query))


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
    found = _contracts_named(session, name)
    if not found:
        raise NotFoundError(f"there is no contract {name}; see: tonnage contracts list")
    if len(found) > 1:
        choices = ", ".join(sorted(f"{row.supplier_key}:{row.ref}" for row in found))
        raise BadInputError(f"{name} means several contracts; say which: {choices}")
    return contract_by_id(session, found[0].id)


def find_line(session: Session, name: str) -> tuple[Contract, Line]:
    """Return the line that a person means: a line id, "CONTRACT/LINE", or "CONTRACT" of one line.

    A reference may itself end in a slash and a number, so the whole is tried as one too.
    """
    by_id = session.get(ContractLineRow, name)
    if by_id is not None:
        contract = contract_by_id(session, by_id.contract_id)
        return contract, contract.line(by_id.line_no)
    head, _, tail = name.rpartition("/")
    if tail.isascii() and tail.isdigit() and len(tail) <= LONGEST_LINE_NO:
        whole, part = _contracts_named(session, name), _contracts_named(session, head)
        if whole and part:
            raise BadInputError(
                f"{name} is a contract, and may be line {tail} of another; "
                f"write {name}/1, or the id of the line"
            )
        if part or not whole:
            contract = find_contract(session, head)
            return contract, contract.line(int(tail))
    contract = find_contract(session, name)
    if len(contract.lines) != 1:
        numbers = ", ".join(f"{name}/{line.line_no}" for line in contract.lines)
        raise BadInputError(f"contract {name} has several lines; say which: {numbers}")
    return contract, contract.lines[0]


def _contracts_named(session: Session, name: str) -> Sequence[ContractRow]:
    supplier_key, _, ref = name.partition(":")
    of_supplier = (col(ContractRow.supplier_key) == supplier_key) & (
        col(ContractRow.folded_ref) == folded_ref(ref)
    )
    # A reference may hold a colon itself.
    any_supplier = col(ContractRow.folded_ref) == folded_ref(name)
    either = (col(ContractRow.id) == name) | any_supplier | of_supplier
    return session.exec(select(ContractRow).where(either)).all()


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
