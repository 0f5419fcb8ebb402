"""Where leases are measured: a fresh database with pools, and the API in a process of its own.

`python benchmarks/lease_site.py URL PORT` serves it as `tonnage serve` does, with one worker and two
routes more, which read, sign in and answer as those of leases do, and do nothing.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Query, Response

from broker.access.scope import Role, Scope
from broker.api.app import create_app
from broker.api.json_body import JSON, json_body
from broker.api.serving import run
from broker.api.wire.capacity import CapacityRequest
from broker.api.wiring import Caller, requires
from broker.clock import utc_now
from broker.flows.manage_keys import KeyWish, create_key
from broker.settings import Settings
from broker.store import schema
from broker.store.engine import Database
from broker.store.tables import PoolRow

PEPPER = "pepper of the benchmark"
PLENTY = 50_000_000
MODELS = ("H100", "H200", "B200", "B300", "A100-80", "GB200", "MI300X", "L40S", "L4", "A10G")
REGIONS = tuple(f"region-{number:02}" for number in range(100))
READY_TRIES, TRY_EVERY_SECONDS = 600, 0.05
TICKS = os.sysconf("SC_CLK_TCK")

_PART = 2000


def prepare(url: str, *, pools: int, leases: int = 0) -> str:
    """Make the schema, so many pools, so many live leases spread over them; return a key."""
    database = Database(url)
    schema.upgrade(database)
    with database.writing() as session:
        session.add_all(_pool(number, leases // pools) for number in range(pools))
    if leases:
        _lease_out(database, pools, leases)
    if database.dialect == "postgresql":
        with database.write_engine.connect() as connection:
            steady = connection.execution_options(isolation_level="AUTOCOMMIT")
            steady.execute(sa.text("VACUUM ANALYZE"))
            steady.execute(sa.text("CHECKPOINT"))
    made = create_key(
        database,
        KeyWish(name="bench", role=Role.SCHEDULER),
        pepper=PEPPER,
        actor="bench",
        clock=utc_now,
    )
    database.close()
    return made.key


def pool_id(number: int) -> str:
    """Return the id of a pool."""
    return f"pool-{number:04}"


def _pool(number: int, leased: int) -> PoolRow:
    return PoolRow(
        id=pool_id(number),
        source=f"line/{number}",
        kind="contract",
        supplier=f"cloud-{number % 18:02}",
        gpu_model=MODELS[number % len(MODELS)],
        region=REGIONS[number // len(MODELS) % len(REGIONS)],
        node_size=1,
        contracted=PLENTY,
        undelivered=0,
        available=PLENTY - leased,
        held=0,
        leased=leased,
        down=0,
        returned=0,
        kept_back=0,
        claimed=0,
        gen=1,
        is_cordoned=False,
        is_draining=False,
        confirm_seconds=60,
        grace_seconds=30,
        changed_at=utc_now(),
    )


def _lease_out(database: Database, pools: int, leases: int) -> None:
    """Put live leases of one GPU there, as they stand after their first heartbeat."""
    now = utc_now()
    micros = int(now.timestamp() * 1_000_000)
    at: Any = micros if database.dialect == "sqlite" else now
    until: Any = micros + 10**12 if database.dialect == "sqlite" else utc_now().replace(year=2090)
    for start in range(0, leases, _PART):
        rows = [
            {
                "n": number,
                "lease": f"lease-{number:09}",
                "request": f"request-{number:09}",
                "holder": f"holder-{number % 50}",
                "pool": pool_id(number % pools),
                "at": at,
                "until": until,
            }
            for number in range(start, min(start + _PART, leases))
        ]
        with database.writing() as session:
            for statement in _LEASE_OUT:
                session.execute(sa.text(statement), rows)
    with database.writing() as session:
        session.execute(sa.text("UPDATE fence SET last = :last"), {"last": leases})


_LEASE_OUT = (
    "INSERT INTO capacity_request (id, principal, idempotency_key, fingerprint, spec, holder, "
    "gpu_count, priority, state, lease_id, created_at, decided_at, rev) VALUES (:request, 'bench', "
    ":request, 'f', '{}', :holder, 1, 500, 'granted', :lease, :at, :at, 1)",
    "INSERT INTO lease (id, request_id, principal, holder, state, is_live, priority, "
    "is_preemptible, gpu_count, fence, ttl_seconds, granted_at, starts_at, expires_at, "
    "confirmed_at, rev) VALUES (:lease, :request, 'bench', :holder, 'active', TRUE, 500, FALSE, 1, "
    ":n + 1, 86400, :at, :at, :until, :at, 2)",
    "INSERT INTO lease_line (lease_id, pool_id, gpu_count) VALUES (:lease, :pool, 1)",
)


@contextmanager
def served(url: str) -> Iterator[tuple[int, int]]:
    """Serve a database; yield the port and the id of the process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    root = str(Path(__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, __file__, url, str(port)], env={**os.environ, "PYTHONPATH": root}
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/healthz", process)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(30)


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until somebody answers there."""
    for _ in range(READY_TRIES):
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - an address of our own
                return
        except OSError:
            time.sleep(TRY_EVERY_SECONDS)
    raise SystemExit(f"nobody serves {url}")


def processor_seconds(*pids: int) -> float:
    """Return what these processes have used of the processors, with all they descend into."""
    return sum(_of_one(pid) for pid in pids)


def _of_one(pid: int) -> float:
    times = _times(pid)
    own = sum(times) if times else 0  # with those children that are over
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found = _times(int(child))
        own += sum(found[:2]) if found else 0
    return own / TICKS


def _times(pid: int) -> list[int]:
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
    return [int(each) for each in after_name[11:15]]


# --- the server --------------------------------------------------------------------------------

no_op = APIRouter(prefix="/v1")
_ANSWER = (
    b'{"id":"01a0a0a0-0000-7000-8000-000000000000","state":"granted","reason":null,"detail":null,'
    b'"lease":{"id":"01a0a0a0-0000-7000-8000-000000000001",'
    b'"request_id":"01a0a0a0-0000-7000-8000-000000000000","state":"granted","lines":[{"pool_id":'
    b'"pool-0000","supplier":"cloud-00","contract_ref":null,"region":"region-00","gpu_model":"H100",'
    b'"gpu_count":4,"marginal_price_per_gpu_hour":null,"effective_price_per_gpu_hour":null,'
    b'"currency":null}],"fence":123456,"ttl_seconds":60,"expires_at":"2026-03-01T12:00:00Z"}}'
)


@no_op.post("/no-op", status_code=201)
async def take(
    body: Annotated[CapacityRequest, json_body(CapacityRequest)],
    _caller: Annotated[Caller, requires(Scope.CAPACITY_WRITE)],
) -> Response:
    """Read what asks for GPUs, and answer as if there were some."""
    body.spec()
    return Response(_ANSWER, 201, media_type=JSON)


@no_op.delete("/no-op/{lease_id}", status_code=204)
async def give_back(
    lease_id: str,
    fence: Annotated[int, Query(ge=1)],
    _caller: Annotated[Caller, requires(Scope.CAPACITY_WRITE)],
) -> None:
    """Answer as if a lease were given back."""


def _serve(url: str, port: int) -> None:
    settings = Settings.model_validate({"key_pepper": PEPPER, "rate_limit_per_second": 0})
    app = create_app(settings, database=Database(url))
    app.include_router(no_op)
    with socket.create_server(("127.0.0.1", port), backlog=2048) as listener:
        run(app, listener)


if __name__ == "__main__":
    _serve(sys.argv[1], int(sys.argv[2]))
