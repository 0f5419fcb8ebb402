"""Sorts what a supplier said by place, keeps out what no GPU can cost, and writes down the rest.

Pure: nothing here opens the database. It runs over every offer of every poll, also of those that
find nothing new, so it does little to each.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date
from decimal import Decimal

from broker.renewals.evidence import RATE_MAX_AGE_DAYS
from broker.store.offer_changes import TakenOffer, offer_id
from broker.store.polls import NO_REGION
from pricing.fx import FxTable, NoRateError
from pricing.money import MAX_DECIMALS, USD, Currency, Money
from pricing.offer import Offer
from pricing.offer_digest import digest_of, offer_text
from pricing.plausibility import band
from providers.reading import Reading
from providers.supplier import Skip, SkipReason

LEAST_AMOUNT = Decimal("0.000001")
MOST_AMOUNT = Decimal(10) ** 9
"""What the books can hold of an instance-hour in any currency, where no rate says what it means."""

NO_PRICE = ""
NO_RATE = "no rate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What is said of one place: offers, each with its text, and those whose price cannot be."""

    offers: list[Offer]
    texts: list[str]
    kept_out: list[Offer]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sifted:
    """A reading, sorted. `rates` are US dollars for one unit of each currency, None without one."""

    said: Mapping[str, Said]
    digests: Mapping[str, str]
    skips: tuple[Skip, ...]
    rates: Mapping[Currency, Decimal | None]

    def of(self, region: str) -> Said:
        """Return what is said of a place; nothing, where nothing is."""
        return self.said.get(region) or Said(offers=[], texts=[], kept_out=[])

    def digest(self, region: str) -> str:
        """Return the digest of what is said of a place."""
        return self.digests.get(region) or digest_of(())


class Rates:
    """What currencies cost in US dollars on one day."""

    def __init__(self, table: FxTable, *, on: date) -> None:
        self._table, self._on = table, on
        self.known: dict[Currency, Decimal | None] = {USD: Decimal(1)}

    def of(self, currency: Currency) -> Decimal | None:
        """Return the dollars for one unit, or None where no recent rate is on record."""
        if currency not in self.known:
            try:
                converted = self._table.convert(
                    Money(Decimal(1), currency), USD, on=self._on, max_age_days=RATE_MAX_AGE_DAYS
                )
                self.known[currency] = converted.amount.amount
            except NoRateError:
                self.known[currency] = None
        return self.known[currency]


def sift(reading: Reading, table: FxTable) -> Sifted:
    """Return a reading sorted by place, with prices that cannot be kept out."""
    rates = Rates(table, on=reading.finished_at.astimezone(UTC).date())
    limits: dict[tuple[str, int, Currency], tuple[Decimal, Decimal, str]] = {}
    said: dict[str, Said] = defaultdict(lambda: Said(offers=[], texts=[], kept_out=[]))
    skips = list(reading.answer.skips)
    for offer in reading.answer.offers:
        place, rate = said[offer.region or NO_REGION], NO_PRICE
        if offer.price is not None:
            paid = offer.price.per_instance
            key = (offer.gpu.model, offer.gpu_count, paid.currency)
            if key not in limits:
                limits[key] = _limits(*key, rate=rates.of(paid.currency))
            least, most, rate = limits[key]
            if not least <= paid.amount <= most:
                place.kept_out.append(offer)
                skips.append(_implausible(offer))
                continue
        place.offers.append(offer)
        place.texts.append(offer_text(offer, rate=rate))
    return Sifted(
        said=said,
        digests={region: digest_of(place.texts) for region, place in said.items()},
        skips=tuple(skips),
        rates=rates.known,
    )


def take(sifted: Sifted, regions: Iterable[str]) -> tuple[dict[str, TakenOffer], tuple[str, ...]]:
    """Return the offers of some places by id, and a warning for each that comes twice.

    Of two that are the same offer the first counts.
    """
    taken: dict[str, TakenOffer] = {}
    warnings: list[str] = []
    for region in regions:
        said = sifted.of(region)
        for offer, text in zip(said.offers, said.texts, strict=True):
            name = offer_id(offer)
            if name in taken:
                warnings.append(
                    f"{offer.native_id} came twice in {region or 'no region'} on the same terms; "
                    "the first was kept, and the adapter should tell them apart"
                )
                continue
            taken[name] = TakenOffer(
                id=name,
                offer=offer,
                digest=hashlib.blake2b(text.encode(errors="replace"), digest_size=16).hexdigest(),
                usd_per_gpu_hour=usd_per_gpu_hour(offer, sifted.rates),
            )
    return taken, tuple(warnings)


def usd_per_gpu_hour(offer: Offer, rates: Mapping[Currency, Decimal | None]) -> Decimal | None:
    """Return what a GPU-hour costs in US dollars, or None without a price or a rate."""
    if offer.price is None:
        return None
    paid = offer.price.per_instance
    rate = rates.get(paid.currency)
    if rate is None:
        return None
    return Money(paid.amount * rate / offer.gpu_count).rounded(MAX_DECIMALS).amount


def _limits(
    model: str, gpu_count: int, currency: Currency, *, rate: Decimal | None
) -> tuple[Decimal, Decimal, str]:
    """Return what an instance may cost in its own currency, and how its rate is written."""
    if rate is None:  # nobody can say what the amount means
        return LEAST_AMOUNT, MOST_AMOUNT, NO_RATE
    least, most = band(model)
    written = NO_PRICE if currency == USD else str(rate)
    return least * gpu_count / rate, most * gpu_count / rate, written


def _implausible(offer: Offer) -> Skip:
    least, most = band(offer.gpu.model)
    return Skip(
        native_id=offer.native_id,
        reason=SkipReason.IMPLAUSIBLE,
        detail=(
            f"the price in {offer.region or 'no region'} is outside of {least} to {most} US "
            f"dollars per GPU-hour, which is all that a {offer.gpu.model} can cost; check its unit"
        ),
    )
