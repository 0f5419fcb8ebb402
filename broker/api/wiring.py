"""What a route may ask for: the database, the settings, the clock, and who is calling.

    @router.get("/prices")
    def prices(wiring: WiringDep, caller: Annotated[Caller, requires(Scope.PRICES_READ)]) -> …

A router with a route that lacks `requires` is not served under /v1: what is not allowed is denied.
Nothing here waits for a thread while a caller is remembered: a lease is granted in less time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date
from threading import BoundedSemaphore
from typing import Annotated, Any, Final

from fastapi import BackgroundTasks, Depends, Request, Security
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes
from fastapi.security.utils import get_authorization_scheme_param
from starlette.background import BackgroundTask
from starlette.routing import BaseRoute

from broker.access.audit import AuditDraft, Origin
from broker.access.caller import Caller
from broker.access.scope import Scope, roles_with, scopes_of
from broker.api.readiness import Readiness
from broker.api.sign_ins import SignedIn, SignIns
from broker.clock import Clock
from broker.errors import NotAllowedError, NotSignedInError
from broker.flows.request_capacity import Desk
from broker.flows.sign_in import note_use
from broker.metrics import Meters
from broker.settings import Settings
from broker.store.engine import Database

__all__ = [
    "READING",
    "Caller",
    "Wiring",
    "WiringDep",
    "bearer_of",
    "is_still_welcome",
    "let_in",
    "reads_of",
    "require_guarded",
    "requires",
    "scopes_asked_of",
    "wiring_of",
]

READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing."""

RECORDED_ELSEWHERE: Final = Scope.CAPACITY_WRITE.value
"""Requests and leases are on record with what they changed, not on the audit log."""

MOST_PLANS_AT_ONCE: Final = 2
"""Each takes a processor for as long as its budget; the rest of the API needs one too."""

_LONGEST_OBJECT: Final = 200

_bearer = HTTPBearer(
    auto_error=False,
    description="An API key, made with `tonnage keys create`, or a token of the identity provider.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """What the application was built with."""

    database: Database
    settings: Settings
    clock: Clock
    sign_ins: SignIns
    desk: Desk
    readiness: Readiness
    meters: Meters = field(default_factory=Meters)
    plan_turns: BoundedSemaphore = field(
        default_factory=lambda: BoundedSemaphore(MOST_PLANS_AT_ONCE)
    )

    def today(self) -> date:
        """Return the business day: the one that is set, else the UTC day of the clock."""
        return self.settings.as_of or self.clock().date()


async def wiring_of(request: Request) -> Wiring:
    """Return what the application was built with."""
    found: Wiring = request.app.state.wiring
    return found


WiringDep = Annotated[Wiring, Depends(wiring_of)]


def requires(*scopes: Scope) -> Any:
    """Return the dependency that lets in who holds all these scopes, and says who it is.

    Without a scope everybody with a role is let in. 401 without a live key or valid token, 403
    when a scope is lacking.
    """
    return Security(_caller, scopes=[scope.value for scope in scopes])


def reads_of(caller: Caller) -> str | None:
    """Return the principal whose leases, requests and events a caller may see; None: anybody's.

    Whoever holds leases sees their own; whoever only looks, or administers, sees all.
    """
    return caller.reach if Scope.CAPACITY_WRITE in caller.scopes else None


def bearer_of(request: Request) -> str | None:
    """Return the key or token that came with a request, if any."""
    scheme, bearer = get_authorization_scheme_param(request.headers.get("authorization"))
    return bearer if bearer and scheme.lower() == "bearer" else None


async def is_still_welcome(request: Request) -> bool:
    """Say whether the key or token of a request that goes on and on is still good."""
    _, bearer = get_authorization_scheme_param(request.headers.get("authorization"))
    try:
        await request.app.state.wiring.sign_ins.admit(bearer)
    except NotSignedInError:
        return False
    return True


def require_guarded(routes: Iterable[BaseRoute]) -> None:
    """Raise RuntimeError if a route would let in whoever comes."""
    for route in routes:
        if not isinstance(route, APIRoute) or _guard_of(route.dependant) is None:
            raise RuntimeError(f"{getattr(route, 'path', route)} lacks `requires`: see its module")


def _guard_of(dependant: Dependant) -> Dependant | None:
    for one in dependant.dependencies:
        found = one if one.call is _caller else _guard_of(one)
        if found is not None:
            return found
    return None


def scopes_asked_of(route: APIRoute) -> tuple[str, ...]:
    """Return the scopes that `requires` names on a route; RuntimeError if it lets in anybody."""
    guard = _guard_of(route.dependant)
    if guard is None:
        raise RuntimeError(f"{route.path} lacks `requires`: see its module")
    return tuple(guard.own_oauth_scopes or ())


async def let_in(
    request: Request, wiring: Wiring, bearer: str | None, needed: Collection[str]
) -> tuple[Caller, BackgroundTask | None]:
    """Return who calls, and what is to be done after the answer; raise where they may not.

    After it, since a database that is busy must not hold up who only reads.
    """
    if bearer is None:
        raise NotSignedInError(
            "this needs an API key in the header Authorization: Bearer tng_…; "
            "make one with: tonnage keys create"
        )
    found = await wiring.sign_ins.admit(bearer)
    key = found.note_is_due(wiring.clock())
    later = None
    if key is not None:
        later = BackgroundTask(note_use, wiring.database, key, clock=wiring.clock)
    origin = _origin_of(request, found)
    request.state.key_id = origin.key_id
    if request.method not in READING and RECORDED_ELSEWHERE not in needed:
        request.state.audited = _draft_of(request, found, origin)
    return _allowed(found, needed, origin), later


async def _caller(
    needed: SecurityScopes,
    request: Request,
    wiring: WiringDep,
    later: BackgroundTasks,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Caller:
    bearer = None if credentials is None else credentials.credentials
    caller, task = await let_in(request, wiring, bearer, needed.scopes)
    if task is not None:
        later.tasks.append(task)
    return caller


def _allowed(found: SignedIn, needed: Iterable[str], origin: Origin) -> Caller:
    """Return the caller if they hold every scope; raise NotAllowedError if not."""
    role = found.role
    if role is None:
        raise NotAllowedError(
            "this token's groups have no role here; ask for one of the groups that "
            "TONNAGE_OIDC_ROLE_MAP names"
        )
    held = scopes_of(role)
    for scope in (Scope(value) for value in needed):
        if scope not in held:
            raise NotAllowedError(
                f"this needs the scope {scope}, which the role {role} lacks; "
                f"roles that hold it: {', '.join(roles_with(scope))}"
            )
    return Caller(
        principal=found.principal,
        name=found.name,
        role=role,
        scopes=held,
        key_id=None if found.key is None else found.key.id,
        origin=origin,
    )


def _origin_of(request: Request, found: SignedIn) -> Origin:
    return Origin(
        key_id=found.principal if found.key is None else found.key.id,
        request_id=request.state.request_id,
        address=None if request.client is None else request.client.host,
    )


def _draft_of(request: Request, found: SignedIn, origin: Origin) -> AuditDraft:
    """What the audit log will say; the path is the one that is described, without its values."""
    template = getattr(request.scope.get("route"), "path", request.url.path)
    return AuditDraft(
        actor=found.name,
        action=f"{request.method} {template}",
        object_id=request.url.path[:_LONGEST_OBJECT],
        origin=origin,
    )
