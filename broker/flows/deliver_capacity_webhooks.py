"""Posts capacity events to the webhooks: in order, at least once, each endpoint by itself.

An endpoint that fails is tried again after a while, twice as long each time, with the same event:
nothing overtakes it. After MOST_ATTEMPTS it is disabled and stays where it is, for a person to see.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from broker.clock import Clock
from broker.errors import BadInputError
from broker.flows.manage_webhooks import NAMED
from broker.notify.message import DeliveryError
from broker.notify.webhook import TIMEOUT_SECONDS, webhook_to
from broker.store.capacity_events import CapacityEvent, events_after, last_seq
from broker.store.engine import Database
from broker.store.webhooks import Endpoint, claim_endpoint, due_endpoints, note

AT_ONCE: Final = 20
"""Events posted under one claim: the next sender may be another one."""
CLAIM_FOR: Final = timedelta(seconds=4 * TIMEOUT_SECONDS * AT_ONCE)
"""Longer than so many posts can take, each of them looked up, connected, sent and answered."""
MOST_ATTEMPTS: Final = 12
FIRST_RETRY_AFTER: Final = timedelta(seconds=15)
LONGEST_RETRY_AFTER: Final = timedelta(hours=1)

log = logging.getLogger(__name__)

Post = Callable[[str, bytes], None]
"""Posts a body under a message id, or raises DeliveryError."""
PostTo = Callable[[Endpoint], Post]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookReport:
    """How many events went out, which endpoints failed, and which were disabled for it."""

    delivered: int
    failed: tuple[str, ...]
    disabled: tuple[str, ...]


def deliver_capacity_webhooks(
    database: Database, post_to: PostTo, *, clock: Clock
) -> WebhookReport:
    """Post to every endpoint that is due until nothing waits or the endpoint fails."""
    delivered, failed, disabled = 0, [], []
    with database.reading() as session:
        due = due_endpoints(session, clock())
    for endpoint_id in due:
        while (claimed := _claim(database, endpoint_id, clock)) is not None:
            run = _Run(database=database, endpoint=claimed, clock=clock)
            sent, error = run.serve(post_to)
            delivered += sent
            if error is not None:
                failed.append(endpoint_id)
                if claimed.attempts + 1 >= MOST_ATTEMPTS and not sent:
                    disabled.append(endpoint_id)
            if error is not None or sent < AT_ONCE:
                break
    return WebhookReport(delivered=delivered, failed=tuple(failed), disabled=tuple(disabled))


def posting(*, allow_loopback: bool, clock: Clock) -> PostTo:
    """Return what posts to an endpoint, signed, and to checked addresses only."""

    def post_to(endpoint: Endpoint) -> Post:
        return webhook_to(
            endpoint.url,
            endpoint.secret,
            allow_loopback=allow_loopback,
            clock=clock,
            named=NAMED,
        ).post

    return post_to


def retry_after(attempts: int) -> timedelta:
    """Return how long to wait after so many failures in a row."""
    doublings = min(attempts - 1, 30)  # more would leave the range of a timedelta
    return min(FIRST_RETRY_AFTER * (1 << doublings), LONGEST_RETRY_AFTER)


def body_of(event: CapacityEvent) -> bytes:
    """Return what is posted of an event."""
    data = {
        "seq": event.seq,
        "object_id": event.object_id,
        "holder": event.holder,
        **event.data,
    }
    told = {"type": event.kind, "timestamp": event.at.isoformat(), "data": data}
    return json.dumps(told, sort_keys=True).encode()


def message_id(event: CapacityEvent) -> str:
    """Return the id by which a receiver knows an event that it has had before."""
    return f"capacity-event-{event.seq}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """Some events for one endpoint, under one claim."""

    database: Database
    endpoint: Endpoint
    clock: Clock

    def serve(self, post_to: PostTo) -> tuple[int, str | None]:
        """Post what waits; return how many went out, and what went wrong."""
        endpoint = self.endpoint
        with self.database.reading() as session:
            newest = last_seq(session)
            waiting = events_after(
                session, endpoint.next_seq - 1, kinds=endpoint.kinds, limit=AT_ONCE
            )
        sent = 0
        for event in waiting:
            error = self._error_of(post_to, event)
            if error is not None:
                self._note_failure(event, sent, error)
                return sent, error
            sent += 1
            if not self._note(next_seq=event.seq + 1, attempts=0, last_error=None):
                return sent, None
        # What is not of its kinds needs no second look.
        reached = {} if len(waiting) == AT_ONCE else {"next_seq": newest + 1}
        self._note(**reached, claimed_until=None)
        return sent, None

    def _error_of(self, post_to: PostTo, event: CapacityEvent) -> str | None:
        try:
            post_to(self.endpoint)(message_id(event), body_of(event))
        except (DeliveryError, BadInputError) as failure:
            return str(failure)
        return None

    def _note_failure(self, event: CapacityEvent, sent: int, error: str) -> None:
        attempts = 1 if sent else self.endpoint.attempts + 1
        is_over = attempts >= MOST_ATTEMPTS
        self._note(
            next_seq=event.seq,
            attempts=attempts,
            last_error=error,
            due_at=self.clock() + retry_after(attempts),
            disabled_at=self.clock() if is_over else None,
            claimed_until=None,
        )
        log.warning(
            "capacity event not delivered",
            extra={
                "webhook": self.endpoint.id,
                "seq": event.seq,
                "attempts": attempts,
                "disabled": is_over,
                "reason": error,
            },
        )

    def _note(self, **changes: object) -> bool:
        with self.database.writing() as session:
            return note(session, self.endpoint, **changes)


def _claim(database: Database, endpoint_id: str, clock: Clock) -> Endpoint | None:
    now = clock()
    with database.writing() as session:
        return claim_endpoint(session, endpoint_id, now=now, until=now + CLAIM_FOR)
