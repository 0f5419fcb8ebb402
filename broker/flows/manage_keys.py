"""API keys: make one, list them, rotate one, revoke one."""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from broker.access.audit import LOCALLY, AuditDraft, Origin, state_hash
from broker.access.key import (
    ID_LENGTH,
    ID_LETTERS,
    LAST_SHOWN,
    LONGEST_LIFE_DAYS,
    SECRET_BYTES,
    ApiKey,
    KeyState,
    checked_name,
    checked_overlap,
    digest_of,
    written,
)
from broker.access.scope import Role
from broker.clock import Clock
from broker.errors import (
    BadInputError,
    ConflictError,
    NotFoundError,
    RefusedError,
)
from broker.store import keys
from broker.store.audit import audited
from broker.store.engine import Database

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """A key at the only moment it can be seen."""

    id: str
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyWish:
    """What the key is to be: for whom, as what, for how long (None: until revoked)."""

    name: str
    role: Role
    expires_in_days: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """A key that takes the place of another, which lives on until an instant."""

    made: NewKey
    replaced_id: str
    replaced_until: datetime


def create_key(
    database: Database,
    wish: KeyWish,
    *,
    pepper: str,
    actor: str,
    clock: Clock,
    origin: Origin = LOCALLY,
) -> NewKey:
    """Make a key and return it; only its keyed hash is kept.

    Raises BadInputError for a name or lifetime that cannot be, ConflictError when a key that is
    not revoked bears the name.
    """
    name, life, now = checked_name(wish.name), _life(wish.expires_in_days), clock()
    made, record = _fresh(name, wish.role, life=life, pepper=pepper, now=now)
    try:
        with database.writing() as session:
            keys.add(session, record)
            _audit(session, "key.created", None, record, actor=actor, origin=origin, at=now)
    except IntegrityError as taken:
        raise ConflictError(
            f"a key named {name!r} exists and is not revoked; "
            "choose another name, rotate that key, or revoke it first"
        ) from taken
    log.info("key created", extra={"key_id": made.id, "role": wish.role.value, "actor": actor})
    return made


def rotate_key(
    database: Database,
    id_or_name: str,
    *,
    overlap: timedelta,
    pepper: str,
    actor: str,
    clock: Clock,
    origin: Origin = LOCALLY,
) -> Rotation:
    """Make a key that takes the place of another: its name, role, length of life, and leases.

    The old one lives on for the overlap, never longer than it would have. Raises NotFoundError,
    BadInputError for an overlap that cannot be, RefusedError for a key that is not live, and
    ConflictError for one that was replaced already.
    """
    overlap, now = checked_overlap(overlap), clock()
    with database.writing() as session:
        old = keys.by_id(session, id_or_name) or keys.by_name(session, id_or_name)
        if old is None:
            raise _unknown()
        _refuse_to_rotate(old, now)
        life = None if old.expires_at is None else old.expires_at - old.created_at
        made, record = _fresh(old.name, old.role, life=life, pepper=pepper, now=now)
        record = replace(record, first_id=old.principal)
        until = now + overlap if old.expires_at is None else min(now + overlap, old.expires_at)
        if not keys.replace(session, old.id, by=made.id, until=until):
            raise _replaced(old)
        keys.add(session, record)
        ended = replace(old, replaced_by=made.id, expires_at=until)
        _audit(session, "key.replaced", old, ended, actor=actor, origin=origin, at=now)
        _audit(session, "key.created", None, record, actor=actor, origin=origin, at=now)
    log.info("key rotated", extra={"key_id": old.id, "new_key_id": made.id, "actor": actor})
    return Rotation(made=made, replaced_id=old.id, replaced_until=until)


def list_keys(database: Database) -> list[ApiKey]:
    """Return all keys, the newest first."""
    with database.reading() as session:
        return keys.every(session)


def revoke_key(
    database: Database, id_or_name: str, *, actor: str, clock: Clock, origin: Origin = LOCALLY
) -> list[ApiKey]:
    """Revoke the key of this id, or every key of this name; return which. Twice is as good as once.

    A name means the keys that were replaced as well: who revokes a name wants nobody left inside.
    """
    now = clock()
    with database.writing() as session:
        named = keys.by_id(session, id_or_name)
        found = [named] if named is not None else keys.bearing(session, id_or_name)
        if not found:
            raise _unknown()
        for key in found:
            if key.revoked_at is None:
                keys.revoke(session, key.id, at=now)
                revoked = replace(key, revoked_at=now)
                _audit(session, "key.revoked", key, revoked, actor=actor, origin=origin, at=now)
    for key in found:
        log.info("key revoked", extra={"key_id": key.id, "actor": actor})
    return found


def _life(days: int | None) -> timedelta | None:
    if days is None:
        return None
    if not 1 <= days <= LONGEST_LIFE_DAYS:
        raise BadInputError(f"a key lives 1 to {LONGEST_LIFE_DAYS} days, not {days}")
    return timedelta(days=days)


def _fresh(
    name: str, role: Role, *, life: timedelta | None, pepper: str, now: datetime
) -> tuple[NewKey, ApiKey]:
    """Return a key nobody has, and what is kept of it."""
    key_id = "".join(secrets.choice(ID_LETTERS) for _ in range(ID_LENGTH))
    key = written(key_id, secrets.token_bytes(SECRET_BYTES))
    record = ApiKey(
        id=key_id,
        name=name,
        role=role,
        last4=key[-LAST_SHOWN:],
        created_at=now,
        digest=digest_of(key, pepper=pepper),
        expires_at=None if life is None else now + life,
    )
    return NewKey(id=key_id, key=key), record


def _refuse_to_rotate(key: ApiKey, now: datetime) -> None:
    if key.replaced_by is not None:
        raise _replaced(key)
    state = key.state(now)
    if state is not KeyState.LIVE:
        raise RefusedError(
            f"key {key.id} is {state.value} and cannot be rotated; "
            "revoke it and make another with: tonnage keys create"
        )


def _replaced(key: ApiKey) -> ConflictError:
    return ConflictError(
        f"key {key.id} was replaced already; rotate the key that took its place, "
        "see: tonnage keys list"
    )


def _unknown() -> NotFoundError:
    return NotFoundError(
        "no key has this id, and none that is not revoked has this name; see: tonnage keys list"
    )


def _audit(
    session: Session,
    action: str,
    before: ApiKey | None,
    after: ApiKey,
    *,
    actor: str,
    origin: Origin,
    at: datetime,
) -> None:
    draft = AuditDraft(
        actor=actor,
        action=action,
        object_id=after.id,
        origin=origin,
        before_hash=state_hash(_state(before)),
        after_hash=state_hash(_state(after)),
    )
    audited(session, draft, at=at)


def _state(key: ApiKey | None) -> dict[str, str | None] | None:
    """Return what somebody can change of a key, or None of no key."""
    if key is None:
        return None
    return {
        "id": key.id,
        "name": key.name,
        "role": key.role.value,
        "expires_at": _iso(key.expires_at),
        "revoked_at": _iso(key.revoked_at),
        "replaced_by": key.replaced_by,
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
