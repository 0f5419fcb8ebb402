"""A world for clients of leases: the real API, a line that breaks when told, time that is told."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import httpx2

from broker.access.scope import Role
from broker.api.async_capacity_client import AsyncCapacityClient, AsyncMeans
from broker.api.capacity_client import CapacityClient, Means
from broker.api.heartbeat import SECOND
from broker.identity import new_id
from broker.store.engine import Database
from broker.store.grants import grants_of
from broker.store.tables import CapacityRequestRow, LeaseRow
from tests.broker.store.capacity_rows import (
    add_pools,
    change_pool,
    pool_row,
    rows_of,
    standing,
)
from tests.builders import NOON
from tests.dashboards.serving import Served, serving

Mishap = Callable[[httpx2.Request], httpx2.Response | None]
"""What becomes of a request instead of what should; None: nothing, it goes through."""


def goes_through(_: httpx2.Request) -> None:
    """Nothing happens."""


def refused(request: httpx2.Request) -> httpx2.Response:
    """Nobody is there."""
    raise httpx2.ConnectError("refused", request=request)


def cut_off(request: httpx2.Request) -> None:
    """The server has done it, and the connection breaks before it has said so."""
    request.extensions["cut_off"] = True


def answers(status: int, **headers: str) -> Mishap:
    """A proxy answers instead, and nothing is done."""

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(status, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return answer


@dataclass(slots=True)
class Network:
    """What was sent, and what goes wrong with the next requests whose path ends in something."""

    sent: list[httpx2.Request] = field(default_factory=list)
    mishaps: list[tuple[str, Mishap]] = field(default_factory=list)
    is_down: str | None = None

    def breaks(self, path: str, *mishaps: Mishap) -> None:
        self.mishaps += [(path, mishap) for mishap in mishaps]

    def paths(self, ending: str) -> list[httpx2.Request]:
        return [request for request in self.sent if request.url.path.endswith(ending)]

    def mishap(self, request: httpx2.Request) -> httpx2.Response | None:
        self.sent.append(request)
        path = request.url.path
        if self.is_down is not None and path.endswith(self.is_down):
            refused(request)
        for index, (ending, mishap) in enumerate(self.mishaps):
            if path.endswith(ending):
                del self.mishaps[index]
                return mishap(request)
        return None


def _after(request: httpx2.Request) -> None:
    if request.extensions.get("cut_off"):
        raise httpx2.RemoteProtocolError("cut off", request=request)


class Line(httpx2.HTTPTransport):
    """The way to the real API."""

    def __init__(self, network: Network) -> None:
        super().__init__(verify=False)
        self._network = network

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        made_up = self._network.mishap(request)
        if made_up is not None:
            return made_up
        answer = super().handle_request(request)
        answer.read()
        _after(request)
        return answer


class AsyncLine(httpx2.AsyncHTTPTransport):
    """The same for an event loop."""

    def __init__(self, network: Network) -> None:
        super().__init__(verify=False)
        self._network = network

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        made_up = self._network.mishap(request)
        if made_up is not None:
            return made_up
        answer = await super().handle_async_request(request)
        await answer.aread()
        _after(request)
        return answer


@dataclass(slots=True)
class Time:
    """Time as it is told, to the server too: waiting takes none, and lets that much pass."""

    now: int = 1_000 * SECOND
    waited: list[float] = field(default_factory=list)
    while_waiting: Callable[[], None] = lambda: None

    def ticks(self) -> int:
        return self.now

    def clock(self) -> datetime:
        return NOON + timedelta(microseconds=self.now // 1000)

    def stopwatch(self) -> float:
        return self.now / SECOND

    def pass_(self, seconds: float) -> None:
        self.now += int(seconds * SECOND)

    def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        self.pass_(seconds)
        self.while_waiting()

    async def sleep_async(self, seconds: float) -> None:
        self.sleep(seconds)


class StoodStill:
    """A pulse that beats when it is told to."""

    def __init__(self) -> None:
        self.round: Callable[[], float | None] = lambda: None

    def start(self, round_: Callable[[], float | None]) -> None:
        self.round = round_

    def stop(self) -> None:
        """Nothing runs."""


class AsyncStoodStill:
    """The same for an event loop."""

    round: Callable[[], Awaitable[float | None]]

    def start(self, round_: Callable[[], Awaitable[float | None]]) -> None:
        self.round = round_

    async def stop(self) -> None:
        """Nothing runs."""


@dataclass(slots=True, kw_only=True)
class World:
    """An API, and a pool of 16 GPUs for one test alone: its model and its holder have its number."""

    served: Served
    time: Time
    number: int
    network: Network = field(default_factory=Network)
    pulse: StoodStill = field(default_factory=StoodStill)
    async_pulse: AsyncStoodStill = field(default_factory=AsyncStoodStill)

    @property
    def database(self) -> Database:
        return self.served.database

    @property
    def model(self) -> str:
        return f"X{self.number}"

    @property
    def pool_id(self) -> str:
        return f"pool-{self.number}"

    @property
    def holder(self) -> str:
        return f"chat-{self.number}"

    def a_key(self, role: Role = Role.ADMIN) -> str:
        return self.served.a_key(role, name=f"key {new_id()}")

    def client(self, role: Role = Role.ADMIN, **means: Any) -> CapacityClient:
        keys = count(1)
        told: dict[str, Any] = {
            "ticks": self.time.ticks,
            "sleep": self.time.sleep,
            "jitter": lambda: 1.0,
            "new_key": lambda: f"key-{next(keys)}",
            "pulse": lambda: self.pulse,
        }
        return CapacityClient(
            self.served.url,
            self.a_key(role),
            holder=self.holder,
            transport=Line(self.network),
            means=Means(**(told | means)),
        )

    def async_client(self) -> AsyncCapacityClient:
        return AsyncCapacityClient(
            self.served.url,
            self.a_key(),
            holder=self.holder,
            transport=AsyncLine(self.network),
            means=AsyncMeans(
                ticks=self.time.ticks,
                sleep=self.time.sleep_async,
                jitter=lambda: 1.0,
                pulse=lambda: self.async_pulse,
            ),
        )

    def change_pool(self, **changes: Any) -> None:
        change_pool(self.database, self.pool_id, **changes)

    def pool(self) -> tuple[int, int, int]:
        """GPUs available, held and leased, having checked that the books are balanced."""
        return standing(self.database, self.pool_id)

    def leases(self) -> list[LeaseRow]:
        return [row for row in rows_of(self.database, LeaseRow) if row.holder == self.holder]

    def states(self) -> list[str]:
        return [lease.state for lease in self.leases()]

    def requests(self) -> list[str]:
        rows: list[CapacityRequestRow] = rows_of(self.database, CapacityRequestRow)
        return [row.state for row in rows if row.holder == self.holder]


_numbers = count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The API on a port of this machine, by a clock that is told; shared by the tests of a file."""

    served: Served
    time: Time

    def world(self) -> World:
        """Return the part of one test, with a pool of its own."""
        self.time.waited.clear()
        self.time.while_waiting = lambda: None
        world = World(served=self.served, time=self.time, number=next(_numbers))
        add_pools(self.served.database, pool_row(world.pool_id, 16, gpu_model=world.model))
        return world


@contextmanager
def a_stage(database_url: str) -> Iterator[Stage]:
    """Serve a SQLite database whose leases live by the clock of the tests."""
    time = Time()
    with serving(
        database_url,
        clock=time.clock,
        grants=lambda database: grants_of(database, clock=time.clock, stopwatch=time.stopwatch),
    ) as served:
        yield Stage(served=served, time=time)
        served.database.close()
