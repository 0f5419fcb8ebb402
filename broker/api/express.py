"""The express lane: the few routes that are asked hundreds of times a second, without detours.

Each of them is a route of FastAPI like any other, described and guarded as such. What is plain (no
parameter that needs a closer look) is answered by the same function from here, by the same rights;
whatever is not goes the usual way. Finding a route among all, and solving its dependencies anew
for every request, takes longer than what these routes do.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from broker.access.caller import Caller
from broker.api.wiring import Wiring, bearer_of, let_in, scopes_asked_of

LONGEST_ID: Final = 64

Answer = Callable[[Request, Wiring, Caller], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Express:
    """How plain requests to a route are answered; `endpoint` is the function of that route."""

    endpoint: Callable[..., Any]
    answer: Answer
    is_plain: Callable[[Scope], bool]


def without_query(scope: Scope) -> bool:
    """Say whether nothing but path and body says what is wanted."""
    return not scope["query_string"]


class _Entry:
    """A route of the lane, with the scopes that it asks for."""

    def __init__(self, express: Express, route: APIRoute) -> None:
        self.route = route
        self.is_plain = express.is_plain
        self._answer = express.answer
        self._scopes = scopes_asked_of(route)

    def matched(self, path: str) -> dict[str, str] | None:
        """Return the parameters in a path, if it is one of this route."""
        found = self.route.path_regex.match(path)
        if found is None:
            return None
        parts: dict[str, str] = found.groupdict()
        return parts if all(len(part) <= LONGEST_ID for part in parts.values()) else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sign in, answer, and do what is left for afterwards."""
        request = Request(scope, receive)
        wiring: Wiring = scope["app"].state.wiring
        caller, later = await let_in(request, wiring, bearer_of(request), self._scopes)
        response = await self._answer(request, wiring, caller)
        await response(scope, receive, send)
        if later is not None:
            await later()


class ExpressLane(BaseRoute):
    """Stands before all other routes and takes what is plain."""

    def __init__(self, lane: Iterable[Express], routes: Iterable[BaseRoute]) -> None:
        by_endpoint = {route.endpoint: route for route in routes if isinstance(route, APIRoute)}
        self._whole: dict[tuple[str, str], _Entry] = {}
        self._with_parts: dict[str, list[_Entry]] = {}
        for express in lane:
            route = by_endpoint[express.endpoint]
            entry = _Entry(express, route)
            for method in route.methods or ():
                if route.param_convertors:
                    self._with_parts.setdefault(method, []).append(entry)
                else:
                    self._whole[method, route.path] = entry

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Say whether a request is plain, and which route it is for."""
        if scope["type"] != "http" or scope.get("root_path"):
            return Match.NONE, {}
        method, path = scope["method"], scope["path"]
        entry, parts = self._whole.get((method, path)), {}
        if entry is None:
            for one in self._with_parts.get(method, ()):
                found = one.matched(path)
                if found is not None:
                    entry, parts = one, found
                    break
        if entry is None or not entry.is_plain(scope):
            return Match.NONE, {}
        return Match.FULL, {
            "endpoint": entry,
            "route": entry.route,
            "path_params": parts,
        }

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request that matched."""
        entry: _Entry = scope["endpoint"]
        await entry(scope, receive, send)
