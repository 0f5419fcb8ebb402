"""Jumps of public list prices: a repricing is told from a flip, a new product and a gap.

One series is what one provider lists for one GPU family in one kind (on-demand, spot, ...): for
each day the set of prices on the list. Family (H100), not form factor or memory: feeds rename a
product from "h100-sxm" to "h100" and back while its price stays, and a key with the form factor
would start its history anew each time. So several products share a series, and the set matters.

**Which price belongs to which product.** A product whose price is on today's list still has that
price, whether it was listed yesterday or is back after days away. What remains are prices that
left the list and prices that came new. As many of one as of the other: they are paired in order of
price. Otherwise the nearest are paired, and the rest vanished or is new. So a dearer product that
appears beside an unchanged one is no rise, nor is a cheap product that sells out.

**What is a rise.** For a product now at price p, let H(s) be the highest price it had on its
listings up to day s, within the memory before today:

* step: p >= (1 + step_rise) * H(the listing before this one), however long ago that was;
* week: p >= (1 + week_rise) * H(s) for a listing s at most `week_days` ago and not before this
  product's last jump, and the price never fell between s and today.

Both need a new highest price of the memory, so a price that returns to a known level, or to
anything below it, is no rise. A jump becomes part of H: it is not said twice, and a slow climb is
said once for each crossing.

**How long a price is remembered.** Normally `memory_days`. A product that keeps coming back
(`flips` rises of at least `week_rise` that ended at or below a known level) is a reseller's offer
that follows stock: its levels are remembered for `flip_memory_days`, and only a step counts, as a
climb cannot be told from a flip.

**Start and gaps.** A product may jump once it was first listed `settle_days` ago and, if its price
has moved before, has been on at least that many lists. A gap of the series is no event: the
price after it is compared with what was known before it. After more than `memory_days` away a
product is forgotten and starts anew; a first listing is never a rise.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise


class JumpReason(StrEnum):
    """Which of the two thresholds was crossed."""

    STEP = "step"
    WEEK = "week"


@dataclass(frozen=True, slots=True, kw_only=True)
class JumpThresholds:
    """When a list price counts as risen. Rises are fractions, spans are calendar days."""

    step_rise: Decimal = Decimal("0.15")
    week_rise: Decimal = Decimal("0.10")
    week_days: int = 7
    memory_days: int = 30
    flips: int = 2
    flip_memory_days: int = 90
    settle_days: int = 7

    def __post_init__(self) -> None:
        if not 0 < self.week_rise <= self.step_rise:
            raise ValueError("rises are fractions above 0, and a week's is not above a step's")
        if not 0 < self.week_days <= self.memory_days <= self.flip_memory_days:
            raise ValueError("a week is above 0 days and not longer than either memory")
        if self.flips < 1 or self.settle_days < 1:
            raise ValueError("flips and settle_days are at least 1")


DEFAULT_THRESHOLDS = JumpThresholds()


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceJump:
    """A rise of a list price, on the day it was first listed."""

    on: date
    from_price: Decimal  # the highest known price it is measured against
    to_price: Decimal
    rise: Decimal  # fraction: to_price / from_price - 1
    within_days: int  # days from the listing compared with; 1 is overnight
    reason: JumpReason


@dataclass(slots=True, kw_only=True)
class _Product:
    """What is known of one product; the only thing here that changes, day by day."""

    first_on: date
    listings: list[tuple[date, Decimal]] = field(default_factory=list)  # oldest first
    jumped_on: date | None = None

    @property
    def last_on(self) -> date:
        return self.listings[-1][0]

    @property
    def price(self) -> Decimal:
        return self.listings[-1][1]


def find_jumps(
    days: Mapping[date, frozenset[Decimal]],
    *,
    thresholds: JumpThresholds = DEFAULT_THRESHOLDS,
    since: date | None = None,
    until: date | None = None,
) -> tuple[PriceJump, ...]:
    """Return the rises of one series, at most one a day (the greatest), oldest first.

    `days` is all that is known of the series, also before `since`: the memory is built from it. A
    day without prices counts as a day that was not seen. Later days never change earlier jumps, so
    asking for one day at a time gives the same as asking once. Raises ValueError for a price that
    is not a finite amount above zero.
    """
    products: list[_Product] = []
    jumps: list[PriceJump] = []
    previous: date | None = None
    for on in sorted(day for day in days if until is None or day <= until):
        prices = _checked(days[on], on)
        if not prices:
            continue
        rises = _take_in(products, prices, on=on, previous=previous, thresholds=thresholds)
        previous = on
        if rises and (since is None or on >= since):
            jumps.append(max(rises, key=lambda jump: (jump.rise, jump.to_price)))
    return tuple(jumps)


def _checked(prices: frozenset[Decimal], on: date) -> frozenset[Decimal]:
    if any(not price.is_finite() or price <= 0 for price in prices):
        raise ValueError(f"a list price of {on} is not above zero; leave an unknown price out")
    return prices


def _take_in(
    products: list[_Product],
    prices: frozenset[Decimal],
    *,
    on: date,
    previous: date | None,
    thresholds: JumpThresholds,
) -> list[PriceJump]:
    """Add one day's list to the products and return what rose."""
    _forget(products, on=on, thresholds=thresholds)
    unclaimed = set(prices)
    # No two products stand at one price: whoever stood there first has claimed it.
    kept = [product for product in products if product.price in unclaimed]
    unclaimed -= {product.price for product in kept}
    gone = [p for p in products if p.last_on == previous and p.price not in prices]
    rises: list[PriceJump] = []
    for product, price in _paired(gone, unclaimed):
        unclaimed.discard(price)
        jump = _rise(product, price, on=on, thresholds=thresholds)
        if jump is not None:
            product.jumped_on = on
            rises.append(jump)
        product.listings.append((on, price))
    for product in kept:
        product.listings.append((on, product.price))
    products += [_Product(first_on=on, listings=[(on, price)]) for price in sorted(unclaimed)]
    return rises


