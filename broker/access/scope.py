"""Scopes and roles. A right that no role names belongs to nobody."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Scope(StrEnum):
    """One right: a noun of the trade, and whether it is read or written."""

    CONTRACTS_READ = "contracts:read"
    CONTRACTS_WRITE = "contracts:write"
    PRICES_READ = "prices:read"
    PRICES_WRITE = "prices:write"
    RENEWALS_READ = "renewals:read"
    RENEWALS_WRITE = "renewals:write"
    ALERTS_READ = "alerts:read"
    ALERTS_WRITE = "alerts:write"
    LEDGER_READ = "ledger:read"
    CAPACITY_READ = "capacity:read"
    CAPACITY_WRITE = "capacity:write"
    """Ask for GPUs, and hold, renew and give back leases of one's own."""
    CAPACITY_ADMIN = "capacity:admin"
    """Pools, quotas, and the leases of anybody."""
    PLANS_READ = "plans:read"
    PLANS_WRITE = "plans:write"
    """Have placement planned."""
    DEMAND_READ = "demand:read"
    DEMAND_WRITE = "demand:write"
    """Forecasts, and the profiles of models."""
    DEMAND_METER = "demand:meter"
    """Report what was metered."""
    AUDIT_READ = "audit:read"
    KEYS_ADMIN = "keys:admin"


class Role(StrEnum):
    """What a key is for; each is a bundle of scopes."""

    VIEWER = "viewer"
    SCHEDULER = "scheduler"
    PROCUREMENT = "procurement"
    ADMIN = "admin"


_READS: Final = frozenset(
    {
        Scope.CONTRACTS_READ,
        Scope.PRICES_READ,
        Scope.RENEWALS_READ,
        Scope.ALERTS_READ,
        Scope.LEDGER_READ,
        Scope.CAPACITY_READ,
        Scope.PLANS_READ,
        Scope.DEMAND_READ,
    }
)
_WRITES: Final = frozenset(
    {
        Scope.CONTRACTS_WRITE,
        Scope.PRICES_WRITE,
        Scope.RENEWALS_WRITE,
        Scope.ALERTS_WRITE,
        Scope.PLANS_WRITE,
        Scope.DEMAND_WRITE,
    }
)
_SCOPES_OF: Final = {
    Role.VIEWER: _READS,
    Role.SCHEDULER: frozenset(
        {
            Scope.PRICES_READ,
            Scope.CAPACITY_READ,
            Scope.CAPACITY_WRITE,
            Scope.PLANS_READ,
            Scope.PLANS_WRITE,
            Scope.DEMAND_READ,
            Scope.DEMAND_METER,
        }
    ),
    Role.PROCUREMENT: _READS | _WRITES,
    Role.ADMIN: frozenset(Scope),
}


def scopes_of(role: Role) -> frozenset[Scope]:
    """Return the rights that a role bundles."""
    return _SCOPES_OF[role]


def roles_with(scope: Scope) -> tuple[Role, ...]:
    """Return the roles that hold a right, least powerful first."""
    return tuple(role for role in Role if scope in _SCOPES_OF[role])
