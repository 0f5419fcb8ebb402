"""Offer: what a supplier lists at one place on one set of terms, and whether it could be had.

Three things that suppliers mix and we keep apart. *Listed*: the supplier names it for that place.
*Obtainable*: it could be started now, as far as the supplier says; a level such as "low" never
becomes a number. *Priced*: an amount was quoted, in the supplier's own unit; a price of 0 does not
exist, an unknown price is None.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from pricing.hardware import Gpu
from pricing.money import MAX_DECIMALS, USD, Currency, Money

GPUS_OF_A_NODE = 8
"""Order books and clusters that price "a node" mean eight GPUs."""


class PriceUnit(StrEnum):
    """What a quoted number counts, and in which fraction of the currency. Always per hour."""

    INSTANCE = "instance"
    CENTS_PER_INSTANCE = "cents-per-instance"
    GPU = "gpu"
    NODE_OF_8 = "node-of-8"
    TEN_MICROS_PER_GPU = "1e-5-per-gpu"
    NANOS_PER_INSTANCE = "1e-8-per-instance"
    COMPONENT_SUM = "component-sum"  # per instance, added up from vCPU, memory and GPU parts

    def per_instance(self, amount: Decimal, *, gpu_count: int) -> Decimal:
        """Return what the whole instance costs an hour, exactly, in units of the currency."""
        match self:
            case PriceUnit.INSTANCE | PriceUnit.COMPONENT_SUM:
                return amount
            case PriceUnit.CENTS_PER_INSTANCE:
                return amount.scaleb(-2)
            case PriceUnit.GPU:
                return amount * gpu_count
            case PriceUnit.NODE_OF_8:
                return amount * gpu_count / GPUS_OF_A_NODE
            case PriceUnit.TEN_MICROS_PER_GPU:
                return amount.scaleb(-5) * gpu_count
            case PriceUnit.NANOS_PER_INSTANCE:
                return amount.scaleb(-8)


class Terms(StrEnum):
    """On what terms a machine is offered."""

    ON_DEMAND = "on-demand"
    SPOT = "spot"
    RESERVED = "reserved"  # a term contract: reserved instance, commitment, contracted size
    CAPACITY_BLOCK = "capacity-block"  # these machines from one instant to another
    FLEX_START = "flex-start"  # queued until there is room, for a stated time
    AUCTION = "auction"  # an order book or a bid


class OfferClass(StrEnum):
    """Who stands behind a machine: a data centre of the supplier's, or somebody's own."""

    SECURE = "secure"
    COMMUNITY = "community"


class StockState(StrEnum):
    """Whether it could be started now, in the supplier's words made comparable."""

    IN_STOCK = "in-stock"
    CONSTRAINED = "constrained"  # there is some, and the supplier warns that it is little
    OUT_OF_STOCK = "out-of-stock"
    NOT_OFFERED = "not-offered"  # not sold at this place at all: no shortage
    RESTRICTED = "restricted"  # closed to this account: quota or permission, says nothing of stock
    UNKNOWN = "unknown"


class StockUnit(StrEnum):
    """What a stock count counts."""

    GPU = "gpu"
    INSTANCE = "instance"
    NODE = "node"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """What the supplier says could be had, and its own word for it.

    `count` is only ever a number that the supplier gave; `at_least` when it said "10+".
    """

    state: StockState = StockState.UNKNOWN
    count: int | None = None
    count_unit: StockUnit | None = None
    at_least: bool = False
    raw: str | None = None

    def __post_init__(self) -> None:
        if (self.count is None) != (self.count_unit is None):
            raise ValueError("a stock count names what it counts, and only a count does")
        if self.count is not None and self.count < 0:
            raise ValueError("a stock count is 0 or more")
        if self.at_least and self.count is None:
            raise ValueError("'at least' needs a count")

    @property
    def is_obtainable(self) -> bool | None:
        """Say whether it could be started now; None when nobody knows."""
        if self.state is StockState.UNKNOWN:
            return None
        return self.state in (StockState.IN_STOCK, StockState.CONSTRAINED)


UNKNOWN_STOCK = Stock()


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotedPrice:
    """A price as the supplier wrote it, and what that makes of the whole instance."""

    amount: Decimal
    unit: PriceUnit
    per_instance: Money
    gpu_count: int

    @classmethod
    def of(
        cls, amount: Decimal, unit: PriceUnit, *, gpu_count: int, currency: Currency = USD
    ) -> QuotedPrice:
        """Return the price of an instance of `gpu_count` GPUs; a price is above zero."""
        if not amount.is_finite() or amount <= 0:
            raise ValueError("a price is above zero; an unknown price is None, never 0")
        if gpu_count < 1:
            raise ValueError("an instance has at least one GPU")
        per_instance = unit.per_instance(amount, gpu_count=gpu_count)
        return cls(
            amount=amount,
            unit=unit,
            per_instance=Money(per_instance, currency),
            gpu_count=gpu_count,
        )

    @property
    def currency(self) -> Currency:
        """Return the currency, the supplier's own."""
        return self.per_instance.currency

    @property
    def per_gpu(self) -> Money:
        """Return the price per GPU-hour, rounded half-even to the six decimals that are stored.

        Exact whenever the instance's price divides; the instance's price is always the exact one.
        """
        return (self.per_instance / self.gpu_count).rounded(MAX_DECIMALS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """From one instant up to another, for capacity that is sold with its dates."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("a window needs the offset of its instants")
        if self.end <= self.start:
            raise ValueError("a window ends after it starts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One supplier's machine at one place on one set of terms.

    `key` is what makes it the same offer in the next answer. `region` None: the supplier named no
    place. `upstream` is the cloud behind a reseller, "undisclosed" when it hides it. Rack-scale
    machines are sold `min_units` at a time, in steps of `unit_step`. `price_kind` says what sort
    of price it is when it is not a plain list price ("last_fill", "price_sheet 2026-10-04").
    """

    supplier: str
    native_id: str
    region: str | None
    zone: str | None = None
    terms: Terms
    offer_class: OfferClass | None = None
    gpu: Gpu
    gpu_as_quoted: str
    gpu_count: int
    price: QuotedPrice | None
    is_listed: bool = True
    stock: Stock = UNKNOWN_STOCK
    vcpus: int | None = None
    memory_gib: Decimal | None = None
    interconnect: str | None = None
    upstream: str | None = None
    window: Window | None = None
    upfront_fee: Money | None = None
    executable_price: Money | None = None  # per instance-hour with what cannot be left out
    term_months: int | None = None
    min_units: int = 1
    unit_step: int = 1
    price_kind: str | None = None
    flags: tuple[str, ...] = ()
    observed_at: datetime
    source: str  # the page or sheet that it was read from

    def __post_init__(self) -> None:
        if self.observed_at.tzinfo is None:
            raise ValueError("an offer is observed at an instant with its offset")
        if self.gpu_count < 1 or self.min_units < 1 or self.unit_step < 1:
            raise ValueError("GPUs and units are counted from one")
        if self.price is not None and self.price.gpu_count != self.gpu_count:
            raise ValueError("the price is for another number of GPUs than the offer")

    @property
    def key(self) -> tuple[str, ...]:
        """Return what tells two offers of one supplier apart."""
        window = self.window
        return (
            self.supplier,
            self.native_id,
            self.region or "",
            self.zone or "",
            self.terms.value,
            self.offer_class.value if self.offer_class else "",
            str(self.term_months or ""),
            str(self.gpu_count),  # resellers list 1 and 8 GPUs of a machine under one name
            f"{window.start.isoformat()}/{window.end.isoformat()}" if window else "",
        )
