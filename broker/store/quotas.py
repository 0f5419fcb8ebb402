"""Quotas of holders, and what they are held against."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, func, select

from broker.capacity.quota import Quota
from broker.capacity.quota_book import QuotaBook
from broker.store.tables import HolderQuotaRow, LeaseLineRow, LeaseRow, PoolRow


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredQuota:
    """A quota, and who set it when."""

    quota: Quota
    actor: str
    recorded_at: datetime


def quotas(session: Session, *, holder: str | None = None) -> list[StoredQuota]:
    """Return all quotas, or those of a holder, by holder and model."""
    query = select(HolderQuotaRow).order_by(
        col(HolderQuotaRow.holder), col(HolderQuotaRow.gpu_model)
    )
    if holder is not None:
        query = query.where(HolderQuotaRow.holder == holder)
    return [_stored(row) for row in session.exec(query)]


def find_quota(session: Session, holder: str, gpu_model: str) -> StoredQuota | None:
    """Return the quota of a holder for a model, or None."""
    row = session.get(HolderQuotaRow, (holder, gpu_model))
    return None if row is None else _stored(row)


def put_quota(session: Session, quota: Quota, *, actor: str, at: datetime) -> None:
    """Write a quota, in the place of the one there was."""
    session.merge(
        HolderQuotaRow(
            holder=quota.holder,
            gpu_model=quota.gpu_model,
            guaranteed=quota.guaranteed,
            most=quota.most,
            actor=actor,
            recorded_at=at,
        )
    )
    session.flush()


def delete_quota(session: Session, holder: str, gpu_model: str) -> None:
    """Delete a quota; nothing if there is none."""
    row = session.get(HolderQuotaRow, (holder, gpu_model))
    if row is not None:
        session.delete(row)
        session.flush()


def quota_book(session: Session) -> QuotaBook:
    """Return all quotas beside what is in use; where there are none, nothing is counted."""
    found = tuple(one.quota for one in quotas(session))
    if not found:
        return QuotaBook()
    in_use = _in_use(session)
    return QuotaBook(quotas=found, in_use=in_use, capacity=_capacity(session))


def _in_use(session: Session) -> dict[str, dict[str, int]]:
    """Return the GPUs of live leases by model and holder, those granted for later too."""
    query = (
        select(PoolRow.gpu_model, LeaseRow.holder, func.sum(LeaseLineRow.gpu_count))
        .join(LeaseLineRow, col(LeaseLineRow.lease_id) == col(LeaseRow.id))
        .join(PoolRow, col(PoolRow.id) == col(LeaseLineRow.pool_id))
        .where(col(LeaseRow.is_live))
        .group_by(PoolRow.gpu_model, LeaseRow.holder)
    )
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for model, holder, gpus in session.exec(query):
        found[model][holder] = int(gpus)
    return dict(found)


def _capacity(session: Session) -> dict[str, int]:
    """Return by model the GPUs that holders have or could have: neither down nor kept back."""
    usable = func.sum(
        col(PoolRow.available) + col(PoolRow.held) + col(PoolRow.leased) - col(PoolRow.kept_back)
    )
    query = select(PoolRow.gpu_model, usable).group_by(PoolRow.gpu_model)
    return {model: max(0, int(gpus)) for model, gpus in session.exec(query)}


def _stored(row: HolderQuotaRow) -> StoredQuota:
    return StoredQuota(
        quota=Quota(
            holder=row.holder,
            gpu_model=row.gpu_model,
            guaranteed=row.guaranteed,
            most=row.most,
        ),
        actor=row.actor,
        recorded_at=row.recorded_at,
    )
