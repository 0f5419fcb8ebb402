"""A quote: what a supplier offers, for how long, and what became of the offer.

A renewal offer is a quote linked to the contract line that it renews; any other quote is an
alternative on the market. Prices are as written plus their value per GPU-hour.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

from broker.errors import RefusedError
from pricing.money import Currency, Money


class QuoteKind(StrEnum):
    """Why the supplier named a price."""

    RFQ = "rfq"
    OFFER = "offer"
    RENEWAL_OFFER = "renewal_offer"
    LIST_PRICE = "list_price"


class QuoteState(StrEnum):
    """What became of a quote."""

    OPEN = "open"
    COUNTERED = "countered"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


NEXT_QUOTE_STATES: dict[QuoteState, frozenset[QuoteState]] = {
    QuoteState.OPEN: frozenset(
        {
            QuoteState.COUNTERED,
            QuoteState.ACCEPTED,
            QuoteState.DECLINED,
            QuoteState.EXPIRED,
            QuoteState.WITHDRAWN,
        }
    ),
    QuoteState.COUNTERED: frozenset(
        {QuoteState.ACCEPTED, QuoteState.DECLINED, QuoteState.EXPIRED, QuoteState.WITHDRAWN}
    ),
    QuoteState.ACCEPTED: frozenset(),
    QuoteState.DECLINED: frozenset(),
    QuoteState.EXPIRED: frozenset({QuoteState.ACCEPTED}),
    QuoteState.WITHDRAWN: frozenset({QuoteState.ACCEPTED}),
}
"""An expired or withdrawn quote is accepted only by an override that names its reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """A price for GPUs that somebody has put in writing."""

    id: str
    supplier_key: str
    kind: QuoteKind
    state: QuoteState
    gpu_model: str
    form_factor: str | None
    gpu_count: int
    region: str | None
    term_months: int | None
    unit_price: Decimal
    price_basis: str
    price_per_gpu_hour: Decimal
    currency: Currency
    prepay_pct: Decimal | None
    delivery_on: date | None
    lead_time_days: int | None
    received_on: date
    valid_until: date | None
    renews_line_no: int | None = None
    supersedes: str | None = None
    document: str | None = None

    @property
    def money(self) -> Money:
        """Return the price per GPU-hour with its currency."""
        return Money(self.price_per_gpu_hour, self.currency)

    def is_open_on(self, day: date) -> bool:
        """Say whether the quote had come by `day`, is undecided and has not lapsed."""
        return (
            self.state in (QuoteState.OPEN, QuoteState.COUNTERED)
            and self.received_on <= day
            and not self.lapsed_on(day)
        )

    def lapsed_on(self, day: date) -> bool:
        """Say whether `day` is after the last day on which the quote holds."""
        return self.valid_until is not None and day > self.valid_until


def check_quote_move(quote: Quote, after: QuoteState, *, on: date, override: str | None) -> None:
    """Raise RefusedError unless the quote may move; an override is the reason to accept a dead one."""
    if after not in NEXT_QUOTE_STATES[quote.state]:
        raise RefusedError(f"a quote that is {quote.state} cannot become {after}")
    dead = quote.state in (QuoteState.EXPIRED, QuoteState.WITHDRAWN) or quote.lapsed_on(on)
    if after is QuoteState.ACCEPTED and dead and not (override or "").strip():
        raise RefusedError(
            f"the quote can no longer be accepted ({quote.state}, valid until {quote.valid_until}); "
            "ask the supplier to renew it, or give an override reason"
        )
