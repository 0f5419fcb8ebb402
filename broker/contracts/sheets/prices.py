"""From a price as quoted to a price per GPU-hour.

per_node_hour is divided by the GPUs of a node, per_gpu_month by the hours of an average month. The
division is exact and rounded once, half-even, to the decimals the books keep; the quoted number and
its basis are kept beside it, so nothing is lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction

from broker.contracts.sheets.currencies import ROUGH_UNITS_PER_USD
from pricing.commitment import PriceBasis
from pricing.money import MAX_DECIMALS, Currency

HOURS_PER_MONTH = 730
"""8,760 hours over 12; only for turning a monthly price into an hourly one."""

SXM_NODE_SIZE = 8
USUAL_NODE_SIZES = frozenset({1, 2, 4, 8, 16, 36, 72})

LOWEST_USD_PER_GPU_HOUR = Decimal("0.05")
HIGHEST_USD_PER_GPU_HOUR = Decimal(50)


def price_per_gpu_hour(
    unit_price: Decimal, basis: PriceBasis, *, gpus_per_node: int | None
) -> Fraction:
    """Return the exact hourly price of one GPU; raise ValueError without a needed node size."""
    if basis is PriceBasis.PER_GPU_HOUR:
        return Fraction(unit_price)
    if basis is PriceBasis.PER_GPU_MONTH:
        return Fraction(unit_price) / HOURS_PER_MONTH
    if gpus_per_node is None:
        raise ValueError("a price per node-hour needs the number of GPUs in a node")
    return Fraction(unit_price) / gpus_per_node


def blended(prices: Iterable[tuple[int, Fraction]]) -> Fraction:
    """Return the mean of prices per GPU-hour, each weighted by its number of GPUs."""
    pairs = list(prices)
    return sum((gpus * price for gpus, price in pairs), Fraction(0)) / sum(g for g, _ in pairs)


def stored(price: Fraction) -> Decimal:
    """Return the price rounded half-even to the decimals the books keep."""
    return Decimal(round(price * 10**MAX_DECIMALS)).scaleb(-MAX_DECIMALS)


def default_node_size(form_factor: str | None) -> int | None:
    """Return the GPUs of a node where the form factor settles it: SXM boards come in eights."""
    return SXM_NODE_SIZE if form_factor is not None and form_factor.startswith("SXM") else None


def is_plausible(price: Decimal, currency: Currency) -> bool:
    """Say whether a GPU-hour can cost this. A currency without a rough rate is not judged."""
    units = ROUGH_UNITS_PER_USD.get(currency)
    if units is None:
        return price > 0
    return LOWEST_USD_PER_GPU_HOUR * units <= price <= HIGHEST_USD_PER_GPU_HOUR * units
