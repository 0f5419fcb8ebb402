"""What Google's books say is ours: reservations, future reservations, commitments; and limits.

A future reservation that has been fulfilled lives on as the reservations it made: those are told,
with its dates, and it is not told a second time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from pydantic import Field

from pricing.hardware import Gpu
from pricing.holding import Holding, HoldingKind, HoldingState
from pricing.offer import StockUnit
from providers.gcp_calls import GoogleShape, Scoped
from providers.shape import Amount, UtcInstant
from providers.supplier import Page, Quota, QuotaUnit

_RESERVATION_STATE: Final = {
    "CREATING": HoldingState.REQUESTED,
    "READY": HoldingState.ACTIVE,
    "UPDATING": HoldingState.ACTIVE,
    "DELETING": HoldingState.CANCELLED,
    "INVALID": HoldingState.FAILED,
}
_PROCUREMENT_STATE: Final = {
    "DRAFTING": HoldingState.REQUESTED,
    "PENDING_APPROVAL": HoldingState.REQUESTED,
    "PENDING_AMENDMENT_APPROVAL": HoldingState.SCHEDULED,
    "APPROVED": HoldingState.SCHEDULED,
    "COMMITTED": HoldingState.SCHEDULED,
    "PROCURING": HoldingState.SCHEDULED,
    "PROVISIONING": HoldingState.SCHEDULED,
    "FULFILLED": HoldingState.ACTIVE,
    "FAILED": HoldingState.FAILED,
    "FAILED_PARTIALLY_FULFILLED": HoldingState.FAILED,
    "DECLINED": HoldingState.CANCELLED,
    "CANCELLED": HoldingState.CANCELLED,
}
_COMMITMENT_STATE: Final = {
    "CREATING": HoldingState.REQUESTED,
    "NOT_YET_ACTIVE": HoldingState.SCHEDULED,
    "ACTIVE": HoldingState.ACTIVE,
    "EXPIRED": HoldingState.EXPIRED,
    "CANCELLED": HoldingState.CANCELLED,
}
_QUOTA_FAMILY: Final = "GPUS-PER-GPU-FAMILY"
_NO_GPUS: Final = ("VCPU", "MEMORY", "LOCAL_SSD")


class _Accelerator(GoogleShape):
    accelerator_type: str
    accelerator_count: int


class _Properties(GoogleShape):
    machine_type: str | None = None
    guest_accelerators: tuple[_Accelerator, ...] = ()


class _SpecificSku(GoogleShape):
    count: int | None = None
    in_use_count: int | None = None
    instance_properties: _Properties = _Properties()


class Reservation(Scoped):
    """Machines kept for us in a zone."""

    name: str
    self_link: str | None = None
    status: str = ""
    creation_timestamp: UtcInstant | None = None
    delete_at_time: UtcInstant | None = None
    specific_reservation: _SpecificSku | None = None


class _Window(GoogleShape):
    start_time: UtcInstant
    end_time: UtcInstant | None = None


class _FutureStatus(GoogleShape):
    procurement_status: str = "DRAFTING"
    auto_created_reservations: tuple[str, ...] = ()


class _FutureSku(GoogleShape):
    total_count: int | None = None
    instance_properties: _Properties = _Properties()


class FutureReservation(Scoped):
    """Machines that are to be kept for us from a date on, asked for or bought by the calendar."""

    name: str
    self_link: str | None = None
    reservation_mode: str | None = None
    status: _FutureStatus = _FutureStatus()
    time_window: _Window | None = None
    specific_sku_properties: _FutureSku | None = None


class _Resource(GoogleShape):
    kind: str | None = Field(default=None, alias="type")
    amount: int = 0
    accelerator_type: str | None = None


class Commitment(Scoped):
    """A promise to pay for parts of machines in a region for a term."""

    name: str
    self_link: str | None = None
    status: str = ""
    plan: str | None = None
    resources: tuple[_Resource, ...] = ()
    start_timestamp: UtcInstant | None = None
    end_timestamp: UtcInstant | None = None


class _RegionQuota(GoogleShape):
    metric: str
    limit: Amount
    usage: Amount = Decimal(0)


class Region(GoogleShape):
    """A region with the older limits."""

    name: str
    quotas: tuple[_RegionQuota, ...] = ()


class _Value(GoogleShape):
    value: Amount | None = None


class _Dimensions(GoogleShape):
    dimensions: Mapping[str, str] = Field(default_factory=dict)
    details: _Value = _Value()
    applicable_locations: tuple[str, ...] = ()


class QuotaInfo(GoogleShape):
    """A limit by GPU family: the only kind that knows H100 and later."""

    quota_id: str
    dimensions_infos: tuple[_Dimensions, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """The GPUs of a machine type."""

    accelerator: str
    count: int


GpuOf = Callable[[str, str], Gpu | None]
"""(native id, accelerator) → the GPU, or None after a skip that says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Reads holdings: `machines` are the GPUs of machine types, `gpu_of` names them."""

    supplier: str
    machines: Mapping[str, Fitted]
    gpu_of: GpuOf

    def reservation(
        self, row: Reservation, zone: str, made_by: FutureReservation | None, *, page: Page
    ) -> Holding | None:
        """Return a reservation, or None when it keeps no GPUs."""
        sku = row.specific_reservation
        if sku is None:
            return None
        window = made_by.time_window if made_by else None
        return self._machines(
            row,
            zone,
            sku.instance_properties,
            kind=_kind(made_by) if made_by else HoldingKind.RESERVATION,
            count=sku.count,
            used=sku.in_use_count,
            start_at=window.start_time if window else row.creation_timestamp,
            end_at=row.delete_at_time or (window.end_time if window else None),
            state=_RESERVATION_STATE.get(row.status, HoldingState.UNKNOWN),
            provider_state=row.status,
            page=page,
        )

    def future(self, row: FutureReservation, zone: str, *, page: Page) -> Holding | None:
        """Return a future reservation, or None when it will keep no GPUs."""
        sku, window = row.specific_sku_properties, row.time_window
        if sku is None:
            return None
        said = row.status.procurement_status
        return self._machines(
            row,
            zone,
            sku.instance_properties,
            kind=_kind(row),
            count=sku.total_count,
            used=None,
            start_at=window.start_time if window else None,
            end_at=window.end_time if window else None,
            state=_PROCUREMENT_STATE.get(said, HoldingState.UNKNOWN),
            provider_state=said,
            page=page,
        )

    def commitment(self, row: Commitment, region: str, *, page: Page) -> Iterator[Holding]:
        """Yield the GPUs of a commitment: one holding for each accelerator."""
        for resource in row.resources:
            accelerator = _last(resource.accelerator_type)
            if accelerator is None or resource.kind in _NO_GPUS:
                continue
            gpu = self.gpu_of(row.name, accelerator)
            if gpu is None:
                continue
            yield Holding(
                supplier=self.supplier,
                resource_id=f"{_identity(row)}#{accelerator}",
                kind=HoldingKind.COMMITMENT,
                name=row.name,
                region=region,
                native_type=accelerator,
                gpu=gpu,
                gpus_per_unit=1,
                quantity=resource.amount,
                unit=StockUnit.GPU,
                used=None,
                start_at=row.start_timestamp,
                end_at=row.end_timestamp,
                state=_COMMITMENT_STATE.get(row.status, HoldingState.UNKNOWN),
                provider_state=row.status,
                observed_at=page.fetched_at,
                source=page.call,
            )

    def _machines(
        self,
        row: Reservation | FutureReservation,
        zone: str,
        properties: _Properties,
        *,
        kind: HoldingKind,
        count: int | None,
        used: int | None,
        start_at: datetime | None,
        end_at: datetime | None,
        state: HoldingState,
        provider_state: str,
        page: Page,
    ) -> Holding | None:
        machine_type = _last(properties.machine_type)
        fitted = self._fitted(machine_type, properties.guest_accelerators)
        gpu = self.gpu_of(row.name, fitted.accelerator) if fitted else None
        if fitted is None or gpu is None:
            return None
        return Holding(
            supplier=self.supplier,
            resource_id=_identity(row),
            kind=kind,
            name=row.name,
            region=zone.rpartition("-")[0],
            zone=zone,
            native_type=machine_type,
            gpu=gpu,
            gpus_per_unit=fitted.count,
            quantity=count,
            unit=StockUnit.INSTANCE,
            used=used,
            start_at=start_at,
            end_at=end_at,
            state=state,
            provider_state=provider_state,
            observed_at=page.fetched_at,
            source=page.call,
        )

    def _fitted(self, machine_type: str | None, stated: tuple[_Accelerator, ...]) -> Fitted | None:
        if stated:
            accelerator = _last(stated[0].accelerator_type) or ""
            return Fitted(accelerator=accelerator, count=stated[0].accelerator_count)
        return self.machines.get(machine_type or "")


def made_by(futures: Iterable[FutureReservation]) -> dict[str, FutureReservation]:
    """Return which future reservation made which reservation, by the reservation's identity."""
    return {
        link.partition("/projects/")[2]: future
        for future in futures
        for link in future.status.auto_created_reservations
    }


