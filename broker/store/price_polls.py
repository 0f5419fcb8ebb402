"""Takes what a poll saw of list prices into the history: what moved, and one heartbeat a day.

A price of a day is written once, however often it is polled; so a supplier that is asked every
quarter of an hour leaves one sighting a day of each price. Levels grow at their end, without
reading the history again; only prices of a day before the newest one have them rebuilt.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy import bindparam, insert, update
from sqlmodel import Session, col, func, select

from broker.identity import new_id
from broker.store.price_imports import (
    PriceAddition,
    add_prices,
    known_marks,
    known_series,
    lock_prices,
    series_id,
)
from broker.store.tables import (
    PriceImportRow,
    PriceLevelRow,
    PriceSeriesRow,
    PriceSightingRow,
    Table,
)
from pricing.hardware import Gpu
from pricing.series import PriceKind, levels_of

IDS_PER_QUERY = 500
"""Well under the number of parameters that either database takes in one statement."""

_LEVELS = Table.metadata.tables[PriceLevelRow.__tablename__]
_SIGHTINGS = Table.metadata.tables[PriceSightingRow.__tablename__]
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenProduct:
    """A product line of a supplier's list, as the supplier spells it."""

    gpu: Gpu
    gpu_as_quoted: str
    kind: PriceKind


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenPrices:
    """What a poll saw on one day: the prices of each product, US dollars per GPU-hour."""

    supplier: str
    on: date
    at: datetime
    digest: str
    prices: Mapping[SeenProduct, frozenset[Decimal]]


def add_seen_prices(
    session: Session, seen: SeenPrices, *, actor: str, recorded_at: datetime
) -> int:
    """Add the prices that are not yet on record for the day; return how many those are."""
    if not seen.prices:
        return 0
    lock_prices(session)
    series = {_series_id(seen.supplier, product): product for product in seen.prices}
    on_record = _prices_on(session, series, seen.on)
    fresh = {
        owner: sorted(new)
        for owner, product in sorted(series.items())
        if (new := seen.prices[product] - on_record[owner])
    }
    if not fresh:
        return 0
    days = _observed_days(session, fresh, seen.on)
    record = PriceImportRow(
        id=new_id(),
        sha256=seen.digest,
        file=f"poll of {seen.supplier}",
        actor=actor,
        recorded_at=recorded_at,
        rows=sum(len(new) for new in fresh.values()),
    )
    wanted = [_series_row(owner, seen.supplier, series[owner]) for owner in fresh]
    known = known_series(session, fresh)
    addition = PriceAddition(
        record=record,
        series=[row for row in wanted if known.get(row.id) != row],
        sightings=(),  # written below: thousands a day, and without a row object each
        levels={},
        unmapped=(),
        mapped_by_now=frozenset(),
    )
    add_prices(session, addition, on_progress=lambda _done, _total: None)
    session.execute(insert(_SIGHTINGS), list(_sightings(record.id, fresh, seen)))
    late = {owner for owner in fresh if days[owner].has_later}
    _rebuild(session, late)
    _extend(session, {owner: new for owner, new in fresh.items() if owner not in late}, days, seen)
    return record.rows


@dataclass(frozen=True, slots=True, kw_only=True)
class _Days:
    """The last observed day of a series before the one in question, and whether one came after."""

    before: date | None
    has_later: bool


def _series_id(supplier: str, product: SeenProduct) -> str:
    return series_id(
        provider=supplier,
        gpu_as_quoted=product.gpu_as_quoted,
        memory_gb=product.gpu.memory_gb,
        kind=product.kind.value,
    )


def _series_row(owner: str, supplier: str, product: SeenProduct) -> PriceSeriesRow:
    gpu = product.gpu
    return PriceSeriesRow(
        id=owner,
        provider=supplier,
        gpu_as_quoted=product.gpu_as_quoted,
        memory_gb=gpu.memory_gb,
        kind=product.kind.value,
        gpu_model=gpu.model,
        part=gpu.part,
        form_factor=gpu.form_factor,
        memory_differs=False,  # the memory is the card's own: an offer's GPU is canonical
    )


def _sightings(
    import_id: str, fresh: Mapping[str, Sequence[Decimal]], seen: SeenPrices
) -> Iterator[dict[str, Any]]:
    found = ((owner, price) for owner, prices in fresh.items() for price in prices)
    for line, (owner, price) in enumerate(found, start=1):
        yield {
            "import_id": import_id,
            "line_no": line,
            "series_id": owner,
            "observed_on": seen.on,
            "price_per_gpu_hour": price,
            "fetched_at": seen.at,
        }


