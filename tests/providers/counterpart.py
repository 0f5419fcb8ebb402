"""What the conformance suite needs to know of a supplier's counterpart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from typing import Any

from providers import registry
from providers.access import Access
from providers.errors import ErrorKind
from tests.providers.exchanges import Accepts, Recording, accepting, serving
from tests.providers.faults import Asked

MARK = "tng-conformance-secret"
"""In every test credential: wherever it turns up, a credential has leaked."""

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)

Classify = Callable[[int, Any], tuple[ErrorKind | None, str | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counterpart:
    """How a supplier is tried: its recording, its server, its credentials.

    `exempt` names the checks that cannot apply, each with the reason. `second_page` picks the
    request for a second page, for suppliers that page. `searches` are the paths that are asked by
    POST and change nothing. `essential` picks a request without which there is no answer.
    """

    key: str
    recording: Recording
    serve: Callable[[], AbstractContextManager[str]]
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    environment: Callable[[str], Mapping[str, str]]
    classify: Classify | None = None
    second_page: Callable[[Asked], bool] | None = None
    essential: Callable[[Asked], bool] = lambda _asked: True
    searches: tuple[str, ...] = ()
    sleeps_itself: bool = False  # its SDK waits, not Access.sleep
    exempt: Mapping[str, str] = field(default_factory=dict)

    def access(self, url: str, **more: Any) -> Access:
        """Return the access to a server at `url`, which never sleeps and whose clock stands."""
        slept: list[float] = more.pop("slept", [])
        return Access(
            environment={**self.credentials, **self.environment(url)},
            now=more.pop("now", lambda: NOW),
            sleep=slept.append,
            **more,
        )


def recorded(
    key: str,
    *,
    credentials: Mapping[str, str],
    classify: Classify,
    accepts: Accepts = accepting,
    **more: Any,
) -> Counterpart:
    """Return the counterpart of a supplier whose exchanges are recorded over HTTP."""
    recording = Recording.of(key)
    return Counterpart(
        key=key,
        recording=recording,
        serve=partial(serving, recording, accepts),
        credentials=credentials,
        environment=more.pop("environment", lambda url: {f"TONNAGE_{key.upper()}_URL": url}),
        classify=classify,
        **more,
    )


def counterpart(key: str) -> Counterpart:
    """Return the counterpart of a registered supplier."""
    module = registry.SUPPLIERS[key].rsplit(".", 1)[1]
    found: Counterpart = import_module(f"tests.providers.counterparts.{module}").COUNTERPART
    return found