def identity(row: Reservation) -> str:
    """Return what tells a reservation apart: project, zone and name, without the API's address."""
    return _identity(row)


def region_quotas(row: Region) -> Iterator[Quota]:
    """Yield the older limits on GPUs; they say what is used, and end before H100 on demand."""
    for quota in row.quotas:
        if "GPUS" in quota.metric or "NVIDIA" in quota.metric:
            yield Quota(
                name=quota.metric,
                region=row.name,
                unit=QuotaUnit.GPU,
                limit=quota.limit,
                used=quota.usage,
            )


def family_quotas(row: QuotaInfo) -> Iterator[Quota]:
    """Yield the limits by GPU family and region; what is used is not told here."""
    if _QUOTA_FAMILY not in row.quota_id:
        return
    for each in row.dimensions_infos:
        limit, family = each.details.value, each.dimensions.get("gpu_family")
        if limit is None or limit < 0 or family is None:  # -1: without limit
            continue
        stated = each.dimensions.get("region")
        for region in [stated] if stated else each.applicable_locations:
            yield Quota(
                name=f"{row.quota_id}/{family}", region=region, unit=QuotaUnit.GPU, limit=limit
            )


def is_shared(reservation: Mapping[str, Any]) -> bool:
    """Say whether another project's reservation is shared at all."""
    return str(reservation.get("shareSettings", {}).get("shareType", "LOCAL")) not in (
        "LOCAL",
        "SHARE_TYPE_UNSPECIFIED",
    )


def _kind(future: FutureReservation) -> HoldingKind:
    by_calendar = future.reservation_mode == "CALENDAR"
    return HoldingKind.CAPACITY_BLOCK if by_calendar else HoldingKind.FUTURE_RESERVATION


def _identity(row: Reservation | FutureReservation | Commitment) -> str:
    return (row.self_link or "").partition("/projects/")[2] or row.name


def _last(link: str | None) -> str | None:
    return link.rpartition("/")[2] if link else None
