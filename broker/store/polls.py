"""How each supplier was polled: the polls themselves, its places, and what was left out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, insert, update
from sqlmodel import Session, col, func, select

from broker.store.tables import OfferRow, PollPlaceRow, PollRow, PollSkipRow, Table
from broker.store.tallies import Counted, add
from providers.supplier import Skip, SkipReason

NO_REGION = ""
"""The place of what a supplier offers without naming a region."""

_PLACES = Table.metadata.tables[PollPlaceRow.__tablename__]
_MOVE_PLACE = (
    update(_PLACES)
    .where(
        _PLACES.c.supplier == bindparam("of_supplier"), _PLACES.c.region == bindparam("of_region")
    )
    .values({column.name: bindparam(column.name) for column in _PLACES.c})
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceStatus:
    """A region of a supplier: how the last try went, and when it last answered whole."""

    region: str | None
    state: str
    tried_at: datetime
    seen_at: datetime | None
    offers: int
    error_kind: str | None
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderStatus:
    """A supplier that was polled at least once: the last poll, and what is known of it now.

    `offers` are those that stand now, in whatever place; `skips` what the last answer left out, by
    reason. `last_ok_at` is the end of the last poll in which every place answered whole.
    """

    supplier: str
    state: str
    polled_at: datetime
    last_ok_at: datetime | None
    offers: int
    skips: Mapping[str, int]
    error_kind: str | None
    error: str | None
    places: tuple[PlaceStatus, ...]


def add_poll(session: Session, poll: PollRow, *, requests: Mapping[str, int]) -> None:
    """Write down that a supplier was asked, how it went, and how its requests were answered."""
    session.add(poll)
    session.flush()
    at = poll.finished_at
    add(session, Counted.POLL, poll.supplier, outcome=poll.state, at=at)
    for code, times in sorted(requests.items()):
        add(session, Counted.REQUEST, poll.supplier, outcome=code, at=at, times=times)


def known_places(session: Session, supplier: str) -> dict[str, PollPlaceRow]:
    """Return the places of a supplier by region, `NO_REGION` for what names none."""
    query = select(PollPlaceRow).where(PollPlaceRow.supplier == supplier)
    return {row.region: row for row in session.exec(query)}


def write_places(
    session: Session, places: Sequence[PollPlaceRow], *, known: Collection[str]
) -> None:
    """Write places as they stand now; `known` are the regions that are on record."""
    rows = [place.model_dump() for place in places]
    fresh = [row for row in rows if row["region"] not in known]
    moved = [row for row in rows if row["region"] in known]
    if fresh:
        session.execute(insert(_PLACES), fresh)
    if moved:
        session.execute(_MOVE_PLACE, [_with_key(row) for row in moved])


def replace_skips(session: Session, supplier: str, skips: Collection[PollSkipRow]) -> None:
    """Write what the last answer left out in place of what the one before did.

    The same as before is left alone: most polls leave out the same.
    """
    query = select(PollSkipRow).where(PollSkipRow.supplier == supplier)
    known = {(row.native_id, row.reason): row for row in session.exec(query)}
    wanted = {(row.native_id, row.reason): row for row in reversed(list(skips))}
    for key in known.keys() - wanted.keys():
        session.delete(known[key])
    for key in known.keys() & wanted.keys():
        known[key].detail = wanted[key].detail
    session.flush()
    fresh = [wanted[key].model_dump() for key in sorted(wanted.keys() - known.keys())]
    if fresh:
        session.execute(insert(PollSkipRow), fresh)


def forget_place(session: Session, supplier: str, region: str) -> None:
    """Drop a place that never answered and of which nobody speaks any more."""
    session.execute(
        delete(PollPlaceRow).where(
            col(PollPlaceRow.supplier) == supplier, col(PollPlaceRow.region) == region
        )
    )


def provider_status(session: Session) -> list[ProviderStatus]:
    """Return how each supplier stands that was ever polled, by key."""
    offers = _offers_now(session)
    skips: dict[str, Counter[str]] = defaultdict(Counter)
    for supplier, reason, count in session.exec(
        select(PollSkipRow.supplier, PollSkipRow.reason, func.count()).group_by(
            col(PollSkipRow.supplier), col(PollSkipRow.reason)
        )
    ):
        skips[supplier][reason] = count
    suppliers = session.exec(select(PollRow.supplier).distinct().order_by(PollRow.supplier)).all()
    return [
        _status(
            session,
            supplier,
            offers=offers.get(supplier, 0),
            skips=dict(sorted(skips[supplier].items())),
        )
        for supplier in suppliers
    ]


def known_skips(session: Session, supplier: str) -> list[Skip]:
    """Return what the last answer of a supplier left out, by name."""
    rows = session.exec(
        select(PollSkipRow)
        .where(PollSkipRow.supplier == supplier)
        .order_by(col(PollSkipRow.native_id), col(PollSkipRow.reason))
    )
    return [
        Skip(native_id=row.native_id, reason=SkipReason(row.reason), detail=row.detail)
        for row in rows
    ]


def _with_key(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "of_supplier": row["supplier"], "of_region": row["region"]}


def _offers_now(session: Session) -> dict[str, int]:
    query = (
        select(OfferRow.supplier, func.count())
        .where(col(OfferRow.gone_at).is_(None))
        .group_by(col(OfferRow.supplier))
    )
    return dict(session.exec(query).all())


def _status(
    session: Session, supplier: str, *, offers: int, skips: Mapping[str, int]
) -> ProviderStatus:
    newest = (
        select(PollRow)
        .where(PollRow.supplier == supplier)
        .order_by(col(PollRow.started_at).desc(), col(PollRow.id).desc())
        .limit(1)
    )
    last = session.exec(newest).one()
    last_ok = session.exec(newest.where(PollRow.state == "ok")).first()
    places = known_places(session, supplier)
    return ProviderStatus(
        supplier=supplier,
        state=last.state,
        polled_at=last.finished_at,
        last_ok_at=None if last_ok is None else last_ok.finished_at,
        offers=offers,
        skips=skips,
        error_kind=last.error_kind,
        error=last.error,
        places=tuple(_place(row) for _, row in sorted(places.items())),
    )


def _place(row: PollPlaceRow) -> PlaceStatus:
    return PlaceStatus(
        region=row.region or None,
        state=row.state,
        tried_at=row.tried_at,
        seen_at=row.seen_at,
        offers=row.offers,
        error_kind=row.error_kind,
        error=row.error,
    )
