"""Azure's GPU sizes: how many GPUs each has, and in which regions to look without an account.

The table is ours because Azure's own figure is not to be trusted: its SKU list says that a
Standard_ND96isr_H100_v5 has 12 GPUs, and of the newest racks it says nothing. Which GPU a size
holds stands with all other spellings, in the alias table of `pricing`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from providers.offer_book import Machine, OfferBook
from providers.supplier import SkipReason


@dataclass(frozen=True, slots=True)
class Size:
    """A machine: whole GPUs, vCPUs and main memory in GiB, None where sources disagree."""

    gpus: int
    vcpus: int
    memory_gib: int | None


SIZES: Final[Mapping[str, Size]] = {
    "Standard_NC4as_T4_v3": Size(1, 4, 28),
    "Standard_NC8as_T4_v3": Size(1, 8, 56),
    "Standard_NC16as_T4_v3": Size(1, 16, 110),
    "Standard_NC64as_T4_v3": Size(4, 64, 440),
    "Standard_NC6s_v3": Size(1, 6, 112),
    "Standard_NC12s_v3": Size(2, 12, 224),
    "Standard_NC24s_v3": Size(4, 24, 448),
    "Standard_NC24rs_v3": Size(4, 24, 448),
    "Standard_NC24ads_A100_v4": Size(1, 24, 220),
    "Standard_NC48ads_A100_v4": Size(2, 48, 440),
    "Standard_NC96ads_A100_v4": Size(4, 96, 880),
    "Standard_NC40ads_H100_v5": Size(1, 40, 320),
    "Standard_NC80adis_H100_v5": Size(2, 80, 640),
    "Standard_NCC40ads_H100_v5": Size(1, 40, 320),
    "Standard_NV36ads_A10_v5": Size(1, 36, 440),
    "Standard_NV36adms_A10_v5": Size(1, 36, 880),
    "Standard_NV72ads_A10_v5": Size(2, 72, 880),
    "Standard_ND96asr_v4": Size(8, 96, 900),
    "Standard_ND96amsr_A100_v4": Size(8, 96, 1900),
    "Standard_ND96isr_H100_v5": Size(8, 96, 1900),
    "Standard_ND96isrf_H100_v5": Size(8, 96, 1900),
    "Standard_ND96isr_H200_v5": Size(8, 96, 1850),
    "Standard_ND96is_MI300X_v5": Size(8, 96, 1850),
    "Standard_ND96isr_MI300X_v5": Size(8, 96, 1850),
    "Standard_ND128isr_NDR_GB200_v6": Size(4, 128, 900),
    "Standard_ND128isr_GB300_v6": Size(4, 128, None),
}
"""Whole GPUs only. Sizes with a part of one are excluded in the alias table."""

PUBLIC_REGIONS: Final = (
    "australiaeast",
    "brazilsouth",
    "canadacentral",
    "canadaeast",
    "centralindia",
    "centralus",
    "eastasia",
    "eastus",
    "eastus2",
    "francecentral",
    "germanywestcentral",
    "israelcentral",
    "italynorth",
    "japaneast",
    "japanwest",
    "koreacentral",
    "mexicocentral",
    "northcentralus",
    "northeurope",
    "norwayeast",
    "polandcentral",
    "qatarcentral",
    "southafricanorth",
    "southcentralus",
    "southeastasia",
    "southindia",
    "spaincentral",
    "swedencentral",
    "switzerlandnorth",
    "uaenorth",
    "uksouth",
    "ukwest",
    "westcentralus",
    "westeurope",
    "westus",
    "westus2",
    "westus3",
)
"""Where prices are asked without an account; with one, its own list of regions is asked."""

_FOLDED: Final = {name.casefold(): name for name in SIZES}
_WITHOUT_TIER: Final = re.compile(r"n[cdgpv]+[0-9]", re.IGNORECASE)
_WITHOUT_GPU: Final = re.compile(r"(?:standard|basic)_(?:[^n]|np[0-9])", re.IGNORECASE)


def size_name(text: str) -> str:
    """Return a size by its ARM name; "NC24ads A100 v4" and other case is how prices spell some."""
    name = text.strip().replace(" ", "_")
    if _WITHOUT_TIER.match(name):
        name = f"Standard_{name}"
    return _FOLDED.get(name.casefold(), name)


def is_gpu_size(name: str) -> bool:
    """Say whether a size is of the N family, in which all accelerators are."""
    return name.casefold().startswith("standard_n")


def region_name(text: str) -> str:
    """Return a region as Azure's programs name it: "WestUS3" and "West US 3" are westus3."""
    return text.replace(" ", "").casefold()


def machine_of(book: OfferBook, name: str) -> Machine | None:
    """Return the machine of a size, or None and a skip that says why not."""
    size = SIZES.get(name)
    if size is not None:
        memory = None if size.memory_gib is None else Decimal(size.memory_gib)
        return Machine(gpu=name, count=size.gpus, vcpus=size.vcpus, memory_gib=memory)
    if _WITHOUT_GPU.match(name):  # other families, and NP, which holds FPGAs
        book.skip(name, SkipReason.NO_GPU)
    elif book.gpu(name, name) is not None:
        book.skip(name, SkipReason.NO_SHAPE, "add it to the table of Azure's GPU sizes")
    return None
