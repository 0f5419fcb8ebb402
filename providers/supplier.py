"""The contract of a supplier: what it declares, how it is asked, what an answer holds.

`fetch` touches the network and gives back the pages as they came; `parse` is pure: the same pages
give the same answer, without clock, network or environment. So recorded pages are fixtures, and
history can be read again after a bug is fixed. No method buys, starts or changes anything.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol

from pricing.holding import Holding
from pricing.money import USD, Currency, Money
from pricing.offer import Offer, PriceUnit
from providers.access import Access
from providers.errors import AnswerChanged, ErrorKind


class Capability(StrEnum):
    """Something that a supplier's API can tell. Each is optional and declared."""

    OFFERS = "offers"
    STOCK = "stock"  # whether an offer could be had; without it stock is unknown
    SPOT_HISTORY = "spot-history"
    BLOCK_OFFERINGS = "block-offerings"
    HOLDINGS = "holdings"
    QUOTAS = "quotas"


class Paging(StrEnum):
    """How a list that does not fit in one answer goes on."""

    NONE = "none"
    PAGE_NUMBER = "page-number"
    CURSOR = "cursor"
    LINK = "link"
    HEADER = "header"
    SDK = "sdk"  # the vendor's own client pages


class Source(StrEnum):
    """Where a figure comes from."""

    API = "api"
    PRICE_SHEET = "price-sheet"  # a dated sheet of ours: the supplier publishes no price by API
    NONE = "none"


class Sharing(StrEnum):
    """What may be done with a supplier's answers beyond our own purchasing."""

    FREE = "free"
    OWN_USE = "own-use"  # not for a published index or export
    CONFIDENTIAL = "confidential"  # not even to be shown outside the capacity team


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenPrice:
    """Proof of a unit: this raw number, for so many GPUs, is that much per GPU-hour."""

    raw: Decimal
    unit: PriceUnit
    gpu_count: int
    per_gpu_hour: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a supplier declares about itself: one screen that a reviewer can read.

    `secrets` are the environment variables that hold credentials; all of them are needed, unless
    the supplier's SDK has a chain of its own. `public` is what can be asked without any.
    `permissions` name what the credential must be allowed, by capability: read-only, all of them.
    """

    key: str
    name: str
    hosts: tuple[str, ...]  # the only ones that are ever asked; "*.example.com" for subdomains
    url: str
    units: tuple[PriceUnit, ...]
    golden: tuple[GoldenPrice, ...]
    capabilities: frozenset[Capability]
    public: frozenset[Capability] = frozenset()
    secrets: tuple[str, ...] = ()
    options: tuple[str, ...] = ()  # other environment variables it reads, none of them needed
    permissions: Mapping[Capability, tuple[str, ...]] = field(default_factory=dict)
    paging: Paging = Paging.NONE
    price_source: Source = Source.API
    stock_source: Source = Source.API
    currencies: tuple[Currency, ...] = (USD,)
    licence: str
    sharing: Sharing = Sharing.OWN_USE
    is_reseller: bool = False
    poll_every: timedelta = timedelta(minutes=15)
    time_out: timedelta = timedelta(seconds=60)  # for a whole poll
    least_interval: timedelta = timedelta(seconds=1)  # between two requests
    extra: str | None = None  # the optional dependency that brings its SDK


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One answer as it came. `call` names the question; `location` the region it was asked for."""

    call: str
    location: str | None = None
    url: str  # without query: it may hold a secret
    body: bytes
    fetched_at: datetime

    def json(self, supplier: str) -> Any:
        """Return the body with exact decimals, or raise AnswerChanged."""
        try:
            return json.loads(self.body, parse_float=Decimal)
        except (ValueError, RecursionError):
            # Not chained: the reason holds what could not be read.
            raise AnswerChanged(
                f"{self.call}: expected JSON, got something else", supplier=supplier
            ) from None


class PlaceState(StrEnum):
    """How a region was read."""

    OK = "ok"
    PARTIAL = "partial"  # some pages are missing: what is absent may still be there
    FAILED = "failed"
    SKIPPED = "skipped"  # not enabled for the account, or not asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """How one region of a supplier was read; `region` None: the whole supplier."""

    region: str | None
    state: PlaceState
    kind: ErrorKind | None = None
    code: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """The pages that came, and how each region went."""

    pages: tuple[Page, ...]
    places: tuple[Place, ...]


class SkipReason(StrEnum):
    """Why a row of an answer became no offer. A closed list; nothing is dropped in silence."""

    NO_GPU = "no_gpu"
    GPU_SLICE = "gpu_slice"
    UNPRICED = "unpriced"
    AMBIGUOUS_GPU = "ambiguous_gpu"
    UNKNOWN_GPU = "unknown_gpu"
    NO_SHAPE = "no_shape"
    MALFORMED = "malformed"
    IMPLAUSIBLE = "implausible"


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """A row that became no offer, why, and what would help."""

    native_id: str
    reason: SkipReason
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotPrice:
    """A change of a spot price as the supplier remembers it."""

    native_id: str
    region: str
    zone: str | None
    at: datetime
    per_instance: Money


class QuotaUnit(StrEnum):
    """What a limit counts."""

    VCPU = "vcpu"
    GPU = "gpu"
    INSTANCE = "instance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """A limit on our account; `used` None where the supplier does not say."""

    name: str
    region: str | None
    unit: QuotaUnit
    limit: Decimal
    used: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the pages of a supplier say, in our words."""

    offers: tuple[Offer, ...] = ()
    skips: tuple[Skip, ...] = ()
    spot_prices: tuple[SpotPrice, ...] = ()
    holdings: tuple[Holding, ...] = ()
    quotas: tuple[Quota, ...] = ()
    warnings: tuple[str, ...] = ()


NO_ANSWER = Answer()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What is wanted of a supplier. `regions` None: all that the account can see."""

    wanted: frozenset[Capability] = frozenset(Capability)
    regions: frozenset[str] | None = None
    gpu_models: frozenset[str] | None = None
    spot_since: datetime | None = None


class Supplier(Protocol):
    """One supplier: one file, one line in the registry."""

    @property
    def profile(self) -> Profile:
        """Return what the supplier declares."""
        ...

    def missing(self, access: Access) -> tuple[str, ...]:
        """Return what must be set before it can be asked anything; empty when it can be."""
        ...

    def fetch(self, ask: Ask, access: Access) -> Fetched:
        """Ask and return the pages. A region that fails is a failed place, not an exception.

        Raises SupplierError when nothing could be asked at all.
        """
        ...

    def parse(self, pages: Sequence[Page]) -> Answer:
        """Return what the pages say. Pure. Raises AnswerChanged when they cannot be read."""
        ...
