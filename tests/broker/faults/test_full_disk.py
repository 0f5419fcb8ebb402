"""A disk that is full: whoever asks is told so, nothing is half done, and all of it is there later.

The disk is a small one of its own where one may be mounted, and a limit on the size of files
everywhere.
"""

import asyncio
import resource
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest

from broker.store.engine import Database
from tests.broker.faults.aftermath import wrong_afterwards
from tests.broker.faults.tally import Known, Tally
from tests.broker.faults.trial import CAPACITY, Site, a_site, until_ready

MIB = 1024 * 1024
ROOM = 2 * MIB  # the schema alone takes half of it
MOST_ASKED = 4000
AFTER_IT_IS_FULL = 5


def fill(site: Site, tally: Tally) -> list[int]:
    """Take and give back until nothing is granted any more; return the answers from then on."""
    full: list[int] = []
    with httpx2.Client(base_url=site.servers[0].place.url, headers=site.headers) as http:
        for _ in range(MOST_ASKED):
            status = take_and_give_back(http, tally)
            if status is not None:
                full.append(status)
            if len(full) == AFTER_IT_IS_FULL:
                full.append(http.get("/v1/leases").status_code)
                return full
    raise AssertionError("the disk was never full")


def take_and_give_back(http: httpx2.Client, tally: Tally) -> int | None:
    """Return the answer that was not a success, or None."""
    key = uuid4().hex
    sent_at = time.monotonic()
    answer = http.post(
        "/v1/capacity-requests",
        json={"gpu_models": ["H100"], "gpu_count": 1, "ttl_seconds": 60, "holder": "chat"},
        headers={"Idempotency-Key": key},
    )
    if answer.status_code != 201:
        return answer.status_code
    lease = Known.of(answer.json()["lease"], key)
    tally.granted(lease, until=sent_at + 60)
    answer = http.delete(f"/v1/leases/{lease.lease_id}", params={"fence": lease.fence})
    if answer.status_code != 204:
        return answer.status_code
    tally.gives_back(lease.lease_id)
    return None


@contextmanager
def a_small_disk(folder: Path) -> Iterator[None]:
    """Mount one there, or skip."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tonnage-test", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("no disk may be mounted here; the limit on files is tried in its place")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def require_all_there(site: Site, tally: Tally) -> None:
    database = Database(site.database_url)
    wrong, stored = wrong_afterwards(database, tally)
    database.close()
    assert wrong == []
    assert tally.violations == []
    assert stored["leases"] >= len(tally.known) > 0


@pytest.mark.fault
def test_files_that_may_not_grow_cost_nobody_a_lease_and_more_room_ends_the_trouble(
    tmp_path: Path,
) -> None:
    tally = Tally(CAPACITY, stopwatch=time.monotonic)
    with a_site("sqlite", tmp_path, room=ROOM) as site:
        (server,) = site.servers
        server.start()
        asyncio.run(until_ready(site))
        full = fill(site, tally)
        assert full == [503] * AFTER_IT_IS_FULL + [200]

        assert server.pid is not None
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, unlimited)
        with httpx2.Client(base_url=server.place.url, headers=site.headers) as http:
            assert take_and_give_back(http, tally) is None
        server.stop()
        require_all_there(site, tally)


@pytest.mark.fault
def test_a_full_disk_costs_nobody_a_lease(tmp_path: Path) -> None:
    tally = Tally(CAPACITY, stopwatch=time.monotonic)
    with a_small_disk(tmp_path), a_site("sqlite", tmp_path) as site:
        (server,) = site.servers
        server.start()
        asyncio.run(until_ready(site))
        full = fill(site, tally)
        assert full == [503] * AFTER_IT_IS_FULL + [200]
        server.kill()

        subprocess.run(["mount", "-o", f"remount,size={8 * ROOM}", str(tmp_path)], check=True)
        require_all_there(site, tally)
