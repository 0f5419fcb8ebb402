"""The API in a process of its own, to be killed: as `tonnage serve` runs it, with two openings.

Its clock is that of the machine plus the seconds that stand in a file, and it may be given little
room for its files. It sweeps by itself, far more often than anybody would in earnest.
"""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing import get_context
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from broker.api.app import create_app
from broker.clock import utc_now
from broker.errors import TonnageError
from broker.settings import Settings
from broker.store.engine import Database
from broker.store.grants import grants_of

PEPPER = "pepper of the trial"
SWEEP_EVERY_SECONDS = 0.1
PROCESS = get_context("forkserver")  # begins in no time: what is slow to import is there already
PROCESS.set_forkserver_preload([__name__])


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a server listens, and what it works on."""

    database_url: str
    port: int
    folder: Path
    room: int | None = None  # bytes that a file may have; None: as many as there are

    @property
    def url(self) -> str:
        """Return where it is found."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def clock_file(self) -> Path:
        """Return the file that says by how many seconds the clock is wrong."""
        return self.folder / "clock"

    @property
    def log_file(self) -> Path:
        """Return where it says what went wrong."""
        return self.folder / f"server-{self.port}.log"

    def clock(self) -> datetime:
        """Return the time that the server believes it is."""
        with suppress(OSError, ValueError):  # not there, or being written
            return utc_now() + timedelta(seconds=float(self.clock_file.read_text()))
        return utc_now()


class Server:
    """The process at a place, whichever it is just now."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._process = PROCESS.Process(target=_serve, args=(place, os.getpid()))

    @property
    def is_running(self) -> bool:
        """Say whether there is a process; it need not answer yet."""
        return self._process.is_alive()

    @property
    def pid(self) -> int | None:
        """Return the id of the process."""
        return self._process.pid

    def start(self) -> None:
        """Start a new process."""
        self._process = PROCESS.Process(target=_serve, args=(self.place, os.getpid()))
        self._process.start()

    def kill(self) -> None:
        """End the process by SIGKILL, so that it can do nothing more."""
        self._process.kill()
        self._process.join()

    def stop(self) -> None:
        """Ask the process to end what it is at; be patient, then insist."""
        if self._process.pid is None:
            return
        self._process.terminate()
        self._process.join(20)
        if self._process.is_alive():
            self.kill()
            raise RuntimeError(
                f"the server did not stop: {self.place.log_file.read_text()[-2000:]}"
            )


def a_free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _serve(place: Place, parent: int) -> None:
    log = os.open(place.log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    if place.room is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (place.room, resource.RLIM_INFINITY))
    config = uvicorn.Config(
        _app(place),
        host="127.0.0.1",
        port=place.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    uvicorn.Server(config).run()


def _end_with(parent: int) -> None:
    """Do not outlive whoever started this, however they end."""
    while Path(f"/proc/{parent}").exists():
        time.sleep(1)
    os._exit(1)


def _app(place: Place) -> FastAPI:
    database = Database(place.database_url)
    settings = Settings.model_validate(
        {"database_url": "sqlite://", "key_pepper": PEPPER, "rate_limit_per_second": 0}
    )
    grants = grants_of(database, clock=place.clock)
    app = create_app(settings, database=database, clock=place.clock, grants=grants)
    serving = app.router.lifespan_context

    async def sweeping() -> None:
        while True:
            with suppress(TonnageError):  # the database is away: later
                await grants.sweep()
            await asyncio.sleep(SWEEP_EVERY_SECONDS)

    @asynccontextmanager
    async def lifespan(of: FastAPI) -> AsyncIterator[None]:
        async with serving(of):
            task = asyncio.create_task(sweeping())
            yield
            task.cancel()

    app.router.lifespan_context = lifespan
    return app
