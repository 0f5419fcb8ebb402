"""What Azure's books say is ours: capacity reservations and reserved instances.

A capacity reservation keeps machines and lives in a group; how much of it is used stands only in
the group's instance view.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from pricing.holding import Holding, HoldingKind, HoldingState
from pricing.offer import StockUnit
from providers.azure_commitments import commitments_of, on_its_day
from providers.azure_sizes import machine_of, region_name, size_name
from providers.offer_book import OfferBook
from providers.shape import CamelShape, UtcInstant, read_page
from providers.supplier import Page

GROUP: Final = "capacity-reservation-group"
RESERVATIONS: Final = "capacity-reservations"

_OF_REQUEST: Final = {
    "Pending": HoldingState.REQUESTED,
    "Approved": HoldingState.SCHEDULED,
    "Committed": HoldingState.SCHEDULED,
    "Live": HoldingState.ACTIVE,
    "PartiallyFulfilled": HoldingState.ACTIVE,
    "Declined": HoldingState.FAILED,
    "FulfillmentFailed": HoldingState.FAILED,
}
"""The states of a reservation that was asked for ahead of its start."""

_OF_RESOURCE: Final = {
    "Succeeded": HoldingState.ACTIVE,
    "Updating": HoldingState.ACTIVE,
    "Creating": HoldingState.REQUESTED,
    "Deleting": HoldingState.CANCELLED,
    "Failed": HoldingState.FAILED,
}


class _Allocated(CamelShape):
    id: str


class _Utilization(CamelShape):
    current_capacity: int | None = None
    virtual_machines_allocated: tuple[_Allocated, ...] = ()
    used_reserved_count_by_subscription: dict[str, int] | None = None

    @property
    def used(self) -> int:
        """Return the machines in use, of all subscriptions that share it where Azure says so."""
        shared = self.used_reserved_count_by_subscription
        return sum(shared.values()) if shared else len(self.virtual_machines_allocated)


class _StateInfo(CamelShape):
    reservation_state: str | None = None


class _View(CamelShape):
    name: str
    utilization_info: _Utilization | None = None
    reservation_state_info: _StateInfo | None = None

    @property
    def stated(self) -> str | None:
        """Return how a reservation ahead of its start stands; Azure says it of no other."""
        return (
            self.reservation_state_info.reservation_state if self.reservation_state_info else None
        )


class _Views(CamelShape):
    capacity_reservations: tuple[_View, ...] = ()


class _GroupProperties(CamelShape):
    reservation_type: str = "Targeted"
    instance_view: _Views | None = None


class _Group(CamelShape):
    id: str
    properties: _GroupProperties

    def view_of(self, name: str) -> _View | None:
        """Return what is used of a reservation; its own list does not say."""
        seen = self.properties.instance_view
        named = seen.capacity_reservations if seen else ()
        return next((each for each in named if each.name.casefold() == name.casefold()), None)


class _Sku(CamelShape):
    name: str
    capacity: int | None = None


class _Schedule(CamelShape):
    start: UtcInstant | None = None
    end: UtcInstant | None = None


class _ReservationProperties(CamelShape):
    provisioning_state: str
    time_created: UtcInstant | None = None
    schedule_profile: _Schedule | None = None


class _Reservation(CamelShape):
    id: str
    name: str
    location: str
    sku: _Sku
    zones: tuple[str, ...] = ()
    properties: _ReservationProperties


class _Reservations(CamelShape):
    value: list[_Reservation]


def holdings_of(pages: Iterable[Page], book: OfferBook) -> tuple[Holding, ...]:
    """Return the capacity reservations and reserved instances of GPU machines, by their id."""
    pages = tuple(pages)
    groups = _groups(pages, supplier=book.profile.key)
    held = (
        each
        for page in pages
        for each in (
            *_reservations(page, groups, book=book),
            *commitments_of(page, book),
        )
    )
    found = {each.resource_id: each for each in held}
    return tuple(found[key] for key in sorted(found))


def _groups(pages: Iterable[Page], *, supplier: str) -> dict[str, _Group]:
    read = (read_page(_Group, page, supplier=supplier) for page in pages if page.call == GROUP)
    return {group.id.casefold(): group for group in read}


def _reservations(
    page: Page, groups: Mapping[str, _Group], *, book: OfferBook
) -> Iterator[Holding]:
    if page.call != RESERVATIONS:
        return
    for row in read_page(_Reservations, page, supplier=book.profile.key).value:
        group_id = row.id.casefold().rpartition("/capacityreservations/")[0]
        yield from _reservation(row, groups.get(group_id), page=page, book=book)


def _reservation(
    row: _Reservation, group: _Group | None, *, page: Page, book: OfferBook
) -> Iterator[Holding]:
    size = size_name(row.sku.name)
    machine = machine_of(book, size)
    if machine is None:
        return
    schedule = row.properties.schedule_profile or _Schedule()
    view = group.view_of(row.name) if group else None
    utilization = view.utilization_info if view else None
    stated = view.stated if view else None
    word = stated or row.properties.provisioning_state
    start_at = schedule.start or row.properties.time_created
    state = on_its_day(
        (_OF_REQUEST | _OF_RESOURCE).get(word, HoldingState.UNKNOWN),
        start_at=start_at,
        end_at=schedule.end,
        now=page.fetched_at,
    )
    yield Holding(
        supplier=book.profile.key,
        resource_id=row.id,
        kind=_kind(group, schedule, state),
        name=row.name,
        region=region_name(row.location),
        zone=row.zones[0] if len(row.zones) == 1 else None,
        native_type=size,
        gpu=book.gpu(size, size),
        gpus_per_unit=machine.count,
        unit=StockUnit.INSTANCE,
        quantity=_quantity(row, utilization, state, book=book),
        used=utilization.used if utilization else None,
        start_at=start_at,
        end_at=schedule.end,
        state=state,
        provider_state=word,
        observed_at=page.fetched_at,
        source=page.call,
    )


def _kind(group: _Group | None, schedule: _Schedule, state: HoldingState) -> HoldingKind:
    is_block = group is not None and group.properties.reservation_type == "Block"
    if is_block or schedule.end is not None:  # only blocks have an end
        return HoldingKind.CAPACITY_BLOCK
    if schedule.start is not None and state is not HoldingState.ACTIVE:
        return HoldingKind.FUTURE_RESERVATION
    return HoldingKind.RESERVATION


def _quantity(
    row: _Reservation, utilization: _Utilization | None, state: HoldingState, *, book: OfferBook
) -> int | None:
    """Return the machines that are kept and billed; before the start, those that were asked for."""
    kept = utilization.current_capacity if utilization else None
    if kept is None or state is not HoldingState.ACTIVE:
        return row.sku.capacity
    if kept != row.sku.capacity:
        book.warn(
            f"{row.name}: asked for {row.sku.capacity} machines, Azure keeps {kept}; kept counts"
        )
    return kept
