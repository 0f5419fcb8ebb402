"""Quantiles of a rate: how much to have, so that it was enough for this share of the time.

The formula is the empirical one, weighted by time and without interpolation: sort the windows by
their rate; the quantile q is the first rate at which the windows so far make up at least q of all
seconds. So it is a rate that was seen, lies between the least and the greatest, never falls when q
rises, and does not depend on the order of the windows. The *peak factor* is the quantile over the
mean by time; a plan for the mean is short by that factor in the busy hours.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

SIZING_QUANTILE: Final = 0.99
"""What is sized on unless somebody wishes otherwise."""

NEAR_EMPTY: Final = 0.05
"""Below this share of the median a window counts as not metered, rather than as quiet."""

_ROUNDING: Final = 1e-12
"""Of q times the seconds: 0.99 x 200 s is a little more than 198 s to a machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RateWindow:
    """A rate that held for a while."""

    tokens_per_second: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RateSizing:
    """A series of rates at one quantile, beside its mean; rates in tokens per second."""

    quantile: float
    tokens_per_second: float
    mean_tokens_per_second: float
    peak_tokens_per_second: float
    windows: int
    seconds: float

    @property
    def peak_factor(self) -> float | None:
        """Return the quantile over the mean; None of a series in which nothing happened."""
        if self.mean_tokens_per_second == 0:
            return None
        return self.tokens_per_second / self.mean_tokens_per_second


def rate_quantile(windows: Iterable[RateWindow], quantile: float) -> float:
    """Return the rate that was enough for this share of the seconds.

    Raises ValueError for a quantile outside 0 to 1, and for a series without any seconds.
    """
    if not 0 <= quantile <= 1:
        raise ValueError("a quantile is a share from 0 to 1, such as 0.99")
    lasting = sorted(
        (window for window in windows if window.seconds > 0),
        key=lambda window: window.tokens_per_second,
    )
    if not lasting:
        raise ValueError("a quantile needs at least one window that lasted")
    wanted = quantile * sum(window.seconds for window in lasting) * (1 - _ROUNDING)
    passed = 0.0
    for window in lasting:
        passed += window.seconds
        if passed >= wanted:
            return window.tokens_per_second
    return lasting[-1].tokens_per_second


def size_rates(
    windows: Sequence[RateWindow], *, quantile: float = SIZING_QUANTILE
) -> RateSizing | None:
    """Return a series at a quantile beside its mean; None of a series without any seconds."""
    seconds = sum(window.seconds for window in windows)
    if seconds <= 0:
        return None
    tokens = sum(window.tokens_per_second * window.seconds for window in windows)
    return RateSizing(
        quantile=quantile,
        tokens_per_second=rate_quantile(windows, quantile),
        mean_tokens_per_second=tokens / seconds,
        peak_tokens_per_second=rate_quantile(windows, 1),
        windows=len(windows),
        seconds=seconds,
    )


def without_near_empty(
    windows: Sequence[RateWindow], *, share: float = NEAR_EMPTY
) -> tuple[RateWindow, ...]:
    """Return the windows that were metered: those with at least a share of the median rate.

    A meter that fails for a while reports next to nothing; taken for quiet hours, that would lower
    the mean and the quantile. Where the hours were truly quiet, leaving them out can only make the
    quantile larger. A series that is mostly zero has no such share, and is returned whole.
    """
    if not any(window.seconds > 0 for window in windows):
        return tuple(windows)
    floor = share * rate_quantile(windows, 0.5)
    return tuple(window for window in windows if window.tokens_per_second >= floor)
