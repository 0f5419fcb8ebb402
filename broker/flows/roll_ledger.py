"""Let the calendar act: run once a day; for a day that was rolled before it changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sqlmodel import Session, select

from broker.clock import Clock
from broker.contracts.event import Event, contract_stream
from broker.errors import RefusedError
from broker.renewals.roll import next_step
from broker.store import ledger
from broker.store.contracts import contract_by_id
from broker.store.engine import Database
from broker.store.tables import ContractRow, SupplierRow


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledContract:
    """A contract that the calendar moved, and the events that say how."""

    supplier_key: str
    ref: str
    events: tuple[Event, ...]


def roll_ledger(database: Database, *, as_of: date, clock: Clock) -> list[RolledContract]:
    """Record what the calendar owes every contract up to `as_of`; one transaction a contract.

    A contract whose events refuse it does not hold up the others: the first refusal is raised when
    all of them have been seen.
    """
    with database.reading() as session:
        contract_ids = list(session.exec(select(ContractRow.id).order_by(ContractRow.id)))
    rolled, refusals = [], []
    for contract_id in contract_ids:
        try:
            with database.writing() as session:
                moved = _roll(session, contract_id, as_of=as_of, clock=clock)
        except RefusedError as refusal:
            refusals.append(refusal)
            continue
        if moved is not None:
            rolled.append(moved)
    if refusals:
        raise refusals[0]
    return rolled


def _roll(
    session: Session, contract_id: str, *, as_of: date, clock: Clock
) -> RolledContract | None:
    events: list[Event] = []
    stream = contract_stream(contract_id)
    ledger.lock(session, stream)  # somebody else may be rolling it: look only when it is ours
    while True:
        contract = contract_by_id(session, contract_id)
        supplier = session.get(SupplierRow, contract.supplier_key)
        country = None if supplier is None else supplier.country
        drafts = next_step(contract, as_of=as_of, country=country)
        if not drafts:
            break
        events += ledger.append(session, stream, drafts, recorded_at=clock())
    if not events:
        return None
    return RolledContract(
        supplier_key=contract.supplier_key, ref=contract.ref, events=tuple(events)
    )
