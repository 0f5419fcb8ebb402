"""Google's advice on capacity: obtainability, spot price history, and the calendar of blocks.

Asked for whole machines of H100 and later, one question per region and machine type. Obtainability
is a likelihood between 0 and 1 for one spot machine: Google calls 0.7 and more high, 0.4 to 0.6
medium, less low. Even low is no statement that there is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from pydantic import Field

from pricing.money import MAX_DECIMALS, Money, currency
from pricing.offer import Stock, StockState, Window
from providers.gcp_calls import GoogleMoney, GoogleShape
from providers.shape import Amount, UtcInstant
from providers.supplier import SpotPrice

BLOCK_DAYS: Final = 7
"""The block that is searched for: a week, so that two searches compare."""

CALENDAR_DAYS: Final = 90
"""How far ahead calendar mode can be booked."""

HIGH: Final = Decimal("0.7")

_RECENT: Final = re.compile(r"a([3-9]|\d\d)")


class _Interval(GoogleShape):
    start_time: UtcInstant


class _PriceRecord(GoogleShape):
    interval: _Interval
    list_price: GoogleMoney


class History(GoogleShape):
    """Spot prices of a machine type."""

    machine_type: str
    location: str
    price_history: tuple[_PriceRecord, ...] = ()


class _Scores(GoogleShape):
    obtainability: Amount | None = None


class _Shard(GoogleShape):
    machine_type: str
    zone: str


class _Recommendation(GoogleShape):
    scores: _Scores = _Scores()
    shards: tuple[_Shard, ...] = ()


class Capacity(GoogleShape):
    """How likely a spot machine could be had."""

    recommendations: tuple[_Recommendation, ...] = ()


class _Block(GoogleShape):
    location: str | None = None
    start_time: UtcInstant | None = None
    end_time: UtcInstant | None = None


class _BlockRecommendation(GoogleShape):
    recommendations_per_spec: Mapping[str, _Block] = Field(default_factory=dict)


class Calendar(GoogleShape):
    """When a block could be had; the question's specification is named by its machine type."""

    recommendations: tuple[_BlockRecommendation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Subject:
    """What advice is asked about."""

    region: str
    machine_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A week that could be booked."""

    machine_type: str
    zone: str
    window: Window


def subjects(sizes: Iterable[tuple[str, str, int]]) -> list[Subject]:
    """Return what is worth asking about, of (region, machine type, GPUs): the largest of a series.

    Smaller sizes come out of the same machines, and older GPUs are neither scarce nor sold in
    blocks.
    """
    largest: dict[tuple[str, str], tuple[int, str]] = {}
    for region, machine_type, gpus in sizes:
        if _RECENT.match(machine_type):
            series = (region, machine_type.rpartition("-")[0])
            largest[series] = max(largest.get(series, (0, "")), (gpus, machine_type))
    return sorted(
        Subject(region=region, machine_type=name) for (region, _), (_, name) in largest.items()
    )


def capacity_question(subject: Subject) -> dict[str, Any]:
    """Return how likely one spot machine could be had in any zone of the region."""
    return {
        "size": 1,
        "distribution_policy": {"target_shape": "ANY_SINGLE_ZONE"},
        "instance_properties": {"scheduling": {"provisioning_model": "SPOT"}},
        "instance_flexibility_policy": {
            "instance_selections": {subject.machine_type: {"machine_types": [subject.machine_type]}}
        },
    }


def history_question(subject: Subject, *, project: str) -> dict[str, Any]:
    """Return what a spot machine cost in the region."""
    return {
        "types": ["PRICE"],
        "instance_properties": {
            "machine_type": subject.machine_type,
            "scheduling": {"provisioning_model": "SPOT"},
        },
        "location_policy": {"location": f"projects/{project}/regions/{subject.region}"},
    }


def calendar_question(subject: Subject, *, now: datetime) -> dict[str, Any]:
    """Return when one machine could be had for a week."""
    latest = now + timedelta(days=CALENDAR_DAYS - BLOCK_DAYS)
    seconds = f"{BLOCK_DAYS * 86400}s"
    return {
        "future_resources_specs": {
            subject.machine_type: {
                "target_resources": {
                    "specific_sku_resources": {
                        "machine_type": subject.machine_type,
                        "instance_count": 1,
                    }
                },
                "time_range_spec": {
                    "min_duration": seconds,
                    "max_duration": seconds,
                    "start_time_not_earlier_than": now.isoformat(timespec="seconds"),
                    "start_time_not_later_than": latest.isoformat(timespec="seconds"),
                },
            }
        }
    }


def stocks(said: Capacity) -> Iterator[tuple[tuple[str, str], Stock]]:
    """Yield (machine type, zone) and what its score comes to; the score itself stays as raw."""
    for recommendation in said.recommendations:
        score = recommendation.scores.obtainability
        if score is None:
            continue
        state = StockState.IN_STOCK if score >= HIGH else StockState.CONSTRAINED
        stock = Stock(state=state, raw=f"obtainability {score}")
        for shard in recommendation.shards:
            yield (_last(shard.machine_type), _last(shard.zone)), stock


def spot_prices(said: History, *, region: str) -> Iterator[SpotPrice]:
    """Yield each change of the price that Google remembers."""
    is_zone = "/zones/" in said.location
    for record in said.price_history:
        price = record.list_price
        yield SpotPrice(
            native_id=_last(said.machine_type),
            region=region,
            zone=_last(said.location) if is_zone else None,
            at=record.interval.start_time,
            per_instance=Money(price.amount, currency(price.currency_code)).rounded(MAX_DECIMALS),
        )


def blocks(said: Calendar) -> Iterator[Block]:
    """Yield the weeks that could be booked; a recommendation without a place is a refusal."""
    for recommendation in said.recommendations:
        for machine_type, found in recommendation.recommendations_per_spec.items():
            if found.location and found.start_time and found.end_time:
                yield Block(
                    machine_type=machine_type,
                    zone=_last(found.location),
                    window=Window(start=found.start_time, end=found.end_time),
                )


def _last(link: str) -> str:
    return link.rpartition("/")[2]
