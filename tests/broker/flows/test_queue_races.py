"""Rounds in several processes at once, while others ask: nothing is oversold or granted twice."""

import subprocess
import sys
from collections import Counter

from broker.store.engine import Database
from broker.store.grants import Outcome
from broker.store.tables import CapacityRequestRow, LeaseRow
from tests.broker.flows.queues import GRANTED, a_spec, asked
from tests.broker.store.capacity_rows import (
    a_wish,
    add_pools,
    change_pool,
    on,
    pool_row,
    rows_of,
    standing,
    with_grants,
)

PROCESSES = 2
WAITING = 20
GPUS = 96


def test_rounds_in_two_processes_never_oversell_and_never_grant_twice(
    database: Database, database_url: str
) -> None:
    add_pools(database, pool_row("p1", GPUS, is_cordoned=True))
    with_grants(
        database,
        lambda grants: grants.grant_many([asked(a_spec(8)) for _ in range(WAITING)]),
    )
    change_pool(database, "p1", is_cordoned=False)
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.broker.flows.queue_process", database_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(PROCESSES)
    ]
    for each in processes:
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.flush()

    jumpers = with_grants(
        database,
        lambda grants: grants.grant_many([a_wish(on(("p1", 8))) for _ in range(3)]),
    )
    counts = [int(each.communicate(timeout=60)[0]) for each in processes]

    leases = rows_of(database, LeaseRow)
    jumped = sum(answer.outcome is Outcome.GRANTED for answer in jumpers)
    states = Counter(row.state for row in rows_of(database, CapacityRequestRow))
    assert standing(database, "p1") == (0, GPUS, 0)
    assert sum(counts) + jumped == GPUS // 8 == len(leases)
    assert states[GRANTED] == len(leases)
    assert len({lease.request_id for lease in leases}) == len(leases)
    assert len({lease.fence for lease in leases}) == len(leases)
