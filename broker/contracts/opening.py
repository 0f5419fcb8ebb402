"""From planned lines of an import to the events that record them. Nothing is decided here twice:
the import plan said what each line becomes, the fold says whether the books allow it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from broker.contracts.contract import Contract
from broker.contracts.event import EventDraft, EventKind
from broker.contracts.import_outcome import Outcome, PlannedLine
from broker.contracts.line_terms import LineTerms, terms_from_json, terms_to_json
from broker.contracts.row_values import RowValues
from broker.contracts.state import EDITABLE, ContractState, is_no_news
from broker.errors import RefusedError

_NOT_STARTED = frozenset({*EDITABLE, ContractState.SIGNED})

TIMEZONE = "UTC"
"""Contract days are days in this zone unless a contract says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """Who imports which file, and on which day.

    `correction` is the reason why signed terms that differ were recorded wrongly, None where a
    difference is an amendment.
    """

    file: str
    actor: str
    on: date
    batch_id: str
    correction: str | None = None

    def source(self, line: int) -> str:
        """Return where a person can check a value: "file.csv:17"."""
        return f"{self.file}:{line}"

    def draft(
        self,
        kind: EventKind,
        payload: dict[str, Any],
        *,
        line: int,
        valid_from: date | None = None,
        reason: str | None = None,
    ) -> EventDraft:
        """Return an event of this import."""
        return EventDraft(
            kind=kind,
            payload=payload,
            valid_from=valid_from or self.on,
            actor=self.actor,
            reason=reason or f"imported from {self.source(line)}",
            document=self.batch_id,
        )


def supplier_opening(key: str, name: str, *, line: int, occasion: Occasion) -> EventDraft:
    """Return the event that records a supplier not known before."""
    payload: dict[str, Any] = {"key": key, "legal_name": name, "aliases": [], "country": None}
    return occasion.draft(EventKind.SUPPLIER_RECORDED, payload, line=line)


def contract_opening(
    contract_id: str, first: PlannedLine, values: RowValues, *, occasion: Occasion
) -> EventDraft:
    """Return the event that records a contract not known before."""
    payload = {
        "contract_id": contract_id,
        "supplier_key": values.supplier_key,
        "ref": values.contract_ref,
        "currency": values.terms.currency,
        "state": values.status.value,
        "timezone": TIMEZONE,
    }
    return occasion.draft(
        EventKind.CONTRACT_RECORDED, payload, line=first.line, valid_from=values.terms.start_date
    )


def line_events(
    contract: Contract | None,
    lines: Sequence[tuple[PlannedLine, RowValues]],
    *,
    occasion: Occasion,
    new_ids: Iterator[str],
) -> list[EventDraft]:
    """Return the events of the lines of one contract, in the order the books need them."""
    drafts = []
    for line, values in lines:
        if line.outcome is Outcome.CREATE:
            drafts.append(_recorded(line, values, occasion, next(new_ids)))
        elif contract is not None:
            drafts.extend(_changed(contract, line, values, occasion, new_ids))
    if contract is not None:
        drafts.extend(_moved(contract, lines, occasion))
    return drafts


def _recorded(line: PlannedLine, values: RowValues, occasion: Occasion, line_id: str) -> EventDraft:
    payload = {
        "line_id": line_id,
        "line_no": values.line_no,
        "terms": terms_to_json(values.terms),
        "owner": values.owner,
        "notes": values.notes,
        "source": occasion.source(line.line),
    }
    return occasion.draft(
        EventKind.LINE_RECORDED, payload, line=line.line, valid_from=values.terms.start_date
    )


def _changed(
    contract: Contract,
    line: PlannedLine,
    values: RowValues,
    occasion: Occasion,
    new_ids: Iterator[str],
) -> Iterator[EventDraft]:
    held = contract.line(values.line_no)
    if (held.owner, held.notes) != (values.owner, values.notes):
        note = {"line_no": values.line_no, "owner": values.owner, "notes": values.notes}
        yield occasion.draft(EventKind.NOTE_CHANGED, note, line=line.line)
    if values.terms == held.terms:
        return
    terms = terms_to_json(values.terms)
    source = occasion.source(line.line)
    stated = {"line_no": values.line_no, "terms": terms, "source": source}
    if contract.state in EDITABLE:
        yield occasion.draft(EventKind.LINE_RESTATED, stated, line=line.line)
    elif occasion.correction is not None:
        yield occasion.draft(
            EventKind.LINE_CORRECTED,
            stated,
            line=line.line,
            valid_from=held.amended_from or held.start_on,
            reason=occasion.correction,
        )
    elif values.terms not in _proposed(contract, held.line_no):
        proposal = {
            "amendment_id": next(new_ids),
            "line_no": values.line_no,
            "terms": terms,
            "changes": {name: dict(change) for name, change in line.changes.items()},
            "source": source,
        }
        yield occasion.draft(EventKind.AMENDMENT_PROPOSED, proposal, line=line.line)


def _proposed(contract: Contract, line_no: int) -> list[LineTerms]:
    return [terms_from_json(each.terms) for each in contract.amendments if each.line_no == line_no]


def _moved(
    contract: Contract, lines: Sequence[tuple[PlannedLine, RowValues]], occasion: Occasion
) -> Iterator[EventDraft]:
    """Yield what a new status of the contract means; all its lines in a file state the same."""
    for line, values in lines:
        if not is_no_news(values.status, state=contract.state, stated=contract.stated_state):
            yield from _moved_to(contract, values.status, line, lines, occasion)
            return


def _moved_to(
    contract: Contract,
    target: ContractState,
    line: PlannedLine,
    lines: Sequence[tuple[PlannedLine, RowValues]],
    occasion: Occasion,
) -> Iterator[EventDraft]:
    if contract.state is ContractState.IN_NOTICE and target is ContractState.ACTIVE:
        raise RefusedError(
            f"notice of contract {contract.ref} is on record and a sheet cannot take it back; write "
            "in_notice in the sheet, or take it back: tonnage contracts move"
        )
    started = target is ContractState.ACTIVE and contract.state in _NOT_STARTED
    if started and contract.state in EDITABLE:
        yield _state(ContractState.SIGNED, line, occasion)
    deliveries = list(_deliveries(contract, lines, line, occasion)) if started else []
    yield from deliveries or [_state(target, line, occasion)]


def _state(target: ContractState, line: PlannedLine, occasion: Occasion) -> EventDraft:
    evidence = f"stated in {occasion.source(line.line)}"
    payload = {"to": target.value, "evidence": evidence, "stated": True}
    return occasion.draft(EventKind.STATE_CHANGED, payload, line=line.line)


def _deliveries(
    contract: Contract,
    lines: Sequence[tuple[PlannedLine, RowValues]],
    line: PlannedLine,
    occasion: Occasion,
) -> Iterator[EventDraft]:
    """A sheet that calls a contract active says that what has no tranches was delivered."""
    terms = {held.line_no: held.terms for held in contract.lines}
    for planned, values in lines:
        if planned.outcome is Outcome.CREATE or contract.state in EDITABLE:
            terms[values.line_no] = values.terms
    for line_no in sorted(terms):
        if terms[line_no].tranches:
            continue
        payload = {
            "line_no": line_no,
            "tranche_no": 1,
            "accepted_on": terms[line_no].start_date.isoformat(),
        }
        yield occasion.draft(EventKind.TRANCHE_ACCEPTED, payload, line=line.line)
