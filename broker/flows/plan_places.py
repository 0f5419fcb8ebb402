"""Says of each place of a supplier what an answer may conclude: it is whole, a part, or nothing.

What nobody was asked for is not concluded from: an answer about two regions, or about one GPU,
says nothing of the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from broker.flows.sift_reading import Sifted
from broker.store.polls import NO_REGION
from broker.store.tables import PollPlaceRow
from providers.reading import Reading, ReadingState
from providers.supplier import Ask, Place, PlaceState


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacePlan:
    """What an answer says of one place, beside what is on record.

    `is_whole`: what it does not name is gone. `is_changed`: its offers must be compared; without
    that they stand as they are.
    """

    region: str
    told: Place
    known: PollPlaceRow | None
    digest: str
    is_whole: bool
    is_changed: bool

    @property
    def is_answered(self) -> bool:
        """Say whether its offers came, all or some."""
        return self.told.state in (PlaceState.OK, PlaceState.PARTIAL)


def plan_places(
    reading: Reading, sifted: Sifted, known: Mapping[str, PollPlaceRow], *, ask: Ask
) -> list[PlacePlan]:
    """Return what is said of each place, by region.

    A place without a region speaks for every region that has no place of its own. A region that
    nobody speaks of, but that offers came from, counts as read in part. What is on record from
    later, or from this very reading, stays.
    """
    places = reading.places
    if not places and reading.state is ReadingState.OK:
        places = (Place(region=None, state=PlaceState.OK),)
    own = _merged(places)
    everywhere = own.get(NO_REGION)
    regions = own.keys() | {region for region, said in sifted.said.items() if said.offers}
    if everywhere is not None:
        regions |= {r for r in known if ask.regions is None or r in ask.regions}
    plans = []
    for region in sorted(regions):
        before = known.get(region)
        if before is not None and before.tried_at >= reading.finished_at:
            continue
        told = own.get(region) or everywhere or Place(region=region, state=PlaceState.PARTIAL)
        plans.append(_plan(region, told, before, sifted, ask=ask))
    return plans


def tried(reading: Reading, known: Mapping[str, PollPlaceRow]) -> list[PlacePlan]:
    """Return the places that were asked in vain: those that are named, else all on record."""
    named = _merged(reading.places)
    failed = Place(region=None, state=PlaceState.FAILED, kind=reading.kind, message=reading.message)
    told = named or dict.fromkeys(known, failed)
    if NO_REGION in named:
        told = {**dict.fromkeys(known, named[NO_REGION]), **named}
    return [
        PlacePlan(
            region=region,
            told=place,
            known=known.get(region),
            digest="",
            is_whole=False,
            is_changed=False,
        )
        for region, place in sorted(told.items())
        if region not in known or known[region].tried_at < reading.finished_at
    ]


def place_row(plan: PlacePlan, *, supplier: str, at: datetime, offers: int) -> PollPlaceRow:
    """Return a place as it stands after an answer; `offers` are those it has then."""
    told, known = plan.told, plan.known
    is_asked = told.state is not PlaceState.SKIPPED
    seen_at = known.seen_at if known else None
    if plan.is_whole:
        seen_at, digest = at, plan.digest
    else:
        # Offers may stand otherwise now than in the last whole answer: the next is compared.
        digest = known.digest if known and not plan.is_changed else ""
    state = told.state
    if state is PlaceState.OK and not plan.is_whole:  # whole, but only of what was asked for
        state = PlaceState(known.state) if known else PlaceState.PARTIAL
    return PollPlaceRow(
        supplier=supplier,
        region=plan.region,
        state=state.value,
        tried_at=known.tried_at if known and not is_asked else at,
        seen_at=seen_at,
        offers=offers,
        digest=digest,
        error_kind=told.kind.value if told.kind else None,
        error=told.message,
    )


def _plan(
    region: str, told: Place, known: PollPlaceRow | None, sifted: Sifted, *, ask: Ask
) -> PlacePlan:
    digest = sifted.digest(region)
    covers = ask.gpu_models is None and (ask.regions is None or region in ask.regions)
    is_whole = told.state is PlaceState.OK and covers
    is_same = is_whole and known is not None and known.digest == digest
    is_answered = told.state in (PlaceState.OK, PlaceState.PARTIAL)
    return PlacePlan(
        region=region,
        told=told,
        known=known,
        digest=digest,
        is_whole=is_whole,
        is_changed=is_answered and not is_same,
    )


def _merged(places: Iterable[Place]) -> dict[str, Place]:
    """Return one place a region: where its questions went differently, it was read in part."""
    found: dict[str, Place] = {}
    for place in places:
        region = place.region or NO_REGION
        other = found.get(region)
        if other is None or other.state is PlaceState.SKIPPED:
            found[region] = place
        elif place.state not in (other.state, PlaceState.SKIPPED):
            faulty = place if place.kind else other
            found[region] = Place(
                region=place.region,
                state=PlaceState.PARTIAL,
                kind=faulty.kind,
                code=faulty.code,
                message=faulty.message,
            )
    return found
