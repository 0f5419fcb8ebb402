"""How a line comes to be and changes: each function returns the line after one event.

Price periods and renewal terms are never dropped: one that no longer holds gets `superseded_at`,
so that what was believed before can still be told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from broker.contracts.event import Event
from broker.contracts.line import Line, PriceKind, PricePeriod, RenewalTerm, Tranche
from broker.contracts.line_terms import LineTerms, terms_from_json
from broker.errors import RefusedError


def recorded_line(event: Event, *, delivered: bool) -> Line:
    """Return the line of a `line_recorded` event.

    `delivered`: a line without tranche rows was accepted in full on its first day.
    """
    payload = event.payload
    terms = terms_from_json(payload["terms"])
    return _line(
        terms,
        event,
        accepted={1: terms.start_date} if delivered and not terms.tranches else {},
        fixed={
            "id": payload["line_id"],
            "line_no": payload["line_no"],
            "source": payload["source"],
            "owner": payload["owner"],
            "notes": payload["notes"],
            "prices": (),
            "renewals": (),
        },
    )


def restated_line(line: Line, event: Event) -> Line:
    """Return the line with all its terms replaced: before signature, or to correct a typing error."""
    terms = terms_from_json(event.payload["terms"])
    accepted = {t.tranche_no: t.accepted_on for t in line.tranches if t.accepted_on is not None}
    return _line(
        terms,
        event,
        accepted=accepted,
        fixed={
            "id": line.id,
            "line_no": line.line_no,
            "source": event.payload["source"],
            "owner": line.owner,
            "notes": line.notes,
            "prices": _superseded(line.prices, event.recorded_at),
            "renewals": _superseded_terms(line.renewals, event.recorded_at),
        },
    )


def amended_line(line: Line, event: Event, *, terms: LineTerms) -> Line:
    """Return the line with new terms from the event's `valid_from` on, the past kept as it was."""
    since = event.valid_from
    fresh = _line(
        terms,
        event,
        accepted={t.tranche_no: t.accepted_on for t in line.tranches if t.accepted_on is not None},
        fixed={
            "id": line.id,
            "line_no": line.line_no,
            "source": line.source,
            "owner": line.owner,
            "notes": line.notes,
            "prices": (),
            "renewals": _superseded_terms(line.renewals, event.recorded_at),
        },
    )
    kept = [part for price in line.prices for part in _cut(price, since, event)]
    opened = [
        replace(price, valid_from=max(price.valid_from, since))
        for price in fresh.prices
        if price.valid_to is None or price.valid_to > since
    ]
    tranches = fresh.tranches if terms.tranches else _carried_tranches(line, terms, since)
    return replace(fresh, prices=(*kept, *opened), tranches=tranches)


def rolled_line(line: Line, event: Event) -> Line:
    """Return the line extended to a new last day at the price of its last day."""
    if line.end_on is None:
        raise RefusedError(f"line {line.line_no} has no end, so it cannot roll over")
    last_day = date.fromisoformat(event.payload["new_last_day"])
    end_on = last_day + timedelta(days=1)
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
    return replace(line, end_on=end_on, prices=(*line.prices, *carried))


def accepted_line(line: Line, payload: Mapping[str, Any]) -> Line:
    """Return the line with one tranche accepted."""
    number, day = payload["tranche_no"], date.fromisoformat(payload["accepted_on"])
    if number not in {tranche.tranche_no for tranche in line.tranches}:
        raise RefusedError(f"line {line.line_no} has no tranche {number}")
    return replace(
        line,
        tranches=tuple(
            _accepted(tranche, day) if tranche.tranche_no == number else tranche
            for tranche in line.tranches
        ),
    )


def _accepted(tranche: Tranche, day: date) -> Tranche:
    if tranche.accepted_on is not None:
        raise RefusedError(
            f"tranche {tranche.tranche_no} was already accepted on {tranche.accepted_on}"
        )
    return replace(tranche, accepted_on=day)


def _line(
    terms: LineTerms,
    event: Event,
    *,
    accepted: dict[int, date],
    fixed: dict[str, Any],
) -> Line:
    tranches = tuple(_tranches(terms, accepted))
    renewal = RenewalTerm(
        renewal_type=terms.renewal_type,
        renewal_term_months=terms.renewal_term_months,
        notice_period=terms.notice_period,
        uplift_cap_pct=terms.uplift_cap_pct,
        valid_from=event.valid_from,
        recorded_at=event.recorded_at,
        source_event=event.hash,
    )
    prices = tuple(_prices(terms, event))
    return Line(
        **{
            **fixed,
            "prices": (*fixed["prices"], *prices),
            "renewals": (*fixed["renewals"], renewal),
        },
        gpu_model=terms.gpu_model,
        form_factor=terms.form_factor,
        gpu_count=terms.gpu_count,
        gpus_per_node=terms.gpus_per_node,
        region=terms.region,
        site=terms.site,
        interconnect=terms.interconnect,
        start_on=terms.start_date,
        end_on=terms.end_on,
        term_months=terms.term_months,
        prepay_pct=terms.prepay_pct,
        take_or_pay_pct=terms.take_or_pay_pct,
        sla_pct=terms.sla_pct,
        payment_terms_days=terms.payment_terms_days,
        terms=terms,
        tranches=tranches,
    )


def _carried_tranches(line: Line, terms: LineTerms, since: date) -> tuple[Tranche, ...]:
    """Return the tranches of a line whose amendment names none: more GPUs come as one more tranche
    on the day the amendment counts, fewer are taken from the last tranches.
    """
    if line.terms.tranches:
        raise RefusedError(
            f"line {line.line_no} was signed in tranches; the amendment must list them all"
        )
    more = terms.gpu_count - line.gpu_count
    if more > 0:
        number = max(tranche.tranche_no for tranche in line.tranches) + 1
        return (*line.tranches, Tranche(tranche_no=number, gpu_count=more, delivery_on=since))
    kept, left = [], terms.gpu_count
    for tranche in line.tranches:
        gpus = min(tranche.gpu_count, left)
        if gpus:
            kept.append(replace(tranche, gpu_count=gpus))
        left -= gpus
    return tuple(kept)


def _tranches(terms: LineTerms, accepted: dict[int, date]) -> Iterator[Tranche]:
    if not terms.tranches:
        yield Tranche(
            tranche_no=1,
            gpu_count=terms.gpu_count,
            delivery_on=terms.start_date,
            site=terms.site,
            accepted_on=accepted.get(1),
        )
    for tranche in terms.tranches:
        yield Tranche(
            tranche_no=tranche.tranche_no,
            gpu_count=tranche.gpu_count,
            delivery_on=tranche.delivery_date,
            accept_by=tranche.accept_by_date,
            drop_dead_on=tranche.drop_dead_date,
            late_credit_pct_per_week=tranche.late_credit_pct_per_week,
            site=tranche.site,
            accepted_on=accepted.get(tranche.tranche_no),
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


def _superseded_terms(terms: tuple[RenewalTerm, ...], at: datetime) -> tuple[RenewalTerm, ...]:
    return tuple(
        term if term.superseded_at is not None else replace(term, superseded_at=at)
        for term in terms
    )
