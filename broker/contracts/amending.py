"""Terms that change after signature: amendments, which count from a day, and corrections."""

from __future__ import annotations

from dataclasses import replace

from broker.contracts.contract import Amendment, Contract
from broker.contracts.event import Event
from broker.contracts.line_history import amended_line, corrected_line
from broker.contracts.line_terms import terms_from_json
from broker.contracts.state import EDITABLE, OVER
from broker.errors import RefusedError


def amendment_proposed(contract: Contract, event: Event) -> Contract:
    """Return the contract with an amendment that waits for a decision, the newest of its line."""
    payload = event.payload
    _check_amendable(contract)
    contract.line(payload["line_no"])
    amendment = Amendment(
        id=payload["amendment_id"],
        line_no=payload["line_no"],
        terms=payload["terms"],
        changes=payload["changes"],
        source=payload["source"],
        proposed_at=event.recorded_at,
        proposed_by=event.actor,
    )
    others = tuple(each for each in contract.amendments if each.line_no != amendment.line_no)
    return replace(contract, amendments=(*others, amendment))


def amendment_approved(contract: Contract, event: Event) -> Contract:
    """Return the contract with the amended line, from the event's `valid_from` on."""
    _check_amendable(contract)
    amendment = _pending(contract, event)
    line = contract.line(amendment.line_no)
    changed = amended_line(line, event, terms=terms_from_json(amendment.terms))
    return _without(_with_end_anew(contract, contract.with_line(changed)), amendment)


def amendment_rejected(contract: Contract, event: Event) -> Contract:
    """Return the contract without the amendment; the signed terms stay."""
    return _without(contract, _pending(contract, event))


def line_corrected(contract: Contract, event: Event) -> Contract:
    """Return the contract with a line put right that was recorded wrongly."""
    if contract.state in EDITABLE:
        raise RefusedError(
            f"contract {contract.ref} is {contract.state}: before signature terms are restated"
        )
    line = contract.line(event.payload["line_no"])
    corrected = corrected_line(line, event)
    pending = tuple(
        each
        for each in contract.amendments
        if each.line_no != line.line_no or terms_from_json(each.terms) != corrected.terms
    )
    # An offer was for the end that was meant, so it follows the end that is now known.
    ends = {
        quote_id: corrected.end_on
        for quote_id, end_on in contract.ends_offered.items()
        if contract.quote(quote_id).renews_line_no == line.line_no and end_on == line.end_on
    }
    return replace(
        _with_end_anew(contract, contract.with_line(corrected)),
        amendments=pending,
        ends_offered={**contract.ends_offered, **ends},
    )


def _check_amendable(contract: Contract) -> None:
    if contract.state in EDITABLE:
        raise RefusedError(
            f"contract {contract.ref} is {contract.state}: before signature terms are restated"
        )
    if contract.state in OVER and contract.ended_from is None:
        raise RefusedError(
            f"contract {contract.ref} is {contract.state}, so nothing in it is amended any more; "
            "if it was recorded wrongly, import a correction"
        )


def _pending(contract: Contract, event: Event) -> Amendment:
    wanted = event.payload["amendment_id"]
    for amendment in contract.amendments:
        if amendment.id == wanted:
            return amendment
    raise RefusedError(f"contract {contract.ref} has no pending amendment {wanted}")


def _without(contract: Contract, amendment: Amendment) -> Contract:
    left = tuple(each for each in contract.amendments if each.id != amendment.id)
    return replace(contract, amendments=left)


def _with_end_anew(before: Contract, after: Contract) -> Contract:
    """Return a contract that the calendar ended as running again if its end turns out another.

    Papers come late: whether the new end has passed too is for the calendar to say.
    """
    if before.ended_from is None or after.end_on == before.end_on:
        return after
    return replace(after, state=before.ended_from, ended_from=None)
