"""Import a contract sheet: read, plan against the books, write all of it or nothing.

A dry run does exactly what a commit does, in a transaction that is rolled back: what the books
would refuse is found either way.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from itertools import groupby

from sqlmodel import Session

from broker.clock import Clock
from broker.contracts.contract import Contract
from broker.contracts.event import contract_stream, supplier_stream
from broker.contracts.import_outcome import ImportPlan, PlannedLine, PlanStatus
from broker.contracts.import_plan import KnownLine, plan_import
from broker.contracts.opening import Occasion, contract_opening, line_events, supplier_opening
from broker.contracts.row_values import NaturalKey, RowValues, folded_ref
from broker.contracts.sheets.issue import Code, Issue
from broker.contracts.sheets.sheet import ContractSheet, read_contract_sheet
from broker.contracts.sheets.suppliers import KnownSupplier
from broker.errors import BadInputError, RefusedError
from broker.identity import new_id
from broker.store import ledger
from broker.store.contracts import all_contracts, all_suppliers, contract_by_id, contract_id_of
from broker.store.engine import Database
from broker.store.tables import ImportBatchRow, SupplierRow
from pricing.hardware import canonical_gpu

ONE_AT_A_TIME = "contract-imports"
"""Two imports at once would both find the same contract missing."""


def import_contracts(
    database: Database,
    content: bytes,
    *,
    file: str,
    actor: str,
    clock: Clock,
    dry_run: bool,
    correction: str | None = None,
) -> tuple[ImportPlan, ContractSheet]:
    """Return what the import did, or would do; nothing is written unless every row is good.

    With `correction`, a reason, terms that differ from signed ones correct what was recorded
    wrongly, from the start; without it they are proposed as amendments.
    """
    if correction is not None and not correction.strip():
        raise BadInputError("a correction needs a reason that the next person can read")
    transaction = database.trying() if dry_run else database.writing()
    with transaction as session:
        ledger.lock(session, ONE_AT_A_TIME)
        sheet = read_contract_sheet(
            content, file=file, gpu_name=_gpu_name, suppliers=_known_suppliers(session)
        )
        plan = plan_import(sheet, known_lines(session))
        if plan.status is not PlanStatus.OK:
            return plan, sheet
        now = clock()
        occasion = Occasion(
            file=file, actor=actor, on=now.date(), batch_id=new_id(), correction=correction
        )
        refusals = _write(session, plan, sheet, occasion, at=now)
        if refusals:
            session.rollback()
            return replace(plan, issues=(*plan.issues, *refusals)), sheet
    return plan, sheet


def known_lines(session: Session) -> dict[NaturalKey, KnownLine]:
    """Return every line of the books as an import compares it."""
    known = {}
    for contract in all_contracts(session):
        for line in contract.lines:
            values = RowValues(
                supplier_key=contract.supplier_key,
                contract_ref=contract.ref,
                line_no=line.line_no,
                terms=line.terms,
                status=contract.stated_state,
                owner=line.owner,
                notes=line.notes,
            )
            rolled_to = line.last_day_of_service if line.rolled_past else None
            known[values.key] = KnownLine(values=values, status=contract.state, rolled_to=rolled_to)
    return known


def _write(
    session: Session, plan: ImportPlan, sheet: ContractSheet, occasion: Occasion, *, at: datetime
) -> list[Issue]:
    refusals, written = [], 0
    for group in _by_contract(plan):
        first, _ = group[0]
        try:
            with session.begin_nested():
                _record_supplier(session, first, sheet, occasion, at=at)
                written += _record_lines(session, group, occasion, at=at)
        except (RefusedError, BadInputError) as refusal:
            refusals.append(_issue(first, refusal))
    if written and not refusals:
        session.add(
            ImportBatchRow(
                id=occasion.batch_id,
                sha256=plan.sha256,
                file=plan.file,
                actor=occasion.actor,
                recorded_at=at,
                summary=json.dumps(plan.summary),
            )
        )
    return refusals


def _by_contract(plan: ImportPlan) -> Iterator[list[tuple[PlannedLine, RowValues]]]:
    pairs = [(line, line.values) for line in plan.to_write if line.values is not None]

    def contract_key(pair: tuple[PlannedLine, RowValues]) -> tuple[str, str]:
        return pair[1].supplier_key, folded_ref(pair[1].contract_ref)

    for _, group in groupby(sorted(pairs, key=contract_key), key=contract_key):
        yield list(group)


def _record_supplier(
    session: Session,
    line: PlannedLine,
    sheet: ContractSheet,
    occasion: Occasion,
    *,
    at: datetime,
) -> None:
    key = str(line.readable["supplier_key"])
    if session.get(SupplierRow, key) is not None:
        return
    ledger.lock(session, supplier_stream(key))
    if session.get(SupplierRow, key) is not None:
        return
    opening = supplier_opening(key, sheet.suppliers[key], line=line.line, occasion=occasion)
    ledger.append(session, supplier_stream(key), [opening], recorded_at=at)


def _record_lines(
    session: Session,
    group: list[tuple[PlannedLine, RowValues]],
    occasion: Occasion,
    *,
    at: datetime,
) -> int:
    first, values = group[0]
    contract_id = contract_id_of(session, values.supplier_key, values.contract_ref)
    held: Contract | None = None
    drafts = []
    if contract_id is None:
        contract_id = new_id()
        drafts.append(contract_opening(contract_id, first, values, occasion=occasion))
    else:
        held = contract_by_id(session, contract_id)
    drafts += line_events(held, group, occasion=occasion, new_ids=iter(new_id, ""))
    return len(ledger.append(session, contract_stream(contract_id), drafts, recorded_at=at))


def _issue(line: PlannedLine, refusal: Exception) -> Issue:
    return Issue(line=line.line, field=None, code=Code.REFUSED_BY_BOOKS, message=str(refusal))


def _known_suppliers(session: Session) -> list[KnownSupplier]:
    return [
        KnownSupplier(key=each.key, aliases=(each.legal_name, *each.aliases))
        for each in all_suppliers(session)
    ]


def _gpu_name(spelling: str) -> str:
    return canonical_gpu(spelling).model
