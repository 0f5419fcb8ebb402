"""The AWS price list: on-demand prices and reserved rates, a JSON text for each product.

It has a row at $0.00 for capacity blocks beside the real one, and no on-demand row at all for
types that are sold as blocks or spot only (p5e).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from pricing.money import MAX_DECIMALS, USD, Money
from pricing.offer import PriceUnit, Stock, Terms
from providers.aws_errors import KEY
from providers.aws_types import AwsShape, Kind, Listing
from providers.offer_book import Asked, OfferBook
from providers.shape import Amount, Shape, read_page, read_rows
from providers.supplier import Page, SkipReason

PRICES: Final = "prices"

PLAIN: Final = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",
    "marketoption": "OnDemand",
}
"""What the one row of a type and region has in the list that is its plain price."""


OnDemand = Mapping[tuple[str, str], Decimal]
"""Region and type → the on-demand price of an instance-hour."""

_YEAR_HOURS: Final = 8760
_HOURLY: Final = "Hrs"
_ONCE: Final = "Quantity"


class _Camel(Shape):
    model_config = ConfigDict(alias_generator=to_camel)


class _Dimension(_Camel):
    unit: str
    price_per_unit: dict[str, Amount]


class _TermAttributes(AwsShape):
    lease_contract_length: str = ""
    offering_class: str = ""
    purchase_option: str = ""


class _Term(_Camel):
    price_dimensions: dict[str, _Dimension]
    term_attributes: _TermAttributes = _TermAttributes()


class _Product(_Camel):
    attributes: dict[str, str]


class _Terms(AwsShape):
    on_demand: dict[str, _Term] = Field(default_factory=dict)
    reserved: dict[str, _Term] = Field(default_factory=dict)


class _Listed(_Camel):
    product: _Product
    terms: _Terms


class _PriceList(AwsShape):
    price_list: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Figure:
    """A price of the list for a type in a region; `name` tells reserved rates apart."""

    native_type: str
    region: str
    name: str
    hourly: Decimal
    upfront: Decimal
    months: int | None
    page: Page


def add_listed(pages: Iterable[Page], listing: Listing, book: OfferBook) -> OnDemand:
    """Add the on-demand offer of each zone and the reserved rates of each region.

    Returns the on-demand prices, per instance-hour.
    """
    asked: set[str] = set()
    figures: list[_Figure] = []
    for page in pages:
        if page.call.startswith(PRICES):
            asked.add(page.call.removeprefix(PRICES).strip())
            figures += _figures(page, book)
    priced: dict[tuple[str, str], Decimal] = {}
    for figure in figures:
        kind = listing.kinds.get((figure.region, figure.native_type))
        if kind is None:
            continue  # a region that was not asked
        if figure.months is None:
            priced[figure.region, figure.native_type] = figure.hourly
            _add_on_demand(figure, kind, listing, book)
        else:
            _add_reserved(figure, kind, book)
    for region, name in sorted(listing.kinds.keys() - priced):
        if name in asked:
            book.skip(name, SkipReason.UNPRICED, f"no on-demand price in {region}")
    return priced


def _add_on_demand(figure: _Figure, kind: Kind, listing: Listing, book: OfferBook) -> None:
    if "on-demand" not in kind.sold_as:
        return
    for zone in sorted(listing.zones[figure.region, figure.native_type]):
        book.add(
            figure.native_type,
            kind.machine,
            Asked(amount=figure.hourly, unit=PriceUnit.INSTANCE),
            page=figure.page,
            region=figure.region,
            zone=zone,
            stock=Stock(raw="zone is constrained" if zone in listing.constrained else None),
        )


def _add_reserved(figure: _Figure, kind: Kind, book: OfferBook) -> None:
    hours = Decimal((figure.months or 0) * _YEAR_HOURS) / 12
    effective = figure.hourly + figure.upfront / hours
    book.add(
        f"{figure.native_type} {figure.name}",
        kind.machine,
        Asked(
            amount=stored(effective),
            unit=PriceUnit.INSTANCE,
            kind="effective" if figure.upfront else None,
            upfront_fee=figure.upfront or None,
        ),
        page=figure.page,
        region=figure.region,
        terms=Terms.RESERVED,
        term_months=figure.months,
    )


def _figures(page: Page, book: OfferBook) -> Iterator[_Figure]:
    written = read_page(_PriceList, page, supplier=KEY).price_list
    rows, skips = read_rows(
        _Listed,
        [_loaded(text) for text in written],
        name_of=lambda row: row["product"]["attributes"]["instanceType"],
        call=page.call,
        supplier=KEY,
    )
    book.skip_all(skips)
    for row in rows:
        said = row.product.attributes
        name, region = said.get("instanceType", ""), said.get("regionCode", "")
        if said.get("marketoption") == "CapacityBlock":
            book.skip(name, SkipReason.UNPRICED, f"a block row at 0 in {region} is no price")
        elif all(said.get(field) == value for field, value in PLAIN.items()):
            yield from _of_product(row, name, region, page)


def _of_product(row: _Listed, name: str, region: str, page: Page) -> Iterator[_Figure]:
    for kind, terms in (("", row.terms.on_demand), ("reserved", row.terms.reserved)):
        for term in terms.values():
            what = term.term_attributes
            if kind and what.offering_class != "standard":
                continue  # convertible rates are dearer and for exchanges, not for buying
            hourly, upfront = _sum(term, _HOURLY), _sum(term, _ONCE)
            months = {"1yr": 12, "3yr": 36}.get(what.lease_contract_length)
            if (hourly <= 0 and upfront <= 0) or (kind and months is None):
                continue  # a price of 0 does not exist
            yield _Figure(
                native_type=name,
                region=region,
                name=what.purchase_option.lower(),
                hourly=hourly,
                upfront=upfront,
                months=months if kind else None,
                page=page,
            )


def _sum(term: _Term, unit: str) -> Decimal:
    amounts = (
        dimension.price_per_unit.get(USD, Decimal(0))
        for dimension in term.price_dimensions.values()
        if dimension.unit == unit
    )
    return sum(amounts, Decimal(0))


def _loaded(text: str) -> Any:
    try:
        return json.loads(text, parse_float=Decimal)
    except ValueError:
        return text  # is told as a row that cannot be read


def stored(amount: Decimal) -> Decimal:
    """Round a derived price to what the books keep; the fee it comes from stays exact."""
    return Money(amount, USD).rounded(MAX_DECIMALS).amount
