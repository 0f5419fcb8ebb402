"""Signed tokens of an identity provider (OpenID Connect), as an alternative to API keys.

A token must be signed by RS256 or ES256 with a key that the issuer publishes, name issuer and
audience, and be within its time. The issuer's keys are kept for a few minutes; a key nobody has
heard of makes us ask again, but not for every token that somebody invents.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

import jwt

from broker.access.token import Bearer, principal_of, role_in, role_map_of
from broker.errors import BadInputError, NotSignedInError, UnreachableError
from broker.settings import Settings

ALGORITHMS: Final = ("RS256", "ES256")
LEEWAY_SECONDS: Final = 30
"""How far the clocks of issuer and server may differ."""

KEYS_KEPT_SECONDS: Final = 300
ASK_AGAIN_SECONDS: Final = 30
ANSWER_SECONDS: Final = 5

_REQUIRED: Final = ("exp", "iss", "aud", "sub")
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
_FOR_EVER: Final = int(datetime(9999, 1, 1, tzinfo=UTC).timestamp())

log = logging.getLogger(__name__)


class Tokens:
    """Verifies tokens of the one issuer that is set."""

    def __init__(self, settings: Settings) -> None:
        """Raise BadInputError when a setting lacks or cannot be."""
        if not settings.oidc_issuer or not settings.oidc_audience or not settings.oidc_jwks_url:
            raise BadInputError(
                "tokens need all of TONNAGE_OIDC_ISSUER, TONNAGE_OIDC_AUDIENCE and "
                "TONNAGE_OIDC_JWKS_URL"
            )
        self._issuer, self._audience = settings.oidc_issuer, settings.oidc_audience
        self._claim = settings.oidc_role_claim
        self._role_map = role_map_of(settings.oidc_role_map)
        self._keys = jwt.PyJWKClient(
            _checked_url(settings.oidc_jwks_url),
            lifespan=KEYS_KEPT_SECONDS,
            cooldown_duration=ASK_AGAIN_SECONDS,
            timeout=ANSWER_SECONDS,
        )

    def bearer_of(self, token: str) -> Bearer:
        """Return whom a token speaks for.

        Raises NotSignedInError when it does not verify, UnreachableError when the issuer's keys
        cannot be had.
        """
        try:
            claims = self._verified(token)
        except jwt.PyJWKClientConnectionError as silent:
            log.warning("the issuer's keys cannot be fetched", extra={"because": str(silent)})
            raise UnreachableError(
                "the identity provider does not publish its keys; try again, or use an API key"
            ) from silent
        except (jwt.PyJWTError, ValueError) as wrong:
            raise NotSignedInError(
                f"this token does not sign in ({type(wrong).__name__}); get a fresh one for the "
                "audience of this server, or use an API key"
            ) from wrong
        principal = principal_of(claims["sub"])
        if principal is None:
            raise NotSignedInError("this token names no subject; get another one")
        last = min(int(claims["exp"]) + LEEWAY_SECONDS, _FOR_EVER)
        return Bearer(
            principal=principal,
            role=role_in(claims, claim=self._claim, role_map=self._role_map),
            ends_at=datetime.fromtimestamp(last, UTC),
        )

    def _verified(self, token: str) -> dict[str, Any]:
        header = jwt.get_unverified_header(token)
        if header.get("alg") not in ALGORITHMS or not isinstance(header.get("kid"), str):
            raise jwt.InvalidAlgorithmError  # before anybody is asked for a key
        key = self._keys.get_signing_key(header["kid"])
        if key.algorithm_name != header["alg"]:
            raise jwt.InvalidAlgorithmError
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=list(ALGORITHMS),
            issuer=self._issuer,
            audience=self._audience,
            leeway=LEEWAY_SECONDS,
            options={"require": list(_REQUIRED)},
        )
        return claims


def _checked_url(url: str) -> str:
    """Whoever can change the keys on their way to us can sign in as anybody."""
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        return url
    raise BadInputError("TONNAGE_OIDC_JWKS_URL is an https address, or http on this machine")
