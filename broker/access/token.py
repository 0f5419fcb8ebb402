"""What a signed token of an identity provider says of its bearer: who, and in which role."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from broker.access.scope import Role
from broker.errors import BadInputError

PREFIX: Final = "oidc:"
"""Before the subject of a token: no key's id or name has a colon, so nobody passes for a key."""

LONGEST_SUBJECT: Final = 255  # OpenID Connect Core 1.0, section 2

_FORM: Final = re.compile(r"[\w-]+\.[\w-]+\.[\w-]*", re.ASCII)

RoleMap = tuple[tuple[str, Role], ...]
"""Groups and the role of each, in the order in which they are looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """Whom a token that verified speaks for. Without a role it opens nothing."""

    principal: str
    role: Role | None
    ends_at: datetime


def looks_like_token(text: str) -> bool:
    """Say whether a text has the form of a JSON Web Token; no API key has."""
    return _FORM.fullmatch(text) is not None


def principal_of(subject: object) -> str | None:
    """Return the principal of a token's subject, or None where it is none."""
    if not isinstance(subject, str) or not 1 <= len(subject) <= LONGEST_SUBJECT:
        return None
    return PREFIX + subject if subject.isprintable() else None


def role_map_of(text: str) -> RoleMap:
    """Read the roles of groups from a JSON object; raise BadInputError where it is none."""
    try:
        stated = json.loads(text or "{}")
        return tuple((group, Role(role)) for group, role in stated.items())
    except (ValueError, AttributeError, TypeError) as unreadable:
        raise BadInputError(
            "TONNAGE_OIDC_ROLE_MAP is a JSON object of groups and their roles, such as "
            f'{{"gpu-buyers": "procurement"}}; roles are {", ".join(Role)}'
        ) from unreadable


def role_in(claims: Mapping[str, Any], *, claim: str, role_map: RoleMap) -> Role | None:
    """Return the role of the first group of the map that the claims name, or None."""
    groups = _groups(claims, claim)
    return next((role for group, role in role_map if group in groups), None)


def _groups(claims: Mapping[str, Any], claim: str) -> frozenset[str]:
    """A claim's own name may have dots (a URL); else they are a path through objects."""
    found: Any = claims.get(claim)
    if found is None:
        found = claims
        for step in claim.split("."):
            found = found.get(step) if isinstance(found, Mapping) else None
    stated = found if isinstance(found, list) else [found]
    return frozenset(group for group in stated if isinstance(group, str))
