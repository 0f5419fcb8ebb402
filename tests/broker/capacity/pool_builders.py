"""Pools, requests and their strategies, small enough to try every way there is."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from broker.capacity.pool import Pool, PoolKind
from broker.capacity.request import CapacitySpec
from pricing.money import USD, Currency, Money

NOON = datetime(2026, 5, 15, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
EUR = Currency("EUR")


def a_pool(pool_id: str = "p1", **changes: Any) -> Pool:
    """64 B200 in us-central, all free, in machines of 8, at 2.63 dollars."""
    available = changes.get("available", 64)
    defaults: dict[str, Any] = {
        "id": pool_id,
        "kind": PoolKind.CONTRACT,
        "supplier": "harbor-compute",
        "contract_id": "c1",
        "contract_ref": "HC-2025-B200-01",
        "line_no": 1,
        "gpu_model": "B200",
        "form_factor": "SXM",
        "region": "us-central",
        "residency": "US",
        "tier": "gold",
        "reliability_ppm": 999_000,
        "node_size": 8,
        "contracted": max(64, available),
        "available": available,
        "kept_back": 0,
        "claimed": 0,
        "gen": 1,
        "is_cordoned": False,
        "is_draining": False,
        "opens_at": None,
        "closes_at": None,
        "marginal": Money(Decimal(0)),
        "effective": Money(Decimal("2.63")),
        "usd_marginal": Decimal(0),
        "usd_effective": Decimal("2.63"),
    }
    return Pool(**{**defaults, **changes})


def a_spec(gpu_count: int = 8, **changes: Any) -> CapacitySpec:
    """8 B200 until released."""
    defaults: dict[str, Any] = {"gpu_models": ("B200",), "holder": "chat"}
    return CapacitySpec(gpu_count=gpu_count, **{**defaults, **changes})


prices = st.sampled_from([None, Decimal(1), Decimal(2), Decimal(3)])


@st.composite
def some_pools(draw: st.DrawFn, *, most: int = 5) -> list[Pool]:
    """Up to five pools that differ in all that a request may ask for."""
    pools = []
    for number in range(draw(st.integers(0, most))):
        available = draw(st.integers(0, 16))
        price = draw(prices)
        currency = draw(st.sampled_from([USD, EUR]))
        pool = a_pool(
            f"p{number}",
            kind=draw(st.sampled_from(PoolKind)),
            gpu_model=draw(st.sampled_from(["B200", "H200"])),
            region=draw(st.sampled_from(["us-central", "eu-north1", None])),
            residency=draw(st.sampled_from(["US", "FI", None])),
            tier=draw(st.sampled_from(["gold", "bronze", "unrated", None])),
            reliability_ppm=draw(st.sampled_from([None, 990_000, 999_000])),
            node_size=draw(st.sampled_from([1, 2, 4, 6])),
            available=available,
            contracted=available + draw(st.sampled_from([0, 4, 8])),
            kept_back=draw(st.sampled_from([0, 0, 2])),
            is_cordoned=draw(rarely),
            is_draining=draw(rarely),
            opens_at=draw(st.sampled_from([None, NOON, NOON + HOUR])),
            closes_at=draw(st.sampled_from([None, None, NOON + HOUR, NOON + 3 * HOUR])),
            effective=None if price is None else Money(price, currency),
            usd_marginal=draw(prices),
            usd_effective=price if currency == USD else None,
        )
        pools.append(pool)
    return pools


rarely = st.sampled_from([False] * 7 + [True])


@st.composite
def some_spec(draw: st.DrawFn) -> CapacitySpec:
    """A request with few conditions, most of the time."""
    node_size = draw(st.sampled_from([None, None, 2, 4]))
    return a_spec(
        draw(st.integers(1, 6)) * (node_size or 1),
        node_size=node_size,
        gpu_models=draw(st.sampled_from([("B200",), ("B200", "H200"), ("H200", "B200")])),
        regions=frozenset(draw(st.sampled_from([(), (), ("us-central",), ("EU-North1",)]))),
        residency=draw(st.sampled_from([None, None, None, "us"])),
        min_tier=draw(st.sampled_from([None, None, "silver", "bronze"])),
        min_reliability_ppm=draw(st.sampled_from([None, None, 995_000])),
        max_price=draw(st.sampled_from([None, None, Money(Decimal(2)), Money(Decimal(2), EUR)])),
        duration_seconds=draw(st.sampled_from([None, 1800, 7200])),
        starts_at=draw(st.sampled_from([None, NOON + HOUR])),
        is_gang=draw(st.booleans()),
        may_queue=draw(st.booleans()),
    )
