"""Leases as people and programs read them; the hot path alone writes them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlmodel import Session, col, select

from broker.capacity.lease import Lease, LeaseLine, LeaseState
from broker.capacity.pool import PoolKind
from broker.errors import NotFoundError
from broker.store.tables import LeaseLineRow, LeaseRow, PoolRow
from pricing.money import Currency, Money


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantedLine:
    """A line of a lease, and whether its price is that of a contract."""

    line: LeaseLine
    is_contract: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class GrantedLease:
    """What a holder needs to know of a lease to use it and keep it."""

    id: str
    request_id: str
    state: LeaseState
    fence: int
    ttl_seconds: int
    expires_at: datetime
    lines: tuple[GrantedLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLease:
    """A lease as it stands. `on_demand`: the ids of its pools that are no contract's."""

    lease: Lease
    on_demand: frozenset[str]

    @property
    def granted(self) -> GrantedLease:
        """Return what its holder needs to know."""
        lease = self.lease
        return GrantedLease(
            id=lease.id,
            request_id=lease.request_id,
            state=lease.state,
            fence=lease.fence,
            ttl_seconds=lease.ttl_seconds,
            expires_at=lease.expires_at,
            lines=tuple(
                GrantedLine(line=line, is_contract=line.pool_id not in self.on_demand)
                for line in lease.lines
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseFilter:
    """Which leases are wanted; None or empty: any. `principal` is whose they must be."""

    principal: str | None = None
    holder: str | None = None
    states: Collection[LeaseState] = ()
    pool_id: str | None = None


def leases_before(
    session: Session, wanted: LeaseFilter, *, before: str | None, limit: int
) -> list[StoredLease]:
    """Return up to `limit` leases, the newest first, from before a lease on."""
    query = select(LeaseRow).order_by(col(LeaseRow.id).desc()).limit(limit)
    if wanted.principal is not None:
        query = query.where(LeaseRow.principal == wanted.principal)
    if wanted.holder is not None:
        query = query.where(LeaseRow.holder == wanted.holder)
    if wanted.states:
        states = sorted(state.value for state in wanted.states)
        query = query.where(col(LeaseRow.state).in_(states))
    if wanted.pool_id is not None:
        in_pool = select(LeaseLineRow.lease_id).where(LeaseLineRow.pool_id == wanted.pool_id)
        query = query.where(col(LeaseRow.id).in_(in_pool))
    if before is not None:
        query = query.where(col(LeaseRow.id) < before)
    return _stored(session, session.exec(query).all())


def find_lease(session: Session, lease_id: str, *, principal: str | None) -> StoredLease:
    """Return a lease, or raise NotFoundError; also for one that is not the principal's."""
    row = session.get(LeaseRow, lease_id)
    if row is None or principal not in (None, row.principal):
        raise no_lease(lease_id)
    return _stored(session, [row])[0]


def leases_by_id(session: Session, lease_ids: Iterable[str]) -> dict[str, StoredLease]:
    """Return the leases of these ids."""
    query = select(LeaseRow).where(col(LeaseRow.id).in_(sorted(lease_ids)))
    return {each.lease.id: each for each in _stored(session, session.exec(query).all())}


def no_lease(lease_id: str) -> NotFoundError:
    """Return the error that says that there is no such lease."""
    return NotFoundError(f"there is no lease {lease_id[:64]} of yours; see: GET /v1/leases")


def _stored(session: Session, rows: Sequence[LeaseRow]) -> list[StoredLease]:
    lines: dict[str, list[LeaseLine]] = defaultdict(list)
    on_demand: dict[str, set[str]] = defaultdict(set)
    query = (
        select(LeaseLineRow, PoolRow)
        .join(PoolRow, col(PoolRow.id) == col(LeaseLineRow.pool_id))
        .where(col(LeaseLineRow.lease_id).in_([row.id for row in rows]))
        .order_by(col(LeaseLineRow.lease_id), col(LeaseLineRow.pool_id))
    )
    for line, pool in session.exec(query):
        lines[line.lease_id].append(_line(line, pool))
        if pool.kind == PoolKind.ON_DEMAND:
            on_demand[line.lease_id].add(pool.id)
    return [
        StoredLease(lease=_lease(row, lines[row.id]), on_demand=frozenset(on_demand[row.id]))
        for row in rows
    ]


def _lease(row: LeaseRow, lines: Iterable[LeaseLine]) -> Lease:
    return Lease(
        id=row.id,
        request_id=row.request_id,
        principal=row.principal,
        holder=row.holder,
        state=LeaseState(row.state),
        reason=row.reason,
        priority=row.priority,
        is_preemptible=row.is_preemptible,
        gpu_count=row.gpu_count,
        fence=row.fence,
        ttl_seconds=row.ttl_seconds,
        granted_at=row.granted_at,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        expires_at=row.expires_at,
        confirmed_at=row.confirmed_at,
        ended_at=row.ended_at,
        rev=row.rev,
        lines=tuple(lines),
    )


def _line(line: LeaseLineRow, pool: PoolRow) -> LeaseLine:
    return LeaseLine(
        pool_id=line.pool_id,
        supplier=pool.supplier,
        contract_ref=pool.contract_ref,
        region=pool.region,
        gpu_model=pool.gpu_model,
        gpu_count=line.gpu_count,
        marginal=_money(line.marginal_price, line.currency),
        effective=_money(line.effective_price, line.currency),
    )


def _money(amount: Decimal | None, currency: str | None) -> Money | None:
    return None if amount is None or currency is None else Money(amount, Currency(currency))
