"""Leases that replicas run on: what their labels say, read from the requests they were granted for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sqlmodel import Session, col, select

from broker.capacity.lease import LeaseState
from broker.store.tables import CapacityRequestRow, LeaseLineRow, LeaseRow

MODEL_LABEL: Final = "model"
CONFIG_LABEL: Final = "config"
MUST_STAY_LABEL: Final = "must_stay"
"""Labels by which whoever starts replicas says what runs on a lease."""

_RUNNING = (LeaseState.GRANTED.value, LeaseState.ACTIVE.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedLease:
    """The part of a lease in one pool, and the replicas that its labels name."""

    lease_id: str
    pool_id: str
    gpus: int
    model: str
    config: str
    must_stay: bool


def placed_leases(session: Session) -> Iterator[PlacedLease]:
    """Yield what runs now, by lease and pool; leases without both labels are somebody else's."""
    query = (
        select(LeaseRow.id, LeaseLineRow.pool_id, LeaseLineRow.gpu_count, CapacityRequestRow.spec)
        .join(LeaseLineRow, col(LeaseLineRow.lease_id) == col(LeaseRow.id))
        .join(CapacityRequestRow, col(CapacityRequestRow.id) == col(LeaseRow.request_id))
        .where(col(LeaseRow.is_live), col(LeaseRow.state).in_(_RUNNING))
        .order_by(col(LeaseRow.id), col(LeaseLineRow.pool_id))
    )
    for lease_id, pool_id, gpus, spec in session.exec(query):
        labels: dict[str, str] = json.loads(spec).get("labels") or {}
        model, config = labels.get(MODEL_LABEL), labels.get(CONFIG_LABEL)
        if model and config:
            yield PlacedLease(
                lease_id=lease_id,
                pool_id=pool_id,
                gpus=gpus,
                model=model,
                config=config,
                must_stay=labels.get(MUST_STAY_LABEL, "").lower() == "true",
            )
