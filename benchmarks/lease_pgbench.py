"""What pgbench grants and returns, with one statement each: what the engine is held against."""

from __future__ import annotations

import re
import subprocess
import tempfile
from typing import NamedTuple

import sqlalchemy as sa

from tests.throwaway_postgres import find_binaries

SAME_ROWS = r"""
\set pool random(0, :pools - 1)
\set n random(1, :gpus)
WITH taken AS (
  UPDATE pool SET available = available - :n, held = held + :n, gen = gen + 1,
      changed_at = clock_timestamp()
    WHERE id = 'pool-' || lpad(:pool::text, 4, '0') AND NOT (is_cordoned OR is_draining)
      AND available - kept_back - claimed >= :n
    RETURNING id, confirm_seconds, marginal_price, effective_price, currency
), asked AS (
  INSERT INTO capacity_request (id, principal, idempotency_key, fingerprint, spec, holder,
      gpu_count, priority, state, lease_id, created_at, decided_at, rev)
    SELECT gen_random_uuid()::text, 'bench', gen_random_uuid()::text, 'f', '{}', 'bench', :n, 500,
           'granted', gen_random_uuid()::text, clock_timestamp(), clock_timestamp(), 1
      FROM taken RETURNING *
), leased AS (
  INSERT INTO lease (id, request_id, principal, holder, state, is_live, priority, is_preemptible,
      gpu_count, fence, ttl_seconds, granted_at, starts_at, expires_at, rev)
    SELECT lease_id, asked.id, principal, holder, 'granted', true, priority, false, gpu_count,
           nextval('bench_fence'), 60, created_at, created_at,
           created_at + make_interval(secs => least(60, confirm_seconds)), 1
      FROM asked, taken RETURNING *
), line AS (
  INSERT INTO lease_line (lease_id, pool_id, gpu_count, marginal_price, effective_price, currency)
    SELECT leased.id, taken.id, gpu_count, marginal_price, effective_price, currency
      FROM leased, taken
), moved AS (
  INSERT INTO capacity_transfer (pool_id, debit, credit, gpu_count, cause, actor, at)
    SELECT taken.id, 'available', 'held', gpu_count, 'lease ' || leased.id || ' granted',
           principal, granted_at FROM leased, taken
), told AS (
  INSERT INTO capacity_event (kind, object_id, holder, principal, at, data)
    SELECT 'lease.granted', id, holder, principal, granted_at, json_build_object(
        'request_id', request_id, 'fence', fence, 'gpu_count', gpu_count)::text FROM leased
) SELECT id AS lease, fence AS fence FROM leased \gset
WITH ended AS (
  UPDATE lease SET state = 'released', is_live = false, ended_at = clock_timestamp(), rev = rev + 1
    WHERE id = :lease AND fence = :fence AND is_live RETURNING *
), line AS (
  SELECT l.pool_id, l.gpu_count AS n, e.* FROM ended e JOIN lease_line l ON l.lease_id = e.id
), moved AS (
  INSERT INTO capacity_transfer (pool_id, debit, credit, gpu_count, cause, actor, at)
    SELECT pool_id, 'held', 'available', n, 'lease ' || id || ' released', principal, ended_at
      FROM line
), told AS (
  INSERT INTO capacity_event (kind, object_id, holder, principal, at, data)
    SELECT 'lease.released', id, holder, principal, ended_at, json_build_object(
        'request_id', request_id, 'fence', fence, 'gpu_count', gpu_count)::text FROM ended
) UPDATE pool SET available = available + n, held = held - n, gen = pool.gen + 1,
      changed_at = ended_at FROM line WHERE pool.id = line.pool_id;
"""
"""Writes the same rows as the engine does, to the same tables.

In its favour: its fences come from a sequence, for which nobody waits, so that events need not
become visible in their order; and it neither plans nor looks for a key that was used before.
"""

BARE = r"""
\set pool random(1, :pools)
\set n random(1, :gpus)
WITH taken AS (
  UPDATE bench_pool SET used = used + :n, gen = gen + 1 WHERE id = :pool AND used + :n <= total
    RETURNING id, gen
) INSERT INTO bench_lease (pool_id, n, key, fence, expires_at)
  SELECT id, :n, gen_random_uuid()::text, gen, clock_timestamp() + interval '60 s' FROM taken
  RETURNING id AS lease, fence AS fence \gset
WITH ended AS (
  UPDATE bench_lease SET state = 2 WHERE id = :lease AND fence = :fence AND state = 1
    RETURNING pool_id, n
) UPDATE bench_pool AS p SET used = p.used - ended.n, gen = gen + 1
    FROM ended WHERE p.id = ended.pool_id;
"""
"""The least there could be: a counter and a lease; no request, no journal, no event."""

# The fences of pgbench begin where no lease of the engine gets to.
_TABLES = """
    CREATE SEQUENCE bench_fence START 1000000000000000;
    CREATE TABLE bench_pool (
      id int PRIMARY KEY, total int NOT NULL, used int NOT NULL DEFAULT 0,
      gen bigint NOT NULL DEFAULT 0, CHECK (used BETWEEN 0 AND total)
    ) WITH (fillfactor = 20);
    CREATE TABLE bench_lease (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(), pool_id int NOT NULL REFERENCES bench_pool (id),
      n int NOT NULL CHECK (n > 0), key text NOT NULL UNIQUE, fence bigint NOT NULL,
      state smallint NOT NULL DEFAULT 1, expires_at timestamptz NOT NULL
    );
    INSERT INTO bench_pool (id, total) SELECT number, 50000000 FROM generate_series(1, 16) AS number
"""


class Load(NamedTuple):
    """How many ask, for how long, for how many GPUs at most, and from how many pools."""

    pools: int
    gpus: int
    clients: int
    seconds: float


def prepare_pgbench(url: str) -> None:
    """Make what its statements need beside our own tables."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(_TABLES)
    engine.dispose()


def settle(url: str) -> None:
    """Have the database tidy up what others left, so that nobody is held up by it afterwards."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql("VACUUM ANALYZE")
        connection.exec_driver_sql("CHECKPOINT")
    engine.dispose()


def pgbench(url: str, statements: str, load: Load) -> float:
    """Return how many grants and returns pgbench does a second."""
    parsed, binaries = sa.make_url(url), find_binaries()
    if binaries is None:
        raise SystemExit("PostgreSQL is not installed")
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(statements)
        script.flush()
        command = [str(binaries / "pgbench"), "-n", "-M", "prepared", "-j", "2"]
        command += ["-c", str(load.clients), "-T", str(max(1, round(load.seconds)))]
        command += ["-D", f"pools={load.pools}", "-D", f"gpus={load.gpus}", "-f", script.name]
        command += ["-h", str(parsed.host), "-p", str(parsed.port), "-U", str(parsed.username)]
        done = subprocess.run(
            [*command, str(parsed.database)], capture_output=True, text=True, check=True
        )
    found = re.search(r"^tps = ([0-9.]+)", done.stdout, re.MULTILINE)
    if found is None:
        raise SystemExit(f"pgbench said: {done.stdout}")
    return 2 * float(found[1])
