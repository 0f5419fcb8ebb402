"""Review renewals: the list of what ends, one brief, and what the alerts need to know of offers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from sqlmodel import Session

from broker.alerts.contract_ends import line_subject
from broker.alerts.hike import RenewalOffer
from broker.alerts.quotes import QuoteValidity
from broker.contracts.contract import Contract
from broker.contracts.line import Line
from broker.contracts.quote import Quote, QuoteState
from broker.contracts.state import IN_FORCE
from broker.errors import RefusedError
from broker.renewals.brief import Brief, brief_of
from broker.renewals.grounds import Grounds, RenewalFacts, evidence_for, grounds_of
from broker.renewals.hike import split_hike
from broker.renewals.negotiation_view import NegotiationView, negotiation_view
from broker.renewals.renewal_list import RenewalEntry, entry_of, most_urgent_first
from broker.store.contracts import find_line
from broker.store.engine import Database
from broker.store.prices import fx_table, list_observations
from broker.store.procurement_plans import newest_sheet
from broker.store.renewals import Books, read_books
from pricing.fx import FxTable
from pricing.money import Currency

_UNDECIDED = frozenset({QuoteState.OPEN, QuoteState.COUNTERED})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Desk:
    """What all briefs of one day have in common, read once."""

    as_of: date
    books: Books
    rates: FxTable
    quotes: tuple[Quote, ...]

    def facts(self, contract: Contract, line: Line) -> RenewalFacts:
        """Return what the brief of a line is written from, but for the public lists."""
        return RenewalFacts(
            as_of=self.as_of,
            contract=contract,
            line=line,
            suppliers=self.books.suppliers,
            market_quotes=self.quotes,
            listed=(),
            assumptions=self.books.assumptions,
            rates=self.rates,
        )


def list_renewals(
    database: Database, *, as_of: date, within_days: int | None = None
) -> list[RenewalEntry]:
    """Return every line in force with an end, by the days left to speak, then by risk.

    `within_days` keeps those whose next deadline is at most so far away, or over.
    """
    with database.reading() as session:
        desk = _desk(session, as_of)
    entries = [
        entry_of(brief_of(desk.facts(contract, line)))
        for contract, line in desk.books.lines_to_renew()
    ]
    return [
        entry
        for entry in most_urgent_first(entries)
        if within_days is None or entry.days_left <= within_days
    ]


def review_renewal(database: Database, name: str, *, as_of: date) -> Brief:
    """Return the brief of a line: by its id, "CONTRACT/LINE", or "CONTRACT" of one line.

    Raises NotFoundError, or RefusedError when the contract is not in force or has no end.
    """
    with database.reading() as session:
        contract, line = find_line(session, name)
        if contract.state not in IN_FORCE:
            raise RefusedError(
                f"contract {contract.ref} is {contract.state}; only contracts in force are renewed"
            )
        desk = _desk(session, as_of)
        listed = list_observations(session, as_of=as_of, gpu_model=line.gpu_model)
        planned = _planned(session, contract, line, as_of=as_of)
    facts = desk.facts(contract, line)
    return brief_of(replace(facts, listed=listed, negotiation=planned))


def renewal_offers(session: Session, *, on: date) -> list[RenewalOffer]:
    """Return the latest open offer of each line as fractions, for the rule on hikes."""
    desk = _desk(session, on)
    found = []
    for contract, line in desk.books.lines_to_renew():
        facts = desk.facts(contract, line)
        grounds = grounds_of(facts, evidence_for(facts))
        if grounds.quote is not None:
            found.append(_as_fractions(grounds, grounds.quote))
    return found


def quote_validities(session: Session, *, on: date) -> list[QuoteValidity]:
    """Return until when each quote received by a day holds, for the rule on expiring quotes."""
    books = read_books(session)
    found = [
        _validity(quote, f"{quote.supplier_key}, {_what(quote)}")
        for quote in books.quotes_received_by(on)
    ]
    for contract in books.contracts:
        found.extend(
            _validity(
                quote,
                f"{contract.supplier_key} {contract.ref}/{quote.renews_line_no}, renewal offer",
            )
            for quote in contract.quotes
            if quote.received_on <= on
        )
    return [each for each in found if each is not None]


def _desk(session: Session, as_of: date) -> _Desk:
    books = read_books(session)
    return _Desk(
        as_of=as_of,
        books=books,
        rates=fx_table(session),
        quotes=tuple(books.quotes_received_by(as_of)),
    )


def _planned(
    session: Session, contract: Contract, line: Line, *, as_of: date
) -> NegotiationView | None:
    stored = newest_sheet(session, f"{contract.ref}/{line.line_no}", as_of=as_of)
    if stored is None:
        return None
    return negotiation_view(
        stored.sheet,
        plan_id=stored.plan_id,
        planned_on=stored.as_of,
        currency=Currency(stored.currency),
    )


def _as_fractions(grounds: Grounds, quote: Quote) -> RenewalOffer:
    now, price, cap = grounds.now, grounds.price, grounds.line.renewal.uplift_cap_pct
    hike = premium = over_cap = None
    if now is not None and price is not None and now.amount > 0:
        split = split_hike(now, price, benchmark=grounds.median)
        hike, premium = split.fraction, split.premium
        if cap is not None:
            over_cap = price.ratio_to(now * (1 + cap / Decimal(100))) - 1
    return RenewalOffer(
        quote_id=quote.id,
        object_id=grounds.line.id,
        subject=line_subject(grounds.facts.contract, grounds.line),
        hike=hike,
        premium=premium,
        over_cap=over_cap,
    )


def _validity(quote: Quote, subject: str) -> QuoteValidity | None:
    if quote.valid_until is None:
        return None
    return QuoteValidity(
        object_id=quote.id,
        subject=subject,
        valid_until=quote.valid_until,
        is_open=quote.state in _UNDECIDED,
    )


def _what(quote: Quote) -> str:
    return f"{quote.gpu_count:,} {quote.gpu_model}"
