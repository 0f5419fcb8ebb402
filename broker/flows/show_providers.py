"""Says how every supplier of the registry stands: configured or not, polled when, with what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from broker.clock import Clock
from broker.errors import NotFoundError
from broker.store.engine import Database
from broker.store.polls import PlaceStatus, ProviderStatus, known_skips, provider_status
from providers import registry
from providers.access import Access
from providers.supplier import Profile, Skip

NEVER_POLLED: Final = "never-polled"
NOT_CONFIGURED: Final = "not-configured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A supplier as it stands now.

    `state` is that of the last poll; a supplier that was never polled is `never-polled`, or
    `not-configured` while `missing` names what must be set. `missing` is as this process sees it.
    """

    profile: Profile
    state: str
    missing: tuple[str, ...]
    unset: tuple[str, ...]  # credentials without which only the public part is asked
    polled_at: datetime | None
    last_ok_at: datetime | None
    age_seconds: int | None  # of the last whole answer
    is_stale: bool  # older than two of its poll intervals
    offers: int
    skips: Mapping[str, int]
    error_kind: str | None
    error: str | None
    places: tuple[PlaceStatus, ...]


INTERVALS_UNTIL_STALE: Final = 2


def show_providers(database: Database, access: Access, *, clock: Clock) -> list[Provider]:
    """Return every supplier, in the order of the registry."""
    now = clock()
    with database.reading() as session:
        polled = {status.supplier: status for status in provider_status(session)}
    return [
        _provider(registry.supplier(key).profile, polled.get(key), access, now=now)
        for key in registry.SUPPLIERS
    ]


def show_provider(
    database: Database, key: str, access: Access, *, clock: Clock
) -> tuple[Provider, list[Skip]]:
    """Return one supplier and all that its last answer left out; raise NotFoundError."""
    require_known(key)
    with database.reading() as session:
        polled = {status.supplier: status for status in provider_status(session)}
        skips = known_skips(session, key)
    profile = registry.supplier(key).profile
    return _provider(profile, polled.get(key), access, now=clock()), skips


def require_known(key: str) -> None:
    """Raise NotFoundError unless the registry has a supplier of that key."""
    if key not in registry.SUPPLIERS:
        raise NotFoundError(f"{key!r} is no supplier; there are {', '.join(registry.SUPPLIERS)}")


def _provider(
    profile: Profile, status: ProviderStatus | None, access: Access, *, now: datetime
) -> Provider:
    missing = registry.supplier(profile.key).missing(access)
    unpolled = NOT_CONFIGURED if missing else NEVER_POLLED
    last_ok_at = None if status is None else status.last_ok_at
    age = None if last_ok_at is None else max(0, int((now - last_ok_at).total_seconds()))
    limit = profile.poll_every.total_seconds() * INTERVALS_UNTIL_STALE
    return Provider(
        profile=profile,
        state=unpolled if status is None else status.state,
        missing=missing,
        unset=() if missing else tuple(x for x in profile.secrets if not access.value(x)),
        polled_at=None if status is None else status.polled_at,
        last_ok_at=last_ok_at,
        age_seconds=age,
        is_stale=age is not None and age > limit,
        offers=0 if status is None else status.offers,
        skips={} if status is None else status.skips,
        error_kind=None if status is None else status.error_kind,
        error=None if status is None else status.error,
        places=() if status is None else status.places,
    )
