"""What is asked of Google for one reading, and how each region went.

Lists of all zones name the zones that could not be reached, page by page: their regions are failed
places. A scope that only says NO_RESULTS_ON_PAGE is empty and fine. A list that breaks off leaves
every region partial, because nobody knows what the missing pages held.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pricing.hardware import UnknownGpuError, canonical_gpu
from providers import gcp_advice
from providers.errors import ErrorKind
from providers.gcp_advice import Subject
from providers.gcp_calls import GoogleCalls
from providers.gcp_holdings import is_shared
from providers.gcp_prices import concerns_gpus
from providers.paging import gathered, joined, softened
from providers.supplier import Ask, Capability, Fetched, Page, Place, PlaceState

MACHINE_TYPES: Final = "machine-types"
ACCELERATORS: Final = "accelerator-types"
SKUS: Final = "skus"
CAPACITY: Final = "advice-capacity"
HISTORY: Final = "advice-capacity-history"
CALENDAR: Final = "advice-calendar-mode"
RESERVATIONS: Final = "reservations"
FUTURE_RESERVATIONS: Final = "future-reservations"
COMMITMENTS: Final = "commitments"
REGIONS: Final = "regions"
QUOTA_INFOS: Final = "quota-infos"

COMPUTE_ENGINE: Final = "services/6F81-5844-456A"
GPU_MACHINES: Final = "name eq '[ag][0-9]+[a-z]*-.*'"
"""Accelerator and graphics series, of today and to come: some 2 % of all machine types."""

PAGE_SIZE: Final = 500
PRICE_PAGE_SIZE: Final = 5000

_EMPTY: Final = "NO_RESULTS_ON_PAGE"
_NOT_THERE: Final = (
    ErrorKind.INVALID_REQUEST,
    ErrorKind.NOT_FOUND,
    ErrorKind.NOT_OFFERED,
    ErrorKind.UNSUPPORTED,
)
_MACHINES_NEEDED: Final = frozenset(Capability) - {Capability.QUOTAS}


@dataclass(slots=True, kw_only=True)
class Asking:
    """One reading of Google for one project."""

    google: GoogleCalls
    ask: Ask
    project: str
    sharing: tuple[str, ...] = ()  # other projects whose reservations we may use
    _broken: Place | None = field(default=None, init=False)

    def everything(self) -> Fetched:
        """Ask all that is wanted."""
        parts = []
        if self.ask.wanted & _MACHINES_NEEDED:
            machines = self._essential(self._zonal(MACHINE_TYPES, "MachineTypes", GPU_MACHINES))
            parts.append(machines)
            if self._wants(Capability.OFFERS):
                parts.append(softened(self._zonal(ACCELERATORS, "AcceleratorTypes")))
                parts.append(self._essential(self._prices()))
            parts += self._advice(machines.pages)
        if self._wants(Capability.HOLDINGS):
            parts += self._holdings()
        if self._wants(Capability.QUOTAS):
            parts += self._quotas()
        return self._told_honestly(joined(*parts))

    def _wants(self, capability: Capability) -> bool:
        return capability in self.ask.wanted

    def _essential(self, part: Fetched) -> Fetched:
        whole = next(place for place in part.places if place.region is None)
        if whole.state is not PlaceState.OK and self._broken is None:
            self._broken = whole
        return part

    def _told_honestly(self, fetched: Fetched) -> Fetched:
        """Return regions that answered as partial when a list that all of them need broke off."""
        broken = self._broken
        if broken is None:
            return fetched
        places = tuple(
            replace(broken, region=place.region, state=PlaceState.PARTIAL)
            if place.state is PlaceState.OK
            else place
            for place in fetched.places
        )
        return Fetched(pages=fetched.pages, places=places)

    def _zonal(
        self, call: str, client: str, wanted: str | None = None, project: str | None = None
    ) -> Fetched:
        """Ask for a list of all zones (or regions) and say how each region went."""
        from google.cloud import compute_v1

        list_all = self.google.client(getattr(compute_v1, f"{client}Client")).aggregated_list
        request: dict[str, Any] = {"project": project or self.project, "max_results": PAGE_SIZE}
        if wanted:
            request["filter"] = wanted
        shared = project is not None
        trouble: dict[str, str] = {}
        answered: set[str] = set()

        def trim(content: Any) -> Any:
            scopes = content.get("items", {})
            for scope, held in scopes.items():
                said = held.get("warning", {}).get("code")
                if said in (None, _EMPTY):
                    answered.add(region_of(scope))
                else:
                    trouble[region_of(scope)] = said
            for link in content.get("unreachables", ()):
                trouble[region_of(link)] = "UNREACHABLE"
            return {"items": self._worth_keeping(scopes, shared=shared)}

        part = gathered(self.google.listed(call, list_all, request, trim=trim), region=None)
        return Fetched(
            pages=part.pages,
            places=(*part.places, *self._regions(call, answered, trouble)),
        )

    def _worth_keeping(self, scopes: Mapping[str, Any], *, shared: bool) -> dict[str, Any]:
        kept = {}
        for scope, held in scopes.items():
            rows = {name: each for name, each in held.items() if name != "warning"}
            if shared:
                rows = {
                    name: [row for row in each if is_shared(row)] for name, each in rows.items()
                }
            if self._is_asked(region_of(scope)) and any(rows.values()):
                kept[scope] = rows
        return kept

    def _regions(self, call: str, answered: set[str], trouble: Mapping[str, str]) -> list[Place]:
        places = []
        for region in sorted(answered | set(trouble)):
            if not self._is_asked(region):
                places.append(Place(region=region, state=PlaceState.SKIPPED))
            elif region not in trouble:
                places.append(Place(region=region, state=PlaceState.OK))
            else:
                partly = region in answered
                places.append(
                    Place(
                        region=region,
                        state=PlaceState.PARTIAL if partly else PlaceState.FAILED,
                        kind=ErrorKind.TRANSIENT,
                        code=trouble[region],
                        message=f"{call}: {'a part of ' if partly else ''}{region} could not be "
                        "reached by Google itself; the next poll tries again",
                    )
                )
        return places

    def _is_asked(self, region: str) -> bool:
        return self.ask.regions is None or region in self.ask.regions

    def _prices(self) -> Fetched:
        from google.cloud import billing_v1

        def trim(content: Any) -> Any:
            return {"skus": [sku for sku in content.get("skus", ()) if concerns_gpus(sku)]}

        pages = self.google.listed(
            SKUS,
            self.google.client(billing_v1.CloudCatalogClient).list_skus,
            {"parent": COMPUTE_ENGINE, "currency_code": "USD", "page_size": PRICE_PAGE_SIZE},
            trim=trim,
        )
        return gathered(pages, region=None)

    def _advice(self, machine_pages: tuple[Page, ...]) -> Iterator[Fetched]:
        from google.cloud import compute_v1

        now = self.google.access.now()
        kinds: tuple[tuple[Capability, str, str, str, Callable[[Subject], Any]], ...] = (
            (Capability.STOCK, CAPACITY, "capacity", "capacity_advice_request_resource",
             gcp_advice.capacity_question),
            (Capability.SPOT_HISTORY, HISTORY, "capacity_history",
             "capacity_history_request_resource",
             lambda subject: gcp_advice.history_question(subject, project=self.project)),
            (Capability.BLOCK_OFFERINGS, CALENDAR, "calendar_mode",
             "calendar_mode_advice_request_resource",
             lambda subject: gcp_advice.calendar_question(subject, now=now)),
        )  # fmt: skip
        subjects = self._subjects(machine_pages)
        if not subjects or not any(self._wants(kind[0]) for kind in kinds):
            return
        client = self.google.client(compute_v1.AdviceClient)
        for capability, call, method, body, question in kinds:
            if not self._wants(capability):
                continue
            for subject in subjects:
                request = {
                    "project": self.project,
                    "region": subject.region,
                    body: question(subject),
                }
                part = self._advised(call, getattr(client, method), request, subject.region)
                yield part
                if any(place.kind not in (None, ErrorKind.TRANSIENT) for place in part.places):
                    break  # refused for the project: no region will answer otherwise

    def _advised(
        self, call: str, method: Callable[..., Any], request: Mapping[str, Any], region: str
    ) -> Fetched:
        part = gathered(self.google.asked(call, method, request, location=region), region=region)
        if any(place.kind in _NOT_THERE for place in part.places):
            return Fetched(pages=(), places=())  # not every type is sold that way everywhere
        return softened(part)

    def _subjects(self, pages: tuple[Page, ...]) -> list[Subject]:
        return gcp_advice.subjects(
            (region_of(scope), row.get("name", ""), int(fitted.get("guestAcceleratorCount", 0)))
            for page in pages
            for scope, held in json.loads(page.body)["items"].items()
            for row in held.get("machineTypes", ())
            for fitted in row.get("accelerators", ())
            if self._is_model(fitted.get("guestAcceleratorType", ""))
        )

    def _is_model(self, accelerator: str) -> bool:
        if self.ask.gpu_models is None:
            return True
        try:
            return canonical_gpu(accelerator, provider="gcp").model in self.ask.gpu_models
        except UnknownGpuError:
            return False

    def _holdings(self) -> Iterator[Fetched]:
        yield softened(self._zonal(RESERVATIONS, "Reservations"))
        for project in self.sharing:
            yield softened(self._zonal(RESERVATIONS, "Reservations", project=project))
        yield softened(self._zonal(FUTURE_RESERVATIONS, "FutureReservations"))
        yield softened(self._zonal(COMMITMENTS, "RegionCommitments"))

    def _quotas(self) -> Iterator[Fetched]:
        from google.cloud import cloudquotas_v1, compute_v1

        old = self.google.listed(
            REGIONS,
            self.google.client(compute_v1.RegionsClient).list,
            {"project": self.project, "max_results": PAGE_SIZE},
        )
        yield softened(gathered(old, region=None))
        where = f"projects/{self.project}/locations/global/services/compute.googleapis.com"
        by_family = self.google.listed(
            QUOTA_INFOS,
            self.google.client(cloudquotas_v1.CloudQuotasClient).list_quota_infos,
            {"parent": where, "page_size": PAGE_SIZE},
        )
        yield softened(gathered(by_family, region=None))


def region_of(scope: str) -> str:
    """Return the region of "zones/us-east4-a", "regions/us-east4" or an address that ends so."""
    kind, _, name = scope.rpartition("/")
    return name.rpartition("-")[0] if kind.endswith("zones") else name
