"""Obligations: the days on which somebody must act, computed from a contract as it stands.

They are never typed in: when an end date moves, a fold gives new obligations and the old ones are
gone, so a deadline cannot stay on a date that no longer counts. A line in force that can lapse has
exactly one open obligation of the lapsing kind: the notice (or option) deadline while notice can
still be given, its expiry after that.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from broker.contracts.contract import ClosedObligation, Contract
from broker.contracts.line import Line
from broker.contracts.line_terms import RenewalType
from broker.contracts.quote import QuoteState
from broker.contracts.state import IN_FORCE, ContractState
from broker.renewals.notice import NoticePeriod, notice_deadline

RULE_VERSION = 1
"""Raised whenever the way a due day is computed changes."""

_NAMESPACE = uuid.UUID("6f1d4a52-0c39-4a53-8d0e-5d3f6f0f8a11")


class ObligationKind(StrEnum):
    """What must be done by the day."""

    NOTICE_DEADLINE = "notice_deadline"
    OPTION_DEADLINE = "option_deadline"
    EXPIRY = "expiry"
    ACCEPT_BY = "accept_by"
    DROP_DEAD = "drop_dead"
    QUOTE_EXPIRY = "quote_expiry"


LAPSING = frozenset(
    {ObligationKind.NOTICE_DEADLINE, ObligationKind.OPTION_DEADLINE, ObligationKind.EXPIRY}
)
"""A line in force that can lapse has exactly one open obligation of these kinds."""


class ObligationState(StrEnum):
    """What became of an obligation."""

    OPEN = "open"
    DONE = "done"
    WAIVED = "waived"
    MISSED = "missed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Obligation:
    """One duty, its day, and how the day was computed."""

    id: str
    contract_id: str
    line_no: int | None
    kind: ObligationKind
    subject: str
    due_on: date
    computed_from: str
    state: ObligationState = ObligationState.OPEN
    closed_by: str | None = None
    evidence: str | None = None


def obligations_of(contract: Contract, *, country: str | None) -> tuple[Obligation, ...]:
    """Return every obligation of a contract, open and closed; `country` is the supplier's."""
    found: list[Obligation] = []
    closed = {each.obligation_id: each for each in contract.closed_obligations}
    if contract.state in IN_FORCE:
        for line in contract.lines:
            found.extend(_lapsing(contract, line, closed, country))
            found.extend(_deliveries(contract, line))
        found.extend(_quotes(contract))
    return tuple(_with_outcome(each, closed) for each in found)


def _lapsing(
    contract: Contract, line: Line, closed: dict[str, ClosedObligation], country: str | None
) -> Iterator[Obligation]:
    last_day = line.last_day_of_service
    if last_day is None or contract.accepted_renewal(line) is not None:
        return
    expiry = _obligation(
        contract,
        line,
        ObligationKind.EXPIRY,
        due_on=last_day,
        computed_from=f"last day of service {last_day}",
    )
    notice = line.renewal.notice_period
    if notice is None or contract.state is ContractState.IN_NOTICE:
        yield expiry
        return
    deadline = notice_deadline(last_day, NoticePeriod.parse(notice), country=country)
    is_option = line.renewal.renewal_type is RenewalType.OPTION
    kind = ObligationKind.OPTION_DEADLINE if is_option else ObligationKind.NOTICE_DEADLINE
    days = f"working days of {country}" if country else "weekends only: no country on file"
    speak = _obligation(
        contract,
        line,
        kind,
        due_on=deadline.due_on,
        known_by=deadline.raw_on,
        computed_from=f"last day of service {last_day} less {notice}, {days}",
    )
    yield speak
    if speak.id in closed:
        yield expiry


def _deliveries(contract: Contract, line: Line) -> Iterator[Obligation]:
    for tranche in line.tranches:
        if tranche.accepted_on is not None:
            continue
        for kind, due_on in (
            (ObligationKind.ACCEPT_BY, tranche.accept_by),
            (ObligationKind.DROP_DEAD, tranche.drop_dead_on),
        ):
            if due_on is not None:
                yield _obligation(
                    contract,
                    line,
                    kind,
                    due_on=due_on,
                    computed_from=f"terms of tranche {tranche.tranche_no}",
                    subject=f"tranche {tranche.tranche_no}",
                )


def _quotes(contract: Contract) -> Iterator[Obligation]:
    for quote in contract.quotes:
        undecided = quote.state in (QuoteState.OPEN, QuoteState.COUNTERED)
        if undecided and quote.valid_until is not None and quote.renews_line_no is not None:
            yield _obligation(
                contract,
                contract.line(quote.renews_line_no),
                ObligationKind.QUOTE_EXPIRY,
                due_on=quote.valid_until,
                computed_from="last day on which the quote holds",
                subject=f"quote {quote.id}",
            )


def _obligation(
    contract: Contract,
    line: Line,
    kind: ObligationKind,
    *,
    due_on: date,
    computed_from: str,
    subject: str = "line",
    known_by: date | None = None,
) -> Obligation:
    """Return an obligation; `known_by` is its day before holidays moved it, which its id bears.

    So a deadline that was met stays met when the supplier's country, and with it the holidays,
    becomes known; and it is another one when the end or the notice period moves.
    """
    name = f"{line.id}|{kind}|{subject}|{known_by or due_on}"
    return Obligation(
        id=str(uuid.uuid5(_NAMESPACE, name)),
        contract_id=contract.id,
        line_no=line.line_no,
        kind=kind,
        subject=subject,
        due_on=due_on,
        computed_from=computed_from,
    )


def _with_outcome(obligation: Obligation, closed: dict[str, ClosedObligation]) -> Obligation:
    outcome = closed.get(obligation.id)
    if outcome is None:
        return obligation
    return replace(
        obligation,
        state=ObligationState(outcome.state),
        closed_by=outcome.closed_by,
        evidence=outcome.evidence,
    )
