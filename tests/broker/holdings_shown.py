"""Holdings put on record as a poll would."""

from typing import Any

from broker.identity import new_id
from broker.store.engine import Database
from broker.store.tables import HoldingRow, PollRow
from tests.broker.capacity.books import a_holding
from tests.builders import NOON


def show(database: Database, *, poll_state: str = "ok", **changes: Any) -> str:
    """A supplier that was polled and showed a holding; return the holding's id."""
    holding = a_holding(**changes)
    price = holding.price_per_gpu_hour
    with database.writing() as session:
        session.merge(
            HoldingRow(
                supplier=holding.supplier,
                resource_id=holding.resource_id,
                kind=holding.kind.value,
                name=holding.name,
                region=holding.region,
                native_type=holding.native_type,
                gpu_model=holding.gpu.model if holding.gpu else None,
                part=holding.gpu.part if holding.gpu else None,
                gpus_per_unit=holding.gpus_per_unit,
                quantity=holding.quantity,
                unit=holding.unit.value,
                used=holding.used,
                start_at=holding.start_at,
                end_at=holding.end_at,
                state=holding.state.value,
                provider_state=holding.provider_state,
                price_per_gpu_hour=price.amount if price else None,
                currency=price.currency if price else None,
                source=holding.source,
                first_seen_at=NOON,
                seen_at=NOON,
            )
        )
        session.add(
            PollRow(
                id=new_id(),
                supplier=holding.supplier,
                started_at=NOON,
                finished_at=NOON,
                state=poll_state,
                offers=0,
                changes=0,
                skips=0,
                actor="dana",
            )
        )
    return holding.resource_id
