"""A proxy in front of a counterpart that makes it fail in the ways real services do."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from threading import Event
from typing import Any
from urllib.parse import urlsplit

from tests.providers.exchanges import listening

HANG_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it arrived; `number` counts from 1."""

    number: int
    method: str
    target: str
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is answered instead. `edit` changes the real answer's body."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    hang: bool = False
    edit: Callable[[bytes], bytes] | None = None


Plan = Callable[[Asked], Fault | None]


def throttled(**headers: str) -> Fault:
    return Fault(
        status=429,
        headers={name.replace("_", "-"): value for name, value in headers.items()}
        | {"content-type": "text/plain"},
        body=b"slow down",
    )


def page_of_html() -> Fault:
    return Fault(headers={"content-type": "text/html"}, body=b"<html>We will be back.</html>")


def cut_short() -> Fault:
    return Fault(edit=lambda body: body[: len(body) // 2])


def always(fault: Fault) -> Plan:
    return lambda _asked: fault


def first(count: int, fault: Fault) -> Plan:
    return lambda asked: fault if asked.number <= count else None


def never(_asked: Asked) -> None:
    return None


@dataclass(slots=True)
class Proxy:
    """Where to ask, and everything that was asked."""

    url: str
    asked: list[Asked]


@contextmanager
def proxied(upstream: str, plan: Plan = never) -> Iterator[Proxy]:
    """Forward to a counterpart, except where the plan has a fault."""
    target = urlsplit(upstream)
    asked: list[Asked] = []
    over = Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet: two of them wait 40 ms for each other

        def _forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            asked.append(Asked(len(asked) + 1, self.command, self.path, body))
            fault = plan(asked[-1])
            if fault is not None and fault.hang:
                over.wait(HANG_SECONDS)
                self.close_connection = True
                return
            if fault is not None and fault.edit is None:
                self._send(fault.status, fault.headers, fault.body)
                return
            status, headers, answer = self._really(body)
            self._send(status, headers, fault.edit(answer) if fault and fault.edit else answer)

        do_GET = do_POST = do_HEAD = _forward  # noqa: N815 - the names that http.server calls

        def _really(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
            connection = http.client.HTTPConnection(target.hostname or "", target.port, timeout=30)
            kept = {
                name: value
                for name, value in self.headers.items()
                if name.lower() not in ("connection", "accept-encoding", "content-length")
            }
            connection.request(self.command, self.path, body=body or None, headers=kept)
            response = connection.getresponse()
            answer = response.read()
            connection.close()
            drop = ("connection", "content-length", "transfer-encoding", "date", "server")
            headers = {k: v for k, v in response.getheaders() if k.lower() not in drop}
            return response.status, headers, answer

        def _send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing: the tests speak."""

    with listening(Handler) as url:
        try:
            yield Proxy(url=url, asked=asked)
        finally:
            over.set()


def as_json(change: Callable[[Any], Any]) -> Callable[[bytes], bytes]:
    """Return an edit of a JSON body."""
    return lambda body: json.dumps(change(json.loads(body))).encode()
