"""Answers a supplier's adapter with recorded exchanges instead of the network.

For the demo, and for looking again at what an old answer would come to. A recording is the JSON of
`fixtures/suppliers/<key>/exchanges.json`: requests with their answers, paths with `{placeholders}`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2

_PLACEHOLDER: Final = re.compile(r"\\\{[^{}]*\\\}")
RECORDING: Final = "exchanges.json"


@dataclass(frozen=True, slots=True)
class Replay:
    """The recorded exchanges of one supplier; call it with a request, as httpx2 does."""

    exchanges: Sequence[Mapping[str, Any]]

    @classmethod
    def of(cls, path: Path) -> Replay:
        """Read a recording."""
        return cls(json.loads(path.read_text(encoding="utf-8"))["exchanges"])

    def transport(self) -> httpx2.MockTransport:
        """Return what an adapter may be given in the place of the network."""
        return httpx2.MockTransport(self)

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        """Return the recorded answer that fits best; 404 for what was never asked."""
        fitting = [each for each in self.exchanges if _fits(each["request"], request)]
        if not fitting:
            return httpx2.Response(404, json={"error": "not recorded"})
        best = max(fitting, key=lambda each: len(each["request"].get("query", {})))
        answer = best["response"]
        text = answer["text"] if "text" in answer else json.dumps(answer.get("json"))
        return httpx2.Response(answer["status"], headers=answer.get("headers"), text=text)


def _fits(recorded: Mapping[str, Any], request: httpx2.Request) -> bool:
    pattern = _PLACEHOLDER.sub(".+", re.escape(recorded["path"]))
    query = {name: str(value) for name, value in recorded.get("query", {}).items()}
    return (
        recorded["method"] == request.method
        and re.search(rf"{pattern}$", request.url.path) is not None
        and all(request.url.params.get(name) == value for name, value in query.items())
        and all(word.encode() in request.content for word in recorded.get("body_has", ()))
    )
