"""Load over HTTP from one process: a few connections, each of which asks, waits and asks again.

Written on bare sockets, so that whoever asks takes little of the processor beside whoever answers.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import uvloop

Talk = Generator[bytes, tuple[int, bytes], None]
"""Yields what to send, and is sent the status and body of each answer."""

WARM_UP_SECONDS = 0.5
_END_OF_HEADERS = b"\r\n\r\n"
_keys = count()


@dataclass(slots=True)
class Answers:
    """What was answered while it was counted."""

    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)
    all_good: int = 0  # also before and after it was counted
    is_counting: bool = False

    @property
    def good(self) -> int:
        """Return how many answers were successes."""
        return sum(times for status, times in self.statuses.items() if status < 300)

    @property
    def per_second(self) -> float:
        """Return how many successes there were a second."""
        return self.good / self.seconds

    def wait(self, part: int) -> float:
        """Return how many milliseconds an answer took, at the given percentile."""
        return statistics.quantiles(self.waits, n=100)[part - 1] * 1000


def ask(port: int, talks: Callable[[], Talk], *, seconds: float, connections: int) -> Answers:
    """Let so many connections talk for a while and return what was answered."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_ask(port, talks, seconds, connections))


async def _ask(port: int, talks: Callable[[], Talk], seconds: float, connections: int) -> Answers:
    loop, answers = asyncio.get_running_loop(), Answers()
    made = [
        await loop.create_connection(lambda: _Connection(talks(), answers), "127.0.0.1", port)
        for _ in range(connections)
    ]
    await asyncio.sleep(WARM_UP_SECONDS)
    answers.is_counting, began = True, time.perf_counter()
    await asyncio.sleep(seconds)
    answers.is_counting, answers.seconds = False, time.perf_counter() - began
    for _, connection in made:
        connection.is_over = True
    await asyncio.gather(*(connection.done for _, connection in made))
    return answers


class _Connection(asyncio.Protocol):
    """One that asks: sends, reads the answer to its end, sends again."""

    def __init__(self, talk: Talk, answers: Answers) -> None:
        self._talk, self._answers = talk, answers
        self._buffer, self._sent_at = b"", 0.0
        self._transport: Any = None
        self.is_over = False
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send(next(self._talk))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(_END_OF_HEADERS)
        if not found or len(body) < _length_of(head):
            return
        self._buffer = b""
        status = int(head[9:12])
        self._answers.all_good += status < 300
        if self._answers.is_counting:
            self._answers.statuses[status] += 1
            self._answers.waits.append(time.perf_counter() - self._sent_at)
        following = self._talk.send((status, body))
        # What is begun is finished: a lease that was granted is given back.
        if self.is_over and following.startswith((b"POST", b"PUT")):
            self._transport.close()
        else:
            self._send(following)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)
        if error is not None or not self.is_over:
            raise ConnectionError("the server hung up")

    def _send(self, request: bytes) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(request)


def _length_of(head: bytes) -> int:
    folded = head.lower()
    at = folded.find(b"content-length:")
    if at < 0:
        return 0
    return int(folded[at + 15 : folded.find(b"\r\n", at) if b"\r\n" in folded[at:] else None])


def a_request(
    method: str, path: str, headers: Mapping[str, str], body: Mapping[str, Any] | None = None
) -> bytes:
    """Return the bytes of a request."""
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body is not None:
        lines += ["Content-Type: application/json"]
    lines += [f"Content-Length: {len(content)}", "", ""]
    return "\r\n".join(lines).encode() + content


def grants(headers: Mapping[str, str], bodies: Callable[[], Mapping[str, Any]]) -> Talk:
    """Ask for GPUs and give them back, again and again."""
    while True:
        signed = {**headers, "Idempotency-Key": f"bench-{time.time_ns()}-{next(_keys)}"}
        status, body = yield a_request("POST", "/v1/capacity-requests", signed, bodies())
        if status == 201:
            lease = json.loads(body)["lease"]
            yield a_request("DELETE", f"/v1/leases/{lease['id']}?fence={lease['fence']}", headers)


def no_ops(headers: Mapping[str, str], bodies: Callable[[], Mapping[str, Any]]) -> Talk:
    """Send the same as above to where nothing is done with it."""
    while True:
        signed = {**headers, "Idempotency-Key": f"bench-{time.time_ns()}-{next(_keys)}"}
        _, body = yield a_request("POST", "/v1/no-op", signed, bodies())
        lease = json.loads(body)["lease"]
        yield a_request("DELETE", f"/v1/no-op/{lease['id']}?fence={lease['fence']}", headers)
