"""Roles bundle scopes; what no role holds, nobody may do."""

import pytest

from broker.access.scope import Role, Scope, roles_with, scopes_of

READS = {scope for scope in Scope if scope.endswith(":read")} - {Scope.AUDIT_READ}
WRITES = {scope for scope in Scope if scope.endswith(":write")} - {Scope.CAPACITY_WRITE}


@pytest.mark.parametrize(
    ("role", "scopes"),
    [
        (Role.VIEWER, READS),
        (
            Role.SCHEDULER,
            {
                Scope.PRICES_READ,
                Scope.CAPACITY_READ,
                Scope.CAPACITY_WRITE,
                Scope.DEMAND_READ,
                Scope.DEMAND_METER,
                Scope.PLANS_READ,
                Scope.PLANS_WRITE,
            },
        ),
        (Role.PROCUREMENT, READS | WRITES),
        (Role.ADMIN, set(Scope)),
    ],
)
def test_a_role_holds_these_scopes_and_no_other(role: Role, scopes: set[Scope]) -> None:
    assert scopes_of(role) == scopes


@pytest.mark.parametrize("scope", [Scope.KEYS_ADMIN, Scope.CAPACITY_ADMIN, Scope.AUDIT_READ])
def test_only_an_administrator_handles_keys_and_pools_and_reads_who_did_what(scope: Scope) -> None:
    assert roles_with(scope) == (Role.ADMIN,)


def test_a_scheduler_leases_and_who_buys_does_not() -> None:
    assert roles_with(Scope.CAPACITY_WRITE) == (Role.SCHEDULER, Role.ADMIN)


def test_a_scheduler_reports_what_was_metered_and_changes_no_forecast() -> None:
    assert roles_with(Scope.DEMAND_METER) == (Role.SCHEDULER, Role.ADMIN)
    assert roles_with(Scope.DEMAND_WRITE) == (Role.PROCUREMENT, Role.ADMIN)


@pytest.mark.parametrize("scope", Scope)
def test_the_roles_with_a_scope_are_those_whose_bundle_has_it(scope: Scope) -> None:
    assert set(roles_with(scope)) == {role for role in Role if scope in scopes_of(role)}
