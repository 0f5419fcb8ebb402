"""What the database must say once everything is over, held against what holders know."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from sqlalchemy import text
from sqlmodel import Session

from broker.store.capacity_check import disagreements
from broker.store.engine import Database
from broker.store.grants_check import imbalance
from tests.broker.faults.tally import Known, Tally

_LEASES = "SELECT l.id, l.fence, l.is_live, r.idempotency_key FROM lease l JOIN capacity_request r "
_LEASES += "ON r.id = l.request_id AND r.lease_id = l.id"
_LINES = "SELECT lease_id, pool_id, gpu_count FROM lease_line"
_GRANTS = "SELECT object_id, count(*) FROM capacity_event WHERE kind = 'lease.granted' GROUP BY 1"
_POOLS = "SELECT id, held, leased, contracted FROM pool"


def wrong_afterwards(database: Database, tally: Tally) -> tuple[list[str], dict[str, int]]:
    """Return in words whatever is wrong, and how many leases there are in all."""
    with database.reading() as session:
        found = [*_lost(session, tally), *_oversold(session, tally), *_untold(session)]
        found += disagreements(session)
        off = imbalance(session)
        if off:
            found.append(f"the imbalance is {off} GPUs")
        stored = _stored(session)
        live = session.execute(text("SELECT count(*) FROM lease WHERE is_live")).scalar_one()
    unknown = len(stored.keys() - tally.known.keys())
    return found, {"leases": len(stored), "live": live, "unacknowledged": unknown}


def _stored(session: Session) -> dict[str, Known]:
    lines: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for lease_id, pool_id, gpus in session.execute(text(_LINES)):
        lines[lease_id][pool_id] += gpus
    return {
        row.id: Known(
            lease_id=row.id, key=row.idempotency_key, fence=row.fence, lines=lines[row.id]
        )
        for row in session.execute(text(_LEASES))
    }


def _lost(session: Session, tally: Tally) -> Iterator[str]:
    """Every lease somebody was told of is there, as it was told; one a key, one a fence."""
    stored = _stored(session)
    for lease_id, known in tally.known.items():
        if lease_id not in stored:
            yield f"lease {lease_id} was granted and is not there"
        elif stored[lease_id] != known:
            yield f"lease {lease_id} was granted as {known}, and stands as {stored[lease_id]}"
    for name, seen in (
        ("key", Counter(each.key for each in stored.values())),
        ("fence", Counter(each.fence for each in stored.values())),
    ):
        for value, times in seen.items():
            if times > 1:
                yield f"{times} leases have the {name} {value}"
    if len(stored) != session.execute(text("SELECT count(*) FROM lease")).scalar_one():
        yield "there are leases without a request that knows of them"


def _oversold(session: Session, tally: Tally) -> Iterator[str]:
    """What live leases have of a pool is what it says, and not more than there is."""
    live = {row.id for row in session.execute(text(_LEASES)) if row.is_live}
    had: Counter[str] = Counter()
    for lease_id, pool_id, gpus in session.execute(text(_LINES)):
        had[pool_id] += gpus if lease_id in live else 0
    for pool in session.execute(text(_POOLS)):
        if had[pool.id] != pool.held + pool.leased:
            yield f"pool {pool.id}: leases have {had[pool.id]}, it says {pool.held + pool.leased}"
        if had[pool.id] > tally.capacity[pool.id] or pool.contracted != tally.capacity[pool.id]:
            yield f"pool {pool.id}: leases have {had[pool.id]} of {tally.capacity[pool.id]}"


def _untold(session: Session) -> Iterator[str]:
    """Each grant was told of once."""
    told: dict[str, int] = {row[0]: row[1] for row in session.execute(text(_GRANTS))}
    for lease_id in _stored(session).keys() | told.keys():
        if told.get(lease_id, 0) != 1:
            yield f"lease {lease_id}: its grant was told {told.get(lease_id, 0)} times"