def _forget(products: list[_Product], *, on: date, thresholds: JumpThresholds) -> None:
    """Drop products that have been away too long, and listings that no rule looks at."""
    away = on - timedelta(days=thresholds.memory_days)
    oldest = on - timedelta(days=thresholds.flip_memory_days)
    products[:] = [product for product in products if product.last_on >= away]
    for product in products:
        product.listings = [listing for listing in product.listings if listing[0] >= oldest]


def _paired(gone: Sequence[_Product], fresh: Iterable[Decimal]) -> list[tuple[_Product, Decimal]]:
    """Say which of the fresh prices each vanished product has now, if any."""
    old, new = sorted(gone, key=lambda product: product.price), sorted(fresh)
    if len(old) == len(new):
        return list(zip(old, new, strict=True))
    by_distance = sorted(
        (_distance(product.price, price), i, j)
        for i, product in enumerate(old)
        for j, price in enumerate(new)
    )
    pairs: dict[int, int] = {}
    for _, i, j in by_distance:
        if i not in pairs and j not in pairs.values():
            pairs[i] = j
    return [(old[i], new[j]) for i, j in sorted(pairs.items())]


def _distance(one: Decimal, other: Decimal) -> Decimal:
    return max(one, other) / min(one, other)


def _rise(
    product: _Product, price: Decimal, *, on: date, thresholds: JumpThresholds
) -> PriceJump | None:
    """Return the rise to `price`, or None if this is no rise or too little is known to say."""
    flipping = _keeps_coming_back(product.listings, thresholds)
    days = thresholds.flip_memory_days if flipping else thresholds.memory_days
    known = [(day, at) for day, at in product.listings if (on - day).days <= days]
    if not _settled(product, known, on=on, settle_days=thresholds.settle_days):
        return None
    highest = max(at for _, at in known)
    if price >= highest * (1 + thresholds.step_rise):
        return _jump(known[-1][0], highest, on=on, price=price, reason=JumpReason.STEP)
    if flipping or price <= highest:
        return None
    return _climb(product, known, on=on, price=price, thresholds=thresholds)


def _settled(
    product: _Product, known: Sequence[tuple[date, Decimal]], *, on: date, settle_days: int
) -> bool:
    moved = any(at != product.price for _, at in known)
    return (on - product.first_on).days >= settle_days and (not moved or len(known) >= settle_days)


def _keeps_coming_back(
    listings: Sequence[tuple[date, Decimal]], thresholds: JumpThresholds
) -> bool:
    highest, returns = listings[0][1], 0
    for (_, before), (_, after) in pairwise(listings):
        if before * (1 + thresholds.week_rise) <= after <= highest:
            returns += 1
        highest = max(highest, after)
    return returns >= thresholds.flips


def _climb(
    product: _Product,
    known: Sequence[tuple[date, Decimal]],
    *,
    on: date,
    price: Decimal,
    thresholds: JumpThresholds,
) -> PriceJump | None:
    """Return the rise over the shortest stretch without a fall in which it crosses the week's."""
    later = price
    for index in range(len(known) - 1, -1, -1):
        day, at = known[index]
        before_last_jump = product.jumped_on is not None and day < product.jumped_on
        if at > later or (on - day).days > thresholds.week_days or before_last_jump:
            return None
        later = at
        highest = max(at for _, at in known[: index + 1])
        if price >= highest * (1 + thresholds.week_rise):
            return _jump(day, highest, on=on, price=price, reason=JumpReason.WEEK)
    return None


def _jump(
    day: date, highest: Decimal, *, on: date, price: Decimal, reason: JumpReason
) -> PriceJump:
    return PriceJump(
        on=on,
        from_price=highest,
        to_price=price,
        rise=price / highest - 1,
        within_days=(on - day).days,
        reason=reason,
    )
