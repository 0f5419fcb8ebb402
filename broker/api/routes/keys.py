"""API keys: who am I, and, for administrators, all of them."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, status

from broker.access.scope import Scope
from broker.api.wire.keys import (
    CreatedKey,
    KeyEntry,
    KeyId,
    KeyList,
    KeyRequest,
    KeyRotation,
    RotatedKey,
    Whoami,
)
from broker.api.wiring import Caller, WiringDep, requires
from broker.flows.manage_keys import KeyWish, create_key, list_keys, revoke_key, rotate_key

router = APIRouter(prefix="/v1", tags=["keys"])

Anybody = Annotated[Caller, requires()]
Administrator = Annotated[Caller, requires(Scope.KEYS_ADMIN)]


@router.get("/whoami")
def whoami(caller: Anybody) -> Whoami:
    """Say who the key or token belongs to and what it may do."""
    return Whoami(
        key_id=caller.key_id,
        principal=caller.principal,
        name=caller.name,
        role=caller.role,
        scopes=sorted(caller.scopes),
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
        origin=caller.origin,
    )
    return CreatedKey(id=made.id, key=made.key)


@router.post("/keys/{key_id}/rotate", status_code=status.HTTP_201_CREATED)
def rotate(
    wiring: WiringDep, caller: Administrator, key_id: KeyId, body: KeyRotation
) -> RotatedKey:
    """Make a key that takes the place of another, which lives on for the overlap."""
    done = rotate_key(
        wiring.database,
        key_id,
        overlap=timedelta(seconds=body.overlap_seconds),
        pepper=wiring.settings.key_pepper.get_secret_value(),
        actor=caller.actor,
        clock=wiring.clock,
        origin=caller.origin,
    )
    wiring.sign_ins.forget(key_id)
    return RotatedKey(
        id=done.made.id,
        key=done.made.key,
        replaced_id=done.replaced_id,
        replaced_until=done.replaced_until,
    )


@router.delete("/keys/{key_id}", status_code=status.HTTP_204_NO_CONTENT)
def revoke(wiring: WiringDep, caller: Administrator, key_id: KeyId) -> None:
    """Revoke a key; within seconds no process lets it in. Twice is as good as once."""
    revoke_key(
        wiring.database, key_id, actor=caller.actor, clock=wiring.clock, origin=caller.origin
    )
    wiring.sign_ins.forget(key_id)
