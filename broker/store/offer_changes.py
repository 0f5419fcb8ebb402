"""Writes offers: as they stand now, and what each became when.

What has not changed is not written. A change is a new price, a new stock state or count, an offer
that came, went or came back; anything else that a supplier says anew (its memory, its name for the
stock) moves the offer's row without a line of history.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import bindparam, false, func, insert, or_, select, update
from sqlmodel import Session

from broker.store.polls import NO_REGION
from broker.store.tables import OfferChangeRow, OfferRow, Table
from pricing.money import MAX_DECIMALS, Currency, Money
from pricing.offer import Offer

IDS_PER_QUERY = 500
"""Well under the number of parameters that either database takes in one statement."""

ROWS_PER_STATEMENT = 5_000

NO_FLAGS = "[]"

_OFFERS = Table.metadata.tables[OfferRow.__tablename__]
_CHANGES = Table.metadata.tables[OfferChangeRow.__tablename__]
_OFFER_NAMES = UUID("0d3a5f0e-7c1b-5f0a-9a63-3b1f6ad0c9e4")


@dataclass(frozen=True, slots=True, kw_only=True)
class StandingOffer:
    """What is on record of an offer, as far as a new answer is compared with it."""

    region: str
    digest: str
    price_per_instance: Decimal | None
    currency: str | None
    stock_state: str
    stock_count: int | None
    is_gone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenOffer:
    """An offer as an answer has it, with what we make of it."""

    id: str
    offer: Offer
    digest: str
    usd_per_gpu_hour: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferChanges:
    """What an answer makes of the offers on record, and how much of it was a change."""

    new: Sequence[Mapping[str, Any]]
    moved: Sequence[Mapping[str, Any]]  # rows that stand otherwise now
    gone: Sequence[str]
    history: Sequence[Mapping[str, Any]]


def offer_id(offer: Offer) -> str:
    """Return the name of an offer: the same on every machine for the same key."""
    return str(uuid5(_OFFER_NAMES, json.dumps(offer.key)))


def standing_offers(
    session: Session, supplier: str, regions: Collection[str]
) -> dict[str, StandingOffer]:
    """Return the offers on record of some places of a supplier, gone ones too, by id."""
    columns = (
        _OFFERS.c.id,
        func.coalesce(_OFFERS.c.region, NO_REGION),
        _OFFERS.c.digest,
        _OFFERS.c.price_per_instance,
        _OFFERS.c.currency,
        _OFFERS.c.stock_state,
        _OFFERS.c.stock_count,
        _OFFERS.c.gone_at.is_not(None),
    )
    found: dict[str, StandingOffer] = {}
    wanted = sorted(regions)
    for start in range(0, len(wanted), IDS_PER_QUERY):
        some = wanted[start : start + IDS_PER_QUERY]
        region = _OFFERS.c.region  # plain, so that the index serves
        place = or_(region.in_(some), region.is_(None) if NO_REGION in some else false())
        query = select(*columns).where(_OFFERS.c.supplier == supplier, place)
        for row_id, region, digest, price, currency, state, count, is_gone in session.execute(
            query
        ):
            found[row_id] = StandingOffer(
                region=region,
                digest=digest,
                price_per_instance=price,
                currency=currency,
                stock_state=state,
                stock_count=count,
                is_gone=is_gone,
            )
    return found


def changes_of(
    standing: Mapping[str, StandingOffer],
    taken: Collection[TakenOffer],
    *,
    gone: Collection[str],
    at: datetime,
) -> OfferChanges:
    """Return what an answer changes; `gone` are the offers that its places no longer have."""
    new: list[Mapping[str, Any]] = []
    moved: list[Mapping[str, Any]] = []
    history: list[Mapping[str, Any]] = []
    for one in sorted(taken, key=_by_likeness):
        before = standing.get(one.id)
        if before is not None and before.digest == one.digest and not before.is_gone:
            continue
        row = _row(one)
        is_change = before is None or _is_change(before, row)
        if is_change:
            history.append(_change(one.id, row, at=at, is_present=True))
        if before is None:
            new.append({**row, "id": one.id, "first_seen_at": at, "changed_at": at})
        else:
            moved.append({**row, "offer_id": one.id, "moved_at": at if is_change else None})
    for offer in sorted(gone):
        last = standing[offer]
        stood = {name: getattr(last, name) for name in _CHANGING}
        history.append(_change(offer, stood, at=at, is_present=False))
    return OfferChanges(new=new, moved=moved, gone=sorted(gone), history=history)


def write_changes(session: Session, changes: OfferChanges, *, at: datetime) -> None:
    """Write what an answer changes."""
    for new in _in_pieces(changes.new):
        session.execute(insert(_OFFERS), new)
    for moved in _in_pieces(changes.moved):
        session.execute(_move(moved[0]), moved)
    for gone in _in_pieces([{"offer_id": offer} for offer in changes.gone]):
        statement = update(_OFFERS).where(_OFFERS.c.id == bindparam("offer_id"))
        session.execute(statement.values(gone_at=at, changed_at=at), gone)
    for history in _in_pieces(changes.history):
        session.execute(insert(_CHANGES), history)


def _by_likeness(taken: TakenOffer) -> tuple[str, str, int, str]:
    """Return where an offer is written: beside those that are searched for together.

    A database keeps rows about in the order in which they came, and a search then reads a few
    pages instead of one for every row.
    """
    offer = taken.offer
    return offer.region or NO_REGION, offer.gpu.model, offer.gpu_count, taken.id


_CHANGING = ("price_per_instance", "currency", "stock_state", "stock_count")


def _is_change(before: StandingOffer, row: Mapping[str, Any]) -> bool:
    return before.is_gone or any(getattr(before, name) != row[name] for name in _CHANGING)


def _change(
    offer: str, row: Mapping[str, Any], *, at: datetime, is_present: bool
) -> Mapping[str, Any]:
    stood = {name: row[name] for name in _CHANGING}
    return {"offer_id": offer, "at": at, "is_present": is_present, **stood}


def _move(row: Mapping[str, Any]) -> Any:
    """Return the statement that moves a row; one that saw no change keeps its moment."""
    names = [name for name in row if name not in ("offer_id", "moved_at")]
    moved_at = func.coalesce(
        bindparam("moved_at", type_=_OFFERS.c.changed_at.type), _OFFERS.c.changed_at
    )
    return (
        update(_OFFERS)
        .where(_OFFERS.c.id == bindparam("offer_id"))
        .values({**{name: bindparam(name) for name in names}, "changed_at": moved_at})
    )


def _row(taken: TakenOffer) -> dict[str, Any]:
    offer = taken.offer
    gpu, price, stock, window = offer.gpu, offer.price, offer.stock, offer.window
    currency = _currency(offer)
    return {
        "supplier": offer.supplier,
        "native_id": offer.native_id,
        "region": offer.region,
        "zone": offer.zone,
        "terms": offer.terms.value,
        "offer_class": offer.offer_class.value if offer.offer_class else None,
        "gpu_model": gpu.model,
        "part": gpu.part,
        "form_factor": gpu.form_factor,
        "gpu_memory_gb": gpu.memory_gb,
        "gpu_as_quoted": offer.gpu_as_quoted,
        "gpu_count": offer.gpu_count,
        "quoted_amount": str(price.amount) if price else None,
        "quoted_unit": price.unit.value if price else None,
        "currency": currency,
        "price_per_instance": _amount(price.per_instance, currency) if price else None,
        "usd_per_gpu_hour": taken.usd_per_gpu_hour,
        "executable_price": _amount(offer.executable_price, currency),
        "upfront_fee": _amount(offer.upfront_fee, currency),
        "is_listed": offer.is_listed,
        "stock_state": stock.state.value,
        "stock_count": stock.count,
        "stock_unit": stock.count_unit.value if stock.count_unit else None,
        "stock_at_least": stock.at_least,
        "stock_raw": stock.raw,
        "vcpus": offer.vcpus,
        "memory_gib": None if offer.memory_gib is None else _rounded(offer.memory_gib),
        "interconnect": offer.interconnect,
        "upstream": offer.upstream,
        "window_start": window.start if window else None,
        "window_end": window.end if window else None,
        "term_months": offer.term_months,
        "min_units": offer.min_units,
        "unit_step": offer.unit_step,
        "price_kind": offer.price_kind,
        "flags": json.dumps(offer.flags) if offer.flags else NO_FLAGS,
        "source": offer.source,
        "digest": taken.digest,
        "gone_at": None,
    }


def _currency(offer: Offer) -> Currency | None:
    """Return the one currency of an offer's amounts: that of its price, where it has one."""
    amounts = (offer.price and offer.price.per_instance, offer.executable_price, offer.upfront_fee)
    return next((amount.currency for amount in amounts if amount), None)


def _amount(money: Money | None, currency: Currency | None) -> Decimal | None:
    """Return the amount; unknown when it is in another currency than the offer's price."""
    return None if money is None or money.currency != currency else _rounded(money.amount)


def _rounded(amount: Decimal) -> Decimal:
    return Money(amount).rounded(MAX_DECIMALS).amount


def _in_pieces(rows: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    return [
        list(rows[start : start + ROWS_PER_STATEMENT])
        for start in range(0, len(rows), ROWS_PER_STATEMENT)
    ]
