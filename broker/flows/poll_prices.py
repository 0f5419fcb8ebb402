"""Asks suppliers for what they sell, all at once, and takes in what each says as it comes.

Each supplier has its own thread and its own time. Answers are taken in one after another, in the
thread that called: a database has one writer, and none of its transactions is open while anybody
is asked. Whatever one supplier does (refuse, hang, break its adapter), the others go on.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from queue import Empty, SimpleQueue
from threading import Thread
from types import TracebackType

from broker.clock import Clock
from broker.flows.ingest_reading import PollReport, ingest_reading
from broker.store.engine import Database
from providers.access import Access
from providers.errors import ErrorKind
from providers.reading import Reading, ReadingState, read
from providers.supplier import Ask, Supplier

log = logging.getLogger(__name__)

GRACE = timedelta(seconds=5)
"""How long after its deadline a supplier's adapter may still hand over what it has."""


class PollStep(StrEnum):
    """What happens to a supplier in the course of a poll; the others are how it ended."""

    ASKING = "asking"
    OK = "ok"
    PARTIAL = "partial"
    FAILED = "failed"
    TIMED_OUT = "timed-out"
    NOT_CONFIGURED = "not-configured"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True, kw_only=True)
class PollProgress:
    """News of one supplier, for whoever watches. `seconds` since it was asked."""

    supplier: str
    step: PollStep
    offers: int
    seconds: float


OnProgress = Callable[[PollProgress], None]


def poll_suppliers(
    database: Database,
    suppliers: Iterable[Supplier],
    ask: Ask,
    access_for: Callable[[str], Access],
    *,
    actor: str,
    clock: Clock,
    on_progress: OnProgress = lambda _news: None,
    evaluate: Callable[[], object] | None = None,
    grace: timedelta = GRACE,
    accept_jump: bool = False,
) -> list[PollReport]:
    """Ask the suppliers, take in what they say, and return a report of each, in their order.

    `access_for` gives what the adapter of a key may use; its deadline is set here from the
    supplier's own time-out. A supplier that says nothing until `grace` after that is recorded as
    timed out, and what it says later is thrown away. `evaluate` is called once at the end.
    """
    answers: _Answers = SimpleQueue()
    asked = [_asked(supplier, grace) for supplier in suppliers]
    for one in asked:
        Thread(
            target=_ask, args=(one, ask, access_for, answers), name=f"poll {one.key}", daemon=True
        ).start()
        on_progress(PollProgress(supplier=one.key, step=PollStep.ASKING, offers=0, seconds=0.0))
    reports: dict[str, PollReport] = {}
    waiting = {one.key: one for one in asked}
    while waiting:
        for one, reading in _next(answers, waiting, clock):
            waiting.pop(one.key)
            report = _take_in(database, reading, ask, actor, clock, accept_jump=accept_jump)
            reports[one.key] = report
            on_progress(_news(one, report))
            log.info(
                "supplier polled",
                extra={"supplier": one.key, "state": report.state, "offers": report.offers},
            )
    if evaluate is not None:
        evaluate()
    return [reports[one.key] for one in asked]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A supplier that is being asked; instants on the monotonic clock."""

    supplier: Supplier
    began: float
    until: float

    @property
    def key(self) -> str:
        return self.supplier.profile.key


_Answers = SimpleQueue[tuple[_Asked, Reading | None, str | None]]
"""What threads bring: a reading, or the class of what was raised instead of one."""


class _Guard:
    """Lets no exception out and keeps the class of it, never its words: they may hold a secret."""

    def __init__(self) -> None:
        self.raised: str | None = None

    def __enter__(self) -> _Guard:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> bool:
        if kind is None or not issubclass(kind, Exception):
            return False
        self.raised = kind.__name__
        return True


def _asked(supplier: Supplier, grace: timedelta) -> _Asked:
    began, patience = time.monotonic(), supplier.profile.time_out + grace
    return _Asked(supplier=supplier, began=began, until=began + patience.total_seconds())


def _ask(one: _Asked, ask: Ask, access_for: Callable[[str], Access], answers: _Answers) -> None:
    """Ask one supplier, in a thread of its own, and hand over what came of it."""
    reading = None
    with _Guard() as guard:
        access = access_for(one.key)
        seconds = one.supplier.profile.time_out.total_seconds()
        reading = read(one.supplier, ask, replace(access, deadline=access.monotonic() + seconds))
    answers.put((one, reading, guard.raised))


def _next(
    answers: _Answers, waiting: Mapping[str, _Asked], clock: Clock
) -> list[tuple[_Asked, Reading]]:
    """Wait for the next answer; without one, return those whose time is up."""
    patience = min(one.until for one in waiting.values()) - time.monotonic()
    try:
        one, reading, raised = answers.get(timeout=max(0.0, patience))
    except Empty:
        now = time.monotonic()
        late = [one for one in waiting.values() if one.until <= now]
        return [(one, _timed_out(one, clock)) for one in late]
    if one.key not in waiting:
        return []  # it was given up on, and recorded so
    if reading is None:
        what = f"the adapter broke ({raised}); this is a fault of ours, report it"
        reading = _failed(one.key, clock, what)
    return [(one, reading)]


def _take_in(
    database: Database,
    reading: Reading,
    ask: Ask,
    actor: str,
    clock: Clock,
    *,
    accept_jump: bool,
) -> PollReport:
    with _Guard() as guard:
        return ingest_reading(
            database, reading, actor=actor, clock=clock, ask=ask, accept_jump=accept_jump
        )
    what = f"the answer could not be taken in ({guard.raised}); this is a fault of ours, report it"
    failed = _failed(reading.supplier, clock, what)
    return ingest_reading(database, failed, actor=actor, clock=clock, ask=ask)


def _timed_out(one: _Asked, clock: Clock) -> Reading:
    now, seconds = clock(), one.supplier.profile.time_out.total_seconds()
    return Reading(
        supplier=one.key,
        state=ReadingState.TIMED_OUT,
        started_at=now,
        finished_at=now,
        kind=ErrorKind.TRANSIENT,
        message=f"no answer within {seconds:g} seconds",
    )


def _failed(supplier: str, clock: Clock, message: str) -> Reading:
    now = clock()
    return Reading(
        supplier=supplier,
        state=ReadingState.FAILED,
        started_at=now,
        finished_at=now,
        kind=ErrorKind.CONTRACT,
        message=message,
    )


def _news(one: _Asked, report: PollReport) -> PollProgress:
    return PollProgress(
        supplier=one.key,
        step=PollStep(report.state.value),
        offers=report.offers,
        seconds=time.monotonic() - one.began,
    )
