"""A scheduler touches its own leases; who administers capacity touches any."""

import pytest

from broker.access.caller import Caller, may_touch
from broker.access.scope import Role, Scope, scopes_of


def a_caller(role: Role, *, principal: str = "dana0001") -> Caller:
    return Caller(principal=principal, name="dana", role=role, scopes=scopes_of(role))


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.ADMIN])
def test_nobody_but_an_administrator_touches_the_lease_of_another(role: Role) -> None:
    assert may_touch(a_caller(role), "dana0001")
    assert not may_touch(a_caller(role), "eve00001")
    assert a_caller(role).reach == "dana0001"


def test_who_administers_capacity_touches_any_lease() -> None:
    admin = a_caller(Role.ADMIN)

    assert Scope.CAPACITY_ADMIN in admin.scopes
    assert may_touch(admin, "eve00001")
    assert admin.reach is None


def test_the_bearer_of_a_token_is_not_the_key_that_its_subject_names() -> None:
    bearer = a_caller(Role.SCHEDULER, principal="oidc:dana0001")

    assert not may_touch(bearer, "dana0001")
