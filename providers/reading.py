"""Asks one supplier once and says how it went. Never raises for anything a supplier can do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from providers.access import Access
from providers.errors import ErrorKind, SupplierError
from providers.supplier import NO_ANSWER, Answer, Ask, Page, Place, PlaceState, Supplier


class ReadingState(StrEnum):
    """How asking a supplier went."""

    OK = "ok"
    PARTIAL = "partial"  # some regions or pages are missing
    FAILED = "failed"
    TIMED_OUT = "timed-out"
    NOT_CONFIGURED = "not-configured"
    QUARANTINED = "quarantined"  # answered, but the figures cannot be believed


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a supplier said when asked once.

    `pages` are kept so that a reading can be parsed again. `missing` names what must be set when
    the state is not configured. `requests` counts what was asked by how it ended: an HTTP status or
    "none"; of a supplier that is asked through its own library, which keeps them to itself, "ok"
    for each page that came, and the kind of fault for each place that failed.
    """

    supplier: str
    state: ReadingState
    started_at: datetime
    finished_at: datetime
    answer: Answer = NO_ANSWER
    places: tuple[Place, ...] = ()
    pages: tuple[Page, ...] = ()
    missing: tuple[str, ...] = ()
    kind: ErrorKind | None = None
    code: str | None = None
    message: str | None = None
    requests: Mapping[str, int] = field(default_factory=dict)


def read(supplier: Supplier, ask: Ask, access: Access) -> Reading:
    """Ask a supplier and parse what it says."""
    key, started_at = supplier.profile.key, access.now()
    missing = supplier.missing(access)
    if missing:
        return Reading(
            supplier=key,
            state=ReadingState.NOT_CONFIGURED,
            started_at=started_at,
            finished_at=started_at,
            missing=missing,
        )
    heard = Counter[str]()
    listening = replace(access, heard=lambda code: heard.update((code,)))
    reading = _asked(supplier, ask, listening, started_at)
    return replace(reading, requests=dict(heard) or _counted(reading))


def _asked(supplier: Supplier, ask: Ask, access: Access, started_at: datetime) -> Reading:
    key = supplier.profile.key
    pages: tuple[Page, ...] = ()  # kept also when they cannot be read: to see what has changed
    try:
        fetched = supplier.fetch(ask, access)
        pages = fetched.pages
        answer = supplier.parse(pages)
    except SupplierError as error:
        return Reading(
            supplier=key,
            state=ReadingState.FAILED,
            started_at=started_at,
            finished_at=access.now(),
            pages=pages,
            kind=error.kind,
            code=error.code,
            message=str(error),
        )
    state = _state_of(fetched.places)
    worst = _worst_of(fetched.places)
    return Reading(
        supplier=key,
        state=state,
        started_at=started_at,
        finished_at=access.now(),
        answer=answer,
        places=fetched.places,
        pages=pages,
        kind=worst.kind if worst else None,
        code=worst.code if worst else None,
        message=worst.message if worst else None,
    )


def _counted(reading: Reading) -> dict[str, int]:
    faults = [place.kind for place in reading.places if place.kind is not None]
    if reading.state is ReadingState.FAILED and not faults and reading.kind is not None:
        faults = [reading.kind]
    counted = Counter[str](kind.value for kind in faults)
    if reading.pages:
        counted["ok"] = len(reading.pages)
    return dict(counted)


def _worst_of(places: tuple[Place, ...]) -> Place | None:
    """Return a place to tell of: one that failed before one in part, and none that was skipped."""
    for state in (PlaceState.FAILED, PlaceState.PARTIAL):
        for place in places:
            if place.state is state and place.kind is not None:
                return place
    return None


def _state_of(places: tuple[Place, ...]) -> ReadingState:
    tried = [place for place in places if place.state is not PlaceState.SKIPPED]
    if tried and all(place.state is PlaceState.FAILED for place in tried):
        return ReadingState.FAILED
    whole = all(place.state is PlaceState.OK for place in tried)
    return ReadingState.OK if whole else ReadingState.PARTIAL
