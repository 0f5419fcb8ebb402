"""What a rule says: a finding, how grave it is, and the fingerprint by which it is said once.

Subjects and messages travel to chat and mail, so they never hold a contract price. Contract prices
appear only as a hike in whole percent; public list prices may be shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from enum import Enum, IntEnum, StrEnum
from functools import total_ordering
from hashlib import sha256

SEPARATOR = "|"


@total_ordering
class Severity(Enum):
    """How grave a finding is; ordered, `INFO` lowest."""

    INFO = "info"
    WARN = "warn"
    HIGH = "high"
    CRITICAL = "critical"

    def __lt__(self, other: Severity) -> bool:
        order = list(Severity)
        return order.index(self) < order.index(other)

    def raised(self) -> Severity:
        """Return the next graver severity; critical stays critical."""
        order = list(Severity)
        return order[min(order.index(self) + 1, len(order) - 1)]


class Level(IntEnum):
    """Who is told. Levels include the ones below them."""

    OWNER = 0
    LEAD = 1
    HEAD = 2


class RuleName(StrEnum):
    """Every rule that can raise an alert."""

    RENEWAL_HIKE = "renewal_hike"
    NOTICE_DEADLINE = "notice_deadline"
    EXPIRY_NO_SUCCESSOR = "expiry_no_successor"
    QUOTE_EXPIRING = "quote_expiring"
    LIST_PRICE_JUMP = "list_price_jump"
    STALE_DATA = "stale_data"
    CAPACITY_MISMATCH = "capacity_mismatch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing a rule has to say about one object, at one step."""

    rule: RuleName
    severity: Severity
    subject: str  # for people: "acme contract A-7 line 1"; never a contract price
    object_id: str
    step: str  # "due 2026-07-02|T-30"
    raised_on: date
    message: str
    level: Level = Level.OWNER
    deadline_on: date | None = None  # the day by which something must be done; None: no such day
    details: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if SEPARATOR in self.object_id:
            raise ValueError(f"an object id may not hold {SEPARATOR!r}: it ends the fingerprint")

    @property
    def key(self) -> str:
        """The readable text behind the fingerprint."""
        return key_of(self.rule, self.object_id, self.step)

    @property
    def fingerprint(self) -> str:
        """The same for the same rule, object and step, whatever else changed."""
        return fingerprint_of(self.key)


def key_of(rule: RuleName, object_id: str, step: str) -> str:
    """Return "rule|object|step"."""
    return SEPARATOR.join((rule.value, object_id, step))


def fingerprint_of(key: str) -> str:
    """Return the SHA-256 of a key, in hexadecimal."""
    return sha256(key.encode()).hexdigest()


def whole_percent(fraction: Decimal) -> str:
    """Return a fraction in whole percent, as text: 0.9392 is "94 %"."""
    return f"{(fraction * 100).quantize(Decimal(1), rounding=ROUND_HALF_EVEN)} %"
