"""A sheet of exchange rates is read whole: rates, and every fault at once."""

from datetime import date
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from providers.fx_csv import COLUMNS, HIGHEST_RATE, parse


def a_sheet(*lines: str, header: str = ",".join(COLUMNS)) -> bytes:
    return "\n".join((header, *lines, "")).encode()


def test_columns_may_come_in_any_order() -> None:
    sheet = parse(
        a_sheet("invented,1.094,2026-05-11,usd,eur", header="source,rate,date,quote,base")
    )

    (row,) = sheet.rows
    assert (row.rate.base, row.rate.quote, row.rate.rate) == ("EUR", "USD", Decimal("1.094"))
    assert (row.line, row.rate.on, row.rate.source) == (2, date(2026, 5, 11), "invented")


def test_two_rates_of_one_pair_and_day_are_a_conflict_and_a_repetition_is_not() -> None:
    good = "EUR,USD,2026-05-11,1.094,invented"

    assert len(parse(a_sheet(good, good)).rows) == 1
    (fault,) = parse(a_sheet(good, "EUR,USD,2026-05-11,1.1,invented")).faults
    assert (fault.code, fault.line) == ("conflict_in_file", 3)
    assert "line 2" in fault.message


def test_a_rate_is_above_zero_and_no_typing_mistake() -> None:
    for rate in ("0", "0.000", str(HIGHEST_RATE + 1)):
        (fault,) = parse(a_sheet(f"EUR,USD,2026-05-11,{rate},invented")).faults
        assert (fault.code, fault.field) == ("not_positive", "rate")


@given(rate=st.decimals(min_value="0.0001", max_value="9999", places=6))
def test_a_rate_is_read_to_its_last_digit(rate: Decimal) -> None:
    (row,) = parse(a_sheet(f"EUR,USD,2026-05-11,{rate:f},invented")).rows

    assert row.rate.rate == rate


@given(content=st.binary(max_size=300))
def test_no_bytes_make_reading_fail(content: bytes) -> None:
    sheet = parse(content)

    assert sheet.rows or sheet.faults or not content.strip() or b"base" in content
