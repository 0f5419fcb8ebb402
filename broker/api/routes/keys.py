"""API keys: who am I, and, for administrators, all of them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, status

from broker.access.scope import Scope
from broker.api.wire.keys import CreatedKey, KeyEntry, KeyId, KeyList, KeyRequest, Whoami
from broker.api.wiring import Caller, WiringDep, requires
from broker.flows.manage_keys import KeyWish, create_key, list_keys, revoke_key

router = APIRouter(prefix="/v1", tags=["keys"])

Anybody = Annotated[Caller, requires()]
Administrator = Annotated[Caller, requires(Scope.KEYS_ADMIN)]


@router.get("/whoami")
def whoami(caller: Anybody) -> Whoami:
    """Say who the key belongs to and what it may do."""
    return Whoami(
        key_id=caller.key_id, name=caller.name, role=caller.role, scopes=sorted(caller.scopes)
    )


@router.get("/keys")
def keys(wiring: WiringDep, _: Administrator) -> KeyList:
    """List all keys, the newest first."""
    now = wiring.clock()
    return KeyList(items=[KeyEntry.of(key, now=now) for key in list_keys(wiring.database)])


@router.post("/keys", status_code=status.HTTP_201_CREATED)
def create(wiring: WiringDep, caller: Administrator, body: KeyRequest) -> CreatedKey:
    """Make a key. It is in this answer and nowhere else."""
    made = create_key(
        wiring.database,
        KeyWish(name=body.name, role=body.role, expires_in_days=body.expires_in_days),
        pepper=wiring.settings.key_pepper.get_secret_value(),
        actor=caller.actor,
        clock=wiring.clock,
    )
    return CreatedKey(id=made.id, key=made.key)


@router.delete("/keys/{key_id}", status_code=status.HTTP_204_NO_CONTENT)
def revoke(wiring: WiringDep, caller: Administrator, key_id: KeyId) -> None:
    """Revoke a key, from the next request on; twice is as good as once."""
    revoke_key(wiring.database, key_id, actor=caller.actor, clock=wiring.clock)
