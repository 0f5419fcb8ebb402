"""Offers of the market and what we own beside them, as they cross the network.

Amounts are decimal strings with their currency beside them, per hour.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from pydantic import BaseModel, Field

from broker.api.wire.holdings import PriceOut
from broker.api.wire.suppliers import TierModel
from broker.flows.list_offers import ListedOffer, OffersView, OwnedCapacity
from broker.store.offers import OfferChange
from pricing.money import plain


class StockOut(BaseModel):
    """Whether it could be had; `count` is only ever the supplier's own number."""

    state: str
    is_obtainable: bool | None
    count: int | None
    unit: str | None
    at_least: bool
    raw: str | None = Field(description="the supplier's own word")


class OfferOut(BaseModel):
    """One machine at one place on one set of terms."""

    id: str
    supplier: str
    supplier_name: str
    upstream: str | None = Field(description="the cloud behind a reseller or a sheet")
    native_id: str
    region: str | None
    zone: str | None
    terms: str
    offer_class: str | None
    gpu: str
    gpu_model: str
    gpu_count: int
    usd_per_gpu_hour: str | None
    price_per_instance: str | None
    currency: str | None
    quoted_amount: str | None
    quoted_unit: str | None
    executable_price: str | None
    upfront_fee: str | None
    price_kind: str | None
    term_months: int | None
    window_start: datetime | None
    window_end: datetime | None
    min_units: int
    unit_step: int
    is_listed: bool
    stock: StockOut
    flags: list[str]
    sharing: str = Field(description="free, own-use or confidential: what may be done with it")
    tier: TierModel | None
    market_class: str | None
    seen_at: datetime
    age_seconds: int
    is_stale: bool

    @classmethod
    def of(cls, listed: ListedOffer) -> OfferOut:
        """Return an offer as it is shown."""
        offer = listed.offer
        return cls(
            id=offer.id,
            supplier=offer.supplier,
            supplier_name=listed.supplier_name,
            upstream=offer.upstream,
            native_id=offer.native_id,
            region=offer.region,
            zone=offer.zone,
            terms=offer.terms.value,
            offer_class=offer.offer_class.value if offer.offer_class else None,
            gpu=offer.part or offer.gpu_model,
            gpu_model=offer.gpu_model,
            gpu_count=offer.gpu_count,
            usd_per_gpu_hour=_text(offer.usd_per_gpu_hour),
            price_per_instance=_text(offer.price_per_instance),
            currency=offer.currency,
            quoted_amount=offer.quoted_amount,
            quoted_unit=offer.quoted_unit,
            executable_price=_text(offer.executable_price),
            upfront_fee=_text(offer.upfront_fee),
            price_kind=offer.price_kind,
            term_months=offer.term_months,
            window_start=offer.window_start,
            window_end=offer.window_end,
            min_units=offer.min_units,
            unit_step=offer.unit_step,
            is_listed=offer.is_listed,
            stock=StockOut(
                state=offer.stock_state.value,
                is_obtainable=offer.is_obtainable,
                count=offer.stock_count,
                unit=offer.stock_unit.value if offer.stock_unit else None,
                at_least=offer.stock_at_least,
                raw=offer.stock_raw,
            ),
            flags=list(offer.flags),
            sharing=listed.sharing.value,
            tier=TierModel.of(listed.tier) if listed.tier else None,
            market_class=listed.market_class.tier if listed.market_class else None,
            seen_at=offer.seen_at,
            age_seconds=listed.age_seconds,
            is_stale=offer.is_stale,
        )


class OwnedOut(BaseModel):
    """GPUs of the same model that are ours; `price_per_gpu_hour` only for who may see contracts."""

    source: str
    supplier: str
    name: str
    contract_id: str | None
    gpu_model: str
    region: str | None
    state: str
    gpus: int | None
    used: int | None
    free: int | None
    start_on: date | None
    last_day: date | None
    price_per_gpu_hour: PriceOut | None

    @classmethod
    def of(cls, owned: OwnedCapacity, *, with_prices: bool) -> OwnedOut:
        """Return what is ours as it is shown to this caller."""
        last_day = None if owned.end_on is None else date.fromordinal(owned.end_on.toordinal() - 1)
        return cls(
            source=owned.source.value,
            supplier=owned.supplier,
            name=owned.name,
            contract_id=owned.contract_id,
            gpu_model=owned.gpu_model,
            region=owned.region,
            state=owned.state,
            gpus=owned.gpus,
            used=owned.used,
            free=owned.free,
            start_on=owned.start_on,
            last_day=last_day,
            price_per_gpu_hour=PriceOut.of(owned.price_per_gpu_hour) if with_prices else None,
        )


class OfferList(BaseModel):
    """Offers, the cheapest GPU-hour first, and what we own of the GPU beside them."""

    as_of: datetime
    items: list[OfferOut]
    owned: list[OwnedOut]

    @classmethod
    def of(cls, view: OffersView, *, with_prices: bool) -> OfferList:
        """Return the view as it is shown to this caller."""
        return cls(
            as_of=view.as_of,
            items=[OfferOut.of(each) for each in view.offers],
            owned=[OwnedOut.of(each, with_prices=with_prices) for each in view.owned],
        )


class OfferChangeOut(BaseModel):
    """What an offer became at an instant; of one that went, how it stood last."""

    at: datetime
    is_present: bool
    price_per_instance: str | None
    currency: str | None
    stock_state: str
    stock_count: int | None


class OfferChanges(BaseModel):
    """The past of an offer, oldest first."""

    offer_id: str
    items: list[OfferChangeOut]

    @classmethod
    def of(cls, offer_id: str, changes: list[OfferChange]) -> OfferChanges:
        """Return the changes as they are shown."""
        return cls(
            offer_id=offer_id,
            items=[
                OfferChangeOut(
                    at=each.at,
                    is_present=each.is_present,
                    price_per_instance=_text(each.price_per_instance),
                    currency=each.currency,
                    stock_state=each.stock_state.value,
                    stock_count=each.stock_count,
                )
                for each in changes
            ],
        )


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else plain(amount)
