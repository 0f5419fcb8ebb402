"""Azure's reserved instances: a price for machines, paid for a term; it keeps no machine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from pricing.holding import Holding, HoldingKind, HoldingState
from pricing.offer import StockUnit
from providers.azure_sizes import machine_of, region_name, size_name
from providers.offer_book import OfferBook
from providers.shape import CamelShape, UtcInstant, read_page
from providers.supplier import Page

COMMITMENTS: Final = "reserved-instances"

_MACHINES: Final = "virtualmachines"

_OF_COMMITMENT: Final = {
    "Succeeded": HoldingState.ACTIVE,
    "Creating": HoldingState.REQUESTED,
    "PendingResourceHold": HoldingState.REQUESTED,
    "ConfirmedResourceHold": HoldingState.REQUESTED,
    "PendingBilling": HoldingState.REQUESTED,
    "ConfirmedBilling": HoldingState.REQUESTED,
    "Created": HoldingState.REQUESTED,
    "Cancelled": HoldingState.CANCELLED,
    "Expired": HoldingState.EXPIRED,
    "BillingFailed": HoldingState.FAILED,
    "Failed": HoldingState.FAILED,
    "Split": HoldingState.CANCELLED,  # others have taken its place, and are listed
    "Merged": HoldingState.CANCELLED,
}


class _Sku(CamelShape):
    name: str


class _CommitmentProperties(CamelShape):
    reserved_resource_type: str
    provisioning_state: str
    quantity: int | None = None
    display_name: str | None = None
    effective_date_time: UtcInstant | None = None
    expiry_date_time: UtcInstant | None = None


class _Commitment(CamelShape):
    id: str
    location: str | None = None
    sku: _Sku
    properties: _CommitmentProperties


class _Commitments(CamelShape):
    value: list[_Commitment]


def commitments_of(page: Page, book: OfferBook) -> Iterator[Holding]:
    """Yield the reserved instances of GPU machines on a page."""
    if page.call != COMMITMENTS:
        return
    for row in read_page(_Commitments, page, supplier=book.profile.key).value:
        yield from _commitment(row, page=page, book=book)


def on_its_day(
    state: HoldingState, *, start_at: datetime | None, end_at: datetime | None, now: datetime
) -> HoldingState:
    """Return the state by the calendar: "Succeeded" outlives the end and precedes the start."""
    if not state.is_live:
        return state
    if end_at is not None and end_at <= now:
        return HoldingState.EXPIRED
    if state is HoldingState.ACTIVE and start_at is not None and start_at > now:
        return HoldingState.SCHEDULED
    return state


def _commitment(row: _Commitment, *, page: Page, book: OfferBook) -> Iterator[Holding]:
    properties = row.properties
    if properties.reserved_resource_type.casefold() != _MACHINES:
        return
    size = size_name(row.sku.name)
    machine = machine_of(book, size)
    if machine is None:
        return
    yield Holding(
        supplier=book.profile.key,
        resource_id=row.id,
        kind=HoldingKind.COMMITMENT,
        name=properties.display_name,
        region=region_name(row.location) if row.location else None,
        native_type=size,
        gpu=book.gpu(size, size),
        gpus_per_unit=machine.count,
        unit=StockUnit.INSTANCE,
        quantity=properties.quantity,
        used=None,  # Azure gives a share of hours over days, no count
        start_at=properties.effective_date_time,
        end_at=properties.expiry_date_time,
        state=on_its_day(
            _OF_COMMITMENT.get(properties.provisioning_state, HoldingState.UNKNOWN),
            start_at=properties.effective_date_time,
            end_at=properties.expiry_date_time,
            now=page.fetched_at,
        ),
        provider_state=properties.provisioning_state,
        observed_at=page.fetched_at,
        source=page.call,
    )
