"""Record what people decide about a contract: a few events, one transaction, a reason for each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from broker.clock import Clock
from broker.contracts.contract import Contract
from broker.contracts.event import EventDraft, EventKind, contract_stream
from broker.contracts.state import IN_FORCE, ContractState
from broker.errors import BadInputError, NotFoundError, RefusedError
from broker.renewals.obligations import ObligationState
from broker.store import ledger
from broker.store.contracts import contract_by_id, find_contract
from broker.store.engine import Database
from broker.store.tables import ObligationRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Who decided, why, from which day it counts, and the paper that shows it."""

    actor: str
    reason: str
    valid_from: date
    document: str | None = None

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise BadInputError("a change needs a reason that the next person can read")

    def draft(self, kind: EventKind, payload: dict[str, Any]) -> EventDraft:
        """Return the decision as an event."""
        return EventDraft(
            kind=kind,
            payload=payload,
            valid_from=self.valid_from,
            actor=self.actor,
            reason=self.reason,
            document=self.document,
        )


def move_contract(
    database: Database,
    name: str,
    to: ContractState,
    *,
    evidence: str | None,
    decision: Decision,
    clock: Clock,
) -> Contract:
    """Move a contract along the graph of states; notice needs its evidence."""
    payload = {"to": to.value, "evidence": evidence, "stated": True}
    return _record(database, name, decision.draft(EventKind.STATE_CHANGED, payload), clock=clock)


def name_successor(
    database: Database, name: str, successor: str, *, decision: Decision, clock: Clock
) -> Contract:
    """Record which signed contract goes on where this one ends, so that its end alarms nobody."""
    with database.writing() as session:
        contract, next_one = find_contract(session, name), find_contract(session, successor)
        if next_one.state not in IN_FORCE:
            raise RefusedError(f"contract {next_one.ref} is {next_one.state}, not signed")
        if next_one.end_on is not None and (
            contract.end_on is None or next_one.end_on <= contract.end_on
        ):
            raise RefusedError(f"contract {next_one.ref} does not outlast contract {contract.ref}")
        draft = decision.draft(EventKind.SUCCESSOR_NAMED, {"contract_id": next_one.id})
        ledger.append(session, contract_stream(contract.id), [draft], recorded_at=clock())
        return contract_by_id(session, contract.id)


def accept_tranche(
    database: Database,
    name: str,
    *,
    line_no: int,
    tranche_no: int,
    accepted_on: date,
    decision: Decision,
    clock: Clock,
) -> Contract:
    """Record that a tranche was accepted; the first one makes a signed contract active."""
    payload = {
        "line_no": line_no,
        "tranche_no": tranche_no,
        "accepted_on": accepted_on.isoformat(),
    }
    return _record(database, name, decision.draft(EventKind.TRANCHE_ACCEPTED, payload), clock=clock)


def decide_amendment(
    database: Database,
    name: str,
    amendment_id: str,
    *,
    approve: bool,
    decision: Decision,
    clock: Clock,
) -> Contract:
    """Approve a proposed amendment from the decision's `valid_from` on, or reject it."""
    kind = EventKind.AMENDMENT_APPROVED if approve else EventKind.AMENDMENT_REJECTED
    return _record(
        database, name, decision.draft(kind, {"amendment_id": amendment_id}), clock=clock
    )


def close_obligation(
    database: Database,
    obligation_id: str,
    outcome: ObligationState,
    *,
    evidence: str | None,
    decision: Decision,
    clock: Clock,
) -> Contract:
    """Record that a duty was met, waived or missed; meeting one needs evidence."""
    if outcome is ObligationState.OPEN:
        raise BadInputError("an obligation is closed as done, waived or missed")
    if outcome is ObligationState.DONE and not (evidence or "").strip():
        raise BadInputError("an obligation is done with evidence: what was sent, how and when")
    with database.reading() as session:
        row = session.get(ObligationRow, obligation_id)
        if row is None:
            raise NotFoundError(f"there is no obligation {obligation_id}")
    payload = {"obligation_id": obligation_id, "state": outcome.value, "evidence": evidence}
    return _record(
        database,
        row.contract_id,
        decision.draft(EventKind.OBLIGATION_CLOSED, payload),
        clock=clock,
    )


def _record(database: Database, name: str, draft: EventDraft, *, clock: Clock) -> Contract:
    with database.writing() as session:
        contract_id = find_contract(session, name).id
        ledger.append(session, contract_stream(contract_id), [draft], recorded_at=clock())
        return contract_by_id(session, contract_id)
