"""A request has one text and one fingerprint."""

import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from broker.capacity.request import CapacitySpec
from broker.capacity.spec_json import fingerprint, spec_from_json, spec_to_json
from pricing.money import Currency, Money
from tests.broker.capacity.pool_builders import NOON, a_spec

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
instants = st.datetimes(
    min_value=datetime(2000, 1, 2),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    timezones=st.integers(-12, 12).map(lambda hours: timezone(timedelta(hours=hours))),
)
prices = st.builds(
    Money,
    st.decimals(0, 10**6, places=6, allow_nan=False, allow_infinity=False),
    st.sampled_from([Currency("USD"), Currency("EUR")]),
)


@st.composite
def any_spec(draw: st.DrawFn) -> CapacitySpec:
    node_size = draw(st.none() | st.integers(1, 8))
    return CapacitySpec(
        gpu_models=tuple(draw(st.lists(words, min_size=1, max_size=3))),
        gpu_count=draw(st.integers(1, 100)) * (node_size or 1),
        node_size=node_size,
        regions=draw(st.frozensets(words, max_size=4)),
        residency=draw(st.none() | words),
        min_tier=draw(st.none() | words),
        min_reliability_ppm=draw(st.none() | st.integers(0, 1_000_000)),
        max_price=draw(st.none() | prices),
        duration_seconds=draw(st.none() | st.integers(1, 10**9)),
        starts_at=draw(st.none() | instants),
        ttl_seconds=draw(st.integers(1, 86_400)),
        priority=draw(st.integers(0, 1000)),
        is_preemptible=draw(st.booleans()),
        is_gang=draw(st.booleans()),
        may_queue=draw(st.booleans()),
        deadline=draw(st.none() | instants),
        holder=draw(words),
        labels=draw(st.dictionaries(words, words, max_size=4)),
    )


@given(spec=any_spec())
def test_the_text_is_canonical_to_the_byte(spec: CapacitySpec) -> None:
    text = spec_to_json(spec)

    assert text.encode() == rfc8785.dumps(json.loads(text))


@given(spec=any_spec())
def test_a_request_comes_back_from_its_text_as_it_was(spec: CapacitySpec) -> None:
    assert spec_from_json(spec_to_json(spec)) == spec
    assert spec_to_json(spec_from_json(spec_to_json(spec))) == spec_to_json(spec)


@given(one=any_spec(), other=any_spec())
def test_two_requests_are_the_same_exactly_when_their_fingerprints_are(
    one: CapacitySpec, other: CapacitySpec
) -> None:
    assert (fingerprint(one) == fingerprint(other)) == (one == other)


@given(spec=any_spec(), order=st.randoms(use_true_random=False))
def test_neither_the_order_of_words_nor_of_labels_or_regions_matters(
    spec: CapacitySpec, order: Any
) -> None:
    labels, regions = list(spec.labels.items()), list(spec.regions)
    order.shuffle(labels)
    order.shuffle(regions)
    stored = list(json.loads(spec_to_json(spec)).items())
    order.shuffle(stored)

    again = spec_from_json(json.dumps(dict(stored)))
    shuffled = replace(again, labels=dict(labels), regions=frozenset(regions))

    assert fingerprint(shuffled) == fingerprint(spec)


def test_a_fingerprint_does_not_depend_on_zeros_or_time_zones() -> None:
    elsewhere = NOON.astimezone(timezone(timedelta(hours=5)))
    one = a_spec(max_price=Money(Decimal("2.50")), starts_at=NOON)
    other = a_spec(max_price=Money(Decimal("2.5")), starts_at=elsewhere)

    assert fingerprint(one) == fingerprint(other)


CHANGES: dict[str, Any] = {
    "gpu_models": ("B200", "H200"),
    "gpu_count": 16,
    "node_size": 8,
    "regions": frozenset({"eu-north1"}),
    "residency": "DE",
    "min_tier": "gold",
    "min_reliability_ppm": 1,
    "max_price": Money(Decimal(1)),
    "duration_seconds": 1,
    "starts_at": NOON,
    "ttl_seconds": 61,
    "priority": 501,
    "is_preemptible": True,
    "is_gang": False,
    "may_queue": True,
    "deadline": NOON,
    "holder": "search",
    "labels": {"a": "b"},
}


@pytest.mark.parametrize("name", [each.name for each in fields(CapacitySpec)])
def test_every_field_counts(name: str) -> None:
    changed = replace(a_spec(), **{name: CHANGES[name]})

    assert fingerprint(changed) != fingerprint(a_spec())
    assert spec_from_json(spec_to_json(changed)) == changed


def test_the_order_of_preference_of_models_counts() -> None:
    models = ("B200", "H200")

    assert fingerprint(a_spec(gpu_models=models)) != fingerprint(a_spec(gpu_models=models[::-1]))


@pytest.mark.parametrize("text", ["", "{}", "[]", '"B200"', "null", '{"gpu_models": ["B200"]}'])
def test_another_text_is_not_a_request(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a stored capacity request|Expecting value"):
        spec_from_json(text)


def test_a_time_without_a_zone_is_nobodys() -> None:
    with pytest.raises(ValueError, match="time zone"):
        spec_to_json(a_spec(starts_at=NOON.replace(tzinfo=None)))


def test_times_are_stored_in_utc() -> None:
    read = spec_from_json(spec_to_json(a_spec(starts_at=NOON)))

    assert read.starts_at is not None
    assert read.starts_at.tzinfo is UTC
