"""Projections: copies in tables of what a stream's events tell, for queries.

Writing replaces a stream's rows; checking compares them with what the events tell, which is how a
row that somebody changed by hand is found.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, select

from broker.contracts.contract import Contract
from broker.contracts.event import Event
from broker.contracts.fold import fold
from broker.contracts.supplier import fold_supplier
from broker.store.projection_rows import contract_rows, supplier_rows
from broker.store.tables import (
    AmendmentRow,
    ContractLineRow,
    ContractRow,
    ObligationRow,
    PricePeriodRow,
    QuoteRow,
    RenewalTermRow,
    SupplierRow,
    SupplierTierRow,
    Table,
    TrancheRow,
)

SUPPLIER = "supplier/"
CONTRACT = "contract/"

_BY_LINE: tuple[type[Table], ...] = (TrancheRow, PricePeriodRow, RenewalTermRow)
_BY_CONTRACT: tuple[type[Table], ...] = (ContractLineRow, AmendmentRow, ObligationRow)
_ALL: tuple[type[Table], ...] = (
    SupplierRow,
    SupplierTierRow,
    ContractRow,
    QuoteRow,
    *_BY_CONTRACT,
    *_BY_LINE,
)
"""Every projection; tables come before those that point at them."""


def project(session: Session, stream: str, events: Sequence[Event]) -> None:
    """Replace the rows of one stream by what its events tell."""
    groups = _expected(session, stream, events)
    for table, condition in reversed(_owned(stream)):
        if table is not SupplierRow:  # contracts point at it, so it cannot go and come back
            session.execute(sa.delete(table).where(condition))
    session.expire_all()
    for group in groups:
        for row in group:
            session.merge(row)
        session.flush()


def clear(session: Session) -> None:
    """Delete every row of every projection."""
    for table in reversed(_ALL):
        session.execute(sa.delete(table))
    session.expire_all()


def strays(session: Session) -> list[str]:
    """Return the tables with rows that point at nothing: no stream would ever look at them."""
    found = []
    for table in _ALL:
        core = _core(table)
        for key in core.foreign_keys:
            lost = sa.select(sa.literal(1)).where(
                key.parent.is_not(None),
                ~sa.exists().where(key.column == key.parent).correlate(core),
            )
            if session.execute(lost.select_from(core).limit(1)).first():
                found.append(core.name)
    return found


def differences(session: Session, stream: str, events: Sequence[Event]) -> list[str]:
    """Return the tables that differ from what the events of a stream tell; empty when none does."""
    wanted: dict[str, list[dict[str, Any]]] = {}
    for group in _expected(session, stream, events):
        for row in group:
            wanted.setdefault(str(row.__tablename__), []).append(row.model_dump())
    wrong = []
    for table, condition in _owned(stream):
        core = _core(table)
        stored = [dict(row) for row in session.execute(sa.select(core).where(condition)).mappings()]
        if _by_key(stored, core) != _by_key(wanted.get(core.name, []), core):
            wrong.append(core.name)
    return wrong


def _expected(session: Session, stream: str, events: Sequence[Event]) -> list[list[Table]]:
    if stream.startswith(SUPPLIER):
        return supplier_rows(fold_supplier(events), stream)
    contract = fold(events)
    return contract_rows(contract, stream, events[-1].hash, _country(session, contract))


def _country(session: Session, contract: Contract) -> str | None:
    query = select(SupplierRow.country).where(SupplierRow.key == contract.supplier_key)
    return session.exec(query).first()


def _owned(stream: str) -> list[tuple[type[Table], sa.ColumnElement[bool]]]:
    """Return the tables that a stream fills, with the condition that picks its rows.

    Tables come before those that point at them.
    """
    key = stream.partition("/")[2]
    quotes = (QuoteRow, sa.column("stream") == stream)
    if stream.startswith(SUPPLIER):
        return [
            (SupplierRow, sa.column("key") == key),
            (SupplierTierRow, sa.column("supplier_key") == key),
            quotes,
        ]
    line = _core(ContractLineRow)
    mine = sa.select(line.c.id).where(line.c.contract_id == key)
    by_line = [(table, sa.column("line_id").in_(mine)) for table in _BY_LINE]
    by_contract = [(table, sa.column("contract_id") == key) for table in _BY_CONTRACT]
    return [(ContractRow, sa.column("id") == key), *by_contract, quotes, *by_line]


def _core(table: type[Table]) -> sa.Table:
    return Table.metadata.tables[str(table.__tablename__)]


def _by_key(rows: list[dict[str, Any]], core: sa.Table) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: [str(row[column.name]) for column in core.primary_key])
