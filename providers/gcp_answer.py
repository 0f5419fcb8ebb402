"""Google's pages read: machines and their parts' prices become offers, our claims holdings."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from pydantic import Field

from pricing.holding import Holding
from pricing.money import MAX_DECIMALS
from pricing.offer import UNKNOWN_STOCK, PriceUnit, Stock, Terms, Window
from providers import gcp_advice, gcp_asking, gcp_holdings, gcp_prices
from providers.gcp_calls import GoogleShape, Scoped
from providers.offer_book import Asked, Machine, OfferBook
from providers.shape import read_page, read_rows
from providers.supplier import Answer, Page, Profile, Quota, SkipReason, SpotPrice

PARTITION_GIB: Final = 375
"""The size of a local SSD of an accelerator-optimised machine."""

_NO_ON_DEMAND: Final = re.compile(r"a4x?-|a3-ultragpu-|a3-highgpu-[124]g")
_WHOLE_G4_CPUS: Final = 48
"""A G4 machine with fewer vCPUs per GPU holds a fraction of one, and is listed with a whole one."""

_BUILT_IN: Final = re.compile(r"nvidia-(a100|tesla-a100|h100|h200|b[23]00|gb[23]00|l4|rtx-pro)")


class _Fitted(GoogleShape):
    guest_accelerator_type: str
    guest_accelerator_count: int


class _Partitions(GoogleShape):
    partition_count: int = 0


class _Deprecation(GoogleShape):
    state: str | None = None


class _MachineType(Scoped):
    name: str
    guest_cpus: int
    memory_mb: int
    accelerators: tuple[_Fitted, ...] = ()
    bundled_local_ssds: _Partitions = _Partitions()
    deprecated: _Deprecation = _Deprecation()

    @property
    def gpus(self) -> int:
        return sum(each.guest_accelerator_count for each in self.accelerators)

    @property
    def is_fraction(self) -> bool:
        return self.name.startswith("g4-") and self.guest_cpus < _WHOLE_G4_CPUS * self.gpus

    def for_price(self) -> gcp_prices.Machine:
        return gcp_prices.Machine(
            name=self.name,
            cpus=self.guest_cpus,
            memory_gib=Decimal(self.memory_mb) / 1024,
            accelerator=self.accelerators[0].guest_accelerator_type,
            gpu_count=self.gpus,
            ssd_gib=self.bundled_local_ssds.partition_count * PARTITION_GIB,
        )


class _AcceleratorType(Scoped):
    name: str


class _Scopes(GoogleShape):
    items: dict[str, dict[str, list[dict[str, Any]]]] = Field(default_factory=dict)


class _Skus(GoogleShape):
    skus: tuple[Any, ...] = ()


class _Rows(GoogleShape):
    items: tuple[Any, ...] = ()


class _QuotaInfos(GoogleShape):
    quota_infos: tuple[Any, ...] = ()


def answer_of(pages: Sequence[Page], *, profile: Profile) -> Answer:
    """Return what the pages say: an offer for each type, zone and terms that is wholly priced."""
    reading = _Reading(book=OfferBook(profile=profile))
    for page in pages:
        reading.pages[page.call].append(page)
    return reading.answer()


@dataclass(slots=True, kw_only=True)
class _Reading:
    """The pages of one answer, sorted by the question they answer."""

    book: OfferBook
    pages: dict[str, list[Page]] = field(default_factory=lambda: defaultdict(list))

    def answer(self) -> Answer:
        machines = list(self._machines())
        if self.pages[gcp_asking.SKUS]:
            self._offers(machines)
            self._attached()
        return self.book.answer(
            holdings=tuple(self._holdings(machines)),
            spot_prices=self._spot_prices(),
            quotas=tuple(sorted(set(self._quotas()), key=repr)),
        )

    def _machines(self) -> Iterator[tuple[str, _MachineType, Page]]:
        """Yield (zone, machine type, page) of whole GPUs; the others are skipped, with a reason."""
        for scope, row, page in self._scoped(
            gcp_asking.MACHINE_TYPES, "machineTypes", _MachineType
        ):
            if not row.accelerators or row.accelerators[0].guest_accelerator_type.startswith("ct"):
                self.book.skip(row.name, SkipReason.NO_GPU)
            elif row.is_fraction:
                self.book.skip(row.name, SkipReason.GPU_SLICE, "a fraction of an RTX PRO 6000")
            else:
                yield scope.rpartition("/")[2], row, page

    def _offers(self, machines: Iterable[tuple[str, _MachineType, Page]]) -> None:
        prices = self._price_list()
        stock, blocks = self._stock(), self._blocks()
        unpriced: dict[str, set[str]] = defaultdict(set)
        plans = prices.plans()
        for zone, row, page in machines:
            region, wanted = zone.rpartition("-")[0], row.for_price()
            priced = 0
            for plan in plans:
                if plan[0] is Terms.ON_DEMAND and _NO_ON_DEMAND.match(row.name):
                    continue
                hourly = prices.machine_hour(wanted, region, plan)
                if not isinstance(hourly, Decimal):
                    continue
                priced += 1
                windows = blocks[(row.name, zone)] if plan[0] is Terms.CAPACITY_BLOCK else []
                for window in [None, *windows]:
                    self._offer(row, zone, hourly, plan, window=window, stock=stock, page=page)
            if not priced and self._is_known(row):
                unpriced[row.name].add(region)
        for name, regions in unpriced.items():
            self.book.skip(
                name,
                SkipReason.UNPRICED,
                f"some part has no price on any terms in {', '.join(sorted(regions))}",
            )

    def _is_known(self, row: _MachineType) -> bool:
        return self.book.gpu(row.name, row.accelerators[0].guest_accelerator_type) is not None

    def _offer(
        self,
        row: _MachineType,
        zone: str,
        hourly: Decimal,
        plan: tuple[Terms, int | None],
        *,
        window: Window | None,
        stock: dict[tuple[str, str], Stock],
        page: Page,
    ) -> None:
        step = Decimal(1).scaleb(-MAX_DECIMALS)
        terms, months = plan
        self.book.add(
            row.name,
            Machine(
                gpu=row.accelerators[0].guest_accelerator_type,
                count=row.gpus,
                vcpus=row.guest_cpus,
                memory_gib=Decimal(row.memory_mb) / 1024,
            ),
            Asked(
                amount=hourly.quantize(step, rounding=ROUND_HALF_EVEN),
                unit=PriceUnit.COMPONENT_SUM,
            ),
            page=page,
            region=zone.rpartition("-")[0],
            zone=zone,
            terms=terms,
            term_months=months,
            window=window,
            # Google advises on spot machines; it says nothing of the other terms.
            stock=stock.get((row.name, zone), UNKNOWN_STOCK)
            if terms is Terms.SPOT
            else UNKNOWN_STOCK,
            is_listed=row.deprecated.state in (None, "ACTIVE"),
        )

    def _attached(self) -> None:
        for _, row, _ in self._scoped(
            gcp_asking.ACCELERATORS, "acceleratorTypes", _AcceleratorType
        ):
            if row.name.startswith("ct"):
                self.book.skip(row.name, SkipReason.NO_GPU, "a TPU")
            elif not _BUILT_IN.match(row.name) and not row.name.endswith("-vws"):
                self.book.skip(row.name, SkipReason.NO_SHAPE, "attached to N1 machines of any size")

    def _price_list(self) -> gcp_prices.PriceList:
        prices = gcp_prices.PriceList()
        for page in self.pages[gcp_asking.SKUS]:
            listed = read_page(_Skus, page, supplier=self.book.profile.key).skus
            for row in self._rows(gcp_prices.Sku, listed, page, lambda each: each["description"]):
                prices.add(row)
        for warning in prices.warnings():
            self.book.warn(warning)
        return prices

    def _stock(self) -> dict[tuple[str, str], Stock]:
        return {
            place: stock
            for page in self.pages[gcp_asking.CAPACITY]
            for place, stock in gcp_advice.stocks(
                read_page(gcp_advice.Capacity, page, supplier=self.book.profile.key)
            )
        }

    def _blocks(self) -> dict[tuple[str, str], list[Window]]:
        found: dict[tuple[str, str], list[Window]] = defaultdict(list)
        for page in self.pages[gcp_asking.CALENDAR]:
            for block in gcp_advice.blocks(
                read_page(gcp_advice.Calendar, page, supplier=self.book.profile.key)
            ):
                found[(block.machine_type, block.zone)].append(block.window)
        return found

    def _spot_prices(self) -> tuple[SpotPrice, ...]:
        found = {
            price
            for page in self.pages[gcp_asking.HISTORY]
            for price in gcp_advice.spot_prices(
                read_page(gcp_advice.History, page, supplier=self.book.profile.key),
                region=page.location or "",
            )
        }
        return tuple(
            sorted(found, key=lambda each: (each.native_id, each.region, each.zone or "", each.at))
        )

    def _holdings(self, machines: Iterable[tuple[str, _MachineType, Page]]) -> Iterator[Holding]:
        books = gcp_holdings.Books(
            supplier=self.book.profile.key,
            machines={
                row.name: gcp_holdings.Fitted(
                    accelerator=row.accelerators[0].guest_accelerator_type, count=row.gpus
                )
                for _, row, _ in machines
            },
            gpu_of=lambda native_id, accelerator: self.book.gpu(native_id, accelerator),
        )
        found = {each.resource_id: each for each in self._held(books)}
        return iter(found[name] for name in sorted(found))

    def _held(self, books: gcp_holdings.Books) -> Iterator[Holding]:
        futures = list(
            self._scoped(
                gcp_asking.FUTURE_RESERVATIONS,
                "futureReservations",
                gcp_holdings.FutureReservation,
            )
        )
        makers = gcp_holdings.made_by(future for _, future, _ in futures)
        listed = set()
        for scope, row, page in self._scoped(
            gcp_asking.RESERVATIONS, "reservations", gcp_holdings.Reservation
        ):
            name = gcp_holdings.identity(row)
            listed.add(name)
            yield from self._if_gpus(
                row.name, books.reservation(row, _last(scope), makers.get(name), page=page)
            )
        alive = {makers[name].name for name in listed & set(makers)}
        for scope, future, page in futures:
            if future.name not in alive:
                yield from self._if_gpus(future.name, books.future(future, _last(scope), page=page))
        for scope, commitment, page in self._scoped(
            gcp_asking.COMMITMENTS, "commitments", gcp_holdings.Commitment
        ):
            yield from books.commitment(commitment, _last(scope), page=page)

    def _if_gpus(self, name: str, holding: Holding | None) -> Iterator[Holding]:
        if holding is None:
            self.book.skip(name, SkipReason.NO_GPU, "keeps no GPUs that we know")
        else:
            yield holding

    def _quotas(self) -> Iterator[Quota]:
        for page in self.pages[gcp_asking.REGIONS]:
            listed = read_page(_Rows, page, supplier=self.book.profile.key).items
            for row in self._rows(gcp_holdings.Region, listed, page, lambda each: each["name"]):
                yield from gcp_holdings.region_quotas(row)
        for page in self.pages[gcp_asking.QUOTA_INFOS]:
            infos = read_page(_QuotaInfos, page, supplier=self.book.profile.key).quota_infos
            for info in self._rows(
                gcp_holdings.QuotaInfo, infos, page, lambda each: each["quotaId"]
            ):
                yield from gcp_holdings.family_quotas(info)

    def _scoped(self, call: str, name: str, shape: type[Any]) -> Iterator[tuple[str, Any, Page]]:
        for page in self.pages[call]:
            scopes = read_page(_Scopes, page, supplier=self.book.profile.key).items
            listed = [
                {**row, "scope": scope}
                for scope, held in scopes.items()
                for row in held.get(name, ())
            ]
            for row in self._rows(shape, listed, page, lambda each: each["name"]):
                yield row.scope, row, page

    def _rows(
        self, shape: type[Any], values: Sequence[Any], page: Page, name_of: Callable[[Any], str]
    ) -> list[Any]:
        rows, skips = read_rows(
            shape, values, name_of=name_of, call=page.call, supplier=self.book.profile.key
        )
        self.book.skip_all(skips)
        return rows


def _last(link: str) -> str:
    return link.rpartition("/")[2]
