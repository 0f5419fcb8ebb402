"""What to do about an offer to renew, and by when: a rule, not a mood.

Two figures decide. The benchmark says what the market asks; the walk-away price, the highest at
which staying beats the best alternative that can really be delivered, says where to stop. Without
either there is nothing to measure an offer by, and the rule says so instead of inventing a number.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from pricing.money import Money, plain

ROUND_DAYS = 5
"""Days that one more round with a supplier takes; with fewer left it is yes, no or another."""


class Action(StrEnum):
    """What to do."""

    ACCEPT = "accept"
    COUNTER = "counter"
    SWITCH = "switch"
    DECIDE_LATER = "decide later"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True, kw_only=True)
class WayOut:
    """The best alternative that can be delivered in time with enough GPUs."""

    supplier: str
    price: Money  # per GPU-hour, levelised
    walk_away: Money | None  # None when leaving has a cost that nobody stated
    start_by: date | None  # the last day on which double running can begin
    valid_until: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that the rule looks at. Prices are per GPU-hour, of one currency, levelised."""

    as_of: date
    supplier: str
    settled: str | None  # why there is nothing left to decide
    offer: Money | None
    benchmark: Money | None
    way_out: WayOut | None
    valid_until: date | None
    notice_due: date | None  # None when there is no notice to give, or it was given
    last_day: date
    renews_by_itself: bool = False
    blocked: str | None = None  # why the offer cannot be weighed yet


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A figure that the advice rests on, and where it comes from."""

    name: str
    value: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What to do, up to which price, by when, and why."""

    action: Action
    headline: str
    counter_at: Money | None = None
    walk_away_above: Money | None = None
    switch_to: str | None = None
    start_double_running_by: date | None = None
    decide_by: date
    reasons: tuple[str, ...] = ()
    rests_on: tuple[Figure, ...] = ()


def recommend(situation: Situation) -> Advice:
    """Return what to do. Never more than the walk-away price, never a switch that cannot arrive."""
    decide_by = decision_day(situation)
    if situation.settled is not None:
        return Advice(action=Action.SETTLED, headline=situation.settled, decide_by=decide_by)
    if situation.blocked is not None:
        headline = "State what is missing before answering"
        return Advice(
            action=Action.DECIDE_LATER,
            headline=headline,
            decide_by=decide_by,
            reasons=(situation.blocked,),
        )
    if situation.offer is None:
        advice = _ask_first(situation, decide_by)
    elif _limit(situation) is None and situation.benchmark is None:
        advice = _nothing_to_measure_by(decide_by)
    else:
        advice = _answer(situation, situation.offer, decide_by)
    return replace(advice, reasons=(*advice.reasons, *_what_limits(situation)))


def decision_day(situation: Situation) -> date:
    """Return the day by which to decide: the first of those that are still to come."""
    days = (situation.valid_until, situation.notice_due)
    coming = [day for day in days if day is not None and day >= situation.as_of]
    return min(coming, default=situation.last_day)


def _limit(situation: Situation) -> Money | None:
    return None if situation.way_out is None else situation.way_out.walk_away


def _target(situation: Situation) -> Money | None:
    """Return what to ask for: the benchmark where it lies below the limit, else what the way out
    costs, which never lies above it.
    """
    limit, market, way_out = _limit(situation), situation.benchmark, situation.way_out
    if limit is None or way_out is None:
        return market
    if market is not None and market <= limit:
        return market
    return min(way_out.price, limit)


def _ask_first(situation: Situation, decide_by: date) -> Advice:
    target, limit = _target(situation), _limit(situation)
    headline = f"Ask {situation.supplier} for an offer; there is none to decide on yet"
    reasons = []
    if target is not None:
        reasons.append(f"aim for {price_text(target)}")
    if limit is not None:
        reasons.append(f"above {price_text(limit)} leaving is better")
    if situation.renews_by_itself:
        reasons.append("the line renews by itself unless notice is given in time")
    return Advice(
        action=Action.DECIDE_LATER,
        headline=headline,
        walk_away_above=limit,
        decide_by=decide_by,
        reasons=tuple(reasons),
    )


def _nothing_to_measure_by(decide_by: date) -> Advice:
    return Advice(
        action=Action.DECIDE_LATER,
        headline="Get quotes before answering: nothing is known to measure the offer by",
        decide_by=decide_by,
        reasons=("there is neither a benchmark nor a walk-away price",),
    )


