"""How fast leases are granted: `python benchmarks/leases.py [--rounds N] [--seconds S]`.

From a checkout, with PostgreSQL installed. Runs what is compared in turns, and prints ratios inside
the same run, the median of all rounds: rates by themselves say more about the machine and what else
it does. `--placement` asks OpenStack Placement for the same; it is installed into an environment of
its own first. An operation is one grant or one return, each answered after its commit, flushed to
disk.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import checkout  # noqa: F401 - must come before what it makes findable
import sqlalchemy as sa
import uvloop
from lease_load import Answers, Talk, ask, grants, no_ops
from lease_pgbench import BARE, SAME_ROWS, Load, pgbench, prepare_pgbench, settle
from lease_placement import Placement
from lease_site import MODELS, PLENTY, REGIONS, pool_id, prepare, processor_seconds, served

from broker.capacity.request import Line
from broker.identity import new_id
from broker.store.engine import Database
from broker.store.grants import Return, Wish, grants_of
from tests.throwaway_postgres import OUTLIVES_A_POWER_CUT, Cluster

CLIENTS = 32
MANY_POOLS, MANY_LEASES = 1_000, 100_000
MOST_GPUS = 8
MICROS = 1_000_000


class Target(NamedTuple):
    """What is promised of a figure."""

    figure: float
    is_at_least: bool

    def verdict(self, measured: float) -> str:
        """Return the target in words, and whether it is met."""
        met = measured >= self.figure if self.is_at_least else measured <= self.figure
        words = "at least" if self.is_at_least else "at most"
        return f"{words} {self.figure:g}: {'met' if met else 'MISSED'}"


HOT, SPREAD = Target(3, True), Target(2, True)
OF_NO_OP, PROCESSOR = Target(0.5, True), Target(400, False)
FULL_BOOK, OF_PLACEMENT = Target(1.25, False), Target(20, True)


class Site(NamedTuple):
    """A database that is served."""

    url: str
    port: int
    key: str
    pids: tuple[int, ...]  # of server and database

    @property
    def headers(self) -> dict[str, str]:
        """Return what signs a request."""
        return {"Authorization": f"Bearer {self.key}"}


class Measured(NamedTuple):
    """Answers, and what each success took of the processors."""

    answers: Answers
    micros: float


def main(given: argparse.Namespace) -> None:
    """Measure and print."""
    began = time.perf_counter()
    cluster = Cluster(OUTLIVES_A_POWER_CUT)
    try:
        cluster.start()
        with tempfile.TemporaryDirectory(prefix="tonnage-leases-") as folder:
            places = _places(cluster, Path(folder))
            print(f"{CLIENTS} clients, medians of {given.rounds} rounds of {given.seconds:g} s")
            in_the_database(cluster, given)
            over_http(places, given)
            beside_a_full_book(places, given)
            if given.placement:
                beside_placement(cluster, places, given)
    finally:
        cluster.remove()
    print(f"\nthe whole run took {time.perf_counter() - began:.0f} s by the clock")


Places = Mapping[str, Callable[[str], tuple[str, tuple[int, ...]]]]
"""By kind of database: makes one of a name, and says its URL and the processes it consists of."""


def _places(cluster: Cluster, folder: Path) -> Places:
    return {
        "postgresql": lambda name: (_new_database(cluster, name), (cluster.pid,)),
        "sqlite": lambda name: (f"sqlite:///{folder / name}.db", ()),
    }


def _new_database(cluster: Cluster, name: str) -> str:
    engine = sa.create_engine(f"{cluster.url}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return f"{cluster.url}/{name}"


@contextmanager
def a_site(places: Places, kind: str, name: str, *, pools: int, leases: int = 0) -> Iterator[Site]:
    """Make a database of this kind with so many pools and leases, and serve it."""
    url, pids = places[kind](name)
    key = prepare(url, pools=pools, leases=leases)
    with served(url) as (port, pid):
        yield Site(url, port, key, (pid, *pids))


# --- in the database ---------------------------------------------------------------------------


def in_the_database(cluster: Cluster, given: argparse.Namespace) -> None:
    """Compare the engine with what writes the same by one statement each."""
    url = _new_database(cluster, "hot_path")
    prepare(url, pools=16)
    prepare_pgbench(url)
    print("\nin PostgreSQL, beside pgbench that writes the same rows, one statement each")
    for pools, target in ((1, HOT), (16, SPREAD)):
        ours, peers, bare = [], [], []
        for _ in range(given.rounds):
            load = Load(pools=pools, gpus=MOST_GPUS, clients=CLIENTS, seconds=given.seconds)
            settle(url)
            peers.append(pgbench(url, SAME_ROWS, load))
            settle(url)
            ours.append(uvloop.run(_engine(url, pools, given.seconds)))
            settle(url)
            bare.append(pgbench(url, BARE, load))
        ratios = [a / b for a, b in zip(ours, peers, strict=True)]
        to_bare = [a / b for a, b in zip(ours, bare, strict=True)]
        name = "one hot pool" if pools == 1 else f"{pools} pools"
        _show(f"{name}: engine / pgbench", statistics.median(ratios), "x", target)
        _show_rate("the engine", ours)
        _show_rate("pgbench", peers)
        _show("  engine / pgbench: lease and counter only", statistics.median(to_bare), "x")


async def _engine(url: str, pools: int, seconds: float) -> float:
    """Return how many grants and returns the engine does a second."""
    database = Database(url)
    engine = grants_of(database)
    await engine.start()
    done, until = 0, time.perf_counter() + seconds

    async def client() -> None:
        nonlocal done
        while time.perf_counter() < until:
            answer = await engine.grant(_wish(pool_id(random.randrange(pools))))
            if answer.lease_id is None or answer.fence is None:
                raise SystemExit(f"a grant was refused: {answer.reason}")
            await engine.release(Return(lease_id=answer.lease_id, fence=answer.fence))
            done += 2

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    rate = done / (time.perf_counter() - began)
    await engine.stop()
    database.close()
    return rate


def _wish(pool: str) -> Wish:
    gpus, request_id = random.randint(1, MOST_GPUS), new_id()
    return Wish(
        request_id=request_id,
        principal="bench",
        idempotency_key=request_id,
        fingerprint="f",
        spec="{}",
        holder="bench",
        gpu_count=gpus,
        priority=500,
        is_preemptible=False,
        is_gang=True,
        ttl_seconds=60,
        duration_seconds=None,
        starts_at=None,
        may_queue=False,
        deadline_at=None,
        candidates=((Line(pool_id=pool, gpu_count=gpus),),),
    )


# --- over HTTP ---------------------------------------------------------------------------------


def over_http(places: Places, given: argparse.Namespace) -> None:
    """Compare granting and returning with routes of the same application that do nothing."""
    print("\nover HTTP, one worker, one hot pool, beside the same application's no-op routes")
    for kind in places:
        with a_site(places, kind, "over_http", pools=1) as site:
            ours, nothing = [], []
            for _ in range(given.rounds):
                nothing.append(_measured(site, no_ops, given.seconds))
                ours.append(_measured(site, grants, given.seconds))
        ratios = [
            a.answers.per_second / b.answers.per_second for a, b in zip(ours, nothing, strict=True)
        ]
        micros = statistics.median(each.micros for each in ours)
        _show(f"{kind}: grant and return / no-op", statistics.median(ratios), "x", OF_NO_OP)
        _show("processor an operation, database and all", micros, "µs", PROCESSOR)
        _show("  of a no-op", statistics.median(each.micros for each in nothing), "µs")
        _show_rate("grant and return", [each.answers.per_second for each in ours])
        _show_rate("no-op", [each.answers.per_second for each in nothing])
        _show("  a wait, median", statistics.median(e.answers.wait(50) for e in ours), "ms")
        _show("  a wait, 99 of 100", statistics.median(e.answers.wait(99) for e in ours), "ms")


def _measured(
    site: Site, talk: Callable[..., Talk], seconds: float, *, region: str | None = None
) -> Measured:
    bodies = partial(_body, region)
    before = processor_seconds(*site.pids)
    answers = ask(
        site.port, partial(talk, site.headers, bodies), seconds=seconds, connections=CLIENTS
    )
    used = processor_seconds(*site.pids) - before
    _require_good(answers)
    return Measured(answers, used / answers.all_good * MICROS)


def _body(region: str | None) -> dict[str, Any]:
    body = {"gpu_models": [MODELS[0]], "gpu_count": random.randint(1, MOST_GPUS), "holder": "bench"}
    return body if region is None else {**body, "regions": [region]}


def _require_good(answers: Answers) -> None:
    wrong = {status: times for status, times in answers.statuses.items() if status >= 300}
    if wrong:
        raise SystemExit(f"not all was granted; answers by status: {wrong}")


# --- beside a full book ------------------------------------------------------------------------


def beside_a_full_book(places: Places, given: argparse.Namespace) -> None:
    """Compare a grant among many pools and leases with one on an empty book, by processor time."""
    print(f"\n{MANY_POOLS:,} pools and {given.leases:,} live leases, beside one pool and no lease")
    for kind in places:
        with ExitStack() as stack:
            empty = stack.enter_context(a_site(places, kind, "empty_book", pools=1))
            full = stack.enter_context(
                a_site(places, kind, "full_book", pools=MANY_POOLS, leases=given.leases)
            )
            many, few = [], []
            for _ in range(given.rounds):
                few.append(_measured(empty, grants, given.seconds, region=REGIONS[0]))
                many.append(_measured(full, grants, given.seconds, region=REGIONS[0]))
        ratios = [a.micros / b.micros for a, b in zip(many, few, strict=True)]
        _show(f"{kind}: processor, full / empty", statistics.median(ratios), "x", FULL_BOOK)
        _show("  full", statistics.median(each.micros for each in many), "µs")
        _show("  empty", statistics.median(each.micros for each in few), "µs")
        clock = [
            b.answers.per_second / a.answers.per_second for a, b in zip(many, few, strict=True)
        ]
        _show("  by the clock, full / empty", statistics.median(clock), "x")


# --- beside OpenStack Placement ----------------------------------------------------------------


def beside_placement(cluster: Cluster, places: Places, given: argparse.Namespace) -> None:
    """Compare with allocations put and deleted at Placement, on the same PostgreSQL."""
    url = _new_database(cluster, "placement")
    print("\nover HTTP, beside OpenStack Placement on the same PostgreSQL, one provider or pool")
    with ExitStack() as stack:
        peer = stack.enter_context(Placement.served(given.placement, url))
        site = stack.enter_context(a_site(places, "postgresql", "beside_placement", pools=1))
        ours, peers, conflicts = [], [], 0
        provider = peer.provider(PLENTY)
        for _ in range(given.rounds):
            theirs = ask(
                peer.port,
                partial(peer.allocations, provider, MOST_GPUS),
                seconds=given.seconds,
                connections=CLIENTS,
            )
            conflicts += sum(n for status, n in theirs.statuses.items() if status >= 300)
            peers.append(theirs.per_second)
            ours.append(_measured(site, grants, given.seconds).answers.per_second)
    ratios = [a / b for a, b in zip(ours, peers, strict=True)]
    _show("grant and return / allocate and free", statistics.median(ratios), "x", OF_PLACEMENT)
    _show_rate("grant and return", ours)
    _show_rate(f"Placement {peer.version}", peers)
    _show("  of which it refused as concurrent", conflicts, "answers")


# --- what is printed ---------------------------------------------------------------------------


def _show(what: str, figure: float, unit: str, target: Target | None = None) -> None:
    verdict = "" if target is None else target.verdict(figure)
    print(f"  {what:44}{figure:10,.2f} {unit:8}{verdict}", flush=True)


def _show_rate(what: str, rates: list[float]) -> None:
    print(f"    {what:42}{statistics.median(rates):10,.0f} /s", flush=True)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--seconds", type=float, default=4.0)
    arguments.add_argument("--leases", type=int, default=MANY_LEASES)
    arguments.add_argument(
        "--placement",
        type=Path,
        metavar="FOLDER",
        help="also compare with OpenStack Placement, installed into an environment there",
    )
    os.environ.pop("PGOPTIONS", None)
    main(arguments.parse_args())
