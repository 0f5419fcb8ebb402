"""The chain of the audit log: whatever is changed in it is found."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.access.audit import (
    GENESIS,
    AuditDraft,
    AuditEntry,
    Origin,
    first_fault,
    sealed,
    state_hash,
)
from broker.errors import BadInputError

NOON = datetime(2026, 5, 15, 12, tzinfo=UTC)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
maybe = st.none() | words
drafts = st.builds(
    AuditDraft,
    actor=words,
    action=words,
    object_id=words,
    origin=st.builds(Origin, key_id=maybe, request_id=maybe, address=maybe),
    status=st.none() | st.integers(100, 599),
    before_hash=maybe,
    after_hash=maybe,
)


def a_chain(found: list[AuditDraft]) -> list[AuditEntry]:
    chain: list[AuditEntry] = []
    for number, draft in enumerate(found):
        at = NOON + timedelta(seconds=number)
        chain.append(sealed(draft, at=at, before=chain[-1] if chain else None))
    return chain


@given(found=st.lists(drafts, max_size=6))
def test_a_chain_that_nobody_touched_verifies(found: list[AuditDraft]) -> None:
    chain = a_chain(found)

    assert first_fault(chain) is None
    assert [entry.seq for entry in chain] == list(range(1, len(found) + 1))


@given(found=st.lists(drafts, min_size=1, max_size=5), other=drafts, data=st.data())
def test_an_entry_that_says_something_else_is_found(
    found: list[AuditDraft], other: AuditDraft, data: st.DataObject
) -> None:
    chain = a_chain(found)
    place = data.draw(st.integers(0, len(chain) - 1))
    changed = [*chain]
    changed[place] = replace(chain[place], draft=other)

    fault = first_fault(changed)

    assert (fault is None) == (other == found[place])
    assert fault is None or fault.seq == place + 1


@given(found=st.lists(drafts, min_size=2, max_size=5), data=st.data())
def test_an_entry_that_is_gone_or_elsewhere_is_found(
    found: list[AuditDraft], data: st.DataObject
) -> None:
    chain = a_chain(found)
    place = data.draw(st.integers(0, len(chain) - 2))
    swapped = [*chain]
    swapped[place], swapped[place + 1] = chain[place + 1], chain[place]

    assert first_fault(chain[:place] + chain[place + 1 :]) is not None
    assert first_fault(swapped) is not None


@given(found=st.lists(drafts, min_size=2, max_size=5))
def test_an_end_that_was_cut_off_is_found_by_a_head_that_was_kept(found: list[AuditDraft]) -> None:
    chain = a_chain(found)
    kept = chain[-1].hash

    assert first_fault(chain[:-1]) is None
    assert first_fault(chain, kept_hash=kept) is None
    fault = first_fault(chain[:-1], kept_hash=kept)
    assert fault is not None
    assert "was lost" in fault.what


@pytest.mark.parametrize(
    "change", [{"at": NOON + timedelta(days=1)}, {"prev_hash": "1" * 64}, {"hash": "1" * 64}]
)
def test_another_time_or_hash_is_found(change: dict[str, object]) -> None:
    chain = a_chain([AuditDraft(actor="dana", action="key.created", object_id="k")] * 2)

    assert first_fault([chain[0], replace(chain[1], **change)]) is not None  # type: ignore[arg-type]


def test_an_empty_chain_verifies_and_its_head_is_known() -> None:
    assert first_fault([], kept_hash=GENESIS) is None


def test_time_never_runs_back_in_the_chain() -> None:
    draft = AuditDraft(actor="dana", action="key.created", object_id="k")
    first = sealed(draft, at=NOON, before=None)

    assert sealed(draft, at=NOON - timedelta(hours=1), before=first).at == NOON


def test_half_a_character_cannot_be_put_on_record() -> None:
    with pytest.raises(BadInputError, match="UTF-8"):
        sealed(AuditDraft(actor="\ud800", action="a", object_id="o"), at=NOON, before=None)


def test_the_hash_of_a_state_does_not_depend_on_the_order_of_its_fields() -> None:
    assert state_hash({"a": 1, "b": None}) == state_hash({"b": None, "a": 1})
    assert state_hash({"a": 1}) != state_hash({"a": 2})
    assert state_hash(None) is None
