"""Collects what a parser finds: offers with canonical GPUs, and a skip for every row left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from pricing.hardware import Gpu, GpuFault, UnknownGpuError, canonical_gpu
from pricing.money import USD, Currency, Money
from pricing.offer import (
    UNKNOWN_STOCK,
    Offer,
    OfferClass,
    PriceUnit,
    QuotedPrice,
    Stock,
    Terms,
    Window,
)
from providers.supplier import Answer, Page, Profile, Skip, SkipReason

_REASON_OF = {
    GpuFault.UNKNOWN: SkipReason.UNKNOWN_GPU,
    GpuFault.AMBIGUOUS: SkipReason.AMBIGUOUS_GPU,
    GpuFault.SLICE: SkipReason.GPU_SLICE,
}


SPOT_ABOVE_ON_DEMAND = "spot_above_on_demand"
"""The flag of a spot price above the same machine's on demand at the same place: look at it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The hardware of an offer as the supplier spells it.

    `memory_gb` is the memory of one GPU as stated: it decides between parts of one name, and so
    does `form_factor` where a field of its own states it ("sxm5", "PCIe").
    """

    gpu: str
    count: int
    memory_gb: int | None = None
    form_factor: str | None = None
    vcpus: int | None = None
    memory_gib: Decimal | None = None
    interconnect: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A price as the supplier writes it; `amount` None or 0 means that none was quoted."""

    amount: Decimal | None
    unit: PriceUnit
    currency: Currency = USD
    kind: str | None = None
    executable: Decimal | None = None  # per instance-hour, with what cannot be left out
    upfront_fee: Decimal | None = None


@dataclass(slots=True, kw_only=True)
class OfferBook:
    """What one answer comes to. Rows may be added in any order; the answer is always the same."""

    profile: Profile
    _offers: dict[tuple[str, ...], Offer] = field(default_factory=dict, init=False)
    _skips: set[Skip] = field(default_factory=set, init=False)
    _warnings: set[str] = field(default_factory=set, init=False)

    def add(
        self,
        native_id: str,
        machine: Machine,
        price: Asked,
        *,
        page: Page,
        region: str | None,
        zone: str | None = None,
        terms: Terms = Terms.ON_DEMAND,
        stock: Stock = UNKNOWN_STOCK,
        offer_class: OfferClass | None = None,
        upstream: str | None = None,
        window: Window | None = None,
        term_months: int | None = None,
        is_listed: bool = True,
        units: tuple[int, int] = (1, 1),
        flags: Iterable[str] = (),
        unpriced_is_offer: bool = False,
    ) -> Offer | None:
        """Add an offer, or note why it is none.

        `units` is the fewest that are sold and the step. Without a price it is left out as
        unpriced, unless `unpriced_is_offer`: a type whose stock is known and whose price is not.
        """
        if machine.count < 1:
            self.skip(native_id, SkipReason.NO_GPU)
            return None
        gpu = self.gpu(native_id, machine.gpu, machine.memory_gb, form_factor=machine.form_factor)
        if gpu is None:
            return None
        quoted = self._quoted(price, machine)
        if quoted is None and not unpriced_is_offer:
            self.skip(native_id, SkipReason.UNPRICED)
            return None
        offer = Offer(
            supplier=self.profile.key,
            native_id=native_id,
            region=region,
            zone=zone,
            terms=terms,
            offer_class=offer_class,
            gpu=gpu,
            gpu_as_quoted=machine.gpu,
            gpu_count=machine.count,
            price=quoted,
            is_listed=is_listed,
            stock=stock,
            vcpus=machine.vcpus,
            memory_gib=machine.memory_gib,
            interconnect=machine.interconnect,
            upstream=upstream,
            window=window,
            upfront_fee=_money(price.upfront_fee, price.currency),
            executable_price=_money(price.executable, price.currency),
            term_months=term_months,
            min_units=units[0],
            unit_step=units[1],
            price_kind=price.kind,
            flags=tuple(sorted(flags)),
            observed_at=page.fetched_at,
            source=page.call,
        )
        self._keep(offer)
        return offer

    def skip(self, native_id: str, reason: SkipReason, detail: str = "") -> None:
        """Note that a row became no offer."""
        self._skips.add(Skip(native_id=native_id, reason=reason, detail=detail))

    def skip_all(self, skips: Iterable[Skip]) -> None:
        """Note several rows that became no offers."""
        self._skips.update(skips)

    def warn(self, warning: str) -> None:
        """Note something that somebody should look at and that stopped nothing."""
        self._warnings.add(warning)

    def answer(self, **more: Any) -> Answer:
        """Return everything, in an order of its own; `more` are other fields of the answer."""
        return Answer(
            offers=_with_doubts(self._offers[key] for key in sorted(self._offers)),
            skips=tuple(
                sorted(self._skips, key=lambda skip: (skip.native_id, skip.reason, skip.detail))
            ),
            warnings=tuple(sorted(self._warnings)),
            **more,
        )

    def gpu(
        self,
        native_id: str,
        spelling: str,
        memory_gb: int | None = None,
        *,
        form_factor: str | None = None,
    ) -> Gpu | None:
        """Return the GPU of a spelling, or None and a skip that says why not."""
        try:
            if form_factor is None:
                return self._canonical(spelling, memory_gb)
            return self._formed(spelling, form_factor, memory_gb)
        except UnknownGpuError as unknown:
            self.skip(native_id, _REASON_OF[unknown.fault], str(unknown))
            return None

    def _formed(self, spelling: str, form_factor: str, memory_gb: int | None) -> Gpu:
        """Return the GPU of a name whose form stands in a field of its own.

        A name that means one part stays that part if the field agrees; any other is read with it.
        """
        try:
            gpu = self._canonical(spelling, memory_gb)
        except UnknownGpuError:
            gpu = None
        if gpu is not None and gpu.part is not None and _agrees(gpu.form_factor, form_factor):
            return gpu
        return self._canonical(f"{spelling} {form_factor}", memory_gb)

    def _canonical(self, spelling: str, memory_gb: int | None) -> Gpu:
        return canonical_gpu(spelling, provider=self.profile.key, memory_gb=memory_gb)

    def _quoted(self, price: Asked, machine: Machine) -> QuotedPrice | None:
        if price.amount is None or price.amount <= 0:
            return None
        return QuotedPrice.of(
            price.amount, price.unit, gpu_count=machine.count, currency=price.currency
        )

    def _keep(self, offer: Offer) -> None:
        known = self._offers.get(offer.key)
        if known is None:
            self._offers[offer.key] = offer
        elif known != offer:
            self.warn(
                f"{offer.native_id} in {offer.region or 'no region'} is listed twice and not "
                "alike; the cheaper one is kept"
            )
            self._offers[offer.key] = min(known, offer, key=_cheapest)


