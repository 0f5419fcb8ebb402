"""Quotas: how many GPUs of a model a holder is sure of, and how many it may have.

A change counts for what is asked from then on: no lease ends because a quota was lowered.
"""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from broker.access.audit import LOCALLY, AuditDraft, Origin, state_hash
from broker.capacity.model_names import pool_name
from broker.capacity.quota import ALL_MODELS, Quota
from broker.clock import Clock
from broker.errors import BadInputError, NotFoundError
from broker.store.audit import audited
from broker.store.engine import Database
from broker.store.quotas import StoredQuota, delete_quota, find_quota, put_quota, quotas


def list_quotas(database: Database, *, holder: str | None = None) -> list[StoredQuota]:
    """Return all quotas, or those of a holder, by holder and model."""
    with database.reading() as session:
        return quotas(session, holder=holder)


def set_quota(
    database: Database, quota: Quota, *, actor: str, clock: Clock, origin: Origin = LOCALLY
) -> StoredQuota:
    """Set a quota, in the place of the one there was; the same one again changes nothing."""
    named = _named(quota)
    with database.writing() as session:
        before = find_quota(session, named.holder, named.gpu_model)
        if before is not None and before.quota == named:
            return before
        now = clock()
        put_quota(session, named, actor=actor, at=now)
        _audit(session, "quota.set", before, named, actor=actor, origin=origin, at=now)
        return StoredQuota(quota=named, actor=actor, recorded_at=now)


def remove_quota(
    database: Database,
    holder: str,
    gpu_model: str,
    *,
    actor: str,
    clock: Clock,
    origin: Origin = LOCALLY,
) -> None:
    """Remove a quota, or raise NotFoundError."""
    name = gpu_model if gpu_model == ALL_MODELS else pool_name(gpu_model)
    with database.writing() as session:
        before = find_quota(session, holder, name)
        if before is None:
            raise NotFoundError("this holder has no quota for this model; see: tonnage quotas list")
        delete_quota(session, holder, name)
        _audit(session, "quota.removed", before, None, actor=actor, origin=origin, at=clock())


def quota_of(holder: str, gpu_model: str, *, guaranteed: int, most: int | None) -> Quota:
    """Return a quota, or raise BadInputError for one that cannot be."""
    try:
        return Quota(holder=holder, gpu_model=gpu_model, guaranteed=guaranteed, most=most)
    except ValueError as wrong:
        raise BadInputError(f"{wrong}; nothing was changed") from wrong


def _named(quota: Quota) -> Quota:
    """Return the quota under the name that pools bear: another would never count."""
    if quota.gpu_model == ALL_MODELS:
        return quota
    return Quota(
        holder=quota.holder,
        gpu_model=pool_name(quota.gpu_model),
        guaranteed=quota.guaranteed,
        most=quota.most,
    )


def _audit(
    session: Session,
    action: str,
    before: StoredQuota | None,
    after: Quota | None,
    *,
    actor: str,
    origin: Origin,
    at: datetime,
) -> None:
    named = after or (before.quota if before else None)
    draft = AuditDraft(
        actor=actor,
        action=action,
        object_id="" if named is None else f"quota/{named.holder}/{named.gpu_model}",
        origin=origin,
        before_hash=state_hash(_state(before.quota if before else None)),
        after_hash=state_hash(_state(after)),
    )
    audited(session, draft, at=at)


def _state(quota: Quota | None) -> dict[str, str | int | None] | None:
    if quota is None:
        return None
    return {
        "holder": quota.holder,
        "gpu_model": quota.gpu_model,
        "guaranteed": quota.guaranteed,
        "most": quota.most,
    }
