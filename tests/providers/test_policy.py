"""Policies are made of what adapters declare, and let nobody spend."""

import pytest

from providers import registry
from providers.policy import AWS_NEVER, permissions_of, policy_of

SPENDING = ("create", "purchase", "run", "request", "modify", "delete", "put", "terminate")


@pytest.mark.parametrize("key", list(registry.SUPPLIERS))
def test_every_permission_only_reads(key: str) -> None:
    for permission in permissions_of(registry.supplier(key).profile):
        words = permission.replace("/", ":").replace(".", ":").lower().split(":")
        assert not words[-1].startswith(SPENDING), permission


@pytest.mark.parametrize("key", list(registry.SUPPLIERS))
def test_a_policy_names_every_permission_once(key: str) -> None:
    profile = registry.supplier(key).profile
    text = str(policy_of(profile))
    assert all(text.count(f"'{each}'") == 1 for each in permissions_of(profile))
    assert profile.capabilities >= set(profile.permissions)


def test_nothing_is_both_allowed_and_refused() -> None:
    if "aws" in registry.SUPPLIERS:
        assert not set(permissions_of(registry.supplier("aws").profile)) & set(AWS_NEVER)
