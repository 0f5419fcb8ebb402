"""What suppliers' own books say is ours, as last polled."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from sqlmodel import Session, col, select

from broker.capacity.matching import Stated
from broker.errors import NotFoundError
from broker.store.tables import HoldingRow, PollRow
from pricing.hardware import canonical_gpu
from pricing.holding import Holding, HoldingKind, HoldingState, QuantityChange
from pricing.money import Currency, Money
from pricing.offer import StockUnit


def stated_holdings(session: Session, *, supplier: str | None = None) -> list[Stated]:
    """Return the holdings that suppliers still list, by supplier and id."""
    query = select(HoldingRow).where(col(HoldingRow.gone_at).is_(None))
    if supplier is not None:
        query = query.where(HoldingRow.supplier == supplier)
    rows = session.exec(query.order_by(col(HoldingRow.supplier), col(HoldingRow.resource_id)))
    return [stated(row) for row in rows]


def find_holding(session: Session, supplier: str, resource_id: str) -> HoldingRow:
    """Return the row of a holding, or raise NotFoundError."""
    row = session.get(HoldingRow, (supplier, resource_id))
    if row is None:
        raise NotFoundError(
            f"{supplier} has shown no holding {resource_id}; list them: tonnage holdings list"
        )
    return row


def suppliers_that_show_holdings(session: Session) -> frozenset[str]:
    """Return the suppliers of which it can be said that a holding is not there.

    Their last poll was whole, and they have shown a holding before: one that never showed any may
    be asked without the right to see them.
    """
    have_shown = set(session.exec(select(HoldingRow.supplier).distinct()))
    return frozenset(supplier for supplier in have_shown if _last_state(session, supplier) == "ok")


def _last_state(session: Session, supplier: str) -> str | None:
    return session.exec(
        select(PollRow.state)
        .where(PollRow.supplier == supplier)
        .order_by(col(PollRow.started_at).desc(), col(PollRow.id).desc())
        .limit(1)
    ).first()


def note_adoption(session: Session, rows: Iterable[HoldingRow], contract_id: str) -> None:
    """Note as which contract holdings were adopted."""
    for row in rows:
        row.contract_id = contract_id
        session.add(row)


def stated(row: HoldingRow) -> Stated:
    """Return a row as the rules see it."""
    unit = Currency(row.currency) if row.currency else None
    change = None
    if row.next_change_at is not None and row.next_change_to is not None:
        change = QuantityChange(at=row.next_change_at, to=row.next_change_to)

    def money(amount: Decimal | None) -> Money | None:
        return None if amount is None or unit is None else Money(amount, unit)

    holding = Holding(
        supplier=row.supplier,
        resource_id=row.resource_id,
        kind=HoldingKind(row.kind),
        name=row.name,
        region=row.region,
        zone=row.zone,
        native_type=row.native_type,
        gpu=None if row.gpu_model is None else canonical_gpu(row.part or row.gpu_model),
        gpus_per_unit=row.gpus_per_unit,
        quantity=row.quantity,
        unit=StockUnit(row.unit),
        used=row.used,
        start_at=row.start_at,
        end_at=row.end_at,
        state=HoldingState(row.state),
        provider_state=row.provider_state,
        next_change=change,
        delivered_at=row.delivered_at,
        price_per_gpu_hour=money(row.price_per_gpu_hour),
        upfront_fee=money(row.upfront_fee),
        hourly_commitment=money(row.hourly_commitment),
        observed_at=row.seen_at,
        source=row.source,
    )
    return Stated(holding=holding, contract_id=row.contract_id)
