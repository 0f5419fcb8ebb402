"""Azure's limits of a region: vCPUs by family of machines, and in all."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from providers.shape import Amount, CamelShape, read_page
from providers.supplier import Page, Quota, QuotaUnit

USAGES: Final = "usages"

_OURS: Final = re.compile(r"standard ?n[cdgv].*|cores|lowprioritycores", re.IGNORECASE)
"""The GPU families, and the two limits over all families: of the region, and of spot machines.

Families are spelled "standardNDSH100v5Family", "StandardNCadsH100v5Family" and
"Standard NDASv4_A100 Family".
"""


class _Name(CamelShape):
    value: str


class _Usage(CamelShape):
    name: _Name
    limit: Amount
    current_value: Amount


class _Usages(CamelShape):
    value: list[_Usage]


def quotas_of(pages: Iterable[Page], *, supplier: str) -> tuple[Quota, ...]:
    """Return the vCPU limits of the GPU families, and of each region as a whole."""
    found = {
        (page.location or "", usage.name.value): Quota(
            name=usage.name.value,
            region=page.location,
            unit=QuotaUnit.VCPU,
            limit=usage.limit,
            used=usage.current_value,
        )
        for page in pages
        for usage in read_page(_Usages, page, supplier=supplier).value
        if _OURS.fullmatch(usage.name.value)
    }
    return tuple(found[key] for key in sorted(found))
