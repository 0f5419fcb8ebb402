"""Two views of capacity that must agree: the accounts of pools, and who has what from when to when.

The accounts stand in the columns of a pool and, a second time, as the sum of all its transfers.
Leases say the same on the axis of time. A difference is a fault of ours, or GPUs that were promised
for later and that a return, an end or a failure has taken away since.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlmodel import Session, col, select

from broker.capacity.lease import LIVE, LeaseState
from broker.capacity.pool import Account
from broker.capacity.timeline import Taken, peak
from broker.store.job_runs import database_now
from broker.store.tables import CapacityTransferRow, LeaseLineRow, LeaseRow, PoolRow

_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """GPUs that a live lease has in a pool."""

    account: Account | None  # None: granted for later
    gpu_count: int
    starts_at: datetime
    ends_at: datetime | None


def disagreements(session: Session) -> list[str]:
    """Return in words whatever does not agree; empty when all does."""
    claims = _claims(session)
    moved = _moved(session)
    now = database_now(session)
    found: list[str] = []
    for pool in session.exec(select(PoolRow).order_by(col(PoolRow.id))):
        found.extend(_of_journal(pool, moved[pool.id]))
        found.extend(_of_leases(pool, claims[pool.id]))
        found.extend(_of_promises(pool, claims[pool.id], now))
    return found + _of_lease_rows(session)


def _of_journal(pool: PoolRow, moved: Counter[str]) -> Iterator[str]:
    """Compare the accounts of a pool with the sum of its transfers since the beginning."""
    for account in Account:
        stands = -pool.contracted if account is Account.SUPPLIER else getattr(pool, account.value)
        if stands != moved[account.value]:
            yield (
                f"pool {pool.id}: {stands} GPUs stand {account}, "
                f"its transfers add up to {moved[account.value]}"
            )


def _of_leases(pool: PoolRow, claims: list[_Claim]) -> Iterator[str]:
    """Compare what is held and leased with the leases that have it, confirmed or not."""
    had: Counter[Account] = Counter()
    for claim in claims:
        if claim.account is not None:
            had[claim.account] += claim.gpu_count
    for account, stands in ((Account.HELD, pool.held), (Account.LEASED, pool.leased)):
        if stands != had[account]:
            yield f"pool {pool.id}: {stands} GPUs stand {account}, its leases have {had[account]}"


def _of_promises(pool: PoolRow, claims: list[_Claim], now: datetime) -> Iterator[str]:
    """Compare the most that will be had at one instant with what there is to be had.

    A lease that is overdue counts until it is swept, so it lasts at least until now.
    """
    usable = pool.available + pool.held + pool.leased
    most = peak((_from_now_on(claim, now) for claim in claims), start=now, end=None)
    if most > usable:
        yield f"pool {pool.id}: {most} GPUs are promised for one instant, {usable} can be used"


def _from_now_on(claim: _Claim, now: datetime) -> Taken:
    since = max(claim.starts_at, now) if claim.account is None else now
    until = None if claim.ends_at is None else max(claim.ends_at, since + _INSTANT)
    return since, until, claim.gpu_count


def _of_lease_rows(session: Session) -> list[str]:
    """Compare each live lease with its lines, and the mark of being live with the state."""
    live = [state.value for state in LIVE]
    lines = sa.select(
        col(LeaseLineRow.lease_id), sa.func.sum(col(LeaseLineRow.gpu_count)).label("gpus")
    ).group_by(col(LeaseLineRow.lease_id))
    of_lines = lines.subquery()
    query = (
        sa.select(col(LeaseRow.id), col(LeaseRow.gpu_count), of_lines.c.gpus)
        .outerjoin(of_lines, of_lines.c.lease_id == col(LeaseRow.id))
        .where(col(LeaseRow.is_live))
        .where(col(LeaseRow.gpu_count) != sa.func.coalesce(of_lines.c.gpus, 0))
        .order_by(col(LeaseRow.id))
    )
    found = [
        f"lease {lease_id}: it is for {gpus} GPUs, its lines have {of_lines_gpus or 0}"
        for lease_id, gpus, of_lines_gpus in session.execute(query)
    ]
    marks = sa.select(col(LeaseRow.id), col(LeaseRow.state)).where(
        col(LeaseRow.is_live) != col(LeaseRow.state).in_(live)
    )
    for lease_id, state in session.execute(marks.order_by(col(LeaseRow.id))):
        found.append(f"lease {lease_id}: it is {state}, and marked as the opposite of live or over")
    return found


def _moved(session: Session) -> defaultdict[str, Counter[str]]:
    """Return by pool and account what all transfers add up to: credits less debits."""
    total = sa.func.sum(col(CapacityTransferRow.gpu_count))
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for side, sign in ((col(CapacityTransferRow.debit), -1), (col(CapacityTransferRow.credit), 1)):
        query = sa.select(col(CapacityTransferRow.pool_id), side, total).group_by(
            col(CapacityTransferRow.pool_id), side
        )
        for pool_id, account, gpus in session.execute(query):
            found[pool_id][account] += sign * int(gpus)
    return found


def _claims(session: Session) -> defaultdict[str, list[_Claim]]:
    query = (
        sa.select(
            col(LeaseLineRow.pool_id),
            col(LeaseRow.state),
            col(LeaseLineRow.gpu_count),
            col(LeaseRow.starts_at),
            col(LeaseRow.ends_at),
            col(LeaseRow.confirmed_at),
        )
        .join(LeaseRow, col(LeaseRow.id) == col(LeaseLineRow.lease_id))
        .where(col(LeaseRow.is_live))
    )
    found: defaultdict[str, list[_Claim]] = defaultdict(list)
    for pool_id, state, gpus, starts_at, ends_at, confirmed_at in session.execute(query):
        account = Account.HELD if confirmed_at is None else Account.LEASED
        is_for_later = state == LeaseState.SCHEDULED.value
        claim = _Claim(
            account=None if is_for_later else account,
            gpu_count=gpus,
            starts_at=starts_at,
            ends_at=ends_at,
        )
        found[pool_id].append(claim)
    return found
