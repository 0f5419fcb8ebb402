"""Capacity events and the webhooks they are posted to, as they cross the network."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from broker.store.capacity_events import CapacityEvent
from broker.store.webhooks import Endpoint

HIGHEST_SEQ: Final = 2**63 - 2
HEARTBEAT: Final = ": still here\n\n"

Seq = Annotated[int, Field(ge=0, le=HIGHEST_SEQ)]
EventKind = Annotated[
    str, Field(pattern=r"^[a-z]{1,30}\.[a-z-]{1,30}$", description="lease.granted")
]


class CapacityEventOut(BaseModel):
    """Something that happened to a request, a lease or a pool."""

    seq: int
    kind: str
    object_id: str
    holder: str | None
    at: datetime
    data: dict[str, Any]

    @classmethod
    def of(cls, event: CapacityEvent) -> CapacityEventOut:
        """Return an event."""
        return cls(
            seq=event.seq,
            kind=event.kind,
            object_id=event.object_id,
            holder=event.holder,
            at=event.at,
            data=dict(event.data),
        )


class CapacityEventList(BaseModel):
    """Events in order."""

    items: list[CapacityEventOut]
    next: int = Field(description="give it as after to read on")


def server_sent(event: CapacityEvent | None) -> str:
    """Return an event as a stream tells it; None is the comment that keeps the stream open."""
    if event is None:
        return HEARTBEAT
    text = json.dumps(CapacityEventOut.of(event).model_dump(mode="json"))
    return f"id: {event.seq}\nevent: {event.kind}\ndata: {text}\n\n"


class WebhookRequest(BaseModel):
    """Where to post capacity events."""

    model_config = ConfigDict(extra="forbid")

    url: Annotated[str, Field(min_length=1, max_length=2000, description="https, a public address")]
    kinds: Annotated[list[EventKind], Field(max_length=50, description="none: all")] = []
    after: Annotated[
        Seq | None, Field(strict=True, description="begin behind this event; null: the newest")
    ] = None


class WebhookOut(BaseModel):
    """A webhook, and how far it has got."""

    id: str
    host: str = Field(description="of its address; the rest of that may be a secret")
    kinds: list[str]
    next_seq: int = Field(description="the first event that was not delivered yet")
    attempts: int = Field(description="that failed in a row at next_seq")
    due_at: datetime
    last_error: str | None
    disabled_at: datetime | None = Field(
        description="given up: remove it and add it again with after = next_seq - 1"
    )
    created_at: datetime

    @classmethod
    def of(cls, endpoint: Endpoint) -> WebhookOut:
        """Return a webhook without what is secret."""
        return cls(
            id=endpoint.id,
            host=urlsplit(endpoint.url).hostname or "",
            kinds=list(endpoint.kinds),
            next_seq=endpoint.next_seq,
            attempts=endpoint.attempts,
            due_at=endpoint.due_at,
            last_error=endpoint.last_error,
            disabled_at=endpoint.disabled_at,
            created_at=endpoint.created_at,
        )


class CreatedWebhook(WebhookOut):
    """A webhook at the only moment its secret can be seen."""

    secret: str = Field(description="shown once; the key of the signatures, as whsec_…")

    @classmethod
    def made(cls, endpoint: Endpoint) -> CreatedWebhook:
        """Return a webhook that was just added."""
        return cls(**dict(WebhookOut.of(endpoint)), secret=endpoint.secret)


class WebhookList(BaseModel):
    """All webhooks, the oldest first."""

    items: list[WebhookOut]
