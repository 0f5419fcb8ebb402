"""Signing: in which months a quote can be signed, by which day, and what service that gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from broker.procurement.procurement_input import (
    HeldContract,
    ProcurementInput,
    ProcurementQuote,
    service_of,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Restriction:
    """What a plan may not do, or must: to price waiting, refusing and renewing.

    Nothing is signed before `first_month`; quotes that are `forbidden` are never signed, those
    that are `forced` always.
    """

    first_month: int = 0
    forbidden: frozenset[str] = frozenset()
    forced: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A quote and a month in which it could be signed."""

    quote: ProcurementQuote
    renewed: HeldContract | None
    month: int
    sign_by: date
    start_on: date
    end_on: date


def choices(given: ProcurementInput, restriction: Restriction) -> Iterator[Choice]:
    """Yield every quote with every month in which signing it would serve inside the horizon.

    Of months that give the same first day of service, as all do for a renewal, only the last is a
    choice: nothing is gained by deciding earlier.
    """
    for quote in given.quotes:
        if quote.quote in restriction.forbidden or quote.max_lots < quote.min_lots:
            continue
        renewed = given.renewed_contract(quote)
        months = signable_months(given, quote, first_month=restriction.first_month)
        found = [_choice(given, quote, renewed=renewed, month=month) for month in months]
        latest = {choice.start_on: choice for choice in found}
        for choice in latest.values():
            if choice.start_on < given.horizon.end_on:
                yield choice


def signable_months(
    given: ProcurementInput, quote: ProcurementQuote, *, first_month: int = 0
) -> range:
    """Return the months in which a quote can be signed, from the first one that is allowed."""
    last_day = _last_day(given, quote)
    if last_day < given.as_of:
        return range(0)
    last = min(given.horizon.month_of(last_day), given.months - 1)
    return range(first_month, last + 1)


def _choice(
    given: ProcurementInput,
    quote: ProcurementQuote,
    *,
    renewed: HeldContract | None,
    month: int,
) -> Choice:
    start, end = service_of(quote, signed_month=month, horizon=given.horizon, contract=renewed)
    end_of_month = given.horizon.start_of(month + 1) - timedelta(days=1)
    return Choice(
        quote=quote,
        renewed=renewed,
        month=month,
        sign_by=min(_last_day(given, quote), end_of_month),
        start_on=start,
        end_on=end,
    )


def _last_day(given: ProcurementInput, quote: ProcurementQuote) -> date:
    """Return the last day on which a quote can be signed; of a renewal not after its notice."""
    renewed = given.renewed_contract(quote)
    if renewed is None:
        return quote.valid_until
    last = min(quote.valid_until, renewed.end_on - timedelta(days=1))
    return last if renewed.notice_by is None else min(last, renewed.notice_by)
