"""Azure's SKU list of a region: what is sold there, and what is closed to the subscription.

Listed is not obtainable: the list says nothing of stock. A size that it does not name is not sold
in that region, whatever the price list says. A restriction of the whole region closes it to the
subscription until Azure lifts it; one of some zones is only noted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from pricing.offer import UNKNOWN_STOCK, Stock, StockState, Terms
from providers.azure_prices import What
from providers.azure_sizes import SIZES, machine_of, size_name
from providers.offer_book import OfferBook
from providers.shape import CamelShape, read_page
from providers.supplier import Page, SkipReason

SKUS: Final = "skus"

_NOT_SOLD: Final = Stock(state=StockState.NOT_OFFERED, raw="not in the SKU list")
_NO_SPOT: Final = Stock(state=StockState.NOT_OFFERED, raw="LowPriorityCapable False")


class _Capability(CamelShape):
    name: str
    value: str | None = None


class _Places(CamelShape):
    zones: list[str] | None = None


class _Restriction(CamelShape):
    type: str
    reason_code: str
    restriction_info: _Places | None = None


class _Sku(CamelShape):
    name: str
    capabilities: tuple[_Capability, ...] = ()
    restrictions: tuple[_Restriction, ...] = ()

    def capability(self, name: str) -> str | None:
        return next((each.value for each in self.capabilities if each.name == name), None)


class _Skus(CamelShape):
    value: list[_Sku]
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """What the SKU lists say: sizes by region, and the regions whose list came whole."""

    listed: Mapping[tuple[str, str], _Sku]
    whole: frozenset[str]

    def stock_of(self, what: What) -> tuple[bool, Stock]:
        """Say whether something is listed in its region, and what that says of its stock."""
        sku = self.listed.get((what.region, what.size))
        if sku is None:
            sold = what.region not in self.whole
            return sold, UNKNOWN_STOCK if sold else _NOT_SOLD
        closed = [each for each in sku.restrictions if each.type.casefold() == "location"]
        if closed:
            return True, Stock(state=StockState.RESTRICTED, raw=closed[0].reason_code)
        if what.terms is Terms.SPOT and sku.capability("LowPriorityCapable") == "False":
            return True, _NO_SPOT
        return True, Stock(raw=_closed_zones(sku))


def shelf_of(pages: Iterable[Page], book: OfferBook) -> Shelf:
    """Return the SKU lists of the regions; where they contradict our table is a warning."""
    listed: dict[tuple[str, str], _Sku] = {}
    whole: set[str] = set()
    for page in pages:
        region = page.location or ""
        answer = read_page(_Skus, page, supplier=book.profile.key)
        if not answer.more:
            whole.add(region)
        for sku in answer.value:
            name = size_name(sku.name)
            if machine_of(book, name) is not None:
                _compare(name, sku, book)
                listed[region, name] = sku
    return Shelf(listed=listed, whole=frozenset(whole))


def skip_unpriced(shelf: Shelf, priced: Iterable[What], book: OfferBook) -> None:
    """Note the sizes that are listed in a region and have no price there, each once."""
    unpriced = shelf.listed.keys() - {(what.region, what.size) for what in priced}
    for size in {size for _, size in unpriced}:
        regions = sorted(region for region, listed in unpriced if listed == size)
        book.skip(size, SkipReason.UNPRICED, f"no retail price in {', '.join(regions)}")


def _compare(name: str, sku: _Sku, book: OfferBook) -> None:
    said = sku.capability("GPUs")
    if said is not None and said != str(SIZES[name].gpus):
        book.warn(f"{name}: Azure says {said} GPUs, our table {SIZES[name].gpus}; the table counts")


def _closed_zones(sku: _Sku) -> str | None:
    noted = [
        f"{each.reason_code} in zones {', '.join(sorted(each.restriction_info.zones))}"
        for each in sku.restrictions
        if each.restriction_info is not None and each.restriction_info.zones
    ]
    return "; ".join(noted) or None
