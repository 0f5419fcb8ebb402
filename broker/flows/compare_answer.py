"""Compares an answer with what is on record of its places, and says whether it can be believed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal

from sqlmodel import Session

from broker.flows.plan_places import PlacePlan
from broker.flows.sift_reading import Sifted, take
from broker.store.offer_changes import StandingOffer, TakenOffer, offer_id, standing_offers
from broker.store.polls import NO_REGION
from pricing.money import plain
from pricing.plausibility import factor_moved
from providers.errors import ErrorKind
from providers.reading import ReadingState


@dataclass(frozen=True, slots=True, kw_only=True)
class Disbelief:
    """Why an answer is not taken in: its list moved like a unit, or is empty."""

    state: ReadingState
    kind: ErrorKind | None
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What an answer says of the places that it may change, beside what is on record of them."""

    plans: Collection[PlacePlan]
    standing: Mapping[str, StandingOffer]
    taken: Mapping[str, TakenOffer]
    warnings: tuple[str, ...]

    @property
    def gone(self) -> list[str]:
        """Return the offers that stood in places which have answered whole without them."""
        whole = {plan.region for plan in self.plans if plan.is_whole}
        return [
            name
            for name, offer in self.standing.items()
            if offer.region in whole and not offer.is_gone and name not in self.taken
        ]

    def offers_after(self) -> Mapping[str, int]:
        """Return how many offers each of these places has afterwards."""
        gone = set(self.gone)
        places = {
            name: offer.region
            for name, offer in self.standing.items()
            if not offer.is_gone and name not in gone
        }
        places |= {name: one.offer.region or NO_REGION for name, one in self.taken.items()}
        return Counter(places.values())


def compare(
    session: Session, supplier: str, plans: Collection[PlacePlan], sifted: Sifted
) -> Comparison:
    """Return the comparison for those of the places whose answer is not the one on record."""
    changed = [plan for plan in plans if plan.is_changed]
    regions = [plan.region for plan in changed]
    taken, warnings = take(sifted, regions)
    return Comparison(
        plans=changed,
        standing=standing_offers(session, supplier, regions),
        taken=taken,
        warnings=warnings,
    )


def disbelief(comparison: Comparison, sifted: Sifted, *, accept_jump: bool) -> Disbelief | None:
    """Return why an answer cannot be believed, or None if it can."""
    factor = None if accept_jump else _factor(comparison, sifted)
    if factor is not None:
        return Disbelief(
            state=ReadingState.QUARANTINED,
            kind=None,
            message=(
                f"the prices have moved by a factor of {plain(factor)}, as a changed unit does and "
                "no market; nothing was taken in. Check the unit of the supplier's answer, and "
                "accept the jump if the prices are real"
            ),
        )
    is_empty = not any(said.offers for said in sifted.said.values())
    if is_empty and comparison.gone:
        kept_out = sum(len(said.kept_out) for said in sifted.said.values())
        why = f", and none of {kept_out} prices is one that its GPU can have" if kept_out else ""
        return Disbelief(
            state=ReadingState.FAILED,
            kind=ErrorKind.CONTRACT,
            message=(
                f"the answer holds no offer where there were {len(comparison.gone)}{why}; they "
                "stay on record. Look at the supplier's answer: its form may have changed"
            ),
        )
    return None


def _factor(comparison: Comparison, sifted: Sifted) -> Decimal | None:
    """Return the factor by which prices moved, those included that no GPU can have."""
    offers = {name: one.offer for name, one in comparison.taken.items()}
    for plan in comparison.plans:
        offers |= {offer_id(offer): offer for offer in sifted.of(plan.region).kept_out}
    before: dict[str, Decimal] = {}
    after: dict[str, Decimal] = {}
    for name, offer in offers.items():
        stood = comparison.standing.get(name)
        if stood is None or stood.is_gone or stood.price_per_instance is None:
            continue
        if offer.price is not None and offer.price.currency == stood.currency:
            before[name] = stood.price_per_instance
            after[name] = offer.price.per_instance.amount
    return factor_moved(before, after)
