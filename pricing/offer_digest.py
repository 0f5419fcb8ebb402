"""What an offer says, as one text, and the digest of what a place says.

The moments at which an offer was observed and the page it was read from are left out: they differ
in every answer that says the same. Two hundred thousand offers are written out at every poll, so
this is the one place that trades beauty for speed: one `attrgetter` and one format an offer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from operator import attrgetter

from pricing.money import Money
from pricing.offer import Offer, Window

_SAID = attrgetter(
    "native_id",
    "region",
    "zone",
    "terms",
    "offer_class",
    "gpu.model",
    "gpu.part",
    "gpu.memory_gb",
    "gpu.form_factor",
    "gpu_as_quoted",
    "gpu_count",
    "is_listed",
    "stock.state",
    "stock.count",
    "stock.count_unit",
    "stock.at_least",
    "stock.raw",
    "vcpus",
    "memory_gib",
    "interconnect",
    "upstream",
    "term_months",
    "min_units",
    "unit_step",
    "price_kind",
    "flags",
)
# Free text is quoted, so that None is not "None" and no text can pretend to be two fields.
_FORM = "%r|%r|%r|%s|%s|%r|%r|%s|%r|%r|%s|%s|%s|%s|%s|%s|%r|%s|%s|%r|%r|%s|%s|%s|%r|%r"


def offer_text(offer: Offer, *, rate: str = "") -> str:
    """Return what an offer says: two texts are the same exactly when nothing worth storing differs.

    `rate` is what its currency costs, where its price is not in dollars: a new rate is a new figure
    in dollars.
    """
    text = _FORM % _SAID(offer)
    price = offer.price
    if price is not None:
        paid = price.per_instance
        text = f"{text}|{price.amount}|{price.unit}|{paid.currency}|{rate}"
    if offer.window or offer.upfront_fee or offer.executable_price:
        window, upfront, floor = offer.window, offer.upfront_fee, offer.executable_price
        text = f"{text}|{_window(window)}|{_money(upfront)}|{_money(floor)}"
    return text


def digest_of(texts: Iterable[str]) -> str:
    """Return the digest of some texts, whatever their order."""
    content = "\n".join(sorted(texts))
    return hashlib.blake2b(content.encode(errors="backslashreplace"), digest_size=16).hexdigest()


def _window(window: Window | None) -> str:
    return f"{window.start.isoformat()}/{window.end.isoformat()}" if window else "-"


def _money(money: Money | None) -> str:
    return "-" if money is None else f"{money.amount} {money.currency}"
