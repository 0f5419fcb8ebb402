"""Leases written straight into the tables, for tests of what stands around them."""

from datetime import datetime, timedelta

from sqlmodel import Session, select

from broker.capacity.accounts import Transfer
from broker.capacity.lease import LeaseState
from broker.capacity.pool import Account
from broker.identity import new_id
from broker.store.engine import Database
from broker.store.pool_changes import PoolChange, lock_pool, write_change
from broker.store.tables import CapacityRequestRow, LeaseLineRow, LeaseRow
from tests.builders import ACTOR, NOON


def take(
    database: Database,
    pool_id: str,
    gpus: int,
    *,
    state: LeaseState = LeaseState.ACTIVE,
    starts_at: datetime = NOON,
    ends_at: datetime | None = None,
) -> str:
    """Lease GPUs of a pool, held or for later as the state says; return the lease's id."""
    lease_id, request_id = new_id(), new_id()
    with database.writing() as session:
        fence = len(session.exec(select(LeaseRow.id)).all()) + 1
        session.add(_request(request_id, lease_id, gpus))
        session.flush()
        session.add(
            LeaseRow(
                id=lease_id,
                request_id=request_id,
                principal="key-1",
                holder="scheduler",
                state=state.value,
                is_live=True,
                priority=500,
                is_preemptible=False,
                gpu_count=gpus,
                fence=fence,
                ttl_seconds=60,
                granted_at=NOON,
                starts_at=starts_at,
                ends_at=ends_at,
                expires_at=starts_at + timedelta(seconds=60),
                confirmed_at=NOON if state is LeaseState.ACTIVE else None,
                rev=1,
            )
        )
        session.flush()
        session.add(LeaseLineRow(lease_id=lease_id, pool_id=pool_id, gpu_count=gpus))
        if state is not LeaseState.SCHEDULED:
            _move(session, pool_id, gpus, Account.AVAILABLE, _account(state))
    return lease_id


def give_back(database: Database, lease_id: str) -> None:
    """End a lease: its GPUs are available again."""
    with database.writing() as session:
        lease = session.get_one(LeaseRow, lease_id)
        lines = session.exec(select(LeaseLineRow).where(LeaseLineRow.lease_id == lease_id)).all()
        for line in lines:
            account = _account(LeaseState(lease.state))
            _move(session, line.pool_id, line.gpu_count, account, Account.AVAILABLE)
        lease.state, lease.is_live, lease.ended_at = "released", False, NOON
        session.add(lease)


def _account(state: LeaseState) -> Account:
    return Account.HELD if state is LeaseState.GRANTED else Account.LEASED


def _move(session: Session, pool_id: str, gpus: int, debit: Account, credit: Account) -> None:
    move = Transfer(debit=debit, credit=credit, gpu_count=gpus, cause="lease")
    change = PoolChange(values={}, transfers=(move,))
    write_change(session, lock_pool(session, pool_id), change, actor=ACTOR, at=NOON)


def _request(request_id: str, lease_id: str, gpus: int) -> CapacityRequestRow:
    return CapacityRequestRow(
        id=request_id,
        principal="key-1",
        idempotency_key=request_id,
        fingerprint="f",
        spec="{}",
        holder="scheduler",
        gpu_count=gpus,
        priority=500,
        state="granted",
        lease_id=lease_id,
        created_at=NOON,
        decided_at=NOON,
        rev=1,
    )
