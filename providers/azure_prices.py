"""Azure's public retail prices: which rows are the price of a Linux machine, and of what terms.

Five traps. A reservation's row says "1 Hour" and is for its *whole term*. Spot, low priority and
on demand differ by a suffix only. Windows, cloud services and dedicated hosts stand beside the
machine itself under the same size. A meter may be listed by its region and by others: the primary
one counts. Regions come as "WestUS3", sizes now and then without "Standard_".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

from pydantic import Field

from pricing.money import MAX_DECIMALS, Money
from pricing.offer import Terms
from providers.azure_sizes import region_name, size_name
from providers.offer_book import OfferBook
from providers.shape import Amount, CamelShape, Shape, UtcInstant, read_page, read_rows
from providers.supplier import Page

PRICES: Final = "retail-prices"
RESERVATION: Final = "reservation"
SAVINGS_PLAN: Final = "savings-plan"
HOURS_OF_A_YEAR: Final = 8760

_SPOT: Final = " Spot"
_LOW_PRIORITY: Final = " Low Priority"
_OTHER_PRODUCT: Final = re.compile(
    r"windows| win$|cloud ?services|dedicated", re.IGNORECASE
)  # not the bare Linux machine
_YEARS: Final = re.compile(r"([1-9]) Years?")


class _Plan(CamelShape):
    term: str
    retail_price: Amount


class _Row(CamelShape):
    type: str
    currency_code: Literal["USD"]
    unit_of_measure: Literal["1 Hour"]
    retail_price: Amount
    arm_region_name: str
    arm_sku_name: str
    sku_name: str
    meter_name: str
    product_name: str
    is_primary_meter_region: bool = True
    effective_start_date: UtcInstant
    effective_end_date: UtcInstant | None = None
    reservation_term: str | None = None
    savings_plan: tuple[_Plan, ...] = ()


class _Prices(Shape):
    rows: list[Any] = Field(alias="Items")


@dataclass(frozen=True, slots=True, kw_only=True)
class What:
    """What is priced: a size in a region on certain terms."""

    size: str
    region: str
    terms: Terms
    months: int | None = None
    kind: str | None = None

    @property
    def native_id(self) -> str:
        """Return the size; a savings plan is an offer beside the reservation of the same term."""
        return f"{self.size}/{SAVINGS_PLAN}" if self.kind == SAVINGS_PLAN else self.size


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """A price per machine-hour in US dollars, as one row states it."""

    per_hour: Decimal
    is_primary: bool
    since: datetime
    page: Page

    @property
    def rank(self) -> tuple[bool, datetime, Decimal]:
        """Return what decides between two rows of the same thing: primary, latest, cheapest."""
        return self.is_primary, self.since, -self.per_hour


def quotes_of(pages: Iterable[Page], book: OfferBook) -> dict[What, Quote]:
    """Return the price of everything that the pages price; rows that are unreadable are skips."""
    best: dict[What, Quote] = {}
    for page in pages:
        answer = read_page(_Prices, page, supplier=book.profile.key)
        rows, skips = read_rows(
            _Row,
            answer.rows,
            name_of=lambda row: row["armSkuName"],
            call=page.call,
            supplier=book.profile.key,
        )
        book.skip_all(skips)
        for row in rows:
            for what, quote in _quotes(row, page):
                known = best.get(what)
                if known is None or quote.rank > known.rank:
                    best[what] = quote
    return best


def per_hour_of_term(whole_term: Decimal, *, months: int) -> Decimal:
    """Return the price of an hour when a term of so many months costs `whole_term`.

    whole term / (8,760 hours * years), rounded half-even to the six decimals that are stored.
    """
    hours = Decimal(HOURS_OF_A_YEAR * months) / 12
    return (Money(whole_term) / hours).rounded(MAX_DECIMALS).amount


def _quotes(row: _Row, page: Page) -> Iterator[tuple[What, Quote]]:
    if not _is_in_force(row, page.fetched_at) or _OTHER_PRODUCT.search(row.product_name):
        return
    names = (row.sku_name, row.meter_name)
    if any(name.endswith(_LOW_PRIORITY) for name in names):
        return
    is_spot = any(name.endswith(_SPOT) for name in names)
    if row.type == "Reservation" and row.reservation_term is not None and not is_spot:
        months = _months(row.reservation_term)
        if months is not None:
            yield (
                _what(row, Terms.RESERVED, months=months, kind=RESERVATION),
                _quote(row, page, per_hour_of_term(row.retail_price, months=months)),
            )
    if row.type == "Consumption":
        terms = Terms.SPOT if is_spot else Terms.ON_DEMAND
        yield _what(row, terms), _quote(row, page, row.retail_price)
        for plan in row.savings_plan:
            months = _months(plan.term)
            if months is not None and not is_spot:
                yield (
                    _what(row, Terms.RESERVED, months=months, kind=SAVINGS_PLAN),
                    _quote(row, page, plan.retail_price),
                )


def _is_in_force(row: _Row, at: datetime) -> bool:
    return row.effective_start_date <= at and (
        row.effective_end_date is None or at < row.effective_end_date
    )


def _months(term: str) -> int | None:
    matched = _YEARS.fullmatch(term.strip())
    return 12 * int(matched.group(1)) if matched else None


def _what(row: _Row, terms: Terms, *, months: int | None = None, kind: str | None = None) -> What:
    named = row.arm_sku_name or row.sku_name.removesuffix(_SPOT)
    return What(
        size=size_name(named),
        region=region_name(row.arm_region_name),
        terms=terms,
        months=months,
        kind=kind,
    )


def _quote(row: _Row, page: Page, per_hour: Decimal) -> Quote:
    return Quote(
        per_hour=per_hour,
        is_primary=row.is_primary_meter_region,
        since=row.effective_start_date,
        page=page,
    )
