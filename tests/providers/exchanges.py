"""Recorded exchanges of a supplier, and a real local HTTP server that answers with them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

FIXTURES = Path(__file__).parents[2] / "fixtures" / "suppliers"

_PLACEHOLDER = re.compile(r"\\\{[^{}]*\\\}|\\\.\\\.\\\.")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One question and its answer, as recorded."""

    content: Mapping[str, Any]

    @property
    def request(self) -> Mapping[str, Any]:
        return dict(self.content["request"])

    @property
    def response(self) -> Mapping[str, Any]:
        return dict(self.content["response"])

    @property
    def name(self) -> str:
        return str(self.content["name"])

    def fits(self, method: str, path: str, query: Mapping[str, str], body: bytes = b"") -> bool:
        """Say whether it answers a request; `body_has` are words that a POST tells apart by."""
        recorded = {name: str(value) for name, value in self.request.get("query", {}).items()}
        return (
            self.request["method"] == method
            and _pattern(self.request["path"]).fullmatch(path) is not None
            and all(query.get(name) == value for name, value in recorded.items())
            and all(word.encode() in body for word in self.request.get("body_has", ()))
        )

    def is_signed_in(self, headers: Mapping[str, str]) -> bool:
        """Say whether every recorded header that carries a credential came, in its form."""
        wanted = self.request.get("headers", {})
        return all(
            _pattern(value).fullmatch(headers.get(name, "")) is not None
            for name, value in wanted.items()
            if "{" in value or "..." in value
        )


@dataclass(frozen=True, slots=True)
class Recording:
    """All that is recorded of one supplier, and the offers that it must come to."""

    content: Mapping[str, Any]

    @classmethod
    def of(cls, key: str) -> Recording:
        return cls(json.loads((FIXTURES / key / "exchanges.json").read_text(encoding="utf-8")))

    def leading_to(self, host: str, text: str) -> str:
        """Return an answer's text with the recorded address, if any, replaced by another."""
        address = self.content.get("base_url")
        return text.replace(str(address), f"http://{host}") if address else text

    @property
    def exchanges(self) -> list[Exchange]:
        return [Exchange(each) for each in self.content["exchanges"]]

    @property
    def errors(self) -> list[Exchange]:
        return [Exchange(each) for each in self.content["error_exchanges"]]

    @property
    def expected_offers(self) -> list[Mapping[str, Any]]:
        return list(self.content["expected_offers"])

    @property
    def expected_skips(self) -> list[Mapping[str, Any]]:
        return list(self.content.get("expected_skips", []))

    @property
    def expected_holdings(self) -> list[Mapping[str, Any]]:
        return list(self.content.get("expected_reservations", []))


Accepts = Callable[[str, str, Mapping[str, str], bytes], bool]
"""Says whether a request is signed in: method, target with query, headers, body."""


def accepting(_method: str, _target: str, _headers: Mapping[str, str], _body: bytes) -> bool:
    """Accept every request: the recorded headers are all that it must carry."""
    return True


@contextmanager
def serving(recording: Recording, accepts: Accepts = accepting) -> Iterator[str]:
    """Serve the exchanges at an address of this machine; a missing credential is a 401.

    `accepts` sees each request whole, for credentials that must be verified: signatures, tokens.
    Links in the answers lead back here: the recorded address becomes the one that was asked.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body in one packet: two of them wait 40 ms for each other

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            split = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(split.query).items()}
            fitting = [
                each
                for each in recording.exchanges
                if each.fits(self.command, split.path, query, body)
            ]
            if not fitting:
                self._send(404, {}, {"error": f"nothing recorded for {self.command} {split.path}"})
                return
            best = max(fitting, key=lambda each: len(each.request.get("query", {})))
            headers = {name.title(): value for name, value in self.headers.items()} | dict(
                self.headers.items()
            )
            signed_in = best.is_signed_in(headers)
            if not (signed_in and accepts(self.command, self.path, headers, body)):
                self._send(401, {}, {"error": "no credential of the recorded form"})
                return
            answer = best.response
            content = answer.get("json", answer.get("text"))
            self._send(answer["status"], answer.get("headers", {}), content)

        do_GET = do_POST = _answer  # noqa: N815 - the names that http.server calls

        def _send(self, status: int, headers: Mapping[str, str], content: Any) -> None:
            text = content if isinstance(content, str) else json.dumps(content)
            body = recording.leading_to(self.headers["host"], text).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing: the tests speak."""

    with listening(Handler) as url:
        yield url


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Run a handler at a free port of this machine."""
    handler.disable_nagle_algorithm = True  # or each answer waits 40 ms for an acknowledgement
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _pattern(recorded: str) -> re.Pattern[str]:
    return re.compile(_PLACEHOLDER.sub(".+", re.escape(recorded)))
