"""AWS instance types: which GPUs they hold, where each is listed.

The reported GPU name is not enough: AWS has said "NVIDIA" for an H200, and says "A100" for two
sizes of memory. For the types that matter a table of ours decides and a disagreement is told. A
type whose GPU is a fraction reports a count of 0 or 1, and a partition size below 1.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_pascal

from pricing.hardware import Gpu, UnknownGpuError, canonical_gpu
from providers.aws_errors import KEY
from providers.offer_book import Machine, OfferBook
from providers.shape import Amount, Shape, read_page, read_rows
from providers.supplier import Page, SkipReason

TYPES: Final = "types"
LISTED: Final = "listed"
ZONES: Final = "zones"

PATTERNS: Final = ("p*", "g*")
"""Every family with a GPU begins so; the API has no filter for "has a GPU"."""

CURATED: Final[Mapping[str, tuple[str, int]]] = {
    "p4d.24xlarge": ("A100-SXM-40", 8),
    "p4de.24xlarge": ("A100-SXM-80", 8),
    "p5.4xlarge": ("H100-SXM", 1),
    "p5.48xlarge": ("H100-SXM", 8),
    "p5e.48xlarge": ("H200-SXM", 8),
    "p5en.48xlarge": ("H200-SXM", 8),
    "p6-b200.48xlarge": ("B200-SXM", 8),
    "p6-b300.48xlarge": ("B300-SXM", 8),
    "p6e-gb200.36xlarge": ("GB200", 4),
    "p6e-gb300.36xlarge": ("GB300", 4),
}
"""Type → (part, GPUs). What a type holds never changes; what the API says of it has been wrong."""

ULTRASERVERS: Final[Mapping[str, tuple[str, int]]] = {
    "u-p6e-gb200x36": ("p6e-gb200.36xlarge", 9),
    "u-p6e-gb200x72": ("p6e-gb200.36xlarge", 18),
    "u-p6e-gb300x72": ("p6e-gb300.36xlarge", 18),
}
"""Rack-scale machine → (its instance type, instances): sold whole, and only as blocks."""

_MIB_PER_GIB: Final = 1024


class AwsShape(Shape):
    """A part of an answer whose fields AWS writes as InstanceType."""

    model_config = ConfigDict(alias_generator=to_pascal)


class _Memory(AwsShape):
    mebibytes: int = Field(alias="SizeInMiB")


class _Device(AwsShape):
    name: str
    count: int
    memory_info: _Memory
    gpu_partition_size: Amount = Decimal(1)


class _Gpus(AwsShape):
    gpus: list[_Device]


class _Processors(AwsShape):
    vcpus: int = Field(alias="DefaultVCpus")


class _Efa(AwsShape):
    maximum_efa_interfaces: int


class _Network(AwsShape):
    efa_info: _Efa | None = None


class _Type(AwsShape):
    instance_type: str
    supported_usage_classes: list[str]
    v_cpu_info: _Processors
    memory_info: _Memory
    gpu_info: _Gpus | None = None
    network_info: _Network | None = None


class _Types(AwsShape):
    instance_types: list[object]


class _Zone(AwsShape):
    zone_id: str
    zone_name: str
    zone_type: str
    state: str | None = None


class _Zones(AwsShape):
    availability_zones: list[_Zone]


class _Location(AwsShape):
    instance_type: str
    location: str


class _Locations(AwsShape):
    instance_type_offerings: list[_Location]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """An instance type as a region lists it; `sold_as` is AWS's words for the terms it knows."""

    machine: Machine
    sold_as: frozenset[str]


@dataclass(slots=True, kw_only=True)
class Listing:
    """What the pages say is listed: by region and type. Zones are ids: names differ by account."""

    kinds: dict[tuple[str, str], Kind] = field(default_factory=dict)
    zones: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    zone_ids: dict[tuple[str, str], str] = field(default_factory=dict)  # by region and name
    constrained: set[str] = field(default_factory=set)

    def zone_of(self, region: str, name: str | None, zone_id: str | None) -> str | None:
        """Return the id of a zone that an answer names; the name itself where no id is known."""
        return zone_id or self.zone_ids.get((region, name or "")) or name

    def machine(self, native_type: str) -> Machine | None:
        """Return the machine of a type, from any region that lists it or from the table."""
        for (_, name), kind in self.kinds.items():
            if name == native_type:
                return kind.machine
        if native_type not in CURATED:
            return None
        part, count = CURATED[native_type]
        return Machine(gpu=part, count=count)

    def gpu(self, native_type: str) -> tuple[Gpu | None, int | None]:
        """Return the GPU of a type and how many it has, as far as known."""
        machine = self.machine(native_type)
        if machine is None:
            return None, None
        return _gpu_named(machine.gpu, machine.memory_gb), machine.count


