"""Queries on API keys."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, col, or_, select, update

from broker.access.key import USE_NOTED_EVERY, ApiKey
from broker.access.scope import Role
from broker.store.tables import ApiKeyRow


def add(session: Session, key: ApiKey) -> None:
    """Record a new key; a second live key of the same name breaks a unique index."""
    session.add(
        ApiKeyRow(
            id=key.id,
            name=key.name,
            role=key.role.value,
            digest=key.digest,
            last4=key.last4,
            created_at=key.created_at,
            expires_at=key.expires_at,
            first_id=key.first_id,
        )
    )
    session.flush()


def by_id(session: Session, key_id: str) -> ApiKey | None:
    """Return the key with this public id, whatever its state."""
    row = session.get(ApiKeyRow, key_id)
    return None if row is None else _key_of(row)


def by_name(session: Session, name: str) -> ApiKey | None:
    """Return the key of this name that is neither revoked nor replaced; there is at most one."""
    row = session.exec(
        select(ApiKeyRow).where(
            ApiKeyRow.name == name,
            col(ApiKeyRow.revoked_at).is_(None),
            col(ApiKeyRow.replaced_by).is_(None),
        )
    ).one_or_none()
    return None if row is None else _key_of(row)


def bearing(session: Session, name: str) -> list[ApiKey]:
    """Return every key of this name that is not revoked, those included that were replaced."""
    rows = session.exec(
        select(ApiKeyRow)
        .where(ApiKeyRow.name == name, col(ApiKeyRow.revoked_at).is_(None))
        .order_by(col(ApiKeyRow.created_at).desc(), col(ApiKeyRow.id))
    )
    return [_key_of(row) for row in rows]


def replace(session: Session, key_id: str, *, by: str, until: datetime) -> bool:
    """Let a key give way to another at an instant; False when somebody else replaced it first."""
    unreplaced = (
        update(ApiKeyRow)
        .where(
            col(ApiKeyRow.id) == key_id,
            col(ApiKeyRow.revoked_at).is_(None),
            col(ApiKeyRow.replaced_by).is_(None),
        )
        .values(replaced_by=by, expires_at=until)
    )
    return session.exec(unreplaced).rowcount == 1


def every(session: Session) -> list[ApiKey]:
    """Return all keys, the newest first, revoked ones included."""
    rows = session.exec(
        select(ApiKeyRow).order_by(col(ApiKeyRow.created_at).desc(), col(ApiKeyRow.id))
    )
    return [_key_of(row) for row in rows]


def revoke(session: Session, key_id: str, *, at: datetime) -> None:
    """Mark a key as revoked; the moment of a first revocation stays."""
    session.exec(
        update(ApiKeyRow)
        .where(col(ApiKeyRow.id) == key_id, col(ApiKeyRow.revoked_at).is_(None))
        .values(revoked_at=at)
    )


def note_use(session: Session, key_id: str, *, at: datetime) -> None:
    """Write down a use, unless another request of the same minute already did."""
    unnoted = or_(
        col(ApiKeyRow.last_used_at).is_(None),
        col(ApiKeyRow.last_used_at) <= at - USE_NOTED_EVERY,
    )
    session.exec(
        update(ApiKeyRow).where(col(ApiKeyRow.id) == key_id, unnoted).values(last_used_at=at)
    )


def _key_of(row: ApiKeyRow) -> ApiKey:
    return ApiKey(
        id=row.id,
        name=row.name,
        role=Role(row.role),
        last4=row.last4,
        created_at=row.created_at,
        digest=row.digest,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        last_used_at=row.last_used_at,
        first_id=row.first_id,
        replaced_by=row.replaced_by,
    )
