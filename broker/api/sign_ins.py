"""Signs callers in, and remembers for a few seconds who they are.

What is remembered stands under the keyed hash of a key or token, never under the text itself.
A revocation elsewhere counts when the memory of the key has faded: `REMEMBERED_SECONDS` after the
books were last asked. The end of a key's or token's life, and a revocation by this process, count
at once.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING, Final

from starlette.concurrency import run_in_threadpool

from broker.access.allowance import NANOSECONDS
from broker.access.key import ApiKey, digest_of
from broker.access.scope import Role
from broker.access.token import looks_like_token
from broker.clock import Clock, Ticks
from broker.errors import NotSignedInError, RefusedError
from broker.flows.sign_in import sign_in
from broker.settings import Settings
from broker.store.engine import Database

if TYPE_CHECKING:
    from broker.api.tokens import Tokens

REMEMBERED_SECONDS: Final = 5
MOST_REMEMBERED: Final = 10_000
"""Callers that are remembered; the one longest unseen is forgotten first."""


@dataclass(slots=True, kw_only=True)
class SignedIn:
    """Who a key or token belongs to, as the books or the issuer said. Without a role, nobody."""

    principal: str
    name: str
    role: Role | None
    ends_at: datetime | None
    asked_at: int  # nanoseconds, before the question was put
    key: ApiKey | None = None

    def note_is_due(self, now: datetime) -> ApiKey | None:
        """Return the key if its use is to be written down, and count it as written."""
        key = self.key
        if key is None or not key.use_is_due(now):
            return None
        self.key = replace(key, last_used_at=now)
        return key


class SignIns:
    """Everybody who signed in lately."""

    def __init__(
        self, database: Database, *, settings: Settings, clock: Clock, ticks: Ticks
    ) -> None:
        self._database = database
        self._pepper = settings.key_pepper.get_secret_value()
        self._clock = clock
        self._ticks = ticks
        self._tokens = _tokens_of(settings)
        self._remembered: OrderedDict[str, SignedIn] = OrderedDict()
        self._lock = Lock()  # keys are revoked in threads

    def __len__(self) -> int:
        return len(self._remembered)

    async def admit(self, bearer: str) -> SignedIn:
        """Return who a key or token belongs to; raise NotSignedInError for any other text."""
        digest = digest_of(bearer, pepper=self._pepper)
        found = self._fresh(digest)
        if found is None:
            found = await run_in_threadpool(self._ask, bearer, digest)
        return found

    def principal_of(self, bearer: str) -> str | None:
        """Return who a key or token belonged to when it last signed in, if that is remembered.

        For counting requests and nothing else: it may have been revoked since.
        """
        found = self._remembered.get(digest_of(bearer, pepper=self._pepper))
        return None if found is None else found.principal

    def forget(self, key_id: str) -> None:
        """Ask the books about a key anew, from its next request on."""
        with self._lock:
            gone = [
                digest
                for digest, known in self._remembered.items()
                if known.key is not None and known.key.id == key_id
            ]
            for digest in gone:
                del self._remembered[digest]

    def _fresh(self, digest: str) -> SignedIn | None:
        with self._lock:
            found = self._remembered.get(digest)
            if found is None:
                return None
            self._remembered.move_to_end(digest)
        if self._ticks() - found.asked_at >= REMEMBERED_SECONDS * NANOSECONDS:
            return None
        if found.ends_at is not None and self._clock() >= found.ends_at:
            return None
        return found

    def _ask(self, bearer: str, digest: str) -> SignedIn:
        asked_at = self._ticks()  # before: what is revoked meanwhile counts from now on
        try:
            found = self._answer(bearer, asked_at)
        except NotSignedInError:  # and no other: a database that is away makes nobody a stranger
            with self._lock:
                self._remembered.pop(digest, None)
            raise
        with self._lock:
            self._remembered[digest] = found
            if len(self._remembered) > MOST_REMEMBERED:
                self._remembered.popitem(last=False)
        return found

    def _answer(self, bearer: str, asked_at: int) -> SignedIn:
        if self._tokens is not None and looks_like_token(bearer):
            told = self._tokens.bearer_of(bearer)
            return SignedIn(
                principal=told.principal,
                name=told.principal,
                role=told.role,
                ends_at=told.ends_at,
                asked_at=asked_at,
            )
        key = sign_in(self._database, bearer, pepper=self._pepper, clock=self._clock)
        return SignedIn(
            principal=key.principal,
            name=key.name,
            role=key.role,
            ends_at=key.expires_at,
            asked_at=asked_at,
            key=key,
        )


def _tokens_of(settings: Settings) -> Tokens | None:
    if not settings.oidc_issuer:
        return None
    try:
        from broker.api.tokens import Tokens  # the library comes with an extra
    except ImportError as missing:
        raise RefusedError(
            "TONNAGE_OIDC_ISSUER is set, but tokens need: pip install 'tonnage[oidc]'"
        ) from missing
    return Tokens(settings)
