"""What AWS is asked, region by region: several regions at once, each with a fate of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from pricing.hardware import UnknownGpuError, canonical_gpu
from providers.access import Access
from providers.aws_errors import KEY, out_of_time
from providers.aws_holdings import OWN_BLOCKS, QUOTAS, RESERVATIONS, RESERVED, SAVINGS
from providers.aws_market import BLOCKS, LINUX, SPOT
from providers.aws_prices import PLAIN, PRICES
from providers.aws_session import AT_ONCE, Cloud
from providers.aws_types import LISTED, PATTERNS, TYPES, ULTRASERVERS, ZONES, Kind, kinds_on
from providers.errors import ErrorKind
from providers.offer_book import OfferBook
from providers.paging import failed, gathered, joined, softened
from providers.supplier import Ask, Capability, Fetched, Page, Place, PlaceState, Profile

REGIONS_OPTION: Final = "TONNAGE_AWS_REGIONS"
TYPES_OPTION: Final = "TONNAGE_AWS_TYPES"
BLOCK_HOURS_OPTION: Final = "TONNAGE_AWS_BLOCK_HOURS"

REGIONS: Final = "regions"
SPOT_DAYS: Final = timedelta(days=7)
SPOT_MEMORY: Final = timedelta(days=90)
"""How far back AWS remembers spot prices."""

BLOCK_HOURS: Final = ("24", "168")
_ENABLED: Final = ("opt-in-not-required", "opted-in")
_READ: Final = (PlaceState.OK, PlaceState.PARTIAL)
_TERM_MATCH: Final = "TERM_MATCH"

Task = Callable[[], Fetched]


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """Everything that one poll asks."""

    ask: Ask
    access: Access
    cloud: Cloud
    profile: Profile

    def answered(self) -> Fetched:
        """Ask, and return the pages and how each region went.

        Raises SupplierError when not even the regions are told.
        """
        self.cloud.open("ec2")
        regions, skipped = self._regions()
        self._open(regions)
        tasks: list[tuple[str | None, Task]] = [
            (region, partial(self._region, region)) for region in regions
        ]
        if Capability.HOLDINGS in self.ask.wanted:
            tasks.append((None, self._savings_plans))
        parts = at_once(tasks, access=self.access)
        whole = joined(Fetched(pages=(), places=skipped), *parts)
        return joined(whole, self._prices(whole))

    def _open(self, regions: Sequence[str]) -> None:
        wanted = self.ask.wanted
        for region in regions:
            self.cloud.open("ec2", region)
            if Capability.QUOTAS in wanted:
                self.cloud.open("service-quotas", region)
        if Capability.OFFERS in wanted:
            self.cloud.open("pricing")
        if Capability.HOLDINGS in wanted:
            self.cloud.open("savingsplans")

    def _regions(self) -> tuple[list[str], tuple[Place, ...]]:
        """Return the regions to ask, and those that are left out with the reason."""
        (page,) = self.cloud.ask("describe_regions", "Regions", call=REGIONS, AllRegions=True)
        known = {row["RegionName"]: row["OptInStatus"] for row in page.json(KEY)["Regions"]}
        wanted = self.ask.regions or _words(self.access, REGIONS_OPTION) or known
        places = []
        for region in sorted(wanted):
            if region not in known:
                places.append(_left_out(region, PlaceState.FAILED, ErrorKind.NOT_FOUND))
            elif known[region] not in _ENABLED:
                places.append(_left_out(region, PlaceState.SKIPPED, ErrorKind.REGION_NOT_ENABLED))
        left_out = {place.region for place in places}
        return [region for region in sorted(wanted) if region not in left_out], tuple(places)

    def _region(self, region: str) -> Fetched:
        """Ask a region. Without its types and zones nothing of it can be read."""
        types = gathered(self._types(region), region=region)
        places = gathered(self._zones(region), region=region)
        if any(place.state is not PlaceState.OK for place in (*types.places, *places.places)):
            return _lost(joined(types, places))
        kinds = self._wanted(kinds_on(types.pages, OfferBook(profile=self.profile)))
        parts = [types, places]
        for question in self._further(region, kinds):
            parts.append(softened(gathered(question, region=region)))
        return joined(*parts)

    def _types(self, region: str) -> Iterator[Page]:
        patterns = sorted(_words(self.access, TYPES_OPTION) or PATTERNS)
        yield from self.cloud.ask(
            "describe_instance_types",
            "InstanceTypes",
            call=TYPES,
            region=region,
            location=region,
            Filters=[{"Name": "instance-type", "Values": patterns}],
        )

    def _zones(self, region: str) -> Iterator[Page]:
        yield from self.cloud.ask(
            "describe_availability_zones",
            "AvailabilityZones",
            call=ZONES,
            region=region,
            location=region,
            AllAvailabilityZones=True,
        )

    def _further(self, region: str, kinds: Mapping[str, Kind]) -> Iterator[Iterator[Page]]:
        wanted, names = self.ask.wanted, sorted(kinds)
        if names and Capability.OFFERS in wanted:
            yield self._listed(region, names)
        if names and wanted & {Capability.OFFERS, Capability.SPOT_HISTORY}:
            yield self._spot(region, [name for name in names if "spot" in kinds[name].sold_as])
        if Capability.BLOCK_OFFERINGS in wanted:
            for question in self._block_questions(kinds):
                yield self._blocks(region, question)
        if Capability.HOLDINGS in wanted:
            yield self._held(region, "describe_capacity_reservations", RESERVATIONS)
            yield self._held(region, "describe_capacity_blocks", OWN_BLOCKS)
            yield self._held(region, "describe_reserved_instances", RESERVED)
        if Capability.QUOTAS in wanted:
            yield self._quotas(region)

    def _listed(self, region: str, names: Sequence[str]) -> Iterator[Page]:
        # A filter takes at most 200 values.
        for start in range(0, len(names), 200):
            some = list(names[start : start + 200])
            yield from self.cloud.ask(
                "describe_instance_type_offerings",
                "InstanceTypeOfferings",
                call=LISTED,
                region=region,
                location=region,
                LocationType="availability-zone-id",
                Filters=[{"Name": "instance-type", "Values": some}],
            )

    def _spot(self, region: str, names: Sequence[str]) -> Iterator[Page]:
        if not names:
            return
        yield from self.cloud.ask(
            "describe_spot_price_history",
            "SpotPriceHistory",
            call=SPOT,
            region=region,
            location=region,
            InstanceTypes=list(names),
            ProductDescriptions=[LINUX],
            StartTime=self._spot_since(),
        )

    def _spot_since(self) -> datetime:
        now = self.access.now()
        if Capability.SPOT_HISTORY not in self.ask.wanted:
            return now  # the prices that hold now: the last change before counts
        return max(self.ask.spot_since or now - SPOT_DAYS, now - SPOT_MEMORY)

    def _block_questions(self, kinds: Mapping[str, Kind]) -> Iterator[dict[str, Any]]:
        racks = {native_type for native_type, _ in ULTRASERVERS.values()}
        stated = {word for word in _words(self.access, BLOCK_HOURS_OPTION) if word.isdecimal()}
        for length in sorted(map(int, stated or BLOCK_HOURS)):
            for name, kind in kinds.items():
                if "capacity-block" in kind.sold_as and name not in racks:
                    yield {
                        "InstanceType": name,
                        "InstanceCount": 1,
                        "CapacityDurationHours": length,
                    }
            for rack, (native_type, _) in ULTRASERVERS.items():
                if native_type in kinds:
                    yield {
                        "UltraserverType": rack,
                        "UltraserverCount": 1,
                        "CapacityDurationHours": length,
                    }

    def _blocks(self, region: str, question: Mapping[str, Any]) -> Iterator[Page]:
        yield from self.cloud.ask(
            "describe_capacity_block_offerings",
            "CapacityBlockOfferings",
            call=BLOCKS,
            region=region,
            location=region,
            AllAvailabilityZones=True,
            **question,
        )

    def _held(self, region: str, operation: str, call: str) -> Iterator[Page]:
        rows = {
            RESERVATIONS: "CapacityReservations",
            OWN_BLOCKS: "CapacityBlocks",
            RESERVED: "ReservedInstances",
        }
        yield from self.cloud.ask(operation, rows[call], call=call, region=region, location=region)

    def _quotas(self, region: str) -> Iterator[Page]:
        yield from self.cloud.ask(
            "list_service_quotas",
            "Quotas",
            call=QUOTAS,
            service="service-quotas",
            region=region,
            location=region,
            ServiceCode="ec2",
        )

    def _savings_plans(self) -> Fetched:
        pages = self.cloud.ask(
            "describe_savings_plans", "savingsPlans", call=SAVINGS, service="savingsplans"
        )
        return softened(gathered(pages, region=None))

    def _prices(self, so_far: Fetched) -> Fetched:
        """Ask the list price of each type that was seen, once for all regions.

        A price that could not be read leaves every region partial.
        """
        if Capability.OFFERS not in self.ask.wanted:
            return Fetched(pages=(), places=())
        types = [page for page in so_far.pages if page.call == TYPES]
        names = self._wanted(kinds_on(types, OfferBook(profile=self.profile)))
        regions = [place.region for place in so_far.places if place.state in _READ and place.region]
        questions: list[tuple[str | None, Task]] = [
            (None, partial(self._priced, name, regions)) for name in names
        ]
        parts = at_once(questions, access=self.access)
        failures = [part.places[0] for part in parts if part.places[0].state is not PlaceState.OK]
        return Fetched(
            pages=tuple(page for part in parts for page in part.pages),
            places=tuple(
                replace(failures[0], region=region, state=PlaceState.PARTIAL)
                for region in regions
                if failures
            ),
        )

    def _priced(self, name: str, regions: Sequence[str]) -> Fetched:
        return gathered(self._price(name, regions), region=None)

    def _price(self, name: str, regions: Sequence[str]) -> Iterator[Page]:
        terms = {"instanceType": name, **PLAIN}
        if len(regions) == 1:
            terms["regionCode"] = regions[0]
        yield from self.cloud.ask(
            "get_products",
            "PriceList",
            call=f"{PRICES} {name}",
            service="pricing",
            ServiceCode="AmazonEC2",
            FormatVersion="aws_v1",
            Filters=[
                {"Type": _TERM_MATCH, "Field": field, "Value": value}
                for field, value in terms.items()
            ],
        )

    def _wanted(self, kinds: Mapping[str, Kind]) -> dict[str, Kind]:
        models = self.ask.gpu_models
        if models is None:
            return dict(kinds)
        return {name: kind for name, kind in kinds.items() if _model(kind) in models}


def at_once(tasks: Sequence[tuple[str | None, Task]], *, access: Access) -> list[Fetched]:
    """Run tasks side by side; the region of one that the deadline overtakes is a failed place."""
    pool = ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix=KEY)
    futures = [(region, pool.submit(task)) for region, task in tasks]
    wait([future for _, future in futures], timeout=access.seconds_left())
    pool.shutdown(wait=False, cancel_futures=True)
    return [
        future.result()
        if future.done() and not future.cancelled()
        else Fetched(pages=(), places=(failed(region, out_of_time(region)),))
        for region, future in futures
    ]


def _model(kind: Kind) -> str | None:
    machine = kind.machine
    try:
        return canonical_gpu(machine.gpu, provider=KEY, memory_gb=machine.memory_gb).model
    except UnknownGpuError:
        return None


def _words(access: Access, option: str) -> frozenset[str]:
    value = access.value(option) or ""
    return frozenset(word.strip() for word in value.split(",") if word.strip())


def _left_out(region: str, state: PlaceState, kind: ErrorKind) -> Place:
    told = "AWS has no such region" if kind is ErrorKind.NOT_FOUND else "not enabled"
    return Place(region=region, state=state, kind=kind, message=f"{region}: {told}")


def _lost(part: Fetched) -> Fetched:
    """Return a region as failed, whatever came of it: half its types are no list."""
    places = (replace(place, state=PlaceState.FAILED) for place in part.places)
    return Fetched(pages=(), places=tuple(places))
