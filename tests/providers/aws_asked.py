"""Asking AWS in tests, and pages of it that say what a test wants."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from pricing.holding import Holding
from pricing.offer import Offer, Terms
from providers.access import Access
from providers.aws import SUPPLIER
from providers.reading import Reading, read
from providers.supplier import (
    Answer,
    Ask,
    Page,
    Place,
)
from tests.providers.counterpart import NOW
from tests.providers.counterparts.aws import COUNTERPART
from tests.providers.exchanges import Recording
from tests.providers.faults import Plan, never, proxied
from tests.providers.moto_aws import serving_aws

OHIO, STOCKHOLM, HYDERABAD = "us-east-2", "eu-north-1", "ap-south-2"
SERVED: Mapping[str, Any] = Recording.of("aws").content["served"]


def asked_of_aws(
    ask: Ask | None = None,
    *,
    plan: Plan = never,
    noted: set[str] | None = None,
    **environment: str,
) -> Reading:
    with serving_aws(noted) as upstream, proxied(upstream, plan) as proxy:
        access = COUNTERPART.access(proxy.url)
        settled = Access(environment={**access.environment, **environment}, now=lambda: NOW)
        return read(SUPPLIER, ask or Ask(), settled)


def offers_of(reading: Reading, name: str, terms: Terms) -> list[Offer]:
    return [
        offer for offer in reading.answer.offers if offer.native_id == name and offer.terms is terms
    ]


def holding(reading: Reading, resource_id: str) -> Holding:
    (found,) = [each for each in reading.answer.holdings if each.resource_id == resource_id]
    return found


def place(reading: Reading, region: str | None) -> Place:
    (found,) = [each for each in reading.places if each.region == region]
    return found


def a_page(call: str, rows: str, *content: Any, location: str | None = OHIO) -> Page:
    return Page(
        call=call,
        location=location,
        url="https://ec2.us-east-2.amazonaws.com",
        body=json.dumps({rows: content}).encode(),
        fetched_at=NOW,
    )


def a_type(name: str, gpu: str, *, count: int = 8, mebibytes: int = 81920, share: float = 1) -> Any:
    device = {
        "Name": gpu,
        "Count": count,
        "GpuPartitionSize": share,
        "MemoryInfo": {"SizeInMiB": mebibytes},
    }
    return {
        "InstanceType": name,
        "SupportedUsageClasses": ["on-demand", "spot", "capacity-block"],
        "VCpuInfo": {"DefaultVCpus": 192},
        "MemoryInfo": {"SizeInMiB": 2097152},
        "GpuInfo": {"Gpus": [device]},
    }


def a_block(fee: str, *, hours: int = 24, minutes: int = 0, instances: int = 1) -> Any:
    start = datetime(2026, 11, 21, 11, 30, tzinfo=UTC)
    return {
        "CapacityBlockOfferingId": "cb-1",
        "InstanceType": "p5.48xlarge",
        "AvailabilityZone": "us-east-2a",
        "InstanceCount": instances,
        "StartDate": start.isoformat(),
        "EndDate": (start + timedelta(hours=hours, minutes=minutes)).isoformat(),
        "CapacityBlockDurationHours": hours,
        "CapacityBlockDurationMinutes": minutes,
        "UpfrontFee": fee,
        "CurrencyCode": "USD",
    }


def a_reservation(state: str) -> Any:
    return {
        "CapacityReservationId": "cr-1",
        "InstanceType": "p5.48xlarge",
        "TotalInstanceCount": 2,
        "AvailableInstanceCount": 0,
        "State": state,
    }


def parsed(*pages: Page) -> Answer:
    return SUPPLIER.parse(pages)
