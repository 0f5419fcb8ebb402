"""Brings every pool in line with the contracts in force and the offers behind on-demand limits.

Looks first and writes only what differs: one short transaction a contract, in which its pools are
locked before the contract is read again, so that of two syncs the later one has the last word.
Twice is once.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from sqlmodel import Session, col, select

from broker.capacity.pool import PoolKind
from broker.clock import Clock
from broker.contracts.state import IN_FORCE
from broker.errors import RefusedError
from broker.flows.plan_pools import (
    PlannedChange,
    PoolBooks,
    WantedPool,
    change_to,
    pools_of_contract,
    read_pool_books,
)
from broker.flows.set_on_demand import pool_of_offer
from broker.store.contracts import contract_by_id
from broker.store.engine import Database
from broker.store.pool_changes import (
    lock_pools,
    offer_source,
    open_pool,
    pool_id_of,
    write_change,
)
from broker.store.tables import ContractRow, OfferRow, PoolRow

ACTOR = "pool sync"
"""Who is recorded as having moved GPUs because the books say so."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwedBack:
    """GPUs that holders still have and the supplier is to get back."""

    pool_id: str
    name: str
    gpu_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncReport:
    """What a sync found and did. Names are those of contract lines ("HC-1/1") and offers."""

    on: date
    pools: int
    opened: tuple[str, ...]
    changed: tuple[str, ...]
    owed: tuple[OwedBack, ...]  # their pools drain, and the rest is for a later sync
    unpriced: tuple[str, ...]  # no effective price is known, so they are chosen last


@dataclass(frozen=True, slots=True, kw_only=True)
class _Source:
    """A contract or an offer, from which pools come."""

    kind: PoolKind
    id: str


@dataclass(slots=True)
class _Tally:
    """What is known of each pool so far, by its name."""

    opened: set[str] = field(default_factory=set)
    changed: set[str] = field(default_factory=set)
    owed: dict[str, OwedBack] = field(default_factory=dict)
    priced: dict[str, bool] = field(default_factory=dict)

    def note(self, wanted: WantedPool, planned: PlannedChange) -> None:
        self.priced[wanted.name] = wanted.terms.effective_price is not None
        self.owed.pop(wanted.name, None)
        if planned.owed:
            self.owed[wanted.name] = OwedBack(
                pool_id=pool_id_of(wanted.source), name=wanted.name, gpu_count=planned.owed
            )

    def report(self, on: date) -> SyncReport:
        return SyncReport(
            on=on,
            pools=len(self.priced),
            opened=tuple(sorted(self.opened)),
            changed=tuple(sorted(self.changed - self.opened)),
            owed=tuple(self.owed[name] for name in sorted(self.owed)),
            unpriced=tuple(sorted(name for name, is_known in self.priced.items() if not is_known)),
        )


def sync_pools(database: Database, *, on: date, clock: Clock) -> SyncReport:
    """Bring every pool in line with the books of a day.

    A contract whose events refuse it does not hold up the others: the first refusal is raised when
    all of them have been seen.
    """
    tally, refusals = _Tally(), list[RefusedError]()
    due: list[tuple[_Source, list[WantedPool]]] = []
    with database.reading() as session:
        books = read_pool_books(session, on=on)
        rows = {row.source: row for row in session.exec(select(PoolRow))}
        for source in _sources(session):
            try:
                wanted = list(_wanted(session, source, rows, books))
            except RefusedError as refusal:
                refusals.append(refusal)
                continue
            if _differs(wanted, rows, tally):
                due.append((source, wanted))
    for source, wanted in due:
        try:
            with database.writing() as session:
                _bring(session, source, wanted, books, tally, clock)
        except RefusedError as refusal:
            refusals.append(refusal)
    report = tally.report(on)
    for each in report.owed:
        log.warning("gpus owed back", extra={"pool": each.pool_id, "gpus": each.gpu_count})
    if refusals:
        raise refusals[0]
    return report


def _sources(session: Session) -> Iterator[_Source]:
    """Yield what has pools or should: what is over and all given back needs no looking at."""
    not_back = select(PoolRow.contract_id).where(col(PoolRow.returned) < col(PoolRow.contracted))
    contracts = (
        select(ContractRow.id)
        .where(
            col(ContractRow.state).in_([state.value for state in IN_FORCE])
            | col(ContractRow.id).in_(not_back.where(col(PoolRow.contract_id).is_not(None)))
        )
        .order_by(col(ContractRow.id))
    )
    for contract_id in session.exec(contracts).all():
        yield _Source(kind=PoolKind.CONTRACT, id=contract_id)
    offers = (
        select(OfferRow.id)
        .join(PoolRow, col(PoolRow.source) == offer_source("") + col(OfferRow.id))
        .order_by(col(OfferRow.id))
    )
    for offer_id in session.exec(offers).all():
        yield _Source(kind=PoolKind.ON_DEMAND, id=offer_id)


def _wanted(
    session: Session, source: _Source, rows: Mapping[str, PoolRow], books: PoolBooks
) -> Iterator[WantedPool]:
    """Yield the pools of a source as the books want them; a line that is over needs none anew."""
    if source.kind is PoolKind.CONTRACT:
        for wanted in pools_of_contract(contract_by_id(session, source.id), books):
            if wanted.source in rows or not wanted.supply.has_ended:
                yield wanted
        return
    offer = session.get_one(OfferRow, source.id)
    limit = rows[offer_source(source.id)].gpu_limit or 0
    yield pool_of_offer(offer, limit, books)


def _differs(wanted: list[WantedPool], rows: Mapping[str, PoolRow], tally: _Tally) -> bool:
    """Say whether anything is to be written."""
    differs = False
    for each in wanted:
        row = rows.get(each.source)
        if row is None:
            differs = True
            continue
        planned = change_to(row, each)
        tally.note(each, planned)
        differs = differs or bool(planned.change)
    return differs


def _bring(
    session: Session,
    source: _Source,
    seen: list[WantedPool],
    books: PoolBooks,
    tally: _Tally,
    clock: Clock,
) -> None:
    """Lock the pools of a source, read the source again, and write what differs."""
    now = clock()
    by_id = {pool_id_of(each.source): each for each in seen}
    for _, each in sorted(by_id.items()):  # new rows are locked too, so in the order of locks
        open_pool(session, each.source, each.kind, each.supplier, each.terms, at=now)
    rows = {row.source: row for row in lock_pools(session, by_id).values()}
    for wanted in _wanted(session, source, rows, books):
        row = rows.get(wanted.source)
        if row is None:  # a line that came meanwhile: the next sync opens its pool
            continue
        planned = change_to(row, wanted)
        tally.note(wanted, planned)
        if row.gen == 0:
            tally.opened.add(wanted.name)
        if planned.change or row.gen == 0:
            tally.changed.add(wanted.name)
            write_change(session, row, planned.change, actor=ACTOR, at=now)
