"""API keys as they cross the network."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from broker.access.key import (
    ID_PATTERN,
    LONGEST_LIFE_DAYS,
    LONGEST_OVERLAP,
    NAME_PATTERN,
    ApiKey,
    KeyState,
)
from broker.access.scope import Role, Scope

KeyId = Annotated[str, Field(pattern=ID_PATTERN, description="the public id of a key")]


class Whoami(BaseModel):
    """Who the key or token in the request belongs to, and what it may do."""

    key_id: KeyId | None = Field(description="null: signed in with a token")
    principal: str = Field(description="whose leases these are; it outlives a rotation of the key")
    name: str
    role: Role
    scopes: list[Scope]


class KeyRequest(BaseModel):
    """The key that is asked for."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(pattern=NAME_PATTERN)]
    role: Role
    expires_in_days: Annotated[int, Field(ge=1, le=LONGEST_LIFE_DAYS)] | None = None


class CreatedKey(BaseModel):
    """A key at the only moment it can be seen."""

    id: KeyId
    key: str = Field(description="shown once; send it as Authorization: Bearer …")


class KeyRotation(BaseModel):
    """How long the old key lives on beside the new one."""

    model_config = ConfigDict(extra="forbid")

    overlap_seconds: Annotated[int, Field(ge=0, le=int(LONGEST_OVERLAP.total_seconds()))]


class RotatedKey(CreatedKey):
    """A key that took the place of another."""

    replaced_id: KeyId
    replaced_until: datetime = Field(description="from then on the old key opens nothing")


class KeyEntry(BaseModel):
    """What is kept of a key."""

    id: KeyId
    name: str
    role: Role
    last4: str
    state: KeyState
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None = Field(description="kept to the minute")
    replaced_by: KeyId | None = Field(description="the key that took its place")

    @classmethod
    def of(cls, key: ApiKey, *, now: datetime) -> KeyEntry:
        """Return a key as it is shown at `now`."""
        return cls(
            id=key.id,
            name=key.name,
            role=key.role,
            last4=key.last4,
            state=key.state(now),
            created_at=key.created_at,
            expires_at=key.expires_at,
            revoked_at=key.revoked_at,
            last_used_at=key.last_used_at,
            replaced_by=key.replaced_by,
        )


class KeyList(BaseModel):
    """All keys, the newest first."""

    items: list[KeyEntry]
