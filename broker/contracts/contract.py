"""A contract as the books know it: folded from its events, never edited by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from broker.contracts.line import Line
from broker.contracts.quote import Quote, QuoteState
from broker.contracts.state import ContractState
from broker.errors import NotFoundError
from pricing.money import Currency


@dataclass(frozen=True, slots=True, kw_only=True)
class Amendment:
    """A proposed change of signed terms; it counts only once somebody has approved it."""

    id: str
    line_no: int
    terms: dict[str, Any]
    changes: dict[str, Any]
    source: str
    proposed_at: datetime
    proposed_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedObligation:
    """A duty that somebody has met, waived or missed."""

    obligation_id: str
    state: str
    closed_at: datetime
    closed_by: str
    evidence: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """One agreement with one supplier, its lines and the offers to renew them.

    `stated_state` is what a person or a sheet last said; `state` may have moved on since, by a
    delivery or by the calendar. `ends_offered` says by quote which end of its line an offer was
    made to follow, as the first day without service. `ended_from` is the state from which the
    calendar ended the contract; None while it runs, or where a person ended it.
    """

    id: str
    supplier_key: str
    ref: str
    currency: Currency
    state: ContractState
    stated_state: ContractState
    timezone: str
    recorded_at: datetime
    lines: tuple[Line, ...] = ()
    quotes: tuple[Quote, ...] = ()
    amendments: tuple[Amendment, ...] = ()
    closed_obligations: tuple[ClosedObligation, ...] = ()
    notice_evidence: str | None = None
    successor_id: str | None = None
    ended_from: ContractState | None = None
    ends_offered: Mapping[str, date | None] = field(default_factory=dict)

    @property
    def owner(self) -> str | None:
        """Return who looks after the contract: the first owner named on a line."""
        return next((line.owner for line in self.lines if line.owner), None)

    @property
    def start_on(self) -> date | None:
        """Return the first day of service of any line."""
        return min((line.start_on for line in self.lines), default=None)

    @property
    def end_on(self) -> date | None:
        """Return the first day without service on any line; None when a line has no end."""
        ends = [line.end_on for line in self.lines]
        known = [end for end in ends if end is not None]
        return max(known) if known and len(known) == len(ends) else None

    def line(self, line_no: int) -> Line:
        """Return a line by its number, or raise NotFoundError."""
        for line in self.lines:
            if line.line_no == line_no:
                return line
        raise NotFoundError(f"contract {self.ref} of {self.supplier_key} has no line {line_no}")

    def with_line(self, line: Line) -> Contract:
        """Return the contract with a line in the place of the one that bore its number."""
        lines = (line if each.line_no == line.line_no else each for each in self.lines)
        return replace(self, lines=tuple(lines))

    def quote(self, quote_id: str) -> Quote:
        """Return a quote by its id, or raise NotFoundError."""
        for quote in self.quotes:
            if quote.id == quote_id:
                return quote
        raise NotFoundError(f"contract {self.ref} of {self.supplier_key} has no quote {quote_id}")

    def accepted_renewal(self, line: Line) -> Quote | None:
        """Return the accepted offer to go on after the present end of a line, if there is one.

        An offer for an earlier end, which an amendment or a tacit renewal has moved on, is past.
        """
        for quote in self.quotes:
            if (
                quote.renews_line_no == line.line_no
                and quote.state is QuoteState.ACCEPTED
                and self.ends_offered.get(quote.id) == line.end_on
            ):
                return quote
        return None

    def open_renewal_offers(self, line_no: int, on: date) -> Iterator[Quote]:
        """Yield the renewal offers of a line that can still be accepted on `on`."""
        for quote in self.quotes:
            if quote.renews_line_no == line_no and quote.is_open_on(on):
                yield quote
