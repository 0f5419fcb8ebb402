"""How a number of GPUs can be put together from several stocks of whole nodes.

A stock gives any multiple of its step up to what it has. Which sums can be reached with exactly so
many of the stocks is kept as the bits of one integer (bit n: n can be reached), so that the walk
over the ways never runs into a dead end, whatever mix of steps there is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import nlargest
from itertools import islice
from math import gcd

MOST_LINES = 32
"""A lease stands in at most so many pools: each of them is locked when it is written."""

Share = tuple[int, int]
"""The index of a stock, and how many GPUs come from it."""

Way = tuple[Share, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """What one pool could give: any multiple of `step`, above zero and up to `most`."""

    step: int
    most: int


def ways(stocks: Sequence[Stock], target: int, *, fewest: int = 2, limit: int) -> tuple[Way, ...]:
    """Return ways to make `target` exactly of as few stocks as will do, `fewest` or more.

    Earlier stocks come first and give the most they can. The first way is the best: no other of as
    few stocks begins with an earlier one. The others are alternatives from other sets of stocks.
    """
    scaled = _scaled(stocks, target)
    if scaled is None or _at_most(stocks) < target:
        return ()
    unit, stocks, target = scaled
    reach = _Reach(stocks, target)
    for picks in range(1, min(len(stocks), MOST_LINES) + 1):
        reach.add_pick()
        if picks >= fewest and reach.can(target, picks=picks, start=0):
            found = islice(reach.walk(target, picks=picks, start=0), limit)
            return tuple(tuple((index, gave * unit) for index, gave in way) for way in found)
    return ()


def most_of(stocks: Sequence[Stock], target: int) -> int:
    """Return the highest number up to `target` that can be made of the stocks; 0 if none can."""
    if len({stock.step for stock in stocks}) == 1:
        # Steps of one size never miss a sum: the usual case, and much the quicker.
        return min(target - target % stocks[0].step, _at_most(stocks))
    unit = gcd(*(stock.step for stock in stocks)) if stocks else 1
    scaled = _scaled(stocks, target - target % unit)
    if scaled is None:
        return 0
    unit, stocks, target = scaled
    reach = _Reach(stocks, target)
    best = 0
    for _ in range(min(len(stocks), MOST_LINES)):
        reach.add_pick()
        best = max(best, reach.highest())
        if best == target:
            break
    return best * unit


class _Reach:
    """Which sums up to a target can be made of exactly so many of the stocks from an index on."""

    def __init__(self, stocks: Sequence[Stock], target: int) -> None:
        self._stocks = stocks
        self._target = target
        self._sums = [[1] * (len(stocks) + 1)]  # of no stock at all: only zero

    def add_pick(self) -> None:
        """Work out the sums of one stock more."""
        before = self._sums[-1]
        sums = [0] * len(before)
        for index in range(len(self._stocks) - 1, -1, -1):
            sums[index] = sums[index + 1] | self._with(self._stocks[index], before[index + 1])
        self._sums.append(sums)

    def can(self, left: int, *, picks: int, start: int) -> bool:
        """Say whether a sum can be made of so many stocks from an index on."""
        return bool(self._sums[picks][start] >> left & 1)

    def highest(self) -> int:
        """Return the highest sum of as many stocks as were added; 0 when there is none."""
        return max(0, self._sums[-1][0].bit_length() - 1)

    def walk(self, left: int, *, picks: int, start: int) -> Iterator[Way]:
        """Yield ways to make a sum of so many stocks, earlier stocks and larger shares first."""
        if picks == 0:
            yield ()
            return
        for index in range(start, len(self._stocks)):
            if not self.can(left, picks=picks, start=index):
                return
            share = self._share(index, left, picks=picks)
            if share is not None:
                for rest in self.walk(left - share, picks=picks - 1, start=index + 1):
                    yield ((index, share), *rest)

    def _share(self, index: int, left: int, *, picks: int) -> int | None:
        """Return the most that a stock can give so that the later ones can make up the rest."""
        stock = self._stocks[index]
        most = min(stock.most, left)
        for share in range(most - most % stock.step, 0, -stock.step):
            if self.can(left - share, picks=picks - 1, start=index + 1):
                return share
        return None

    def _with(self, stock: Stock, sums: int) -> int:
        """Return the sums with one to all nodes of a stock added."""
        if not sums:
            return 0
        nodes = min(stock.most, self._target) // stock.step
        if not nodes:
            return 0
        added, done = sums << stock.step, 1
        while done < nodes:
            more = min(done, nodes - done)
            added |= added << (stock.step * more)
            done += more
        return added & ((2 << self._target) - 1)


def _at_most(stocks: Sequence[Stock]) -> int:
    return sum(nlargest(MOST_LINES, (stock.most for stock in stocks)))


def _scaled(stocks: Sequence[Stock], target: int) -> tuple[int, list[Stock], int] | None:
    """Return the common unit, and all in it; None when no sum of the stocks is the target."""
    if not stocks or target < 1:
        return None
    unit = gcd(*(stock.step for stock in stocks))
    if target % unit:
        return None
    scaled = [Stock(step=stock.step // unit, most=stock.most // unit) for stock in stocks]
    return unit, scaled, target // unit
