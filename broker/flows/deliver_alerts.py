"""Sends what waits in the outbox: claim, send outside any transaction, note what became of it.

Several senders may work at once. None sends what another holds; only when a sender dies between
sending and noting does a message go out again, once its claim has run out.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from broker.clock import Clock
from broker.notify.message import DeliveryError, Send, message_from_json
from broker.store.engine import Database
from broker.store.outbox import claim, note_delivered, note_failed, waiting
from broker.store.tables import OutboxRow

CLAIM_FOR = timedelta(minutes=2)
"""Longer than any channel takes to send one message."""
FIRST_RETRY_AFTER = timedelta(seconds=30)
LONGEST_RETRY_AFTER = timedelta(hours=6)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A message that did not go out this time; it will be tried again."""

    channel: str
    fingerprint: str
    error: str
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReport:
    """What went out, what did not, and how many messages still wait, each by channel."""

    delivered: Mapping[str, int]
    failures: tuple[Failure, ...]
    waiting: Mapping[str, int]


def deliver_alerts(
    database: Database, senders: Mapping[str, Send], *, clock: Clock
) -> DeliveryReport:
    """Send every due message of the channels given, until none is due.

    A channel that fails is left alone for the rest of this run, so that one dead receiver does not
    hold up the others; its messages stay due.
    """
    delivered: Counter[str] = Counter()
    failures: list[Failure] = []
    usable = dict(senders)
    while usable and (row := _claim(database, usable, clock)) is not None:
        failure = _deliver(database, row, usable[row.channel], clock=clock)
        if failure is None:
            delivered[row.channel] += 1
        else:
            failures.append(failure)
            del usable[row.channel]
    with database.reading() as session:
        left = waiting(session)
    return DeliveryReport(delivered=dict(delivered), failures=tuple(failures), waiting=left)


def retry_after(attempts: int) -> timedelta:
    """Return how long to wait after so many attempts: doubled each time, up to the longest."""
    doublings = min(attempts - 1, 30)  # more would leave the range of a timedelta
    return min(FIRST_RETRY_AFTER * (1 << doublings), LONGEST_RETRY_AFTER)


def _claim(database: Database, usable: Mapping[str, Send], clock: Clock) -> OutboxRow | None:
    now = clock()
    with database.writing() as session:
        return claim(session, channels=tuple(usable), now=now, until=now + CLAIM_FOR)


def _deliver(database: Database, row: OutboxRow, send: Send, *, clock: Clock) -> Failure | None:
    try:
        send(message_from_json(row.payload))
    except DeliveryError as error:
        return _failed(database, row, error=str(error), clock=clock)
    with database.writing() as session:
        note_delivered(session, row, at=clock())
    return None


def _failed(database: Database, row: OutboxRow, *, error: str, clock: Clock) -> Failure:
    due_at = clock() + retry_after(row.attempts)
    with database.writing() as session:
        note_failed(session, row, due_at=due_at, error=error)
    log.warning(
        "alert not delivered",
        extra={"channel": row.channel, "fingerprint": row.fingerprint, "reason": error},
    )
    return Failure(
        channel=row.channel, fingerprint=row.fingerprint, error=error, attempts=row.attempts
    )
