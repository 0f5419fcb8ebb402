"""What a route may ask for: the database, the settings, the clock, and who is calling.

    @router.get("/prices")
    def prices(wiring: WiringDep, caller: Annotated[Caller, requires(Scope.PRICES_READ)]) -> …

A route without `requires` is open to everybody; a test refuses that for everything under /v1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any

from fastapi import BackgroundTasks, Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes

from broker.access.scope import Role, Scope, roles_with, scopes_of
from broker.api.readiness import Readiness
from broker.clock import Clock
from broker.errors import NotAllowedError, NotSignedInError
from broker.flows.manage_keys import note_use, sign_in
from broker.metrics import Meters
from broker.settings import Settings
from broker.store.engine import Database

_bearer = HTTPBearer(
    auto_error=False, description="An API key; make one with `tonnage keys create`."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """What the application was built with."""

    database: Database
    settings: Settings
    clock: Clock
    readiness: Readiness
    meters: Meters = field(default_factory=Meters)
    grants: object | None = None  # the engine that grants leases, where this process has one

    def today(self) -> date:
        """Return the business day: the one that is set, else the UTC day of the clock."""
        return self.settings.as_of or self.clock().date()


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who is calling, as their key says."""

    key_id: str
    name: str
    role: Role
    scopes: frozenset[Scope]

    @property
    def actor(self) -> str:
        """Return the name under which the books record what this caller does."""
        return self.name


def wiring_of(request: Request) -> Wiring:
    """Return what the application was built with."""
    found: Wiring = request.app.state.wiring
    return found


WiringDep = Annotated[Wiring, Depends(wiring_of)]


def requires(*scopes: Scope) -> Any:
    """Return the dependency that lets in who holds all these scopes, and says who it is.

    Without a scope every live key is let in. 401 without one, 403 when a scope is lacking.
    """
    return Security(_caller, scopes=[scope.value for scope in scopes])


def _caller(
    needed: SecurityScopes,
    request: Request,
    wiring: WiringDep,
    later: BackgroundTasks,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Caller:
    if credentials is None:
        raise NotSignedInError(
            "this needs an API key in the header Authorization: Bearer tng_…; "
            "make one with: tonnage keys create"
        )
    key = sign_in(
        wiring.database,
        credentials.credentials,
        pepper=wiring.settings.key_pepper.get_secret_value(),
        clock=wiring.clock,
    )
    request.state.key_id = key.id
    # After the answer: a database that is busy with an import must not hold up who only reads.
    later.add_task(note_use, wiring.database, key, clock=wiring.clock)
    held = scopes_of(key.role)
    for scope in (Scope(value) for value in needed.scopes):
        if scope not in held:
            raise NotAllowedError(
                f"this needs the scope {scope}, which a key of role {key.role} lacks; "
                f"roles that hold it: {', '.join(roles_with(scope))}"
            )
    return Caller(key_id=key.id, name=key.name, role=key.role, scopes=held)