def _with_doubts(offers: Iterable[Offer]) -> tuple[Offer, ...]:
    """Return the offers, those of spot flagged that cost more than the same machine on demand.

    Of a machine that is listed by zone, a spot price without zone is held against the dearest, and
    the other way round: a flag is for what cannot be, not for what may be.
    """
    known = tuple(offers)
    on_demand: dict[tuple[object, ...], Decimal] = {}
    for offer in known:
        if offer.terms is Terms.ON_DEMAND and offer.price is not None:
            paid = offer.price.per_instance
            for zone in {offer.zone, None}:
                machine = (*_machine(offer), paid.currency, zone)
                on_demand[machine] = max(paid.amount, on_demand.get(machine, paid.amount))
    return tuple(_doubted(offer, on_demand) for offer in known)


def _doubted(offer: Offer, on_demand: Mapping[tuple[object, ...], Decimal]) -> Offer:
    if offer.terms is not Terms.SPOT or offer.price is None:
        return offer
    paid = offer.price.per_instance
    machine = (*_machine(offer), paid.currency)
    most = on_demand.get((*machine, offer.zone), on_demand.get((*machine, None)))
    if most is None or paid.amount <= most:
        return offer
    return replace(offer, flags=tuple(sorted({*offer.flags, SPOT_ABOVE_ON_DEMAND})))


def _machine(offer: Offer) -> tuple[object, ...]:
    return (
        offer.native_id,
        offer.region,
        offer.gpu_count,
        offer.gpu,
        offer.offer_class,
        offer.upstream,
    )


def _cheapest(offer: Offer) -> tuple[Decimal, str]:
    price = Decimal("Infinity") if offer.price is None else offer.price.per_instance.amount
    return price, repr(offer)


def _agrees(form_factor: str | None, stated: str) -> bool:
    if form_factor is None:
        return True
    said = stated.upper()
    # An NVL card is a pair of PCIe cards with a bridge: sellers state either.
    return said.startswith(form_factor[:3]) or (form_factor == "NVL" and said.startswith("PCI"))


def _money(amount: Decimal | None, currency: Currency) -> Money | None:
    return None if amount is None else Money(amount, currency)
