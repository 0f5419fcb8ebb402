"""A quote as an event carries it, and what events do to a quote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from broker.contracts.event import Event
from broker.contracts.quote import Quote, QuoteKind, QuoteState, check_quote_move
from broker.errors import RefusedError
from pricing.money import Currency, plain


def quote_to_json(quote: Quote) -> dict[str, Any]:
    """Return a quote as an event payload carries it."""
    return {
        "id": quote.id,
        "supplier_key": quote.supplier_key,
        "kind": quote.kind.value,
        "gpu_model": quote.gpu_model,
        "form_factor": quote.form_factor,
        "gpu_count": quote.gpu_count,
        "region": quote.region,
        "term_months": quote.term_months,
        "unit_price": plain(quote.unit_price),
        "price_basis": quote.price_basis,
        "price_per_gpu_hour": plain(quote.price_per_gpu_hour),
        "currency": quote.currency,
        "prepay_pct": None if quote.prepay_pct is None else plain(quote.prepay_pct),
        "delivery_date": _day(quote.delivery_on),
        "lead_time_days": quote.lead_time_days,
        "received_on": quote.received_on.isoformat(),
        "valid_until": _day(quote.valid_until),
        "renews_line_no": quote.renews_line_no,
        "supersedes": quote.supersedes,
        "document": quote.document,
    }


def quote_from_json(payload: Mapping[str, Any]) -> Quote:
    """Return the open quote that an event payload carries; the inverse of `quote_to_json`."""
    return Quote(
        id=payload["id"],
        supplier_key=payload["supplier_key"],
        kind=QuoteKind(payload["kind"]),
        state=QuoteState.OPEN,
        gpu_model=payload["gpu_model"],
        form_factor=payload["form_factor"],
        gpu_count=payload["gpu_count"],
        region=payload["region"],
        term_months=payload["term_months"],
        unit_price=Decimal(payload["unit_price"]),
        price_basis=payload["price_basis"],
        price_per_gpu_hour=Decimal(payload["price_per_gpu_hour"]),
        currency=Currency(payload["currency"]),
        prepay_pct=None if payload["prepay_pct"] is None else Decimal(payload["prepay_pct"]),
        delivery_on=_read_day(payload["delivery_date"]),
        lead_time_days=payload["lead_time_days"],
        received_on=date.fromisoformat(payload["received_on"]),
        valid_until=_read_day(payload["valid_until"]),
        renews_line_no=payload["renews_line_no"],
        supersedes=payload["supersedes"],
        document=payload["document"],
    )


def recorded_quote(event: Event) -> Quote:
    """Return the quote of a `quote_recorded` event; raise RefusedError if its figures cannot be."""
    quote = quote_from_json(event.payload["quote"])
    if quote.gpu_count <= 0 or quote.price_per_gpu_hour < 0:
        raise RefusedError("a quote is for at least one GPU at a price that is not negative")
    if quote.valid_until is not None and quote.valid_until < quote.received_on:
        raise RefusedError("the quote lapses before the day it was received")
    return quote


def moved_quote(quote: Quote, event: Event) -> Quote:
    """Return the quote after a `quote_moved` event."""
    target = QuoteState(event.payload["to"])
    check_quote_move(
        quote, target, on=event.valid_from, override=event.payload.get("override_reason")
    )
    return replace(quote, state=target)


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _read_day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
