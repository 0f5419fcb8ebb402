"""Writes exchange rates: one for each pair and day, never changed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

from sqlmodel import Session, select

from broker.store.tables import FxRateRow
from pricing.fx import FxRate
from pricing.money import plain


def known_rates(session: Session) -> dict[tuple[str, str, date], Decimal]:
    """Return the rates on record by base, quote and day."""
    return {
        (row.base, row.quote, row.on): Decimal(row.rate) for row in session.exec(select(FxRateRow))
    }


def add_rates(session: Session, rates: Iterable[FxRate]) -> None:
    """Put rates on record."""
    session.add_all(
        FxRateRow(
            base=rate.base,
            quote=rate.quote,
            on=rate.on,
            rate=plain(rate.rate),
            source=rate.source,
        )
        for rate in rates
    )
