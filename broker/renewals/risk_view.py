"""The risk of a renewal as a brief shows it: the score, its range, and its parts."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from broker.renewals import shown
from broker.renewals.risk import RiskScore


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskPartView:
    """One part: from 0 to 1, and the points out of its weight; None when unknown."""

    factor: str
    weight: Decimal
    value: Decimal | None
    points: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskView:
    """Points out of a hundred; a range while a part is unknown."""

    score: Decimal | None
    low: Decimal
    high: Decimal
    parts: tuple[RiskPartView, ...]


def risk_view(score: RiskScore) -> RiskView:
    """Return a score as it is shown."""
    return RiskView(
        score=None if score.value is None else shown.score(score.value),
        low=shown.score(score.low),
        high=shown.score(score.high),
        parts=tuple(
            RiskPartView(
                factor=part.factor.value,
                weight=part.weight,
                value=shown.maybe_ratio(part.value),
                points=None if part.value is None else shown.score(part.weight * part.value),
            )
            for part in score.parts
        ),
    )