def _answer(situation: Situation, offer: Money, decide_by: date) -> Advice:
    limit, target = _limit(situation), _target(situation)
    if limit is not None and offer > limit:
        if _is_last_round(situation, decide_by):
            return _switch(situation, limit, decide_by)
        return _counter(situation, offer, decide_by)
    if target is not None and offer > target:
        if limit is not None and _is_last_round(situation, decide_by):
            return _accept(situation, offer, decide_by)
        return _counter(situation, offer, decide_by)
    return _accept(situation, offer, decide_by)


def _is_last_round(situation: Situation, decide_by: date) -> bool:
    return (decide_by - situation.as_of).days < ROUND_DAYS


def _accept(situation: Situation, offer: Money, decide_by: date) -> Advice:
    limit, market = _limit(situation), situation.benchmark
    reasons = []
    if market is not None and offer <= market:
        reasons.append(f"it is not above the benchmark of {price_text(market)}")
    if limit is not None:
        reasons.append(f"it is not above the walk-away price of {price_text(limit)}")
    return Advice(
        action=Action.ACCEPT,
        headline=f"Accept {price_text(offer)} of {situation.supplier}",
        walk_away_above=limit,
        decide_by=decide_by,
        reasons=tuple(reasons),
    )


def _counter(situation: Situation, offer: Money, decide_by: date) -> Advice:
    target, limit, way_out = _target(situation), _limit(situation), situation.way_out
    if target is None:
        return _nothing_to_measure_by(decide_by)
    headline = f"Counter at {price_text(target)}"
    reasons = []
    if limit is not None:
        headline += f"; walk away above {price_text(limit)}"
        reasons.append(f"any price up to {price_text(limit)} beats moving, none above it does")
    else:
        reasons.append(
            "no walk-away price is known, so nothing says yet at which price leaving is better"
        )
    if situation.benchmark is not None and target == situation.benchmark:
        reasons.append(f"{price_text(target)} is what the market asks, the median of the quotes")
    elif way_out is not None:
        reasons.append(f"{way_out.supplier} offers {price_text(way_out.price)}")
    above = limit is not None and offer > limit
    leaving = way_out if above else None
    if leaving is not None:
        reasons.append(
            f"if they stay above that, switch to {leaving.supplier}"
            + (f"; double running starts by {leaving.start_by}" if leaving.start_by else "")
        )
    return Advice(
        action=Action.COUNTER,
        headline=headline,
        counter_at=target,
        walk_away_above=limit,
        switch_to=None if leaving is None else leaving.supplier,
        start_double_running_by=None if leaving is None else leaving.start_by,
        decide_by=_with_way_out(decide_by, situation, leaving),
        reasons=tuple(reasons),
    )


def _switch(situation: Situation, limit: Money, decide_by: date) -> Advice:
    way_out = situation.way_out
    if way_out is None:
        return _nothing_to_measure_by(decide_by)
    return Advice(
        action=Action.SWITCH,
        headline=f"Switch to {way_out.supplier} at {price_text(way_out.price)}",
        walk_away_above=limit,
        switch_to=way_out.supplier,
        start_double_running_by=way_out.start_by,
        decide_by=_with_way_out(decide_by, situation, way_out),
        reasons=(
            f"the offer is above the walk-away price of {price_text(limit)}",
            "there is no time left for another round",
        ),
    )


def _with_way_out(decide_by: date, situation: Situation, way_out: WayOut | None) -> date:
    """Return the earlier day when the alternative that the advice leans on lapses before it."""
    lapses = None if way_out is None else way_out.valid_until
    return decide_by if lapses is None or lapses < situation.as_of else min(decide_by, lapses)


def _what_limits(situation: Situation) -> tuple[str, ...]:
    if situation.way_out is None:
        return (
            "no alternative can be delivered in time: the risk is availability, not only price",
        )
    if situation.way_out.walk_away is None:
        return ("an alternative can be delivered, but what moving costs is not stated",)
    return ()


def price_text(money: Money) -> str:
    """Return a price per GPU-hour with its currency, for a sentence."""
    digits = plain(money.amount)
    whole, _, decimals = digits.partition(".")
    return f"{whole}.{decimals.ljust(2, '0')} {money.currency}"
