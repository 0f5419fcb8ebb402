"""A supplier, folded from its stream: names, tiers by scheme, and quotes on the open market."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from broker.contracts.event import Event, EventKind
from broker.contracts.quote import Quote
from broker.contracts.quote_terms import moved_quote, recorded_quote
from broker.errors import BrokenLedgerError, NotFoundError, RefusedError


@dataclass(frozen=True, slots=True, kw_only=True)
class TierFact:
    """What one rating scheme said of a supplier on one day; never merged across schemes."""

    scheme: str
    edition: str
    tier: str
    on: date
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Supplier:
    """Who sells to us. `country` (ISO 3166) decides which days are working days for notices."""

    key: str
    legal_name: str
    aliases: tuple[str, ...]
    country: str | None
    tiers: tuple[TierFact, ...] = ()
    quotes: tuple[Quote, ...] = ()

    def tier_in(self, scheme: str, on: date) -> TierFact | None:
        """Return the latest tier of a scheme known for `on`; of one day, the last recorded."""
        facts = [fact for fact in reversed(self.tiers) if fact.scheme == scheme and fact.on <= on]
        return max(facts, key=lambda fact: fact.on, default=None)


MARKET_CLASS = "market-class"
"""The scheme by which benchmarks tell suppliers apart: hyperscaler, neocloud, marketplace, …"""


def fold_supplier(events: Iterable[Event]) -> Supplier:
    """Return the supplier that the events of its stream tell of."""
    supplier: Supplier | None = None
    for event in events:
        supplier = _after(supplier, event)
    if supplier is None:
        raise BrokenLedgerError("the stream has no events, so it tells of no supplier")
    return supplier


def _after(supplier: Supplier | None, event: Event) -> Supplier:
    payload = event.payload
    if event.kind is EventKind.SUPPLIER_RECORDED:
        known = supplier or Supplier(key=payload["key"], legal_name="", aliases=(), country=None)
        return replace(
            known,
            legal_name=payload["legal_name"],
            aliases=tuple(payload["aliases"]),
            country=payload["country"],
        )
    if supplier is None:
        raise BrokenLedgerError(f"a supplier cannot begin with {event.kind}")
    if event.kind is EventKind.SUPPLIER_TIER_RECORDED:
        fact = TierFact(
            scheme=payload["scheme"],
            edition=payload["edition"],
            tier=payload["tier"],
            on=date.fromisoformat(payload["on"]),
            source=payload["source"],
        )
        return replace(supplier, tiers=(*supplier.tiers, fact))
    if event.kind is EventKind.QUOTE_RECORDED:
        return _with_quote(supplier, event)
    if event.kind is EventKind.QUOTE_MOVED:
        return _with_moved_quote(supplier, event)
    raise BrokenLedgerError(f"{event.kind} does not belong in a supplier's stream")


def _with_quote(supplier: Supplier, event: Event) -> Supplier:
    quote = recorded_quote(event)
    if quote.id in {each.id for each in supplier.quotes}:
        raise RefusedError(f"quote {quote.id} is already on record")
    return replace(supplier, quotes=(*supplier.quotes, quote))


def _with_moved_quote(supplier: Supplier, event: Event) -> Supplier:
    wanted = event.payload["quote_id"]
    if wanted not in {quote.id for quote in supplier.quotes}:
        raise NotFoundError(f"supplier {supplier.key} has no quote {wanted}")
    return replace(
        supplier,
        quotes=tuple(
            moved_quote(quote, event) if quote.id == wanted else quote for quote in supplier.quotes
        ),
    )
