"""Offers as they stand, cheapest first, and what became of one: read, never written."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Integer, Row, Select, and_, bindparam, func, select
from sqlmodel import Session

from broker.store.offer_changes import NO_FLAGS
from broker.store.polls import NO_REGION
from broker.store.tables import OfferChangeRow, OfferRow, PollPlaceRow, Table
from pricing.offer import OfferClass, StockState, StockUnit, Terms

USUAL_LIMIT = 50

OBTAINABLE = (StockState.IN_STOCK.value, StockState.CONSTRAINED.value)

_OFFERS = Table.metadata.tables[OfferRow.__tablename__]
_PLACES = Table.metadata.tables[PollPlaceRow.__tablename__]
_CHANGES = Table.metadata.tables[OfferChangeRow.__tablename__]
_REGION = func.coalesce(_OFFERS.c.region, NO_REGION)
_WITH_PLACE = select(_OFFERS, _PLACES.c.state, _PLACES.c.seen_at).select_from(
    _OFFERS.outerjoin(
        _PLACES, and_(_PLACES.c.supplier == _OFFERS.c.supplier, _PLACES.c.region == _REGION)
    )
)

_PRICE = _OFFERS.c.usd_per_gpu_hour
_TIES = (_OFFERS.c.supplier, _OFFERS.c.native_id, _REGION, _OFFERS.c.id)
_PRICED = _WITH_PLACE.where(_PRICE.is_not(None)).order_by(_PRICE, *_TIES)
_UNPRICED = _WITH_PLACE.where(_PRICE.is_(None)).order_by(*_TIES)

_NAMES = (*_OFFERS.c.keys(), "place_state", "place_seen_at")
_TERMS = {terms.value: terms for terms in Terms}
_CLASSES: dict[str | None, OfferClass | None] = {
    None: None,
    **{each.value: each for each in OfferClass},
}
_STATES = {state.value: state for state in StockState}
_UNITS: dict[str | None, StockUnit | None] = {
    None: None,
    **{unit.value: unit for unit in StockUnit},
}


LIMIT = "at_most"

_CONDITIONS: dict[str, ColumnElement[bool]] = {
    "gpu_model": _OFFERS.c.gpu_model == bindparam("gpu_model"),
    "part": _OFFERS.c.part == bindparam("part"),
    "gpu_count": _OFFERS.c.gpu_count == bindparam("gpu_count"),
    "min_gpu_count": _OFFERS.c.gpu_count >= bindparam("min_gpu_count"),
    "max_price": _OFFERS.c.usd_per_gpu_hour <= bindparam("max_price"),
    "regions": _OFFERS.c.region.in_(bindparam("regions", expanding=True)),
    "terms": _OFFERS.c.terms.in_(bindparam("terms", expanding=True)),
    "suppliers": _OFFERS.c.supplier.in_(bindparam("suppliers", expanding=True)),
    "not_of": _OFFERS.c.supplier.not_in(bindparam("not_of", expanding=True)),
    "obtainable": _OFFERS.c.stock_state.in_(bindparam("obtainable", expanding=True)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferFilter:
    """Which offers are meant; None in a field means that any value will do.

    `part` is the card with its form (H100-SXM), `gpu_model` the family. `gpu_count` is exact,
    `min_gpu_count` the least. `obtainable_only` leaves out what is sold out and what nobody knows
    to be in stock. A ceiling leaves out offers without a price in US dollars.
    """

    gpu_model: str | None = None
    part: str | None = None
    gpu_count: int | None = None
    min_gpu_count: int | None = None
    regions: frozenset[str] | None = None
    terms: frozenset[Terms] | None = None
    max_usd_per_gpu_hour: Decimal | None = None
    suppliers: frozenset[str] | None = None
    not_of: frozenset[str] | None = None  # suppliers whose answers are not for this reader
    obtainable_only: bool = False
    include_gone: bool = False
    limit: int = USUAL_LIMIT


ANY_OFFER = OfferFilter()


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundOffer:
    """An offer on record.

    `seen_at` is when it was last known to stand so; `is_stale`, that the last try to see its place
    did not succeed. Prices are per hour, `price_per_instance` in the supplier's `currency`.
    """

    id: str
    supplier: str
    native_id: str
    region: str | None
    zone: str | None
    terms: Terms
    offer_class: OfferClass | None
    gpu_model: str
    part: str | None
    gpu_memory_gb: int | None
    gpu_as_quoted: str
    gpu_count: int
    quoted_amount: str | None
    quoted_unit: str | None
    currency: str | None
    price_per_instance: Decimal | None
    usd_per_gpu_hour: Decimal | None
    executable_price: Decimal | None
    upfront_fee: Decimal | None
    is_listed: bool
    stock_state: StockState
    stock_count: int | None
    stock_unit: StockUnit | None
    stock_at_least: bool
    stock_raw: str | None
    vcpus: int | None
    memory_gib: Decimal | None
    interconnect: str | None
    upstream: str | None
    window_start: datetime | None
    window_end: datetime | None
    term_months: int | None
    min_units: int
    unit_step: int
    price_kind: str | None
    flags: tuple[str, ...]
    source: str
    first_seen_at: datetime
    changed_at: datetime
    gone_at: datetime | None
    seen_at: datetime
    is_stale: bool

    @property
    def is_obtainable(self) -> bool | None:
        """Say whether it could be started when last seen; None when nobody knows."""
        if self.stock_state is StockState.UNKNOWN:
            return None
        return self.gone_at is None and self.stock_state.value in OBTAINABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferChange:
    """What an offer became at an instant; of one that went, how it stood last."""

    at: datetime
    is_present: bool
    price_per_instance: Decimal | None
    currency: str | None
    stock_state: StockState
    stock_count: int | None


def find_offers(session: Session, wanted: OfferFilter = ANY_OFFER) -> list[FoundOffer]:
    """Return offers, the cheapest GPU-hour first, those without a price in US dollars last.

    Of one price: by supplier, machine, region and id, so that the answer is always the same.
    """
    values = _values(wanted)
    names = tuple(sorted(values))
    # Past the session: nothing here becomes an object that it would have to watch.
    connection = session.connection()
    priced = _question(names, is_priced=True, with_gone=wanted.include_gone)
    rows = connection.execute(priced, {**values, LIMIT: wanted.limit}).all()
    # Asked apart: the databases disagree on where an unknown price sorts, and an index in order
    # of price serves the first question to its end without looking at the second.
    if len(rows) < wanted.limit and wanted.max_usd_per_gpu_hour is None:
        unpriced = _question(names, is_priced=False, with_gone=wanted.include_gone)
        left = wanted.limit - len(rows)
        rows = [*rows, *connection.execute(unpriced, {**values, LIMIT: left})]
    return [_found(row) for row in rows]


def offer_history(session: Session, offer_id: str) -> list[OfferChange]:
    """Return what became of an offer, oldest first; nothing for an id that is not on record."""
    query = select(_CHANGES).where(_CHANGES.c.offer_id == offer_id).order_by(_CHANGES.c.at)
    return [
        OfferChange(
            at=row.at,
            is_present=row.is_present,
            price_per_instance=row.price_per_instance,
            currency=row.currency,
            stock_state=StockState(row.stock_state),
            stock_count=row.stock_count,
        )
        for row in session.execute(query)
    ]


def _values(wanted: OfferFilter) -> dict[str, object]:
    """Return what a filter asks for, by the name of its condition."""
    asked: dict[str, object] = {
        "gpu_model": wanted.gpu_model,
        "part": wanted.part,
        "gpu_count": wanted.gpu_count,
        "min_gpu_count": wanted.min_gpu_count,
        "max_price": wanted.max_usd_per_gpu_hour,
        "regions": _listed(wanted.regions),
        "terms": _listed(wanted.terms),
        "suppliers": _listed(wanted.suppliers),
        "not_of": _listed(wanted.not_of or None),
        "obtainable": OBTAINABLE if wanted.obtainable_only else None,
    }
    return {name: value for name, value in asked.items() if value is not None}


def _listed(values: frozenset[Any] | None) -> list[Any] | None:
    return None if values is None else sorted(values)


@cache  # one statement for each shape of a question: building it costs as much as asking it
def _question(names: tuple[str, ...], *, is_priced: bool, with_gone: bool) -> Select[Any]:
    query = (_PRICED if is_priced else _UNPRICED).where(*(_CONDITIONS[name] for name in names))
    if not with_gone:
        query = query.where(_OFFERS.c.gone_at.is_(None))
    return query.limit(bindparam(LIMIT, type_=Integer))


def _found(row: Row[Any]) -> FoundOffer:
    told = dict(zip(_NAMES, row, strict=True))
    state, whole_at = told.pop("place_state"), told.pop("place_seen_at")
    del told["form_factor"], told["digest"]
    told["terms"] = _TERMS[told["terms"]]
    told["offer_class"] = _CLASSES[told["offer_class"]]
    told["stock_state"] = _STATES[told["stock_state"]]
    told["stock_unit"] = _UNITS[told["stock_unit"]]
    told["flags"] = () if told["flags"] == NO_FLAGS else tuple(json.loads(told["flags"]))
    # A place that answers in part moves an offer after its last whole answer.
    changed_at = told["changed_at"]
    seen_at = changed_at if whole_at is None else max(whole_at, changed_at)
    return FoundOffer(**told, seen_at=told["gone_at"] or seen_at, is_stale=state != "ok")
