"""The form of a key, what is kept of it, and when it stops opening anything."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.access.key import (
    ID_LETTERS,
    SECRET_BYTES,
    USE_NOTED_EVERY,
    ApiKey,
    KeyState,
    checked_name,
    digest_of,
    id_in,
    matches,
    overlap_of,
    written,
)
from broker.access.scope import Role
from broker.errors import BadInputError

NOON = datetime(2026, 5, 15, 12, tzinfo=UTC)
KEY = written("dana0001", bytes(range(SECRET_BYTES)))
A_RECORD = ApiKey(
    id="dana0001",
    name="dana",
    role=Role.VIEWER,
    last4=KEY[-4:],
    created_at=NOON,
    digest=digest_of(KEY, pepper="salt and"),
)

ids = st.text(alphabet=ID_LETTERS, min_size=8, max_size=8)
secret_bytes = st.binary(min_size=SECRET_BYTES, max_size=SECRET_BYTES)


@given(key_id=ids, secret=secret_bytes)
def test_the_id_can_be_read_back_from_a_key(key_id: str, secret: bytes) -> None:
    assert id_in(written(key_id, secret)) == key_id


@given(one=secret_bytes, other=secret_bytes)
def test_different_random_bytes_make_different_keys(one: bytes, other: bytes) -> None:
    assert (written("dana0001", one) == written("dana0001", other)) == (one == other)


@pytest.mark.parametrize("secret", [bytes(SECRET_BYTES), b"\xff" * SECRET_BYTES])
def test_keys_are_equally_long_whatever_their_bytes(secret: bytes) -> None:
    assert len(written("dana0001", secret)) == len(KEY)


def test_a_key_is_not_made_from_too_few_random_bytes() -> None:
    with pytest.raises(ValueError, match="32 random bytes"):
        written("dana0001", b"short")


@given(text=st.text(max_size=80))
def test_other_text_is_no_key(text: str) -> None:
    assert id_in(text) is None


@pytest.mark.parametrize("text", [KEY[:-1], KEY + "0", KEY + "\n", " " + KEY, KEY.upper()])
def test_a_key_with_one_letter_wrong_in_length_or_place_is_no_key(text: str) -> None:
    assert id_in(text) is None


def test_a_key_matches_its_own_record() -> None:
    assert matches(KEY, A_RECORD, pepper="salt and")


def test_another_secret_or_another_pepper_does_not_match() -> None:
    other = written("dana0001", bytes(SECRET_BYTES))

    assert not matches(other, A_RECORD, pepper="salt and")
    assert not matches(KEY, A_RECORD, pepper="")


def test_a_record_does_not_show_its_digest() -> None:
    assert A_RECORD.digest not in repr(A_RECORD)


def test_a_key_expires_at_its_hour_and_not_before() -> None:
    record = replace(A_RECORD, expires_at=NOON + timedelta(days=30))

    assert record.state(NOON + timedelta(days=30, microseconds=-1)) is KeyState.LIVE
    assert record.state(NOON + timedelta(days=30)) is KeyState.EXPIRED


def test_a_revoked_key_stays_revoked_when_it_would_have_expired() -> None:
    record = replace(A_RECORD, expires_at=NOON, revoked_at=NOON)

    assert record.state(NOON + timedelta(days=1)) is KeyState.REVOKED


def test_a_use_is_noted_once_a_minute() -> None:
    record = replace(A_RECORD, last_used_at=NOON)

    assert A_RECORD.use_is_due(NOON)
    assert not record.use_is_due(NOON + USE_NOTED_EVERY - timedelta(seconds=1))
    assert record.use_is_due(NOON + USE_NOTED_EVERY)


@pytest.mark.parametrize("name", ["dana", "price-bot 2", "ops@example.com", "A.b_c"])
def test_a_name_says_who_uses_the_key(name: str) -> None:
    assert checked_name(f" {name} ") == name


@pytest.mark.parametrize("name", ["", "  ", "-dana", "a\nb", "a\x00", "x" * 65, "naïve"])
def test_a_name_nobody_could_type_into_a_command_is_refused(name: str) -> None:
    with pytest.raises(BadInputError, match="letters, digits"):
        checked_name(name)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("0s", timedelta(0)),
        ("90s", timedelta(seconds=90)),
        ("30m", timedelta(minutes=30)),
        ("24h", timedelta(days=1)),
        (" 30d ", timedelta(days=30)),
    ],
)
def test_an_overlap_is_read_with_its_unit(text: str, length: timedelta) -> None:
    assert overlap_of(text) == length


@pytest.mark.parametrize("text", ["", "24", "h", "-1h", "1.5h", "1w", "24 h", "31d", "999999999d"])
def test_an_overlap_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(BadInputError):
        overlap_of(text)
