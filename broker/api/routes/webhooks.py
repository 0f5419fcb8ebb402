"""Webhooks: where capacity events are posted, signed as Standard Webhooks say."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, status

from broker.access.scope import Scope
from broker.api.wire.events import CreatedWebhook, WebhookList, WebhookOut, WebhookRequest
from broker.api.wiring import Caller, WiringDep, requires
from broker.flows.manage_webhooks import (
    EndpointWish,
    add_webhook,
    list_webhooks,
    remove_webhook,
)

router = APIRouter(prefix="/v1", tags=["webhooks"])

Administrator = Annotated[Caller, requires(Scope.CAPACITY_ADMIN)]
WebhookId = Annotated[str, Path(max_length=64, description="the id of a webhook")]


@router.post("/webhooks", status_code=status.HTTP_201_CREATED)
def add(wiring: WiringDep, caller: Administrator, body: WebhookRequest) -> CreatedWebhook:
    """Post capacity events to an address from now on. The secret is in this answer only."""
    wish = EndpointWish(
        url=body.url,
        kinds=body.kinds,
        after=body.after,
        allow_loopback=wiring.settings.webhook_allow_loopback,
    )
    made = add_webhook(wiring.database, wish, actor=caller.actor, clock=wiring.clock)
    return CreatedWebhook.made(made)


@router.get("/webhooks")
def webhooks(wiring: WiringDep, _: Administrator) -> WebhookList:
    """List webhooks with how far each has got, and which were given up."""
    return WebhookList(items=[WebhookOut.of(each) for each in list_webhooks(wiring.database)])


@router.delete("/webhooks/{webhook_id}", status_code=status.HTTP_204_NO_CONTENT)
def remove(wiring: WiringDep, caller: Administrator, webhook_id: WebhookId) -> None:
    """Remove a webhook; events that wait for it are not posted."""
    remove_webhook(wiring.database, webhook_id, actor=caller.actor)
