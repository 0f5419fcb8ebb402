"""The form of an API key, what is kept of it, and when it opens nothing any more.

A key reads `tng_<id>_<secret>`: the id is public and finds the record, the secret is 32 random
bytes in base 62. The books keep HMAC-SHA-256(pepper, key) and the last four characters. With 256
random bits in it a key cannot be guessed from its hash, so no slow password hash is needed.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from broker.access.scope import Role
from broker.errors import BadInputError

PREFIX: Final = "tng"
SECRET_BYTES: Final = 32
ID_LENGTH: Final = 8
ID_LETTERS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
LAST_SHOWN: Final = 4
USE_NOTED_EVERY: Final = timedelta(minutes=1)
"""`last_used_at` is kept no finer than this, so that reading does not mean writing."""

LONGEST_LIFE_DAYS: Final = 3650
LONGEST_OVERLAP: Final = timedelta(days=30)
"""How long a key may live on beside the one that takes its place."""
ID_PATTERN: Final = rf"^[0-9a-z]{{{ID_LENGTH}}}$"
NAME_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9 ._@-]{0,63}$"

_OVERLAP: Final = re.compile(r"([0-9]{1,8})([smhd])")
_UNIT_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_BASE62: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SECRET_LENGTH: Final = 43  # the least n with 62**n >= 256**32
_FORM: Final = re.compile(rf"{PREFIX}_([0-9a-z]{{{ID_LENGTH}}})_[0-9A-Za-z]{{{_SECRET_LENGTH}}}")


class KeyState(StrEnum):
    """Whether a key still opens anything."""

    LIVE = "live"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """What is kept of a key. The key itself is shown once and kept nowhere."""

    id: str
    name: str
    role: Role
    last4: str
    created_at: datetime
    digest: str = field(repr=False)
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None
    first_id: str | None = None  # of a key that took another's place: the first of that line
    replaced_by: str | None = None  # the key that took its place; it lives on until it expires

    @property
    def principal(self) -> str:
        """Return whose leases it opens: a key that took another's place opens the same ones."""
        return self.first_id or self.id

    def state(self, now: datetime) -> KeyState:
        """Say whether the key is live at `now`; from `expires_at` on it is not."""
        if self.revoked_at is not None:
            return KeyState.REVOKED
        if self.expires_at is not None and now >= self.expires_at:
            return KeyState.EXPIRED
        return KeyState.LIVE

    def use_is_due(self, now: datetime) -> bool:
        """Say whether a use at `now` is worth writing down."""
        return self.last_used_at is None or now - self.last_used_at >= USE_NOTED_EVERY


def written(key_id: str, secret: bytes) -> str:
    """Return the key of an id and its random bytes."""
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"a key holds {SECRET_BYTES} random bytes, not {len(secret)}")
    number, digits = int.from_bytes(secret, "big"), ""
    for _ in range(_SECRET_LENGTH):
        number, digit = divmod(number, len(_BASE62))
        digits = _BASE62[digit] + digits
    return f"{PREFIX}_{key_id}_{digits}"


def id_in(key: str) -> str | None:
    """Return the public id inside a key, or None if this is not the form of a key."""
    found = _FORM.fullmatch(key)
    return found.group(1) if found else None


def digest_of(key: str, *, pepper: str) -> str:
    """Return what the books keep of a key: HMAC-SHA-256 in hexadecimal."""
    return hmac.digest(pepper.encode(), key.encode(), "sha256").hex()


def matches(key: str, record: ApiKey, *, pepper: str) -> bool:
    """Say whether a key is the one recorded, in a time that tells nothing about the digest."""
    return hmac.compare_digest(digest_of(key, pepper=pepper), record.digest)


def overlap_of(text: str) -> timedelta:
    """Return the length of time that a text such as 90s, 30m, 24h or 7d means."""
    found = _OVERLAP.fullmatch(text.strip())
    if found is None:
        raise BadInputError("an overlap is a whole number and its unit: 90s, 30m, 24h or 7d")
    return checked_overlap(timedelta(seconds=int(found[1]) * _UNIT_SECONDS[found[2]]))


def checked_overlap(overlap: timedelta) -> timedelta:
    """Return an overlap that may be, or raise BadInputError."""
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise BadInputError(
            f"an old key lives on for at most {LONGEST_OVERLAP.days} days; give less, or 0s to "
            "end it at once"
        )
    return overlap


def checked_name(name: str) -> str:
    """Return the name of a key without outer spaces, or raise BadInputError."""
    trimmed = name.strip()
    if not re.search(NAME_PATTERN, trimmed):
        raise BadInputError(
            "a key's name is 1 to 64 letters, digits, spaces or any of . _ @ -, "
            "beginning with a letter or digit; name it after who or what will use it"
        )
    return trimmed
