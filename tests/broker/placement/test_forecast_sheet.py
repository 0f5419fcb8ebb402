"""Forecast sheets: what is written is read again, and every fault is told at once."""

from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from broker.placement.demand_forecast import Forecast
from broker.placement.forecast_sheet import FORECAST_COLUMNS, forecast_sheet, read_forecasts

HEADER = ",".join(FORECAST_COLUMNS.names)
GOOD = "chat-70b,chat,us,2026-05,interactive,100,150.5,1,planning"

names = st.text(alphabet="aZ9 ,\"'-=é你", min_size=1, max_size=8).filter(
    lambda text: text.strip() == text
)
rates = st.decimals(min_value=0, max_value=999_999_999, places=6)


@st.composite
def forecasts(draw: st.DrawFn) -> Forecast:
    low, high = sorted((draw(rates), draw(rates)))
    return Forecast(
        model=draw(names),
        class_name=draw(names),
        node=draw(names),
        month=draw(st.dates(date(2000, 1, 1), date(2100, 12, 1))).replace(day=1),
        workload_class=draw(names),
        p50_tokens_per_second=low,
        p90_tokens_per_second=high,
        version=draw(st.integers(min_value=1, max_value=10**9 - 1)),
        source=draw(names),
    )


def sheet(*rows: str) -> bytes:
    return "\n".join((HEADER, *rows, "")).encode()


@given(
    stated=st.lists(
        forecasts(), min_size=1, max_size=4, unique_by=lambda each: (each.key, each.version)
    )
)
def test_what_is_written_is_read_again(stated: list[Forecast]) -> None:
    found, faults = read_forecasts(forecast_sheet(stated).encode())

    assert faults == []
    assert list(found.values()) == stated


def test_a_row_tells_its_line() -> None:
    found, faults = read_forecasts(sheet("", GOOD))

    assert faults == []
    assert [(line, each.p90_tokens_per_second) for line, each in found.items()] == [
        (3, Decimal("150.5"))
    ]


def test_every_fault_is_told_at_once_with_its_line_and_field() -> None:
    found, faults = read_forecasts(
        sheet(
            "chat-70b,chat,us,May 2026,interactive,1.000,150,1,planning",
            "chat-70b,chat,,2026-05,interactive,100,90,0,",
            "chat-70b,chat,us,2026-13,interactive,-1,,1,planning",
            "chat-70b,chat,us",
        )
    )

    assert [(fault.line, fault.field) for fault in faults] == [
        (2, "month"),
        (3, "node"),
        (3, "source"),
        (3, "version"),
        (3, "p90_tokens_per_second"),
        (4, "p90_tokens_per_second"),
        (4, "month"),
        (4, "p50_tokens_per_second"),
        (5, None),
    ]
    assert found == {}


def test_a_row_that_repeats_another_counts_once_and_one_that_contradicts_it_is_a_fault() -> None:
    repeated, none = read_forecasts(sheet(GOOD, GOOD))
    _, (fault,) = read_forecasts(sheet(GOOD, GOOD.replace("100,", "90,")))

    assert (len(repeated), none) == (1, [])
    assert (fault.line, fault.field, fault.code) == (3, "version", "conflict_in_file")


@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_content_makes_the_reading_fail(content: bytes) -> None:
    read_forecasts(content)
    read_forecasts(HEADER.encode() + b"\n" + content)