def _prices_on(session: Session, ids: Collection[str], day: date) -> Mapping[str, set[Decimal]]:
    found: dict[str, set[Decimal]] = defaultdict(set)
    for some in _in_pieces(sorted(ids)):
        query = select(
            col(PriceSightingRow.series_id), col(PriceSightingRow.price_per_gpu_hour)
        ).where(col(PriceSightingRow.series_id).in_(some), PriceSightingRow.observed_on == day)
        for owner, price in session.exec(query):
            found[owner].add(price)
    return found


def _observed_days(session: Session, ids: Collection[str], day: date) -> Mapping[str, _Days]:
    """Say when each series was seen around a day: one seek in the index for each question."""
    sighting = PriceSightingRow
    of_series = col(sighting.series_id) == PriceSeriesRow.id
    before = (
        select(func.max(sighting.observed_on))
        .where(of_series, sighting.observed_on < day)
        .scalar_subquery()
    )
    latest = select(func.max(sighting.observed_on)).where(of_series).scalar_subquery()
    found = dict.fromkeys(ids, _Days(before=None, has_later=False))
    for some in _in_pieces(sorted(ids)):
        query = select(PriceSeriesRow.id, before, latest).where(col(PriceSeriesRow.id).in_(some))
        for owner, last, newest in session.exec(query):
            found[owner] = _Days(before=last, has_later=newest is not None and newest > day)
    return found


def _extend(
    session: Session,
    fresh: Mapping[str, Sequence[Decimal]],
    days: Mapping[str, _Days],
    seen: SeenPrices,
) -> None:
    """Let the levels that reach up to the last observed day go on, and begin the others."""
    running: dict[tuple[str, Decimal], date] = {}
    for some in _in_pieces(sorted(fresh)):
        query = select(
            col(PriceLevelRow.series_id),
            col(PriceLevelRow.price_per_gpu_hour),
            col(PriceLevelRow.first_seen_on),
            col(PriceLevelRow.last_seen_on),
        ).where(
            col(PriceLevelRow.series_id).in_(some),
            col(PriceLevelRow.last_seen_on).in_({days[owner].before or seen.on for owner in some}),
        )
        for owner, price, first_on, last_on in session.exec(query):
            if last_on == days[owner].before:
                running[(owner, price)] = first_on
    longer: list[dict[str, Any]] = []
    begun: list[dict[str, Any]] = []
    for owner, prices in fresh.items():
        for price in prices:
            first = running.get((owner, price))
            if first is None:
                begun.append(_level(owner, price, first=seen.on, last=seen.on))
            else:
                longer.append({"owner": owner, "price": price, "first": first, "last": seen.on})
    if longer:
        session.execute(_LENGTHEN, longer)
    if begun:
        session.execute(insert(_LEVELS), begun)


_LENGTHEN = (
    update(_LEVELS)
    .where(
        _LEVELS.c.series_id == bindparam("owner"),
        _LEVELS.c.price_per_gpu_hour == bindparam("price"),
        _LEVELS.c.first_seen_on == bindparam("first"),
    )
    .values(last_seen_on=bindparam("last"))
)


def _rebuild(session: Session, ids: Collection[str]) -> None:
    """Build the levels of some series anew from all that was seen of them."""
    for owner, marks in known_marks(session, ids).items():
        days: dict[date, set[Decimal]] = defaultdict(set)
        for day, price, _ in marks:
            days[day].add(price)
        levels = levels_of({day: frozenset(prices) for day, prices in days.items()})
        session.execute(_LEVELS.delete().where(_LEVELS.c.series_id == owner))
        session.execute(
            insert(_LEVELS),
            [
                _level(owner, level.price, first=level.first_seen_on, last=level.last_seen_on)
                for level in levels
            ],
        )


def _level(owner: str, price: Decimal, *, first: date, last: date) -> dict[str, Any]:
    return {
        "series_id": owner,
        "first_seen_on": first,
        "price_per_gpu_hour": price,
        "last_seen_on": last,
    }


def _in_pieces(items: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    for start in range(0, len(items), IDS_PER_QUERY):
        yield items[start : start + IDS_PER_QUERY]
