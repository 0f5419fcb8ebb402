"""API keys: make one, list them, revoke one, and sign in with one."""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from broker.access.key import (
    ID_LENGTH,
    ID_LETTERS,
    LAST_SHOWN,
    LONGEST_LIFE_DAYS,
    SECRET_BYTES,
    ApiKey,
    KeyState,
    checked_name,
    digest_of,
    id_in,
    matches,
    written,
)
from broker.access.scope import Role
from broker.clock import Clock
from broker.errors import BadInputError, ConflictError, NotFoundError, NotSignedInError
from broker.store import keys
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


def create_key(
    database: Database, wish: KeyWish, *, pepper: str, actor: str, clock: Clock
) -> NewKey:
    """Make a key and return it; only its keyed hash is kept.

    Raises BadInputError for a name or lifetime that cannot be, ConflictError when a key that is
    not revoked bears the name.
    """
    name, life, now = checked_name(wish.name), _life(wish.expires_in_days), clock()
    key_id = "".join(secrets.choice(ID_LETTERS) for _ in range(ID_LENGTH))
    key = written(key_id, secrets.token_bytes(SECRET_BYTES))
    record = ApiKey(
        id=key_id,
        name=name,
        role=wish.role,
        last4=key[-LAST_SHOWN:],
        created_at=now,
        digest=digest_of(key, pepper=pepper),
        expires_at=None if life is None else now + life,
    )
    try:
        with database.writing() as session:
            keys.add(session, record)
    except IntegrityError as taken:
        raise ConflictError(
            f"a key named {name!r} exists and is not revoked; "
            "choose another name, or revoke that key first"
        ) from taken
    log.info("key created", extra={"key_id": key_id, "role": wish.role.value, "actor": actor})
    return NewKey(id=key_id, key=key)


def list_keys(database: Database) -> list[ApiKey]:
    """Return all keys, the newest first."""
    with database.reading() as session:
        return keys.every(session)


def revoke_key(database: Database, id_or_name: str, *, actor: str, clock: Clock) -> ApiKey:
    """Revoke a key, from the next request on; revoking twice changes nothing."""
    with database.writing() as session:
        found = keys.by_id(session, id_or_name) or keys.by_name(session, id_or_name)
        if found is None:
            raise NotFoundError(
                "no key has this id, and none that is not revoked has this name; "
                "see: tonnage keys list"
            )
        keys.revoke(session, found.id, at=clock())
    log.info("key revoked", extra={"key_id": found.id, "actor": actor})
    return found


def sign_in(database: Database, key: str, *, pepper: str, clock: Clock) -> ApiKey:
    """Return the record of a live key; raise NotSignedInError for any other text.

    Only who holds the whole key learns that it has expired or was revoked.
    """
    key_id = id_in(key)
    record = None
    if key_id is not None:
        with database.reading() as session:
            record = keys.by_id(session, key_id)
    if record is None or not matches(key, record, pepper=pepper):
        raise NotSignedInError("this API key is not known; make one with: tonnage keys create")
    state = record.state(clock())
    if state is not KeyState.LIVE:
        raise NotSignedInError(
            f"this API key is {state.value}; make another with: tonnage keys create"
        )
    return record


def note_use(database: Database, key: ApiKey, *, clock: Clock) -> None:
    """Write down that a key was used, at most once a minute; a failure only costs the note."""
    now = clock()
    if not key.use_is_due(now):
        return
    try:
        with database.writing() as session:
            keys.note_use(session, key.id, at=now)
    except SQLAlchemyError as failure:
        log.warning(
            "use of a key was not noted",
            extra={"key_id": key.id, "because": type(failure).__name__},
        )


def _life(days: int | None) -> timedelta | None:
    if days is None:
        return None
    if not 1 <= days <= LONGEST_LIFE_DAYS:
        raise BadInputError(f"a key lives 1 to {LONGEST_LIFE_DAYS} days, not {days}")
    return timedelta(days=days)
