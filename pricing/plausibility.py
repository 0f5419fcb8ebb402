"""What a GPU-hour can cost at all, and how a wrong unit shows itself.

A price read in the wrong unit is the worst fault of a price feed, and it is never small: cents for
dollars is a factor of 100, a node of eight for one GPU a factor of 8, thousandths or a price per
thousand a factor of 1,000. Two nets catch it. The *band* holds for one price: between what a card
was ever given away for and what the dearest rack was ever listed at, wide enough that no market
leaves it. The *factor* holds for a list: when a supplier's prices have moved, most of them and all
by one such factor, the unit has moved and not the market.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from decimal import Decimal
from statistics import median
from typing import TypeVar

_Key = TypeVar("_Key", bound=Hashable)

UNIT_FACTORS = tuple(Decimal(factor) for factor in ("0.001", "0.01", "0.125", "8", "100", "1000"))
"""By what a price moves when its unit does: node and GPU, cents and dollars, thousandths."""

FACTOR_TOLERANCE = Decimal("0.2")
"""How far from a factor a move may lie, either way, and still be that factor.

A unit may change on a day on which the list moves too, and lists move by up to a fifth at once;
rises of a third and more come, but not to most of a list in the hour in which its unit breaks. The
nearest real moves stay far outside: a rise of 70 % is 1.7 and the least that passes for a factor
is 8 / 1.2 = 6.7; a fall to a fifth is 0.2 and the most is 0.125 * 1.2 = 0.15.
"""

_BANDS: Mapping[str, tuple[Decimal, Decimal]] = {
    "A100": (Decimal("0.1"), Decimal(12)),
    "L40S": (Decimal("0.1"), Decimal(8)),
    "H100": (Decimal("0.2"), Decimal(25)),
    "H200": (Decimal("0.3"), Decimal(30)),
    "B200": (Decimal("0.5"), Decimal(40)),
    "B300": (Decimal(1), Decimal(60)),
    "GB200": (Decimal(1), Decimal(100)),
    "GB300": (Decimal(1), Decimal(100)),
}
_ANY_BAND = (Decimal("0.02"), Decimal(100))


def band(model: str) -> tuple[Decimal, Decimal]:
    """Return the least and the most that a GPU-hour of a model may cost, US dollars, inclusive."""
    return _BANDS.get(model, _ANY_BAND)


def is_plausible(model: str, usd_per_gpu_hour: Decimal) -> bool:
    """Say whether a price can be one of this GPU, US dollars per GPU-hour."""
    least, most = band(model)
    return least <= usd_per_gpu_hour <= most


def factor_moved(before: Mapping[_Key, Decimal], after: Mapping[_Key, Decimal]) -> Decimal | None:
    """Return the factor of a unit by which prices have moved, or None if they have not.

    Looks at the keys in both, one is enough: a unit that broke on a list of one product is no less
    broken. The median ratio names the factor, and at least half of the ratios must agree with it:
    a median that lies there by chance, between some that fell and some that rose, is no unit.
    """
    ratios = [after[key] / price for key, price in before.items() if key in after]
    if not ratios:
        return None
    middle = median(ratios)
    for factor in UNIT_FACTORS:
        if _is_near(middle, factor):
            agreeing = sum(_is_near(ratio, factor) for ratio in ratios)
            return factor if 2 * agreeing >= len(ratios) else None
    return None


def _is_near(ratio: Decimal, factor: Decimal) -> bool:
    return factor <= ratio * (1 + FACTOR_TOLERANCE) and ratio <= factor * (1 + FACTOR_TOLERANCE)
