"""Google's price list: a machine is priced by its parts, and each part by its SKU.

What a SKU is for is said by its description and nowhere else: a usage type of "OnDemand" is also
on SKUs of flex-start, calendar mode, spot and of reserved capacity at 0. A machine has a price
only when each of its parts has one at the same place on the same terms.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from pydantic import Field

from pricing.offer import Terms
from providers.gcp_calls import GoogleMoney, GoogleShape

HOURS_OF_A_MONTH: Final = 730
"""Google sells local SSD by the month of so many hours."""

WIDEST_SPREAD: Final = Decimal("0.4")
"""Fixed prices of one part differ less between regions; more means that a SKU was misread."""


class Part(StrEnum):
    """What a SKU prices."""

    CORE = "vCPU"
    RAM = "memory"
    GPU = "GPU"
    SSD = "local SSD"
    SLICE = "GPU slice"  # one GPU with its share of the whole machine


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Tag:
    """What a SKU is for. `name` is a family for vCPU and memory, an accelerator for GPUs."""

    part: Part
    name: str
    terms: Terms
    months: int | None = None

    def __str__(self) -> str:
        term = f" for {self.months} months" if self.months else ""
        return f"{self.part} {self.name} {self.terms}{term}".replace("  ", " ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A machine type of a zone, as far as its price needs it."""

    name: str
    cpus: int
    memory_gib: Decimal
    accelerator: str
    gpu_count: int
    ssd_gib: int


class _Rate(GoogleShape):
    unit_price: GoogleMoney


class _Expression(GoogleShape):
    usage_unit: str
    tiered_rates: list[_Rate] = Field(min_length=1)


class _Pricing(GoogleShape):
    pricing_expression: _Expression


class _Category(GoogleShape):
    usage_type: str = ""


class Sku(GoogleShape):
    """One line of the price list."""

    sku_id: str
    description: str
    category: _Category = _Category()
    service_regions: tuple[str, ...] = ()
    pricing_info: list[_Pricing] = Field(min_length=1)


_UNIT_OF: Final = {
    Part.CORE: "h",
    Part.RAM: "GiBy.h",
    Part.GPU: "h",
    Part.SSD: "GiBy.mo",
    Part.SLICE: "h",
}

_NOT_OURS: Final = re.compile(
    r"Sole Tenancy|Custom|Premium|Suspended|Extended|vGPU|Virtual Workstation|Upgrade", re.I
)
_MODES: Final = (
    (re.compile(r"Calendar Mode", re.I), Terms.CAPACITY_BLOCK),
    (re.compile(r"DWS Defined Duration|Flex.Start", re.I), Terms.FLEX_START),
    (re.compile(r"Commitment", re.I), Terms.RESERVED),
    (re.compile(r"\bPreemptible\b", re.I), Terms.SPOT),
)
_TERMS_OF_USAGE: Final = {
    "OnDemand": (Terms.ON_DEMAND, None),
    "Preemptible": (Terms.SPOT, None),
    "Commit1Yr": (Terms.RESERVED, 12),
    "Commit3Yr": (Terms.RESERVED, 36),
}
_YEARS: Final = re.compile(r"for (\d) Years?", re.I)
_MODE_WORDS: Final = re.compile(
    r"^(?:(?:Spot Preemptible|DWS Defined Duration|DWS Calendar Mode|DWS Flex.Start|Reserved"
    r"|Commitment(?: v\d)?:) )+",
    re.I,
)
_RESERVED: Final = re.compile(r"^Reserved\b", re.I)

_SLICE: Final = re.compile(r"A4\w* (?:Nvidia )?(?P<name>[\w ]+?) \(1 gpu slice\)", re.I)
_SSD: Final = re.compile(r"SSD backed Local Storage|Local SSD", re.I)
_HOST: Final = re.compile(
    r"(?P<name>[AG]\d+(?: ?(?:Plus|Ultra|Mega))?)(?: Instance)? (?P<part>Core|Cpu|Ram)\b", re.I
)
_GPU: Final = re.compile(
    r"(?:Nvidia )?(?P<name>(?:Tesla )?[A-Z]+\d+[\w ]*?|RTX (?:PRO )?6000 96GB)(?: GPU| running)\b",
    re.I,
)
_ACCELERATORS: Final = {
    "tesla t4": "nvidia-tesla-t4",
    "tesla v100": "nvidia-tesla-v100",
    "tesla a100": "nvidia-tesla-a100",
    "tesla a100 80gb": "nvidia-a100-80gb",
    "h100 80gb": "nvidia-h100-80gb",
    "h100 80gb mega": "nvidia-h100-mega-80gb",
    "h100 mega 80gb": "nvidia-h100-mega-80gb",
    "h100 80gb plus": "nvidia-h100-mega-80gb",
    "h200 141gb": "nvidia-h200-141gb",
    "l4": "nvidia-l4",
    "rtx 6000 96gb": "nvidia-rtx-pro-6000",
    "rtx pro 6000 96gb": "nvidia-rtx-pro-6000",
    "b200": "nvidia-b200",
    "b300": "nvidia-b300",
    "gb200": "nvidia-gb200",
    "gb300": "nvidia-gb300",
}
_FAMILIES: Final = {"a3-megagpu": "a3plus"}
"""A3 mega has vCPU and memory SKUs of its own; high, ultra and edge share those of A3."""

_WORTH_KEEPING: Final = re.compile(r"\b[AG]\d\w* |GPU|Local S|RTX", re.I)


def concerns_gpus(sku: Mapping[str, Any]) -> bool:
    """Say whether a line of the list may price a part of ours: most of 40,000 do not."""
    description = sku.get("description", "")
    return _WORTH_KEEPING.search(description) is not None and not _NOT_OURS.search(description)


