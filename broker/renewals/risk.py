"""Risk: one number from 0 to 100 to sort renewals by, always with the parts it is made of.

Each part is a fraction clipped to 0 to 1, times a weight; the weights add up to 100. A part whose
inputs are not known is left unknown, and the score is then a range: from that part being 0 to it
being 1. Nothing is invented to make a single number.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from broker.errors import BadInputError
from broker.renewals.hike import simple_hike
from pricing.money import Money

FULL_HIKE = Decimal(1)
"""A price that doubles scores in full."""

FULL_PREMIUM = Decimal("0.5")
"""A price half over the market scores in full."""

CALM_NOTICE_DAYS = Decimal(180)
"""This long before the notice deadline time is no risk yet."""

FULL_SPEND_SHARE = Decimal("0.25")
"""A renewal that takes this part of all yearly GPU spend scores in full."""

_NONE, _ALL = Decimal(0), Decimal(1)


class RiskFactor(StrEnum):
    """What a renewal can be risky by."""

    HIKE = "hike"
    MARKET_PREMIUM = "market premium"
    TIME = "time to notice"
    SPEND = "share of spend"
    AVAILABILITY = "availability"


WEIGHTS = {
    RiskFactor.HIKE: Decimal(25),
    RiskFactor.MARKET_PREMIUM: Decimal(15),
    RiskFactor.TIME: Decimal(25),
    RiskFactor.SPEND: Decimal(15),
    RiskFactor.AVAILABILITY: Decimal(20),
}
"""Points out of a hundred that each factor can add."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskInputs:
    """What is known of a renewal. None is unknown, and says so in the score."""

    price_now: Money | None
    offer: Money | None  # None also when there is no offer yet
    benchmark: Money | None
    year_gpu_hours: Decimal  # of the twelve months after the end
    days_to_notice: int | None  # negative: the right is lost; without a clause, days to the end
    annual_gpu_spend: Money | None  # ours, with all suppliers
    replacement_lead_days: int | None
    days_to_end: int  # to the end instant


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskPart:
    """One factor's weight and its value from 0 to 1, None when unknown."""

    factor: RiskFactor
    weight: Decimal
    value: Decimal | None

    @property
    def low(self) -> Decimal:
        """Return the points this part adds at least."""
        return self.weight * (_NONE if self.value is None else self.value)

    @property
    def high(self) -> Decimal:
        """Return the points this part adds at most."""
        return self.weight * (_ALL if self.value is None else self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskScore:
    """A score out of a hundred, as a range that is a single number when all parts are known."""

    parts: tuple[RiskPart, ...]

    @property
    def low(self) -> Decimal:
        """Return the score if every unknown part turned out harmless."""
        return sum((part.low for part in self.parts), _NONE)

    @property
    def high(self) -> Decimal:
        """Return the score if every unknown part turned out as bad as can be."""
        return sum((part.high for part in self.parts), _NONE)

    @property
    def value(self) -> Decimal | None:
        """Return the score; None while a part of it is unknown."""
        return None if self.unknown else self.low

    @property
    def unknown(self) -> tuple[RiskFactor, ...]:
        """Return the factors that are not known."""
        return tuple(part.factor for part in self.parts if part.value is None)

    def part(self, factor: RiskFactor) -> RiskPart:
        """Return the part of one factor."""
        return next(part for part in self.parts if part.factor is factor)


def risk_score(given: RiskInputs) -> RiskScore:
    """Return the renewal risk with its parts.

    Hike and premium by their full marks, 1 - days to notice / calm days, the offer's share of
    yearly spend by its full mark, and replacement lead time / days to the end. While there is no
    offer the benchmark stands in for it: the price that will probably be asked, at no premium.
    """
    values = {
        RiskFactor.HIKE: _hike(given),
        RiskFactor.MARKET_PREMIUM: _premium(given),
        RiskFactor.TIME: _time(given.days_to_notice),
        RiskFactor.SPEND: _spend(given),
        RiskFactor.AVAILABILITY: _availability(given),
    }
    return RiskScore(
        parts=tuple(
            RiskPart(factor=factor, weight=weight, value=values[factor])
            for factor, weight in WEIGHTS.items()
        )
    )


def _hike(given: RiskInputs) -> Decimal | None:
    asked = _asked(given)
    if given.price_now is None or asked is None:
        return None
    return _clipped(simple_hike(given.price_now, asked) / FULL_HIKE)


def _premium(given: RiskInputs) -> Decimal | None:
    asked = _asked(given)
    if given.benchmark is None or asked is None:
        return None
    return _clipped(simple_hike(given.benchmark, asked) / FULL_PREMIUM)


def _time(days_to_notice: int | None) -> Decimal | None:
    if days_to_notice is None:
        return None
    return _clipped(1 - days_to_notice / CALM_NOTICE_DAYS)


def _spend(given: RiskInputs) -> Decimal | None:
    asked = _asked(given)
    if asked is None or given.annual_gpu_spend is None:
        return None
    if given.annual_gpu_spend.amount <= 0:
        raise BadInputError("yearly GPU spend is above zero; leave it out when it is not known")
    share = (asked * given.year_gpu_hours).ratio_to(given.annual_gpu_spend)
    return _clipped(share / FULL_SPEND_SHARE)


def _availability(given: RiskInputs) -> Decimal | None:
    if given.replacement_lead_days is None:
        return None
    if given.days_to_end <= 0:
        return _ALL  # it has ended: whatever the lead time, nothing arrives before that
    return _clipped(Decimal(given.replacement_lead_days) / given.days_to_end)


def _asked(given: RiskInputs) -> Money | None:
    return given.offer if given.offer is not None else given.benchmark


def _clipped(fraction: Decimal) -> Decimal:
    return min(max(fraction, _NONE), _ALL)
