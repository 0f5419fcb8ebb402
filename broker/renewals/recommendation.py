"""What to do about an offer to renew, and by when: a rule, not a mood.

Two figures decide. The benchmark says what the market asks; the walk-away price, the highest at
which staying beats the best alternative that can really be delivered, says where to stop. Without
either there is nothing to measure an offer by, and the rule says so instead of inventing a number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum

from broker.renewals.shown import PRICE_DECIMALS, TOTAL_DECIMALS
from pricing.money import Money

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
    decide_because: str  # what happens on that day
    reasons: tuple[str, ...] = ()
    rests_on: tuple[Figure, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A day by which to decide, and what happens on it."""

    on: date
    because: str


def recommend(situation: Situation) -> Advice:
    """Return what to do. Never more than the walk-away price, never a switch that cannot arrive."""
    due = decision_day(situation)
    if situation.settled is not None:
        return _advice(Action.SETTLED, situation.settled, due)
    if situation.blocked is not None:
        headline = "State what is missing before answering"
        return _advice(Action.DECIDE_LATER, headline, due, reasons=(situation.blocked,))
    if situation.offer is None:
        advice = _ask_first(situation, due)
    elif _limit(situation) is None and situation.benchmark is None:
        advice = _nothing_to_measure_by(due)
    else:
        advice = _answer(situation, situation.offer, due)
    return replace(advice, reasons=(*advice.reasons, *_what_limits(situation)))


def decision_day(situation: Situation) -> Due:
    """Return the day by which to decide: the first of those that are still to come."""
    days = (
        (situation.valid_until, "the offer lapses after it"),
        (situation.notice_due, "notice is due"),
    )
    coming = [
        Due(on=day, because=because)
        for day, because in days
        if day is not None and day >= situation.as_of
    ]
    last = Due(on=situation.last_day, because="service ends")
    return min(coming, key=lambda due: due.on, default=last)


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


def _answer(situation: Situation, offer: Money, due: Due) -> Advice:
    limit, target, way_out = _limit(situation), _target(situation), situation.way_out
    is_last_round = (due.on - situation.as_of).days < ROUND_DAYS
    if limit is not None and way_out is not None and offer > limit:
        if is_last_round:
            return _switch(way_out, limit, _with_way_out(due, situation, way_out))
        return _counter(situation, offer, due)
    if target is not None and offer > target and not (limit is not None and is_last_round):
        return _counter(situation, offer, due)
    return _accept(situation, offer, due)


def _ask_first(situation: Situation, due: Due) -> Advice:
    market, limit, way_out = situation.benchmark, _limit(situation), situation.way_out
    reasons = []
    if market is not None:
        reasons.append(f"the market asks {price_text(market)}, the median of the quotes")
    if limit is not None and way_out is not None:
        reasons.append(f"above {price_text(limit)}, moving to {way_out.supplier} is better")
    if situation.renews_by_itself:
        reasons.append("the line renews by itself unless notice is given in time")
    return _advice(
        Action.DECIDE_LATER,
        f"Ask {situation.supplier} for an offer; there is none to decide on yet",
        due,
        walk_away_above=limit,
        reasons=tuple(reasons),
    )


def _nothing_to_measure_by(due: Due) -> Advice:
    return _advice(
        Action.DECIDE_LATER,
        "Get quotes before answering: nothing is known to measure the offer by",
        due,
        reasons=("there is neither a benchmark nor a walk-away price",),
    )


def _accept(situation: Situation, offer: Money, due: Due) -> Advice:
    limit, market = _limit(situation), situation.benchmark
    reasons = []
    if market is not None and offer <= market:
        reasons.append(f"it is not above the benchmark of {price_text(market)}")
    if limit is not None:
        reasons.append(f"it is not above the walk-away price of {price_text(limit)}")
    return _advice(
        Action.ACCEPT,
        f"Accept {price_text(offer)} from {situation.supplier}",
        due,
        walk_away_above=limit,
        reasons=tuple(reasons),
    )


def _counter(situation: Situation, offer: Money, due: Due) -> Advice:
    target, limit = _target(situation), _limit(situation)
    if target is None:
        return _nothing_to_measure_by(due)
    headline, leaving = f"Counter at {price_text(target)}", None
    if limit is not None:
        headline += f"; walk away above {price_text(limit)}"
        leaving = situation.way_out if offer > limit else None
    return _advice(
        Action.COUNTER,
        headline,
        _with_way_out(due, situation, leaving),
        counter_at=target,
        walk_away_above=limit,
        leaving=leaving,
        reasons=tuple(_why_counter(situation, offer, target=target)),
    )


def _why_counter(situation: Situation, offer: Money, *, target: Money) -> Iterator[str]:
    limit, way_out = _limit(situation), situation.way_out
    if situation.benchmark is not None and target == situation.benchmark:
        yield f"{price_text(target)} is what the market asks, the median of the quotes"
    elif way_out is not None:
        yield f"{way_out.supplier} offers {price_text(way_out.price)}"
    if limit is None or way_out is None:
        yield "nothing known says at which price leaving is better"
        return
    yield f"any price up to {price_text(limit)} beats moving, none above it does"
    if offer <= limit:
        yield f"if they do not move, {price_text(offer)} is still better than leaving"
        return
    start = "" if way_out.start_by is None else f"; double running starts by {way_out.start_by}"
    yield f"if they stay above it, switch to {way_out.supplier}{start}"


def _switch(way_out: WayOut, limit: Money, due: Due) -> Advice:
    return _advice(
        Action.SWITCH,
        f"Switch to {way_out.supplier} at {price_text(way_out.price)}",
        due,
        walk_away_above=limit,
        leaving=way_out,
        reasons=(
            f"the offer is above the walk-away price of {price_text(limit)}",
            "there is no time left for another round",
        ),
    )


def _advice(
    action: Action,
    headline: str,
    due: Due,
    *,
    counter_at: Money | None = None,
    walk_away_above: Money | None = None,
    leaving: WayOut | None = None,
    reasons: tuple[str, ...] = (),
) -> Advice:
    return Advice(
        action=action,
        headline=headline,
        counter_at=counter_at,
        walk_away_above=walk_away_above,
        switch_to=None if leaving is None else leaving.supplier,
        start_double_running_by=None if leaving is None else leaving.start_by,
        decide_by=due.on,
        decide_because=due.because,
        reasons=reasons,
    )


def _with_way_out(due: Due, situation: Situation, way_out: WayOut | None) -> Due:
    """Return the earlier day when the alternative that the advice leans on lapses before it."""
    lapses = None if way_out is None else way_out.valid_until
    if way_out is None or lapses is None or not situation.as_of <= lapses < due.on:
        return due
    return Due(on=lapses, because=f"the quote of {way_out.supplier} lapses after it")


def _what_limits(situation: Situation) -> tuple[str, ...]:
    if situation.way_out is None:
        return (
            "no alternative is known to deliver in time: the risk is availability, not only price",
        )
    if situation.way_out.walk_away is None:
        return ("an alternative can be delivered, but what moving costs is not stated",)
    return ()


def price_text(money: Money) -> str:
    """Return a price per GPU-hour with its currency, for a sentence."""
    return f"{price_digits(money)} {money.currency}"


def price_digits(money: Money) -> str:
    """Return a price with two decimals, or with four where it needs them."""
    cents = money.rounded(TOTAL_DECIMALS)
    return f"{(cents if cents == money else money.rounded(PRICE_DECIMALS)).amount}"
