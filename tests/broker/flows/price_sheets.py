"""Small market price sheets."""

from collections.abc import Mapping
from datetime import date, timedelta

HEADER = "date,provider,gpu,vram_gb,usd_per_gpu_hour,kind,fetched_at"


def price_sheet(
    prices: Mapping[date, str], *, provider: str = "acme", gpu: str = "h100-sxm"
) -> bytes:
    """What a provider asked for one GPU on demand, one row a day."""
    rows = [
        f"{day},{provider},{gpu},80,{price},on-demand,{day}T23:00:00.000Z"
        for day, price in prices.items()
    ]
    return "\n".join([HEADER, *rows, ""]).encode()


def days_at(first: date, *runs: tuple[str, int]) -> dict[date, str]:
    """Prices from runs of a price and a number of days."""
    texts = [text for text, count in runs for _ in range(count)]
    return {first + timedelta(days=offset): text for offset, text in enumerate(texts)}
