"""Who is calling, and whose leases they may touch."""

from __future__ import annotations

from dataclasses import dataclass

from broker.access.audit import LOCALLY, Origin
from broker.access.scope import Role, Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who is calling, as their key or token says.

    `principal` is whom leases belong to: the id of the key (of the first one, for a key that took
    another's place), or `oidc:` and the subject of a token. No key's id has a colon.
    """

    principal: str
    name: str
    role: Role
    scopes: frozenset[Scope]
    key_id: str | None = None  # None: signed in with a token
    origin: Origin = LOCALLY

    @property
    def actor(self) -> str:
        """Return the name under which the books record what this caller does."""
        return self.name

    @property
    def reach(self) -> str | None:
        """Return the principal whose leases and requests the caller is held to; None: any."""
        return None if Scope.CAPACITY_ADMIN in self.scopes else self.principal


def may_touch(caller: Caller, principal_of_lease: str) -> bool:
    """Say whether a caller may change a lease or request of this principal: only an own one.

    Whoever administers capacity may change any.
    """
    return caller.reach is None or caller.reach == principal_of_lease
