"""Writes what suppliers say beside their offers: what is ours, our limits, past spot prices."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy import delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from broker.store.polls import NO_REGION
from broker.store.tables import HoldingRow, QuotaRow, SpotPriceRow, Table
from pricing.holding import Holding, HoldingState
from pricing.money import MAX_DECIMALS, Currency, Money
from providers.supplier import Quota, SpotPrice

ROWS_PER_STATEMENT = 1_000

_SPOT_PRICES = Table.metadata.tables[SpotPriceRow.__tablename__]


def add_spot_prices(session: Session, supplier: str, prices: Sequence[SpotPrice]) -> None:
    """Add the changes of spot prices that are not on record yet."""
    rows = [
        {
            "supplier": supplier,
            "native_id": price.native_id,
            "region": price.region,
            "zone": price.zone or NO_REGION,
            "at": price.at,
            "price_per_instance": _rounded(price.per_instance.amount),
            "currency": price.per_instance.currency,
        }
        for price in prices
    ]
    on_postgresql = session.get_bind().dialect.name == "postgresql"
    statement = (
        postgresql.insert(_SPOT_PRICES).on_conflict_do_nothing()
        if on_postgresql
        else sqlite.insert(_SPOT_PRICES).on_conflict_do_nothing()
    )
    for start in range(0, len(rows), ROWS_PER_STATEMENT):
        session.execute(statement, rows[start : start + ROWS_PER_STATEMENT])


def put_holdings(
    session: Session,
    supplier: str,
    holdings: Collection[Holding],
    *,
    is_whole: bool,
    at: datetime,
) -> tuple[str, ...]:
    """Write what a supplier says is ours; return what it no longer names but nothing explains.

    With `is_whole` a holding that is not named any more is gone. But an answer that names none at
    all says little: a key without the right to see them gets the same. Then only those go that
    were over anyway, and the rest is returned and stays.
    """
    query = select(HoldingRow).where(HoldingRow.supplier == supplier)
    known = {row.resource_id: row for row in session.exec(query)}
    for holding in sorted(holdings, key=lambda holding: holding.resource_id):
        row = known.get(holding.resource_id)
        if row is None:
            row = _new_row(holding, at=at)
            known[holding.resource_id] = row
        _say(row, holding, at=at)
        session.add(row)
    named = {holding.resource_id for holding in holdings}
    unexplained: list[str] = []
    for resource_id in sorted(known.keys() - named) if is_whole else ():
        row = known[resource_id]
        if row.gone_at is not None:
            continue
        if named or _is_over(row, at):
            row.gone_at = at
        else:
            unexplained.append(resource_id)
    session.flush()
    return tuple(unexplained)


def put_quotas(
    session: Session, supplier: str, quotas: Collection[Quota], *, is_whole: bool, at: datetime
) -> None:
    """Write the limits on our account; with `is_whole` in place of those that were known.

    An answer without any limit replaces nothing: more likely they could not be seen.
    """
    if is_whole and quotas:
        session.execute(delete(QuotaRow).where(col(QuotaRow.supplier) == supplier))
        session.expire_all()
    for quota in quotas:
        session.merge(
            QuotaRow(
                supplier=supplier,
                region=quota.region or NO_REGION,
                name=quota.name,
                unit=quota.unit.value,
                limit=_rounded(quota.limit),
                used=None if quota.used is None else _rounded(quota.used),
                seen_at=at,
            )
        )
    session.flush()


def _new_row(holding: Holding, *, at: datetime) -> HoldingRow:
    return HoldingRow(
        supplier=holding.supplier,
        resource_id=holding.resource_id,
        kind=holding.kind.value,
        unit=holding.unit.value,
        state=holding.state.value,
        provider_state=holding.provider_state,
        source=holding.source,
        first_seen_at=at,
        seen_at=at,
    )


def _say(row: HoldingRow, holding: Holding, *, at: datetime) -> None:
    """Write into the row what the supplier says; whose contract it is stays ours to say."""
    change = holding.next_change
    currency = _currency(holding)
    row.kind, row.name = holding.kind.value, holding.name
    row.region, row.zone, row.native_type = holding.region, holding.zone, holding.native_type
    row.gpu_model = holding.gpu.model if holding.gpu else None
    row.part = holding.gpu.part if holding.gpu else None
    row.gpus_per_unit, row.quantity = holding.gpus_per_unit, holding.quantity
    row.unit, row.used = holding.unit.value, holding.used
    row.start_at, row.end_at = holding.start_at, holding.end_at
    row.state, row.provider_state = holding.state.value, holding.provider_state
    row.next_change_at = change.at if change else None
    row.next_change_to = change.to if change else None
    row.delivered_at = holding.delivered_at
    row.price_per_gpu_hour = _amount(holding.price_per_gpu_hour, currency)
    row.upfront_fee = _amount(holding.upfront_fee, currency)
    row.hourly_commitment = _amount(holding.hourly_commitment, currency)
    row.currency, row.source = currency, holding.source
    row.seen_at, row.gone_at = at, None


def _is_over(row: HoldingRow, at: datetime) -> bool:
    is_past = row.end_at is not None and row.end_at <= at
    return is_past or not HoldingState(row.state).is_live


def _currency(holding: Holding) -> Currency | None:
    amounts = (holding.price_per_gpu_hour, holding.hourly_commitment, holding.upfront_fee)
    return next((amount.currency for amount in amounts if amount is not None), None)


def _amount(money: Money | None, currency: Currency | None) -> Decimal | None:
    return None if money is None or money.currency != currency else _rounded(money.amount)


def _rounded(amount: Decimal) -> Decimal:
    return Money(amount).rounded(MAX_DECIMALS).amount
