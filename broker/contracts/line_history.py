"""How a line comes to be and changes: each function returns the line after one event.

Price periods and renewal terms are never dropped: one that no longer holds gets `superseded_at`,
so that what was believed before can still be told.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from broker.contracts.event import Event
from broker.contracts.line import Line, PriceKind, PricePeriod, RenewalTerm
from broker.contracts.line_terms import LineTerms, terms_from_json
from broker.contracts.tranche_history import (
    changed_tranches,
    check_keeps_accepted,
    corrected_tranches,
    returned_gpus,
    tranches_of,
)
from broker.errors import RefusedError

_PLAIN = (
    "gpu_model",
    "form_factor",
    "gpu_count",
    "gpus_per_node",
    "region",
    "site",
    "interconnect",
    "term_months",
    "prepay_pct",
    "take_or_pay_pct",
    "sla_pct",
    "payment_terms_days",
)
"""The names that a line shares with its terms."""


def recorded_line(event: Event, *, delivered: bool) -> Line:
    """Return the line of a `line_recorded` event.

    `delivered`: a line without tranche rows was accepted in full on its first day.
    """
    payload = event.payload
    terms = terms_from_json(payload["terms"])
    accepted = {1: terms.start_date} if delivered and not terms.tranches else {}
    return Line(
        id=payload["line_id"],
        line_no=payload["line_no"],
        source=payload["source"],
        owner=payload["owner"],
        notes=payload["notes"],
        terms=terms,
        tranches=tuple(tranches_of(terms, accepted)),
        prices=tuple(_prices(terms, event)),
        renewals=(_renewal(terms, event),),
        **_plain_terms(terms),
    )


def restated_line(line: Line, event: Event) -> Line:
    """Return the line with all its terms replaced, before signature."""
    return _replaced(line, event, terms=terms_from_json(event.payload["terms"]))


def corrected_line(line: Line, event: Event) -> Line:
    """Return the line with a typing error corrected, as if it had been right from the start.

    What was corrected counts from where the wrong terms did: from the first day, or from the last
    amendment on. A delivery that took place stays.
    """
    terms = terms_from_json(event.payload["terms"])
    if line.amended_from is None:
        corrected = _replaced(line, event, terms=terms)
    else:
        _check_correctable(line, terms)
        corrected = _changed(line, event, terms=terms, since=line.amended_from)
        corrected = replace(corrected, source=event.payload["source"])
    check_keeps_accepted(line, corrected.tranches)
    return corrected


def amended_line(line: Line, event: Event, *, terms: LineTerms) -> Line:
    """Return the line with new terms from the event's `valid_from` on, the past kept as it was.

    GPUs that were in service before that day and are not afterwards are kept as returned.
    """
    since = event.valid_from
    amended = _changed(line, event, terms=terms, since=since)
    returned = returned_gpus(line, amended.tranches, since)
    return replace(amended, amended_from=since, returned=returned)


def rolled_line(line: Line, event: Event) -> Line:
    """Return the line extended to a new last day at the price of its last day."""
    if line.end_on is None:
        raise RefusedError(f"line {line.line_no} has no end, so it cannot roll over")
    last_day = date.fromisoformat(event.payload["new_last_day"])
    end_on = last_day + timedelta(days=1)
    if end_on <= line.end_on:
        raise RefusedError(
            f"line {line.line_no} already goes on to {line.last_day_of_service}; it rolled before"
        )
    carried = tuple(
        replace(
            price,
            valid_from=line.end_on,
            valid_to=end_on,
            recorded_at=event.recorded_at,
            source_event=event.hash,
        )
        for price in line.live_prices
        if price.kind is PriceKind.BASE and price.valid_to == line.end_on
    )
    return replace(
        line,
        end_on=end_on,
        prices=(*line.prices, *carried),
        rolled_past=(*line.rolled_past, line.end_on),
    )


def unrolled_line(line: Line, event: Event) -> Line:
    """Return the line without the tacit renewals that notice, given on `valid_from`, forbade.

    The calendar renews on the day itself; a letter that was sent in time may be entered later.
    """
    end_on = line.end_after(event.valid_from)
    if end_on is None or end_on == line.end_on:
        return line
    return replace(
        line,
        end_on=end_on,
        prices=tuple(part for price in line.prices for part in _cut(price, end_on, event)),
        rolled_past=tuple(end for end in line.rolled_past if end < end_on),
    )


def _replaced(line: Line, event: Event, *, terms: LineTerms) -> Line:
    in_effect = _in_effect(line, terms)
    return replace(
        _with_terms(line, event, terms=terms),
        source=event.payload["source"],
        tranches=corrected_tranches(line, in_effect),
        prices=(*_superseded(line.prices, event.recorded_at), *_prices(in_effect, event)),
    )


def _changed(line: Line, event: Event, *, terms: LineTerms, since: date) -> Line:
    """Return the line with other terms from a day on, its prices before that day kept."""
    kept = [part for price in line.prices for part in _cut(price, since, event)]
    opened = [
        replace(price, valid_from=max(price.valid_from, since))
        for price in _prices(_in_effect(line, terms), event)
        if price.valid_to is None or price.valid_to > since
    ]
    return replace(
        _with_terms(line, event, terms=terms),
        tranches=changed_tranches(line, terms, since),
        prices=(*kept, *opened),
    )


def _with_terms(line: Line, event: Event, *, terms: LineTerms) -> Line:
    """Return the line with everything that terms say but its deliveries and prices."""
    superseded = tuple(
        term if term.superseded_at is not None else replace(term, superseded_at=event.recorded_at)
        for term in line.renewals
    )
    return replace(
        line,
        terms=terms,
        renewals=(*superseded, _renewal(terms, event)),
        rolled_past=line.rolled_past if _keeps_end(line, terms) else (),
        **_plain_terms(_in_effect(line, terms)),
    )


def _keeps_end(line: Line, terms: LineTerms) -> bool:
    """Say whether terms repeat the last day as stated, which a tacit renewal has moved on."""
    return bool(line.rolled_past) and terms.end_date == line.terms.end_date


def _in_effect(line: Line, terms: LineTerms) -> LineTerms:
    """Return the terms with the last day that a tacit renewal gave the line, where one did."""
    if not _keeps_end(line, terms):
        return terms
    return replace(terms, end_date=line.last_day_of_service)


def _check_correctable(line: Line, terms: LineTerms) -> None:
    before, after = line.terms, terms
    if (before.gpu_count, before.start_date) != (after.gpu_count, after.start_date):
        raise RefusedError(
            f"line {line.line_no} was amended from {line.amended_from} on, so a correction cannot "
            "change its GPUs or its first day any more; propose an amendment"
        )


def _plain_terms(terms: LineTerms) -> dict[str, Any]:
    """Return the terms that a line bears under their own names, and its two ends."""
    return {
        "start_on": terms.start_date,
        "end_on": terms.end_on,
        **{name: getattr(terms, name) for name in _PLAIN},
    }


def _renewal(terms: LineTerms, event: Event) -> RenewalTerm:
    return RenewalTerm(
        renewal_type=terms.renewal_type,
        renewal_term_months=terms.renewal_term_months,
        notice_period=terms.notice_period,
        uplift_cap_pct=terms.uplift_cap_pct,
        valid_from=event.valid_from,
        recorded_at=event.recorded_at,
        source_event=event.hash,
    )


def _prices(terms: LineTerms, event: Event) -> Iterator[PricePeriod]:
    rows: list[tuple[int | None, date, Decimal, Decimal]] = [
        (part.tranche_no, part.delivery_date, part.unit_price, part.price_per_gpu_hour)
        for part in terms.tranches
    ]
    if terms.unit_price is not None and not terms.tranches:
        rows = [(None, terms.start_date, terms.unit_price, terms.price_per_gpu_hour)]
    for tranche_no, valid_from, unit_price, price_per_gpu_hour in rows:
        yield PricePeriod(
            kind=PriceKind.BASE,
            tranche_no=tranche_no,
            valid_from=valid_from,
            valid_to=terms.end_on,
            unit_price=unit_price,
            price_basis=terms.price_basis,
            price_per_gpu_hour=price_per_gpu_hour,
            currency=terms.currency,
            recorded_at=event.recorded_at,
            source_event=event.hash,
        )


def _cut(price: PricePeriod, since: date, event: Event) -> Iterator[PricePeriod]:
    """Yield what stays of a period when new terms hold from `since` on."""
    if price.superseded_at is not None or (price.valid_to is not None and price.valid_to <= since):
        yield price
        return
    yield replace(price, superseded_at=event.recorded_at)
    if price.valid_from < since:
        yield replace(price, valid_to=since, recorded_at=event.recorded_at, source_event=event.hash)


def _superseded(prices: tuple[PricePeriod, ...], at: datetime) -> tuple[PricePeriod, ...]:
    return tuple(
        price if price.superseded_at is not None else replace(price, superseded_at=at)
        for price in prices
    )
