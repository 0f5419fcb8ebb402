"""What the claims of a token say of its bearer."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.access.key import NAME_PATTERN, SECRET_BYTES, written
from broker.access.scope import Role
from broker.access.token import looks_like_token, principal_of, role_in, role_map_of
from broker.errors import BadInputError

ROLE_MAP = role_map_of('{"gpu-admins": "admin", "gpu-buyers": "procurement"}')


@pytest.mark.parametrize(
    ("claims", "claim", "role"),
    [
        ({"groups": ["gpu-buyers"]}, "groups", Role.PROCUREMENT),
        ({"groups": ["gpu-buyers", "gpu-admins"]}, "groups", Role.ADMIN),
        ({"groups": "gpu-buyers"}, "groups", Role.PROCUREMENT),
        ({"realm_access": {"roles": ["gpu-buyers"]}}, "realm_access.roles", Role.PROCUREMENT),
        ({"https://a.example/roles": ["gpu-admins"]}, "https://a.example/roles", Role.ADMIN),
        ({"groups": ["cooks"]}, "groups", None),
        ({"groups": ["gpu-admins-not"]}, "groups", None),
        ({"groups": {"gpu-admins": True}}, "groups", None),
        ({"groups": [["gpu-admins"], 1, None]}, "groups", None),
        ({"groups": None}, "groups", None),
        ({"realm_access": "gpu-admins"}, "realm_access.roles", None),
        ({}, "groups", None),
    ],
)
def test_the_first_group_of_the_map_that_is_named_gives_the_role(
    claims: dict[str, Any], claim: str, role: Role | None
) -> None:
    assert role_in(claims, claim=claim, role_map=ROLE_MAP) is role


@pytest.mark.parametrize("text", ["[]", "{", '"admin"', '{"a": "king"}', '{"a": ["admin"]}', "1"])
def test_a_map_of_something_else_is_refused(text: str) -> None:
    with pytest.raises(BadInputError, match="ROLE_MAP"):
        role_map_of(text)


def test_without_a_map_no_group_has_a_role() -> None:
    assert role_map_of("") == ()


@given(secret=st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES))
def test_no_key_looks_like_a_token(secret: bytes) -> None:
    assert not looks_like_token(written("dana0001", secret))


@pytest.mark.parametrize("text", ["a.b.c", "eyJh.eyJz.x-_", "a.b."])
def test_three_parts_look_like_a_token(text: str) -> None:
    assert looks_like_token(text)


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c.d.e", "a b.c.d", "a.b.c\n", "é.b.c"])
def test_other_text_does_not(text: str) -> None:
    assert not looks_like_token(text)


@pytest.mark.parametrize("subject", [None, "", 7, "x" * 256, "a\nb", ["dana"]])
def test_a_subject_that_is_none_names_nobody(subject: object) -> None:
    assert principal_of(subject) is None


def test_a_subject_cannot_pass_for_a_key() -> None:
    principal = principal_of("dana0001")

    assert principal == "oidc:dana0001"
    assert ":" not in NAME_PATTERN
