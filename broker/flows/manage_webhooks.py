"""Webhooks for capacity events: add one, list them, remove one."""

from __future__ import annotations

import base64
import logging
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from broker.clock import Clock
from broker.errors import RefusedError
from broker.identity import new_id
from broker.notify.webhook import SECRET_PREFIX, Named, webhook_to
from broker.store.capacity_events import last_seq
from broker.store.engine import Database
from broker.store.webhooks import Endpoint, add_endpoint, endpoints, remove_endpoint

MOST_ENDPOINTS = 50
SECRET_BYTES = 32
NAMED = Named(url="the url", secret="the secret")  # noqa: S106 - what messages call it

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointWish:
    """Where to post, what kinds (none: all), and behind which event to begin (None: the newest)."""

    url: str = field(repr=False)
    kinds: Sequence[str] = ()
    after: int | None = None
    allow_loopback: bool = False


def add_webhook(database: Database, wish: EndpointWish, *, actor: str, clock: Clock) -> Endpoint:
    """Put an endpoint on record with a fresh secret, and return both.

    Raises BadInputError for an address that nothing is posted to, RefusedError past the most
    endpoints there may be.
    """
    secret = SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    webhook_to(wish.url, secret, allow_loopback=wish.allow_loopback, named=NAMED)
    now = clock()
    with database.writing() as session:
        if len(endpoints(session)) >= MOST_ENDPOINTS:
            raise RefusedError(f"there are {MOST_ENDPOINTS} webhooks already; remove one first")
        after = last_seq(session) if wish.after is None else wish.after
        endpoint = Endpoint(
            id=new_id(),
            url=wish.url,
            secret=secret,
            kinds=tuple(sorted(set(wish.kinds))),
            next_seq=after + 1,
            attempts=0,
            due_at=now,
            claimed_until=None,
            last_error=None,
            disabled_at=None,
            actor=actor,
            created_at=now,
        )
        add_endpoint(session, endpoint)
    log.info("webhook added", extra={"webhook": endpoint.id, "actor": actor})
    return endpoint


def list_webhooks(database: Database) -> list[Endpoint]:
    """Return every endpoint, the oldest first."""
    with database.reading() as session:
        return endpoints(session)


def remove_webhook(database: Database, endpoint_id: str, *, actor: str) -> None:
    """Forget an endpoint, or raise NotFoundError."""
    with database.writing() as session:
        remove_endpoint(session, endpoint_id)
    log.info("webhook removed", extra={"webhook": endpoint_id, "actor": actor})
