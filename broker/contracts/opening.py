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
from broker.contracts.state import EDITABLE, ContractState

TIMEZONE = "UTC"
"""Contract days are days in this zone unless a contract says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """Who imports which file, and on which day."""

    file: str
    actor: str
    on: date
    batch_id: str

    def source(self, line: int) -> str:
        """Return where a person can check a value: "file.csv:17"."""
        return f"{self.file}:{line}"

    def draft(
        self, kind: EventKind, payload: dict[str, Any], *, line: int, valid_from: date | None = None
    ) -> EventDraft:
        """Return an event of this import."""
        return EventDraft(
            kind=kind,
            payload=payload,
            valid_from=valid_from or self.on,
            actor=self.actor,
            reason=f"imported from {self.source(line)}",
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
    if contract.state in EDITABLE:
        restated = {"line_no": values.line_no, "terms": terms, "source": source}
        yield occasion.draft(EventKind.LINE_RESTATED, restated, line=line.line)
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
        target = values.status
        if target in (contract.state, contract.stated_state):
            continue
        if contract.state is ContractState.SIGNED and target is ContractState.ACTIVE:
            yield from _deliveries(contract, line, occasion)
        else:
            evidence = f"stated in {occasion.source(line.line)}"
            payload = {"to": target.value, "evidence": evidence, "stated": True}
            yield occasion.draft(EventKind.STATE_CHANGED, payload, line=line.line)
        return


def _deliveries(contract: Contract, line: PlannedLine, occasion: Occasion) -> Iterator[EventDraft]:
    """A sheet that calls a signed contract active says that what has no tranches was delivered."""
    for held in contract.lines:
        if held.terms.tranches:
            continue
        payload = {
            "line_no": held.line_no,
            "tranche_no": held.tranches[0].tranche_no,
            "accepted_on": held.start_on.isoformat(),
        }
        yield occasion.draft(EventKind.TRANCHE_ACCEPTED, payload, line=line.line)
