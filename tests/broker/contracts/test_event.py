"""The chain: whatever of it is changed, dropped, added or moved is found, and named."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.contracts.event import (
    GENESIS,
    ChainFault,
    Event,
    EventKind,
    canonical,
    first_fault,
    root_of,
    seal,
)
from broker.errors import BadInputError
from tests.builders import a_draft, chained, contract_recorded, line_recorded, quote_recorded

STREAM = "contract/c1"
CHANGES: dict[str, Callable[[Any], Any]] = {
    "stream": lambda stream: stream + "x",
    "seq": lambda seq: seq + 1,
    "kind": lambda kind: next(other for other in EventKind if other is not kind),
    "payload": lambda payload: {**payload, "more": 1},
    "valid_from": lambda day: day + timedelta(days=1),
    "recorded_at": lambda moment: moment + timedelta(microseconds=1),
    "actor": lambda actor: actor + " ",
    "reason": lambda reason: reason + " ",
    "document": lambda document: "a letter" if document is None else None,
    "prev_hash": lambda prev_hash: prev_hash[::-1] if prev_hash != GENESIS else "f" * 64,
    "hash": lambda digest: digest[::-1],
}
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
leaves = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | texts
payloads = st.dictionaries(
    texts, st.recursive(leaves, lambda inner: st.lists(inner, max_size=3), max_leaves=4), max_size=3
)


def a_chain() -> list[Event]:
    return chained(contract_recorded(), line_recorded(), quote_recorded())


def fault_in(events: list[Event], head: str | None = None) -> ChainFault | None:
    return first_fault(STREAM, events, head)


def test_an_event_has_no_field_that_the_hash_leaves_out() -> None:
    assert set(CHANGES) == set(Event.__dataclass_fields__)


@pytest.mark.parametrize("position", [0, 1, 2])
@pytest.mark.parametrize("name", CHANGES)
def test_any_change_of_any_field_of_any_event_is_found_where_it_is(
    name: str, position: int
) -> None:
    events = a_chain()
    event = events[position]
    changed = replace(event, **{name: CHANGES[name](getattr(event, name))})

    fault = fault_in([*events[:position], changed, *events[position + 1 :]])

    assert fault is not None
    assert fault.seq == changed.seq


@given(payload=payloads, other=payloads)
def test_two_payloads_have_one_hash_only_if_they_say_the_same(
    payload: dict[str, Any], other: dict[str, Any]
) -> None:
    one, two = (chained(a_draft(EventKind.NOTE_CHANGED, each))[0] for each in (payload, other))

    assert (one.hash == two.hash) == (canonical(payload) == canonical(other))


@given(payload=payloads)
def test_an_event_of_any_content_verifies(payload: dict[str, Any]) -> None:
    events = chained(a_draft(EventKind.NOTE_CHANGED, payload), contract_recorded())

    assert fault_in(events, events[-1].hash) is None


@pytest.mark.parametrize("dropped", [0, 1])
def test_an_event_that_is_gone_is_missed(dropped: int) -> None:
    events = a_chain()
    del events[dropped]

    fault = fault_in(events)
    assert fault is not None
    assert "missing" in fault.what


def test_two_events_that_changed_places_are_found() -> None:
    first, second, third = a_chain()

    assert fault_in([first, third, second]) is not None


def test_a_chain_that_lost_its_tail_does_not_end_at_its_head() -> None:
    events = a_chain()
    fault = fault_in(events[:-1], events[-1].hash)

    assert fault is not None
    assert (fault.seq, "lost" in fault.what) == (3, True)


def test_a_forged_event_behind_the_head_is_found() -> None:
    events = a_chain()
    forged = seal(
        line_recorded(), stream=STREAM, recorded_at=events[-1].recorded_at, before=events[-1]
    )

    fault = fault_in([*events, forged], events[-1].hash)
    assert fault is not None


@pytest.mark.parametrize("number", [2**60, float("nan"), float("inf")])
def test_a_number_that_no_hash_can_hold_is_a_fault_and_no_crash(number: float) -> None:
    first, second, third = a_chain()
    changed = replace(second, payload={**second.payload, "line_no": number})

    fault = fault_in([first, changed, third])
    assert fault is not None
    assert fault.seq == 2


def test_the_root_tells_of_every_head_and_not_of_their_order() -> None:
    heads = [("contract/a", "1"), ("contract/b", "2")]

    assert root_of(heads) == root_of(reversed(heads))
    assert root_of(heads) != root_of([("contract/a", "2"), ("contract/b", "1")])
    assert root_of(heads) != root_of(heads[:1])


def test_the_hash_does_not_depend_on_the_order_of_names() -> None:
    one = a_draft(EventKind.NOTE_CHANGED, {"owner": "a", "notes": None})
    two = a_draft(EventKind.NOTE_CHANGED, {"notes": None, "owner": "a"})

    assert chained(one)[0].hash == chained(two)[0].hash


def test_a_day_is_hashed_as_people_write_it() -> None:
    drafts = [a_draft(EventKind.NOTE_CHANGED, {}, valid_from=day) for day in DAYS]

    assert len({chained(draft)[0].hash for draft in drafts}) == len(DAYS)


DAYS = (date(2026, 1, 12), date(2026, 11, 2), date(2026, 12, 1))


@pytest.mark.parametrize("value", ["\udcff", 2**60, float("nan")])
def test_what_cannot_be_written_down_is_not_sealed(value: object) -> None:
    with pytest.raises(BadInputError, match="write it anew"):
        chained(a_draft(EventKind.NOTE_CHANGED, {"notes": value}))
