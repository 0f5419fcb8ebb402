"""A trial: real servers, a real database, many holders, everything going wrong; then the reckoning.

with a_site("postgresql", folder, servers=2) as site:
    report = run_trial(site, Course(seconds=15, seed=1))
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx2
import sqlalchemy as sa
from sqlmodel import Session

from broker.access.scope import Role
from broker.clock import utc_now
from broker.flows.manage_keys import KeyWish, create_key
from broker.store import schema
from broker.store.engine import Database
from broker.store.tables import CapacityTransferRow
from tests.broker.capacity_rows import a_pool
from tests.broker.faults.aftermath import wrong_afterwards
from tests.broker.faults.chaos import Chaos, Fault, blows
from tests.broker.faults.holders import TTL_SECONDS, Holder, Round
from tests.broker.faults.server import PEPPER, Place, Server, a_free_port
from tests.broker.faults.tally import Tally
from tests.builders import NOON
from tests.throwaway_postgres import OUTLIVES_A_CRASH, Cluster

READY_TRIES, TRY_EVERY_SECONDS = 600, 0.05
ANSWER_SECONDS = 6.0
CAPACITY: Mapping[str, int] = {"hot": 24, "spare": 24, "other": 16}
_MODELS = {"hot": "H100", "spare": "H100", "other": "B200"}
SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How long a trial takes, how many take part, and what decides everything else."""

    seconds: float
    seed: int
    holders: int = 24
    blow_every_seconds: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Servers on one database, with a key to ask them."""

    database_url: str
    servers: tuple[Server, ...]
    cluster: Cluster | None
    key: str

    @property
    def kind(self) -> str:
        """Return which database it is."""
        return "sqlite" if self.cluster is None else "postgresql"

    @property
    def headers(self) -> dict[str, str]:
        """Return what signs a request."""
        return {"Authorization": f"Bearer {self.key}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of a trial."""

    kind: str
    course: Course
    servers: int
    counts: Mapping[str, int]
    peak: Mapping[str, int]
    longest_gap: float
    violations: tuple[str, ...]

    def as_json(self) -> str:
        """Return it in one line."""
        return json.dumps(
            {
                "database": self.kind,
                "servers": self.servers,
                "holders": self.course.holders,
                "seconds": self.course.seconds,
                "seed": self.course.seed,
                **{name: self.counts[name] for name in sorted(self.counts)},
                "peak": dict(sorted(self.peak.items())),
                "capacity": dict(sorted(CAPACITY.items())),
                "longest_gap_seconds": round(self.longest_gap, 2),
                "violations": len(self.violations),
                "examples": self.violations[:SHOWN],
            }
        )


@contextmanager
def a_site(
    kind: str,
    folder: Path,
    *,
    servers: int = 1,
    room: int | None = None,
    postgres: Sequence[str] = OUTLIVES_A_CRASH,
) -> Iterator[Site]:
    """Make a database of this kind with a few pools, and servers for it that are not started."""
    cluster = Cluster(postgres) if kind == "postgresql" else None
    started: tuple[Server, ...] = ()
    try:
        if cluster is not None:
            cluster.start()
            url = f"{cluster.url}/postgres"
        else:
            url = f"sqlite:///{folder / 'trial.db'}"
        key = prepared(url)
        started = tuple(
            Server(Place(database_url=url, port=a_free_port(), folder=folder, room=room))
            for _ in range(servers)
        )
        yield Site(database_url=url, servers=started, cluster=cluster, key=key)
    finally:
        for server in started:
            if server.is_running:
                server.kill()
        if cluster is not None:
            cluster.remove()


def run_trial(site: Site, course: Course) -> Report:
    """Let holders work while everything goes wrong, then look whether all is right."""
    tally = Tally(CAPACITY, stopwatch=time.monotonic)
    counts: Counter[str] = Counter()
    gap = asyncio.run(_run(site, course, tally, counts))
    for server in site.servers:
        server.stop()
    database = Database(site.database_url)
    wrong, stored = wrong_afterwards(database, tally)
    database.close()
    return Report(
        kind=site.kind,
        course=course,
        servers=len(site.servers),
        counts={**counts, **stored},
        peak=dict(tally.peak),
        longest_gap=gap,
        violations=(*tally.violations, *wrong),
    )


async def until_ready(site: Site) -> None:
    """Wait until each server answers."""
    async with httpx2.AsyncClient() as http:
        for server in site.servers:
            for _ in range(READY_TRIES):
                with suppress(httpx2.TransportError):
                    if (await http.get(f"{server.place.url}/healthz")).status_code == 200:
                        break
                await asyncio.sleep(TRY_EVERY_SECONDS)
            else:
                raise RuntimeError(server.place.log_file.read_text()[-2000:])


async def _run(site: Site, course: Course, tally: Tally, counts: Counter[str]) -> float:
    kinds = (Fault.KILL, Fault.STEP if site.cluster is None else Fault.CRASH)
    planned = list(
        blows(course.seed, seconds=course.seconds, every=course.blow_every_seconds, kinds=kinds)
    )
    chaos = Chaos(site.servers, site.cluster)
    watching = [asyncio.create_task(chaos.keep_up(server)) for server in site.servers]
    await until_ready(site)
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=course.holders * 2)
    async with httpx2.AsyncClient(
        timeout=ANSWER_SECONDS, limits=limits, headers=site.headers
    ) as http:
        round_ = Round(
            urls=[server.place.url for server in site.servers],
            http=http,
            tally=tally,
            seed=course.seed,
            stop_at=time.monotonic() + course.seconds,
        )
        holders = [Holder(round_, number) for number in range(course.holders)]
        await asyncio.gather(chaos.strike(planned), *(holder.work() for holder in holders))
        await asyncio.sleep(TTL_SECONDS * 1.5)  # the sweep takes back what fell silent
    chaos.end()
    await asyncio.gather(*watching)
    counts.update(round_.counts)
    counts.update(chaos.counts)
    return round_.longest_gap


def prepared(url: str) -> str:
    """Make the schema, the pools and a key at a URL; return the key."""
    database = Database(url)
    schema.upgrade(database)
    with database.writing() as session:
        for pool_id, gpus in CAPACITY.items():
            _stock(session, pool_id, gpus)
    wish = KeyWish(name="trial", role=Role.SCHEDULER)
    made = create_key(database, wish, pepper=PEPPER, actor="trial", clock=utc_now)
    if database.dialect == "postgresql":
        with database.write_engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(
                sa.text("CHECKPOINT")
            )
    database.close()
    return made.key


def _stock(session: Session, pool_id: str, gpus: int) -> None:
    """Put a pool there with its journal; its expiries have no grace, so that every fault shows."""
    session.add(
        a_pool(pool_id, available=gpus, node_size=1, gpu_model=_MODELS[pool_id], grace_seconds=0)
    )
    session.flush()
    session.add(
        CapacityTransferRow(
            pool_id=pool_id,
            debit="supplier",
            credit="available",
            gpu_count=gpus,
            cause="trial",
            actor="trial",
            at=NOON,
        )
    )
