"""A capacity request as text: one text for one meaning, and a fingerprint of it.

Canonical JSON (RFC 8785) of every field, defaults too, so that it reads the same when a default
changes. Amounts are plain digits, instants UTC, regions sorted; models keep their order, which is
one of preference. Two requests are the same if and only if their fingerprints are.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import rfc8785

from broker.capacity.request import CapacitySpec
from pricing.money import Money, currency, plain, storable

_ENCODER = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
)


def spec_to_json(spec: CapacitySpec) -> str:
    """Return the canonical text. Raises ValueError for an instant without a time zone."""
    return _canonical(
        {
            "gpu_models": list(spec.gpu_models),
            "gpu_count": spec.gpu_count,
            "node_size": spec.node_size,
            "regions": sorted(spec.regions),
            "residency": spec.residency,
            "min_tier": spec.min_tier,
            "min_reliability_ppm": spec.min_reliability_ppm,
            "max_price": _price_out(spec.max_price),
            "duration_seconds": spec.duration_seconds,
            "starts_at": _instant_out(spec.starts_at),
            "ttl_seconds": spec.ttl_seconds,
            "priority": spec.priority,
            "is_preemptible": spec.is_preemptible,
            "is_gang": spec.is_gang,
            "may_queue": spec.may_queue,
            "deadline": _instant_out(spec.deadline),
            "holder": spec.holder,
            "labels": dict(spec.labels),
        }
    )


def spec_from_json(text: str) -> CapacitySpec:
    """Return the request of a text that `spec_to_json` wrote. Raises ValueError for any other."""
    try:
        fields: dict[str, Any] = json.loads(text)
        return CapacitySpec(
            **{
                **fields,
                "gpu_models": tuple(fields["gpu_models"]),
                "regions": frozenset(fields["regions"]),
                "max_price": _price_in(fields["max_price"]),
                "starts_at": _instant_in(fields["starts_at"]),
                "deadline": _instant_in(fields["deadline"]),
            }
        )
    except (KeyError, TypeError, ArithmeticError) as unlike:
        raise ValueError("this text is not a stored capacity request; ask for it anew") from unlike


def fingerprint(spec: CapacitySpec) -> str:
    """Return the SHA-256 of the canonical text, in hexadecimal."""
    return fingerprint_of(spec_to_json(spec))


def fingerprint_of(text: str) -> str:
    """Return the fingerprint of a request that is at hand as canonical text."""
    return hashlib.sha256(text.encode()).hexdigest()


def _canonical(fields: dict[str, Any]) -> str:
    """Return RFC 8785's text of fields like ours, by the encoder written in C.

    Of text, whole numbers, truths and nothing it writes the same, if names are ASCII: it sorts
    them by code point, the standard by UTF-16. A test holds the two against each other.
    """
    if not all(name.isascii() for name in fields["labels"]):
        return rfc8785.dumps(fields).decode()
    return _ENCODER.encode(fields)


def _price_out(price: Money | None) -> dict[str, str] | None:
    if price is None:
        return None
    return {"amount": plain(storable(price.amount)), "currency": price.currency}


def _price_in(price: dict[str, str] | None) -> Money | None:
    if price is None:
        return None
    return Money(Decimal(price["amount"]), currency(price["currency"]))


def _instant_out(instant: datetime | None) -> str | None:
    if instant is None:
        return None
    if instant.tzinfo is None:
        raise ValueError("an instant names its time zone")
    return instant.astimezone(UTC).isoformat()


def _instant_in(instant: str | None) -> datetime | None:
    return None if instant is None else datetime.fromisoformat(instant)
