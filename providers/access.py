"""How suppliers are reached: credentials, the clock, a deadline; handed in, never looked up."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx2

NO_STATUS = "none"
"""How a request ended that nobody answered."""


def _utc_now() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)


def _nobody_counts(_code: str) -> None:
    """Stand where nobody wants to know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What an adapter may use of the outside world.

    `transport` stands in the place of the network, to replay recorded answers. `environment` holds
    `TONNAGE_<SUPPLIER>_…`; its values are never shown. `deadline` is on the monotonic clock: no
    request begins after it. `heard` is told how each request ended: an HTTP status, or "none".
    """

    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    now: Callable[[], datetime] = _utc_now
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    deadline: float | None = None
    transport: httpx2.BaseTransport | None = None
    heard: Callable[[str], None] = _nobody_counts

    def value(self, name: str) -> str | None:
        """Return a variable, or None when it is unset or empty."""
        return self.environment.get(name) or None

    def has(self, *names: str) -> bool:
        """Say whether all of the variables are set."""
        return all(self.value(name) for name in names)

    def url(self, key: str, usual: str) -> str:
        """Return where a supplier is asked: `TONNAGE_<SUPPLIER>_URL`, or its usual address."""
        return self.value(f"TONNAGE_{key.upper()}_URL") or usual

    def seconds_left(self) -> float | None:
        """Return how long until the deadline, or None without one."""
        return None if self.deadline is None else self.deadline - self.monotonic()


def of_process() -> Access:
    """Return the access of this process: its environment, its clock, no deadline yet."""
    return Access(environment=dict(os.environ))
