"""Sheets of metered use: instants with their offset, whole tokens, no second twice."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from broker.placement.metered_sheet import METERED_COLUMNS, read_metered

HEADER = ",".join(METERED_COLUMNS.names)


def sheet(*rows: str) -> bytes:
    return "\n".join((HEADER, *rows, "")).encode()


def test_an_instant_with_an_offset_is_read_in_utc() -> None:
    found, faults = read_metered(sheet("chat,default,us,2026-05-01T02:00:00+02:00,600,6000,600"))

    assert faults == []
    assert found[2].started_at == datetime(2026, 5, 1, tzinfo=UTC)
    assert (found[2].seconds, found[2].input_tokens, found[2].output_tokens) == (600, 6000, 600)


def test_every_fault_is_told_at_once_with_its_line_and_field() -> None:
    _, faults = read_metered(
        sheet(
            "chat,default,us,2026-05-01T00:00:00,600,1,1",
            "chat,default,us,2026-05-01T00:00:00Z,0,1.5,-1",
            ",default,us,2026-05-01T00:00:00Z,600,1,1e3",
        )
    )

    assert [(fault.line, fault.field) for fault in faults] == [
        (2, "started_at"),
        (3, "seconds"),
        (3, "input_tokens"),
        (3, "output_tokens"),
        (4, "model"),
        (4, "output_tokens"),
    ]


def test_windows_that_share_time_would_count_tokens_twice() -> None:
    _, (fault,) = read_metered(
        sheet(
            "chat,default,us,2026-05-01T00:00:00Z,600,1,1",
            "chat,default,us,2026-05-01T00:05:00Z,600,1,1",
            "chat,default,us,2026-05-01T00:15:00Z,600,1,1",
        )
    )

    assert (fault.line, fault.field) == (3, "started_at")
    assert "line 2" in fault.message


@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_content_makes_the_reading_fail(content: bytes) -> None:
    read_metered(HEADER.encode() + b"\n" + content)
