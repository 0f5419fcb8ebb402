"""The real API, answering on a port of this machine while a test runs."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread

import uvicorn

from broker.access.scope import Role
from broker.api.app import create_app
from broker.clock import Clock, ticks_now, utc_now
from broker.flows.manage_keys import KeyWish, create_key, revoke_key
from broker.settings import Settings
from broker.store.engine import Database
from broker.store.grants import Grants, grants_of
from tests.builders import ACTOR, MAY_15


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """An API that answers, and the database behind it."""

    url: str
    database: Database
    skipped: list[int]  # nanoseconds by which its watch is ahead

    def a_key(self, role: Role = Role.ADMIN, *, name: str | None = None) -> str:
        """Make a key and return it."""
        wish = KeyWish(name=name or f"demo {role}", role=role)
        return create_key(self.database, wish, pepper="", actor=ACTOR, clock=utc_now).key

    def revoke(self, name: str) -> None:
        """Revoke a key by its name, and let the seconds pass for which a sign-in is remembered."""
        revoke_key(self.database, name, actor=ACTOR, clock=utc_now)
        self.skipped[0] += 6_000_000_000


@contextmanager
def serving(
    database_url: str,
    *,
    clock: Clock = utc_now,
    grants: Callable[[Database], Grants] = grants_of,
) -> Iterator[Served]:
    """Serve a database, with 15 May 2026 as the business day."""
    database = Database(database_url)
    settings = Settings(database_url=database_url, as_of=MAY_15)
    skipped = [0]
    listener = socket.create_server(("127.0.0.1", 0))  # asks that come early wait in its queue
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(
                settings,
                database=database,
                clock=clock,
                ticks=lambda: ticks_now() + skipped[0],
                grants=grants(database),
            ),
            log_config=None,
            access_log=False,
        )
    )
    thread = Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield Served(
            url=f"http://127.0.0.1:{listener.getsockname()[1]}",
            database=database,
            skipped=skipped,
        )
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
