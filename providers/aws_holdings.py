"""What AWS says is ours: capacity reservations and blocks, reserved instances, savings plans.

A block shows up as a reservation of type capacity-block once it is paid; only blocks that no
reservation stands for are told from their own list. Before delivery no instance is "available",
which does not mean that all are used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from pricing.holding import Holding, HoldingKind, HoldingState
from pricing.money import MAX_DECIMALS, Money, currency
from pricing.offer import StockUnit
from providers.aws_errors import KEY
from providers.aws_types import ULTRASERVERS, AwsShape, Listing
from providers.shape import Amount, Shape, UtcInstant, read_page
from providers.supplier import Page, Quota, QuotaUnit

RESERVATIONS: Final = "capacity-reservations"
OWN_BLOCKS: Final = "capacity-blocks"
RESERVED: Final = "reserved-instances"
SAVINGS: Final = "savings-plans"
QUOTAS: Final = "quotas"

QUOTA_CODES: Final[Mapping[str, str]] = {
    "L-417A185B": "on-demand P",
    "L-DB2E81BA": "on-demand G and VT",
    "L-7212CCBC": "spot P4, P3 and P2",
    "L-C4BD4855": "spot P5",
    "L-3819A6DF": "spot G and VT",
}
"""Limits on GPU families, in vCPUs: AWS counts no GPUs."""

_STATES: Final[Mapping[str, HoldingState]] = {
    "active": HoldingState.ACTIVE,
    "pending-return": HoldingState.ACTIVE,
    "pending": HoldingState.REQUESTED,
    "assessing": HoldingState.REQUESTED,
    "payment-pending": HoldingState.REQUESTED,
    "scheduled": HoldingState.SCHEDULED,
    "queued": HoldingState.SCHEDULED,
    "delayed": HoldingState.DELAYED,
    "expired": HoldingState.EXPIRED,
    "retired": HoldingState.EXPIRED,
    "cancelled": HoldingState.CANCELLED,
    "cancelling": HoldingState.CANCELLED,
    "queued-deleted": HoldingState.CANCELLED,
    "returned": HoldingState.CANCELLED,
    "failed": HoldingState.FAILED,
    "unsupported": HoldingState.FAILED,
    "payment-failed": HoldingState.FAILED,
}
_NOT_YET: Final = ("assessing", "scheduled", "delayed")
_SECONDS_PER_HOUR: Final = 3600


class _Tag(AwsShape):
    key: str
    value: str = ""


class _Reservation(AwsShape):
    capacity_reservation_id: str
    instance_type: str
    availability_zone: str | None = None
    availability_zone_id: str | None = None
    total_instance_count: int
    available_instance_count: int | None = None
    state: str
    start_date: UtcInstant | None = None
    end_date: UtcInstant | None = None
    reservation_type: str = "default"
    capacity_block_id: str | None = None
    commitment_info: dict[str, Any] | None = None
    tags: list[_Tag] = Field(default_factory=list)


class _Reservations(AwsShape):
    capacity_reservations: list[_Reservation]


class _Block(AwsShape):
    capacity_block_id: str
    ultraserver_type: str | None = None
    availability_zone: str | None = None
    availability_zone_id: str | None = None
    capacity_reservation_ids: list[str] = Field(default_factory=list)
    start_date: UtcInstant | None = None
    end_date: UtcInstant | None = None
    state: str


class _Blocks(AwsShape):
    capacity_blocks: list[_Block]


class _Charge(AwsShape):
    amount: Amount
    frequency: str


class _Reserved(AwsShape):
    reserved_instances_id: str
    instance_type: str
    availability_zone: str | None = None
    availability_zone_id: str | None = None
    start: UtcInstant | None = None
    end: UtcInstant | None = None
    duration: int
    fixed_price: Amount = Decimal(0)
    usage_price: Amount = Decimal(0)
    recurring_charges: list[_Charge] = Field(default_factory=list)
    instance_count: int
    currency_code: str = "USD"
    offering_type: str | None = None
    state: str


class _AllReserved(AwsShape):
    reserved_instances: list[_Reserved]


class _Plan(Shape):
    model_config = ConfigDict(alias_generator=to_camel)

    savings_plan_id: str
    savings_plan_type: str
    state: str
    region: str | None = None
    ec2_instance_family: str | None = None
    currency: str = "USD"
    commitment: Amount
    upfront_payment_amount: Amount | None = None
    start: UtcInstant | None = None
    end: UtcInstant | None = None


class _Plans(Shape):
    model_config = ConfigDict(alias_generator=to_camel)

    savings_plans: list[_Plan]


class _Limit(AwsShape):
    quota_code: str
    value: Amount


class _Limits(AwsShape):
    quotas: list[_Limit]


def holdings(pages: Iterable[Page], listing: Listing) -> tuple[Holding, ...]:
    """Return what is ours, in the order of its identifiers; machines without a GPU are left out."""
    found: list[Holding] = []
    blocks: list[tuple[_Block, Page]] = []
    kept: set[str] = set()
    for page in pages:
        if page.call == RESERVATIONS:
            for row in read_page(_Reservations, page, supplier=KEY).capacity_reservations:
                kept |= {row.capacity_reservation_id, row.capacity_block_id or ""}
                if _may_have_gpu(row.instance_type):
                    found.append(_of_reservation(row, listing, page))
        elif page.call == OWN_BLOCKS:
            read = read_page(_Blocks, page, supplier=KEY).capacity_blocks
            blocks += ((block, page) for block in read)
        elif page.call == RESERVED:
            read_all = read_page(_AllReserved, page, supplier=KEY).reserved_instances
            found += (
                _of_reserved(row, listing, page)
                for row in read_all
                if _may_have_gpu(row.instance_type)
            )
        elif page.call == SAVINGS:
            found += _of_plans(page)
    for block, page in blocks:
        if not kept & {block.capacity_block_id, *block.capacity_reservation_ids}:
            found.append(_of_block(block, listing, page))
    told = {(each.resource_id, each.region or ""): each for each in found}  # a row may repeat
    return tuple(told[key] for key in sorted(told))


def quotas(pages: Iterable[Page]) -> tuple[Quota, ...]:
    """Return the limits on GPU families, in vCPUs."""
    found = {
        Quota(
            name=f"{QUOTA_CODES[limit.quota_code]} ({limit.quota_code})",
            region=page.location,
            unit=QuotaUnit.VCPU,
            limit=limit.value,
        )
        for page in pages
        if page.call == QUOTAS
        for limit in read_page(_Limits, page, supplier=KEY).quotas
        if limit.quota_code in QUOTA_CODES
    }
    return tuple(sorted(found, key=lambda quota: (quota.region or "", quota.name)))


def _may_have_gpu(native_type: str) -> bool:
    return native_type.startswith(("p", "g"))


def _state(word: str) -> HoldingState:
    return _STATES.get(word, HoldingState.UNKNOWN)


def _of_reservation(row: _Reservation, listing: Listing, page: Page) -> Holding:
    gpu, gpus_per_unit = listing.gpu(row.instance_type)
    kind = HoldingKind.RESERVATION
    if row.reservation_type == "capacity-block":
        kind = HoldingKind.CAPACITY_BLOCK
    elif row.commitment_info or row.state in _NOT_YET:
        kind = HoldingKind.FUTURE_RESERVATION
    used = None
    if row.state == "active" and row.available_instance_count is not None:
        used = max(row.total_instance_count - row.available_instance_count, 0)
    names = [tag.value for tag in row.tags if tag.key == "Name"]
    return Holding(
        supplier=KEY,
        resource_id=row.capacity_reservation_id,
        kind=kind,
        name=names[0] if names else None,
        region=page.location,
        zone=listing.zone_of(page.location or "", row.availability_zone, row.availability_zone_id),
        native_type=row.instance_type,
        gpu=gpu,
        gpus_per_unit=gpus_per_unit,
        quantity=row.total_instance_count,
        unit=StockUnit.INSTANCE,
        used=used,
        start_at=row.start_date,
        end_at=row.end_date,
        state=_state(row.state),
        provider_state=row.state,
        observed_at=page.fetched_at,
        source=page.call,
    )


def _of_block(row: _Block, listing: Listing, page: Page) -> Holding:
    """Return a block that no reservation stands for yet: of what and how much is not said."""
    rack = ULTRASERVERS.get(row.ultraserver_type or "")
    gpu, gpus_per_unit = listing.gpu(rack[0]) if rack else (None, None)
    return Holding(
        supplier=KEY,
        resource_id=row.capacity_block_id,
        kind=HoldingKind.CAPACITY_BLOCK,
        region=page.location,
        zone=listing.zone_of(page.location or "", row.availability_zone, row.availability_zone_id),
        native_type=row.ultraserver_type,
        gpu=gpu,
        gpus_per_unit=gpus_per_unit,
        quantity=None,
        unit=StockUnit.INSTANCE,
        used=None,
        start_at=row.start_date,
        end_at=row.end_date,
        state=_state(row.state),
        provider_state=row.state,
        observed_at=page.fetched_at,
        source=page.call,
    )


def _of_reserved(row: _Reserved, listing: Listing, page: Page) -> Holding:
    gpu, gpus_per_unit = listing.gpu(row.instance_type)
    money = currency(row.currency_code)
    zone = row.availability_zone or row.availability_zone_id
    return Holding(
        supplier=KEY,
        resource_id=row.reserved_instances_id,
        kind=HoldingKind.COMMITMENT,
        name=row.offering_type,
        region=page.location,
        zone=listing.zone_of(page.location or "", zone, row.availability_zone_id),
        native_type=row.instance_type,
        gpu=gpu,
        gpus_per_unit=gpus_per_unit,
        quantity=row.instance_count,
        unit=StockUnit.INSTANCE,
        used=None,
        start_at=row.start,
        end_at=row.end,
        state=_state(row.state),
        provider_state=row.state,
        price_per_gpu_hour=_per_gpu_hour(row, gpus_per_unit),
        upfront_fee=Money(row.fixed_price, money) if row.fixed_price else None,
        observed_at=page.fetched_at,
        source=page.call,
    )


def _per_gpu_hour(row: _Reserved, gpus: int | None) -> Money | None:
    """Return (fixed ÷ hours of the term + hourly charges) ÷ GPUs, for one instance."""
    hours = Decimal(row.duration) / _SECONDS_PER_HOUR
    if not gpus or hours <= 0:
        return None
    hourly = sum(
        (charge.amount for charge in row.recurring_charges if charge.frequency == "Hourly"),
        row.usage_price,
    )
    effective = row.fixed_price / hours + hourly
    if effective <= 0:
        return None
    return Money(effective / gpus, currency(row.currency_code)).rounded(MAX_DECIMALS)


def _of_plans(page: Page) -> Iterator[Holding]:
    for row in read_page(_Plans, page, supplier=KEY).savings_plans:
        if row.ec2_instance_family and not _may_have_gpu(row.ec2_instance_family):
            continue
        money = currency(row.currency)
        yield Holding(
            supplier=KEY,
            resource_id=row.savings_plan_id,
            kind=HoldingKind.COMMITMENT,
            name=f"{row.savings_plan_type} savings plan",
            region=row.region,
            native_type=row.ec2_instance_family,
            gpu=None,
            gpus_per_unit=None,
            quantity=None,
            unit=StockUnit.INSTANCE,
            used=None,
            start_at=row.start,
            end_at=row.end,
            state=_state(row.state),
            provider_state=row.state,
            upfront_fee=Money(row.upfront_payment_amount, money)
            if row.upfront_payment_amount
            else None,
            hourly_commitment=Money(row.commitment, money),
            observed_at=page.fetched_at,
            source=page.call,
        )
