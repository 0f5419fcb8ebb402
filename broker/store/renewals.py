"""Renewals: assumptions, quotes by name, and all that a brief is written from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from sqlmodel import Session, col, select

from broker.contracts.contract import Contract
from broker.contracts.line import Line
from broker.contracts.quote import Quote
from broker.contracts.state import IN_FORCE
from broker.contracts.supplier import Supplier
from broker.errors import BadInputError, NotFoundError
from broker.renewals.assumptions import (
    Assumption,
    AssumptionName,
    Assumptions,
    Scope,
    ScopeKind,
)
from broker.store.contracts import (
    all_contracts,
    all_suppliers,
    contract_by_id,
    find_contract,
    find_line,
    supplier_by_key,
)
from broker.store.tables import (
    AssumptionRow,
    ContractLineRow,
    ContractRow,
    QuoteRow,
    SupplierRow,
)
from pricing.hardware import UnknownGpuError, canonical_gpu

SHORT_ID = 8
"""Characters at the end of an id that people see and type; the beginning only tells the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Contracts, suppliers, quotes and assumptions as they stand, read once."""

    contracts: tuple[Contract, ...]
    suppliers: dict[str, Supplier]
    assumptions: Assumptions

    def quotes_received_by(self, day: date) -> list[Quote]:
        """Return every quote on the open market that had come by a day, newest first."""
        found = [
            quote
            for supplier in self.suppliers.values()
            for quote in supplier.quotes
            if quote.received_on <= day
        ]
        return sorted(found, key=lambda quote: (quote.received_on, quote.id), reverse=True)

    def supplier_name(self, key: str) -> str:
        """Return the name of a supplier, or the key where it is not on record."""
        known = self.suppliers.get(key)
        return key if known is None else known.legal_name

    def lines_to_renew(self) -> Iterator[tuple[Contract, Line]]:
        """Yield every line in force that has an end."""
        for contract in self.contracts:
            if contract.state in IN_FORCE:
                for line in contract.lines:
                    if line.end_on is not None:
                        yield contract, line


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownQuote:
    """A quote on record, and the line that it would renew, as people write it."""

    quote: Quote
    renews: str | None


def read_books(session: Session) -> Books:
    """Return the books as they stand."""
    return Books(
        contracts=tuple(all_contracts(session)),
        suppliers={supplier.key: supplier for supplier in all_suppliers(session)},
        assumptions=Assumptions(all_assumptions(session)),
    )


def all_assumptions(session: Session) -> list[Assumption]:
    """Return every statement, by name and scope, the newest last."""
    rows = session.exec(
        select(AssumptionRow).order_by(
            AssumptionRow.name,
            AssumptionRow.scope,
            col(AssumptionRow.valid_from),
            col(AssumptionRow.recorded_at),
            AssumptionRow.id,
        )
    )
    return [_assumption(row) for row in rows]


def add_assumption(session: Session, stated: Assumption) -> None:
    """Append one statement; earlier ones stay."""
    session.add(
        AssumptionRow(
            id=stated.id,
            name=stated.name.value,
            scope=str(stated.scope),
            value=stated.value,
            valid_from=stated.valid_from,
            source=stated.source,
            actor=stated.actor,
            recorded_at=stated.recorded_at,
        )
    )


def find_scope(session: Session, text: str) -> Scope:
    """Return the scope that a person means: global, gpu:B200, supplier:KEY, contract:REF or
    line:REF/1.

    Raises BadInputError or NotFoundError.
    """
    word, _, name = text.strip().partition(":")
    kind = word.strip().lower()
    name = name.strip()
    if kind not in set(ScopeKind) or bool(name) == (kind == ScopeKind.GLOBAL):
        raise BadInputError(
            f"{text[:60]!r} is not a scope; write global, gpu:B200, supplier:KEY, contract:REF "
            "or line:REF/1"
        )
    return Scope(kind=ScopeKind(kind), key=_scope_key(session, ScopeKind(kind), name))


def scope_label(session: Session, scope: Scope) -> str:
    """Return a scope as people write it: references in place of ids."""
    line = session.get(ContractLineRow, scope.key) if scope.kind is ScopeKind.LINE else None
    contract_id = line.contract_id if line is not None else scope.key
    contract = session.get(ContractRow, contract_id)
    if contract is None or scope.kind not in (ScopeKind.LINE, ScopeKind.CONTRACT):
        return str(scope)
    return f"{scope.kind}:{contract.ref}" + (f"/{line.line_no}" if line is not None else "")


def all_quotes(session: Session, *, on: date) -> list[KnownQuote]:
    """Return every quote received by a day, newest first."""
    found = [
        KnownQuote(quote=quote, renews=None)
        for supplier in all_suppliers(session)
        for quote in supplier.quotes
    ]
    for contract in all_contracts(session):
        found.extend(_of_contract(quote, contract) for quote in contract.quotes)
    received = [each for each in found if each.quote.received_on <= on]
    return sorted(received, key=lambda each: (each.quote.received_on, each.quote.id), reverse=True)


def quote_id_of(session: Session, name: str) -> str:
    """Return the id of the quote that a person means: all of the id, or how it ends."""
    if session.get(QuoteRow, name) is not None:
        return name
    found = session.exec(
        select(QuoteRow.id).where(col(QuoteRow.id).endswith(name.lower(), autoescape=True))
    ).all()
    if not found or len(name) < SHORT_ID:
        raise NotFoundError(f"there is no quote {name[:40]}; see: tonnage quotes list")
    if len(found) > 1:
        raise BadInputError(f"several quotes end in {name}; write the whole id")
    return found[0]


def quote_by_id(session: Session, quote_id: str) -> KnownQuote:
    """Return a quote, or raise NotFoundError."""
    row = session.get(QuoteRow, quote_id)
    if row is None:
        raise NotFoundError(f"there is no quote {quote_id}; see: tonnage quotes list")
    if row.contract_id is not None:
        contract = contract_by_id(session, row.contract_id)
        return _of_contract(contract.quote(quote_id), contract)
    supplier = supplier_by_key(session, row.supplier_key)
    quote = next(quote for quote in supplier.quotes if quote.id == quote_id)
    return KnownQuote(quote=quote, renews=None)


def _of_contract(quote: Quote, contract: Contract) -> KnownQuote:
    return KnownQuote(quote=quote, renews=f"{contract.ref}/{quote.renews_line_no}")


def _scope_key(session: Session, kind: ScopeKind, name: str) -> str:
    if kind is ScopeKind.GLOBAL:
        return ""
    if kind is ScopeKind.GPU:
        try:
            return canonical_gpu(name).model
        except UnknownGpuError as unknown:
            raise BadInputError(str(unknown)) from unknown
    if kind is ScopeKind.CONTRACT:
        return find_contract(session, name).id
    if kind is ScopeKind.LINE:
        return find_line(session, name)[1].id
    if session.get(SupplierRow, name) is None:
        raise NotFoundError(f"there is no supplier {name}; see: tonnage suppliers list")
    return name


def _assumption(row: AssumptionRow) -> Assumption:
    kind, _, key = row.scope.partition(":")
    return Assumption(
        id=row.id,
        name=AssumptionName(row.name),
        scope=Scope(kind=ScopeKind(kind), key=key),
        value=row.value,
        valid_from=row.valid_from,
        source=row.source,
        actor=row.actor,
        recorded_at=row.recorded_at,
    )
