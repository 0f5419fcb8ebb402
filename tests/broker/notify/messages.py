"""A message with sane defaults, and a receiver on this machine that keeps what it gets."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from broker.alerts.alert import Severity
from broker.notify.message import Message

AT = datetime(2026, 8, 2, 9, 30, tzinfo=UTC)


def a_message(**changes: Any) -> Message:
    """A repricing, as it is told."""
    defaults: dict[str, Any] = {
        "fingerprint": "f" * 64,
        "rule": "list_price_jump",
        "severity": Severity.WARN,
        "subject": "digitalocean H100 on-demand",
        "text": "digitalocean H100 on-demand: list price up 47 %.",
        "object_id": "digitalocean/H100/on-demand",
        "step": "on 2026-08-02",
        "raised_on": date(2026, 8, 2),
        "deadline_on": None,
        "recorded_at": AT,
        "details": {"rise": "47 %"},
    }
    return Message(**{**defaults, **changes})


@dataclass(kw_only=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(kw_only=True)
class Receiver:
    """What a server on this machine got, and what it answers."""

    port: int = 0
    status: int = 204
    location: str | None = None
    got: list[Received] = field(default_factory=list)


@contextmanager
def receiving(**answer: Any) -> Iterator[Receiver]:
    """Run a server that notes every request and answers as told."""
    receiver = Receiver(**answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.got.append(Received(path=self.path, headers=headers, body=body))
            self.send_response(receiver.status)
            if receiver.location:
                self.send_header("Location", receiver.location)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