def tag_of(description: str, usage_type: str) -> Tag | None:
    """Return what a SKU is for, or None when it prices nothing of ours.

    By its description first and its usage type second. "Reserved …" outside calendar mode is what
    a reservation shows beside the price paid for it: always 0, never a price.
    """
    if _NOT_OURS.search(description):
        return None
    terms, months = _TERMS_OF_USAGE.get(usage_type, (None, None))
    said = next((mode for words, mode in _MODES if words.search(description)), None)
    if said is None and _RESERVED.search(description):
        return None
    if said is not None:
        years = _YEARS.search(description)
        stated = int(years.group(1)) * 12 if years else months
        terms, months = said, stated if said is Terms.RESERVED else None
    part = _part_of(_MODE_WORDS.sub("", description))
    if terms is None or part is None or (terms is Terms.RESERVED and months is None):
        return None
    return Tag(part=part[0], name=part[1], terms=terms, months=months)


def _part_of(words: str) -> tuple[Part, str] | None:
    if _SSD.match(words):
        return Part.SSD, ""
    for pattern in (_SLICE, _HOST, _GPU):
        found = pattern.match(words)
        if found is None:
            continue
        name = found.group("name").lower()
        if pattern is _HOST:
            part = Part.RAM if found.group("part").lower() == "ram" else Part.CORE
            return part, name.replace(" ", "")
        accelerator = _ACCELERATORS.get(name)
        if accelerator is not None:
            return (Part.SLICE if pattern is _SLICE else Part.GPU), accelerator
    return None


@dataclass(slots=True, kw_only=True)
class PriceList:
    """Prices of parts by region. One SKU may price a part at a place; two that differ are told."""

    _prices: dict[tuple[str, Tag], dict[str, Decimal]] = field(
        default_factory=lambda: defaultdict(dict), init=False
    )
    _warnings: set[str] = field(default_factory=set, init=False)

    def add(self, sku: Sku) -> None:
        """Read one line; a line in another unit or currency than expected is left out and told."""
        tag = tag_of(sku.description, sku.category.usage_type)
        if tag is None:
            return
        expression = sku.pricing_info[-1].pricing_expression  # in order of time: the last holds
        price = max((rate.unit_price for rate in expression.tiered_rates), key=_amount)
        if price.amount == 0:
            return  # included in something else; never a price
        if expression.usage_unit != _UNIT_OF[tag.part] or price.currency_code != "USD":
            self._warnings.add(
                f"SKU {sku.sku_id} ({tag}) is priced per {expression.usage_unit} in "
                f"{price.currency_code}, not per {_UNIT_OF[tag.part]} in USD; it was left out"
            )
            return
        for region in sku.service_regions:
            self._prices[(region, tag)][sku.sku_id] = price.amount

    def plans(self) -> list[tuple[Terms, int | None]]:
        """Return the terms, with their months, on which anything is priced."""
        return sorted(
            {(tag.terms, tag.months) for _, tag in self._prices},
            key=lambda plan: (plan[0], plan[1] or 0),
        )

    def machine_hour(
        self, machine: Machine, region: str, plan: tuple[Terms, int | None]
    ) -> Decimal | tuple[Part, ...]:
        """Return what a machine costs an hour, unrounded, or the parts without a price.

        The sum of vCPU price * count, memory price * GiB, GPU price * count and local SSD price *
        GiB / 730. A GPU slice, where Google sells by slices, covers the whole machine.
        """
        terms, months = plan
        sliced = self._price(
            region, Tag(part=Part.SLICE, name=machine.accelerator, terms=terms, months=months)
        )
        if sliced is not None:
            return sliced * machine.gpu_count
        family = _family(machine.name)
        needed = [
            (Part.CORE, family, Decimal(machine.cpus), 1),
            (Part.RAM, family, machine.memory_gib, 1),
            (Part.GPU, machine.accelerator, Decimal(machine.gpu_count), 1),
            (Part.SSD, "", Decimal(machine.ssd_gib), HOURS_OF_A_MONTH),
        ]
        total, lacking = Decimal(0), []
        for part, name, quantity, hours in needed:
            if quantity == 0:
                continue
            price = self._price(region, Tag(part=part, name=name, terms=terms, months=months))
            if price is None:
                lacking.append(part)
            else:
                total += quantity * price / hours
        return tuple(lacking) if lacking else total

    def warnings(self) -> Iterable[str]:
        """Yield what somebody should look at: SKUs that contradict each other."""
        yield from self._warnings
        by_tag: dict[Tag, list[tuple[Decimal, str]]] = defaultdict(list)
        for (region, tag), found in self._prices.items():
            if len(set(found.values())) > 1:
                yield f"{tag} in {region} has {len(found)} prices; the highest is taken"
            by_tag[tag] += [(price, region) for price in found.values()]
        for tag, prices in by_tag.items():
            (low, cheap), (high, _) = min(prices), max(prices)
            # Spot prices are set region by region and do differ that much.
            if tag.terms is not Terms.SPOT and high - low > WIDEST_SPREAD * high:
                yield (
                    f"{tag} costs {low} in {cheap} and up to {high} elsewhere; "
                    "a SKU may be taken for another"
                )

    def _price(self, region: str, tag: Tag) -> Decimal | None:
        found = self._prices.get((region, tag))
        return max(found.values()) if found else None


def _family(machine_type: str) -> str:
    series = "-".join(machine_type.split("-")[:2])
    return _FAMILIES.get(series, machine_type.split("-")[0])


def _amount(money: GoogleMoney) -> Decimal:
    return money.amount
