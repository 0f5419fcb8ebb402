"""One line of a contract: a number of GPUs of one model, their tranches, prices and renewal right.

Ranges are half-open: `end_on` is the first day without service, None while there is no end.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from broker.contracts.line_terms import LineTerms, RenewalType
from pricing.money import Currency, Money

_Part = tuple[date | None, date | None, int]
"""GPUs with their first day, None while there is none, and the day on which they were returned."""


class PriceKind(StrEnum):
    """What a contract price is for."""

    BASE = "base"
    BURST = "burst"
    RENEWAL_OPTION = "renewal_option"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tranche:
    """A part of a line that is delivered on one day; billed from its acceptance."""

    tranche_no: int
    gpu_count: int
    delivery_on: date
    accept_by: date | None = None
    drop_dead_on: date | None = None
    late_credit_pct_per_week: Decimal | None = None
    site: str | None = None
    accepted_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnedGpus:
    """GPUs of a tranche that an amendment gave back: ours until the day before `returned_on`."""

    gpu_count: int
    delivery_on: date
    accepted_on: date | None
    returned_on: date


@dataclass(frozen=True, slots=True, kw_only=True)
class PricePeriod:
    """What a GPU-hour costs from one day to another, and when we learned of it.

    `unit_price` and `price_basis` are as written in the contract; `price_per_gpu_hour` is derived
    from them once, at the edge. `superseded_at` is set when a later event replaced this row.
    """

    kind: PriceKind
    tranche_no: int | None
    valid_from: date
    valid_to: date | None
    unit_price: Decimal
    price_basis: str
    price_per_gpu_hour: Decimal
    currency: Currency
    recorded_at: datetime
    superseded_at: datetime | None = None
    source_event: str

    @property
    def money(self) -> Money:
        """Return the price per GPU-hour with its currency."""
        return Money(self.price_per_gpu_hour, self.currency)

    def covers(self, day: date) -> bool:
        """Say whether this period holds on `day`."""
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewalTerm:
    """The right to renew, and how long before the end one must speak."""

    renewal_type: RenewalType | None
    renewal_term_months: int | None = None
    notice_period: str | None = None
    uplift_cap_pct: Decimal | None = None
    valid_from: date
    recorded_at: datetime
    superseded_at: datetime | None = None
    source_event: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A dated promise of GPUs: the unit of the ledger.

    `terms` are the terms as last stated; a tacit renewal moves `end_on` past them. `amended_from`
    is the day from which the last amendment counts, None while the line stands as signed.
    `rolled_past` are the ends that tacit renewals left behind, oldest first.
    """

    id: str
    line_no: int
    gpu_model: str
    form_factor: str | None
    gpu_count: int
    gpus_per_node: int | None
    region: str | None
    site: str | None
    interconnect: str | None
    start_on: date
    end_on: date | None
    term_months: int | None
    prepay_pct: Decimal | None
    take_or_pay_pct: Decimal | None
    sla_pct: Decimal | None
    payment_terms_days: int | None
    owner: str | None
    notes: str | None
    source: str
    terms: LineTerms
    tranches: tuple[Tranche, ...]
    prices: tuple[PricePeriod, ...]
    renewals: tuple[RenewalTerm, ...]
    returned: tuple[ReturnedGpus, ...] = ()
    amended_from: date | None = None
    rolled_past: tuple[date, ...] = ()

    @property
    def last_day_of_service(self) -> date | None:
        """Return the last day with service, as people write it; None while there is no end."""
        return None if self.end_on is None else self.end_on - timedelta(days=1)

    @property
    def live_prices(self) -> tuple[PricePeriod, ...]:
        """Return the price periods that no later event has replaced."""
        return tuple(price for price in self.prices if price.superseded_at is None)

    @property
    def renewal(self) -> RenewalTerm:
        """Return the renewal term in force by what is known now."""
        return next(term for term in reversed(self.renewals) if term.superseded_at is None)

    def end_after(self, day: date) -> date | None:
        """Return the first end that lay ahead on a day, before tacit renewals moved it on."""
        return next((end for end in self.rolled_past if day < end), self.end_on)

    def delivered_on(self, day: date) -> int:
        """Return the GPUs in service on `day`: delivered, promised or accepted, and not over."""
        parts: list[_Part] = [
            *((t.accepted_on or t.delivery_on, None, t.gpu_count) for t in self.tranches),
            *((r.accepted_on or r.delivery_on, r.returned_on, r.gpu_count) for r in self.returned),
        ]
        return self._in_service(parts, day)

    def accepted_by(self, day: date) -> int:
        """Return the GPUs accepted by `day`, not given back and not ended."""
        parts: list[_Part] = [
            *((t.accepted_on, None, t.gpu_count) for t in self.tranches),
            *((r.accepted_on, r.returned_on, r.gpu_count) for r in self.returned),
        ]
        return self._in_service(parts, day)

    def price_on(self, day: date) -> Money | None:
        """Return the base price per GPU-hour on `day`, weighted over the delivered tranches.

        None when no base price covers that day for any delivered GPU: unknown is not zero.
        """
        weighted, gpus, currency = Decimal(0), 0, None
        for tranche in self.tranches:
            if (tranche.accepted_on or tranche.delivery_on) > day:
                continue
            price = self.base_price_of(tranche.tranche_no, day)
            if price is None:
                return None
            weighted += price.price_per_gpu_hour * tranche.gpu_count
            gpus += tranche.gpu_count
            currency = price.currency
        return None if currency is None else Money(weighted / gpus, currency)

    def base_price_of(self, tranche_no: int, day: date) -> PricePeriod | None:
        """Return the live base price of one tranche on `day`."""
        for price in self.live_prices:
            if (
                price.kind is PriceKind.BASE
                and price.tranche_no in (None, tranche_no)
                and price.covers(day)
            ):
                return price
        return None

    def _in_service(self, parts: Iterable[_Part], day: date) -> int:
        """Return the GPUs of those parts that serve on `day`."""
        if self.end_on is not None and day >= self.end_on:
            return 0
        return sum(
            gpus
            for since, until, gpus in parts
            if since is not None and since <= day and (until is None or day < until)
        )
