"""Contracts: read as of any day or any belief, imported, moved along, amended."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Query

from broker.access.scope import Scope
from broker.api.uploads import CSV_BODY, CsvUpload
from broker.api.wire.contracts import (
    Acceptance,
    AmendmentDecision,
    ContractList,
    ContractOut,
    EventList,
    EventOut,
    ImportResult,
    ObligationList,
    ObligationOut,
    ObligationOutcome,
    Succession,
    Transition,
)
from broker.api.wiring import Caller, Wiring, WiringDep, requires
from broker.flows.change_contract import (
    Decision,
    accept_tranche,
    close_obligation,
    decide_amendment,
    move_contract,
    name_successor,
)
from broker.flows.import_contracts import import_contracts
from broker.flows.read_contracts import (
    contract_as_believed,
    contract_events,
    contract_page,
    open_obligations,
)

router = APIRouter(prefix="/v1", tags=["contracts"])

Reader = Annotated[Caller, requires(Scope.CONTRACTS_READ)]
Writer = Annotated[Caller, requires(Scope.CONTRACTS_WRITE)]
AsOf = Annotated[date | None, Query(description="the day asked about; default: today")]


@router.post("/contract-imports", openapi_extra=CSV_BODY)
def import_sheet(
    wiring: WiringDep,
    caller: Writer,
    upload: CsvUpload,
    dry_run: bool = False,
    correction: Annotated[
        bool,
        Query(description="differences from signed terms correct typing errors, from the start"),
    ] = False,
) -> ImportResult:
    """Import a contract sheet, all of it or nothing; a dry run says what would happen.

    The answer is 200 also when the sheet has errors: then `status` says so and nothing is written.
    """
    plan, _ = import_contracts(
        wiring.database,
        upload.content,
        file=upload.file,
        actor=caller.actor,
        clock=wiring.clock,
        dry_run=dry_run,
        correction=f"typing error, corrected by {upload.file}" if correction else None,
    )
    return ImportResult.model_validate(plan.as_json())


@router.get("/contracts")
def contracts(
    wiring: WiringDep,
    _: Reader,
    as_of: AsOf = None,
    page_size: Annotated[int, Query(ge=1, le=500)] = 100,
    page_token: Annotated[str | None, Query(max_length=200)] = None,
) -> ContractList:
    """List contracts by supplier and reference."""
    on = as_of or wiring.today()
    page = contract_page(wiring.database, page_size=page_size, page_token=page_token)
    return ContractList(
        as_of=on,
        items=[ContractOut.of(contract, on=on) for contract in page.contracts],
        next_page_token=page.next_page_token,
    )


@router.get("/contracts/{contract_id}")
def contract(
    wiring: WiringDep,
    _: Reader,
    contract_id: str,
    as_of: AsOf = None,
    known_at: Annotated[
        datetime | None, Query(description="as it was believed at this instant; default: now")
    ] = None,
) -> ContractOut:
    """Read one contract, as known now or as it was believed at an earlier instant."""
    found = contract_as_believed(wiring.database, contract_id, known_at=known_at)
    return ContractOut.of(found, on=as_of or wiring.today())


@router.get("/contracts/{contract_id}/events")
def events(wiring: WiringDep, _: Reader, contract_id: str) -> EventList:
    """Read the chain of events of one contract, oldest first."""
    found = contract_events(wiring.database, contract_id)
    return EventList(items=[EventOut.of(event) for event in found])


@router.post("/contracts/{contract_id}/transitions")
def transition(
    wiring: WiringDep, caller: Writer, contract_id: str, body: Transition
) -> ContractOut:
    """Move a contract along the graph of states, for instance when notice is given."""
    moved = move_contract(
        wiring.database,
        contract_id,
        body.to,
        evidence=body.evidence,
        decision=_decision(body, caller, wiring),
        clock=wiring.clock,
    )
    return ContractOut.of(moved, on=wiring.today())


@router.post("/contracts/{contract_id}/successor")
def successor(wiring: WiringDep, caller: Writer, contract_id: str, body: Succession) -> ContractOut:
    """Record which signed contract goes on where this one ends."""
    succeeded = name_successor(
        wiring.database,
        contract_id,
        body.successor,
        decision=_decision(body, caller, wiring),
        clock=wiring.clock,
    )
    return ContractOut.of(succeeded, on=wiring.today())


@router.post("/contracts/{contract_id}/acceptances")
def acceptance(
    wiring: WiringDep, caller: Writer, contract_id: str, body: Acceptance
) -> ContractOut:
    """Record that a tranche was accepted; the first one makes a signed contract active."""
    accepted = accept_tranche(
        wiring.database,
        contract_id,
        line_no=body.line_no,
        tranche_no=body.tranche_no,
        accepted_on=body.accepted_on,
        decision=_decision(body, caller, wiring),
        clock=wiring.clock,
    )
    return ContractOut.of(accepted, on=wiring.today())


@router.post("/contracts/{contract_id}/amendments/{amendment_id}/decision")
def amendment_decision(
    wiring: WiringDep, caller: Writer, contract_id: str, amendment_id: str, body: AmendmentDecision
) -> ContractOut:
    """Approve or reject a proposed amendment."""
    decided = decide_amendment(
        wiring.database,
        contract_id,
        amendment_id,
        approve=body.approve,
        decision=_decision(body, caller, wiring),
        clock=wiring.clock,
    )
    return ContractOut.of(decided, on=wiring.today())


@router.get("/obligations", tags=["obligations"])
def obligations(
    wiring: WiringDep,
    _: Reader,
    as_of: AsOf = None,
    within_days: Annotated[int | None, Query(ge=0, le=3650)] = None,
) -> ObligationList:
    """List what must be done and by when, the nearest first."""
    on = as_of or wiring.today()
    found = open_obligations(wiring.database, on=on, within_days=within_days)
    return ObligationList(
        as_of=on, items=[ObligationOut.of(each, contract, on=on) for each, contract in found]
    )


@router.post("/obligations/{obligation_id}/outcome", tags=["obligations"])
def obligation_outcome(
    wiring: WiringDep, caller: Writer, obligation_id: str, body: ObligationOutcome
) -> ContractOut:
    """Record that an obligation was met, waived or missed."""
    closed = close_obligation(
        wiring.database,
        obligation_id,
        body.state,
        evidence=body.evidence,
        decision=_decision(body, caller, wiring),
        clock=wiring.clock,
    )
    return ContractOut.of(closed, on=wiring.today())


def _decision(
    body: Transition | Succession | Acceptance | AmendmentDecision | ObligationOutcome,
    caller: Caller,
    wiring: Wiring,
) -> Decision:
    return Decision(
        actor=caller.actor,
        reason=body.reason,
        valid_from=body.valid_from or wiring.today(),
        document=body.document,
    )