def listing_of(pages: Iterable[Page], book: OfferBook) -> Listing:
    """Return what is listed where; types without a whole GPU become skips."""
    listing = Listing()
    places: list[tuple[str, _Location]] = []
    whole: set[str] = set()
    for page in pages:
        region = page.location or ""
        if page.call == TYPES:
            _read_types(page, region, listing, book)
        elif page.call == ZONES:
            for zone in read_page(_Zones, page, supplier=KEY).availability_zones:
                listing.zone_ids[region, zone.zone_name] = zone.zone_id
                if zone.zone_type == "availability-zone":
                    whole.add(zone.zone_id)
                if zone.state == "constrained":
                    listing.constrained.add(zone.zone_id)
        elif page.call == LISTED:
            found = read_page(_Locations, page, supplier=KEY).instance_type_offerings
            places += ((region, location) for location in found)
    for region, location in places:
        if location.location in whole:  # local zones have prices of their own, which are not asked
            listing.zones[region, location.instance_type].add(location.location)
    return listing


def kinds_on(pages: Iterable[Page], book: OfferBook) -> dict[str, Kind]:
    """Return the types with whole GPUs on the pages of one region, by name."""
    listing = Listing()
    for page in pages:
        _read_types(page, "", listing, book)
    return {name: kind for (_, name), kind in sorted(listing.kinds.items())}


def _read_types(page: Page, region: str, listing: Listing, book: OfferBook) -> None:
    rows, skips = read_rows(
        _Type,
        read_page(_Types, page, supplier=KEY).instance_types,
        name_of=lambda row: row["InstanceType"],
        call=page.call,
        supplier=KEY,
    )
    book.skip_all(skips)
    for row in rows:
        machine = _machine(row, book)
        if machine is not None:
            listing.kinds[region, row.instance_type] = Kind(
                machine=machine, sold_as=frozenset(row.supported_usage_classes)
            )


def _machine(row: _Type, book: OfferBook) -> Machine | None:
    devices = row.gpu_info.gpus if row.gpu_info else []
    if not devices:
        book.skip(row.instance_type, SkipReason.NO_GPU)
        return None
    device = devices[0]
    if any(each.gpu_partition_size < 1 for each in devices):
        share = min(each.gpu_partition_size for each in devices)
        book.skip(row.instance_type, SkipReason.GPU_SLICE, f"{share} of a {device.name}")
        return None
    gpu, count, memory = _decided(row, device, sum(each.count for each in devices), book)
    efa = row.network_info.efa_info if row.network_info else None
    return Machine(
        gpu=gpu,
        count=count,
        memory_gb=memory,
        vcpus=row.v_cpu_info.vcpus,
        memory_gib=Decimal(row.memory_info.mebibytes) / _MIB_PER_GIB,
        interconnect=f"EFA x{efa.maximum_efa_interfaces}" if efa else None,
    )


def _decided(
    row: _Type, device: _Device, count: int, book: OfferBook
) -> tuple[str, int, int | None]:
    """Return GPU, count and memory: the table's where it knows the type, else as reported."""
    memory = round(device.memory_info.mebibytes / _MIB_PER_GIB)
    if row.instance_type not in CURATED:
        return device.name, count, memory
    part, right_count = CURATED[row.instance_type]
    reported = _gpu_named(device.name, memory)
    if reported is not None and reported.part == part and count == right_count:
        return device.name, count, memory
    book.warn(
        f"{row.instance_type}: AWS reports {count} x {device.name} with {memory} GB; our table "
        f"says {right_count} x {part}, which is kept"
    )
    return part, right_count, None


def _gpu_named(spelling: str, memory_gb: int | None) -> Gpu | None:
    try:
        return canonical_gpu(spelling, provider=KEY, memory_gb=memory_gb)
    except UnknownGpuError:
        return None
