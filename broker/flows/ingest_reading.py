"""Takes what one supplier said into the books: what changed, and how the asking went.

One transaction a supplier. A region that did not answer keeps its last offers; only a region that
answered whole can say that an offer is gone. Two things are never believed: a list whose prices
have all moved by the factor of a unit (it is quarantined whole), and an answer without any offer
where there were some (it counts as failed). A price that its GPU cannot have keeps that one offer
out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any

from sqlmodel import Session

from broker.clock import Clock
from broker.flows.compare_answer import Disbelief, compare, disbelief
from broker.flows.note_prices import seen_prices
from broker.flows.plan_places import PlacePlan, place_row, plan_places, tried
from broker.flows.sift_reading import Sifted, sift
from broker.identity import new_id
from broker.store import ledger
from broker.store.engine import Database
from broker.store.offer_changes import changes_of, write_changes
from broker.store.polls import (
    NO_REGION,
    add_poll,
    forget_place,
    known_places,
    replace_skips,
    write_places,
)
from broker.store.price_polls import add_seen_prices
from broker.store.prices import fx_table
from broker.store.supplier_accounts import add_spot_prices, put_holdings, put_quotas
from broker.store.tables import PollPlaceRow, PollRow, PollSkipRow
from providers.errors import ErrorKind
from providers.reading import Reading, ReadingState
from providers.supplier import Ask, Capability, Place, PlaceState

UNANSWERED = frozenset(
    {
        ReadingState.FAILED,
        ReadingState.TIMED_OUT,
        ReadingState.NOT_CONFIGURED,
        ReadingState.QUARANTINED,
    }
)
"""States in which there is nothing to take in."""

EVERYTHING = Ask()

_NOTHING: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class PollReport:
    """How asking one supplier went, and what came of it.

    `changes` counts lines of history: `new`, `gone`, and offers whose price or stock moved or that
    came back. `unchanged_places` answered whole and as before. `prices` are those added to the
    price history.
    """

    supplier: str
    state: ReadingState
    poll_id: str
    started_at: datetime
    finished_at: datetime
    offers: int = 0
    changes: int = 0
    new: int = 0
    gone: int = 0
    skips: int = 0
    prices: int = 0
    unchanged_places: int = 0
    failed_places: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    kind: ErrorKind | None = None
    message: str | None = None


def ingest_reading(
    database: Database,
    reading: Reading,
    *,
    actor: str,
    clock: Clock,
    ask: Ask = EVERYTHING,
    accept_jump: bool = False,
) -> PollReport:
    """Take a reading in and say what came of it; the same reading twice changes nothing.

    `ask` is what was asked: of what was not asked for, nothing is concluded. `accept_jump` takes a
    list in although its prices moved by the factor of a unit. A reading that is older than what is
    on record of a place leaves that place as it is.
    """
    with database.reading() as session:
        rates = fx_table(session)
    sifted = sift(reading, rates)
    with database.writing() as session:
        ledger.lock(session, f"poll/{reading.supplier}")
        if reading.state in UNANSWERED:
            report = _unanswered(session, reading)
        else:
            pen = _Pen(actor=actor, now=clock())
            report = _answered(session, reading, sifted, pen, ask=ask, accept_jump=accept_jump)
        add_poll(session, _poll_row(report, actor=actor), requests=reading.requests)
    return report


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pen:
    """Who writes, and when."""

    actor: str
    now: datetime


def _unanswered(session: Session, reading: Reading) -> PollReport:
    """Note that a supplier was asked in vain; its offers stay as they are and age."""
    was_asked = reading.state in (ReadingState.FAILED, ReadingState.TIMED_OUT)
    known = known_places(session, reading.supplier)
    plans = tried(reading, known) if was_asked else []
    _write_places(session, reading, plans, known=known)
    return _report(reading, failed_places=_failed(plans), missing=reading.missing)


def _answered(
    session: Session,
    reading: Reading,
    sifted: Sifted,
    pen: _Pen,
    *,
    ask: Ask,
    accept_jump: bool,
) -> PollReport:
    supplier, at = reading.supplier, reading.finished_at
    if Capability.OFFERS not in ask.wanted:
        return _report(reading, warnings=_write_account(session, reading, ask))
    known = known_places(session, supplier)
    plans = plan_places(reading, sifted, known, ask=ask)
    comparison = compare(session, supplier, plans, sifted)
    refused = disbelief(comparison, sifted, accept_jump=accept_jump)
    if refused is not None:
        return _refused(session, reading, plans, known, refused=refused)
    changes = changes_of(
        comparison.standing, comparison.taken.values(), gone=comparison.gone, at=at
    )
    write_changes(session, changes, at=at)
    _write_places(session, reading, plans, known=known, offers_after=comparison.offers_after())
    if NO_REGION in known and known[NO_REGION].offers == 0 and not _speaks_of(plans, NO_REGION):
        forget_place(session, supplier, NO_REGION)
    replace_skips(session, supplier, _skip_rows(reading, sifted))
    unnamed = _write_account(session, reading, ask)
    seen = seen_prices(reading, sifted, _places_with_news(plans, at))
    prices = add_seen_prices(session, seen, actor=pen.actor, recorded_at=pen.now)
    return _report(
        reading,
        changes=len(changes.history),
        new=len(changes.new),
        gone=len(changes.gone),
        skips=len(sifted.skips),
        prices=prices,
        unchanged_places=sum(plan.is_whole and not plan.is_changed for plan in plans),
        failed_places=_failed(plans),
        warnings=(*reading.answer.warnings, *comparison.warnings, *unnamed),
    )


def _refused(
    session: Session,
    reading: Reading,
    plans: Sequence[PlacePlan],
    known: Mapping[str, PollPlaceRow],
    *,
    refused: Disbelief,
) -> PollReport:
    """Note an answer that is not believed; of a quarantined one, nothing but that."""
    failed: tuple[str, ...] = ()
    if refused.state is ReadingState.FAILED:
        fault = Place(
            region=None, state=PlaceState.FAILED, kind=refused.kind, message=refused.message
        )
        vain = [replace(plan, told=fault, is_whole=False, is_changed=False) for plan in plans]
        _write_places(session, reading, vain, known=known)
        failed = _failed(vain)
    told = _report(reading, failed_places=failed, warnings=reading.answer.warnings)
    return replace(told, state=refused.state, kind=refused.kind, message=refused.message)


def _write_places(
    session: Session,
    reading: Reading,
    plans: Sequence[PlacePlan],
    *,
    known: Mapping[str, PollPlaceRow],
    offers_after: Mapping[str, int] = _NOTHING,
) -> None:
    rows = []
    for plan in plans:
        as_before = plan.known.offers if plan.known else 0
        offers = offers_after.get(plan.region, 0) if plan.is_changed else as_before
        rows.append(
            place_row(plan, supplier=reading.supplier, at=reading.finished_at, offers=offers)
        )
    write_places(session, rows, known=known)


def _write_account(session: Session, reading: Reading, ask: Ask) -> tuple[str, ...]:
    """Write what was said beside offers; return a warning where holdings are missing from it."""
    supplier, at, answer = reading.supplier, reading.finished_at, reading.answer
    is_whole = reading.state is ReadingState.OK and ask.regions is None and ask.gpu_models is None
    add_spot_prices(session, supplier, answer.spot_prices)
    put_quotas(
        session,
        supplier,
        answer.quotas,
        is_whole=is_whole and Capability.QUOTAS in ask.wanted,
        at=at,
    )
    unnamed = put_holdings(
        session,
        supplier,
        answer.holdings,
        is_whole=is_whole and Capability.HOLDINGS in ask.wanted,
        at=at,
    )
    if not unnamed:
        return ()
    return (
        f"the answer names none of the {len(unnamed)} reservations and commitments that are on "
        "record; they stay. Check that the key may still see them",
    )


def _places_with_news(plans: Sequence[PlacePlan], at: datetime) -> list[str]:
    """Return the places whose prices may not be on record for the day yet."""
    day = at.astimezone(UTC).date()
    return [
        plan.region
        for plan in plans
        if plan.is_answered and (plan.is_changed or _last_seen_on(plan) != day)
    ]


def _last_seen_on(plan: PlacePlan) -> date | None:
    seen_at = plan.known.seen_at if plan.known else None
    return None if seen_at is None else seen_at.date()


def _speaks_of(plans: Sequence[PlacePlan], region: str) -> bool:
    return any(plan.region == region for plan in plans)


def _failed(plans: Sequence[PlacePlan]) -> tuple[str, ...]:
    return tuple(plan.region for plan in plans if plan.told.state is PlaceState.FAILED)


def _skip_rows(reading: Reading, sifted: Sifted) -> list[PollSkipRow]:
    return [
        PollSkipRow(
            supplier=reading.supplier,
            native_id=skip.native_id,
            reason=skip.reason.value,
            detail=skip.detail,
            seen_at=reading.finished_at,
        )
        for skip in sifted.skips
    ]


def _report(reading: Reading, **found: Any) -> PollReport:
    return PollReport(
        poll_id=new_id(),
        supplier=reading.supplier,
        state=reading.state,
        started_at=reading.started_at,
        finished_at=reading.finished_at,
        offers=len(reading.answer.offers),
        kind=reading.kind,
        message=reading.message,
        **found,
    )


def _poll_row(report: PollReport, *, actor: str) -> PollRow:
    return PollRow(
        id=report.poll_id,
        supplier=report.supplier,
        started_at=report.started_at,
        finished_at=report.finished_at,
        state=report.state.value,
        offers=report.offers,
        changes=report.changes,
        skips=report.skips,
        error_kind=report.kind.value if report.kind else None,
        error=report.message,
        actor=actor,
    )
