"""Whose line it is, and the days that decide about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from broker.contracts.contract import Contract
from broker.contracts.line import Line
from broker.contracts.supplier import Supplier
from broker.renewals.obligations import ObligationKind, ObligationState, obligations_of

_TO_SPEAK = frozenset({ObligationKind.NOTICE_DEADLINE, ObligationKind.OPTION_DEADLINE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """Which line, on which day."""

    as_of: date
    line_id: str
    supplier: str
    supplier_key: str
    contract_ref: str
    line_no: int
    gpu_count: int
    gpu_model: str
    form_factor: str | None
    region: str | None
    site: str | None
    start_on: date
    last_day_of_service: date
    owner: str | None
    state: str
    renewal_type: str | None
    currency: str  # of every amount in the brief


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """The last day to speak, and the last day of service."""

    notice_due: date | None  # None: no notice to give, or it was given
    notice_kind: str | None  # notice or option
    computed_from: str | None
    days_to_notice: int | None  # negative once the right is lost
    notice_passed: bool
    notice_done: bool
    last_day_of_service: date
    days_to_end: int  # to the first day without service
    next_on: date  # whichever of the two comes next; the last day once both are over
    days_left: int  # to that day


def header_of(contract: Contract, line: Line, supplier: Supplier, *, as_of: date) -> Header:
    """Return who and what a brief is about."""
    last_day = line.last_day_of_service or line.start_on
    return Header(
        as_of=as_of,
        line_id=line.id,
        supplier=supplier.legal_name,
        supplier_key=supplier.key,
        contract_ref=contract.ref,
        line_no=line.line_no,
        gpu_count=line.gpu_count,
        gpu_model=line.gpu_model,
        form_factor=line.form_factor,
        region=line.region,
        site=line.site,
        start_on=line.start_on,
        last_day_of_service=last_day,
        owner=line.owner or contract.owner,
        state=contract.state.value,
        renewal_type=None if line.renewal.renewal_type is None else line.renewal.renewal_type.value,
        currency=contract.currency,
    )


def deadlines_of(
    contract: Contract, line: Line, *, end_on: date, country: str | None, as_of: date
) -> Deadlines:
    """Return the days that are left; `end_on` is the first day without service."""
    last_day = line.last_day_of_service or end_on
    speak = next(
        (
            each
            for each in obligations_of(contract, country=country)
            if each.line_no == line.line_no and each.kind in _TO_SPEAK
        ),
        None,
    )
    is_open = speak is not None and speak.state is ObligationState.OPEN
    due_on = speak.due_on if speak is not None and is_open else None
    passed = due_on is not None and due_on < as_of
    next_on = last_day if due_on is None or passed else due_on
    return Deadlines(
        notice_due=due_on,
        notice_kind=None if speak is None else speak.kind.value.removesuffix("_deadline"),
        computed_from=None if speak is None else speak.computed_from,
        days_to_notice=None if due_on is None else (due_on - as_of).days,
        notice_passed=passed,
        notice_done=speak is not None and not is_open,
        last_day_of_service=last_day,
        days_to_end=(end_on - as_of).days,
        next_on=next_on,
        days_left=(next_on - as_of).days,
    )
