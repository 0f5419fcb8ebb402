"""What suppliers say, with sane defaults, and a supplier that says what it is told to."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from pricing.hardware import canonical_gpu
from pricing.money import USD, Currency
from pricing.offer import Offer, PriceUnit, QuotedPrice, Stock, StockState, Terms
from providers.access import Access
from providers.reading import Reading, ReadingState
from providers.supplier import (
    Answer,
    Ask,
    Capability,
    Fetched,
    Page,
    Place,
    PlaceState,
    Profile,
)

SEEN = datetime(2026, 10, 4, 9, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
EVERYWHERE = Place(region=None, state=PlaceState.OK)
IN_STOCK = Stock(state=StockState.IN_STOCK)
SOLD_OUT = Stock(state=StockState.OUT_OF_STOCK)


def an_offer(
    price: str | None = "32", *, gpu: str = "H100-SXM", currency: Currency = USD, **changes: Any
) -> Offer:
    """Eight H100 on demand at 32 dollars an instance-hour in us-east."""
    gpu_count = changes.get("gpu_count", 8)
    defaults: dict[str, Any] = {
        "supplier": "northwind",
        "native_id": "gpu.8x",
        "region": "us-east",
        "terms": Terms.ON_DEMAND,
        "gpu": canonical_gpu(gpu),
        "gpu_as_quoted": gpu,
        "gpu_count": gpu_count,
        "price": None
        if price is None
        else QuotedPrice.of(
            Decimal(price), PriceUnit.INSTANCE, gpu_count=gpu_count, currency=currency
        ),
        "stock": IN_STOCK,
        "observed_at": SEEN,
        "source": "https://northwind.example/prices",
    }
    return Offer(**{**defaults, **changes})


def a_reading(*offers: Offer, at: datetime = SEEN, **changes: Any) -> Reading:
    """An answer of the whole supplier that holds these offers."""
    answer = Answer(offers=offers, **changes.pop("answer", {}))
    defaults: dict[str, Any] = {
        "supplier": "northwind",
        "state": ReadingState.OK,
        "started_at": at - timedelta(seconds=2),
        "finished_at": at,
        "answer": answer,
        "places": (EVERYWHERE,),
    }
    return Reading(**{**defaults, **changes})


def a_profile(key: str = "northwind", **changes: Any) -> Profile:
    """What a supplier of on-demand machines declares."""
    defaults: dict[str, Any] = {
        "key": key,
        "name": key.title(),
        "hosts": (f"api.{key}.example",),
        "url": f"https://api.{key}.example",
        "units": (PriceUnit.INSTANCE,),
        "golden": (),
        "capabilities": frozenset({Capability.OFFERS}),
        "licence": "ours",
    }
    return Profile(**{**defaults, **changes})


class RecordedSupplier:
    """A supplier that answers with what it was given; `before` happens while it is asked."""

    def __init__(
        self,
        key: str,
        *offers: Offer,
        before: Callable[[Access], None] = lambda _access: None,
        places: tuple[Place, ...] = (EVERYWHERE,),
        missing: tuple[str, ...] = (),
        **profile: Any,
    ) -> None:
        self._profile = a_profile(key, **profile)
        self._offers, self._places, self._missing = offers, places, missing
        self._before = before

    @property
    def profile(self) -> Profile:
        return self._profile

    def missing(self, access: Access) -> tuple[str, ...]:
        return self._missing

    def fetch(self, ask: Ask, access: Access) -> Fetched:
        self._before(access)
        page = Page(call="list", url=self._profile.url, body=b"{}", fetched_at=access.now())
        return Fetched(pages=(page,), places=self._places)

    def parse(self, pages: Sequence[Page]) -> Answer:
        return Answer(offers=self._offers)
