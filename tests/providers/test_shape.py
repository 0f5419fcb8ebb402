"""Answers read by their declared shape: exact figures, aware times, and faults told without values."""

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import AnswerChanged
from providers.shape import (
    MOST_MALFORMED,
    Amount,
    CamelShape,
    Shape,
    UtcInstant,
    read_as,
    read_page,
    read_rows,
)
from providers.supplier import Page, SkipReason
from tests.providers.counterpart import MARK, NOW


class Priced(Shape):
    name: str
    price: Amount


class Dated(Shape):
    at: UtcInstant


def amount(value: Any) -> Decimal:
    return read_as(Priced, {"name": "x", "price": value}, call="types", supplier="acme").price


def instant(value: Any) -> datetime:
    return read_as(Dated, {"at": value}, call="types", supplier="acme").at


def rows(*values: Any) -> tuple[list[Priced], list[tuple[str, SkipReason]]]:
    read, skips = read_rows(
        Priced, values, name_of=lambda row: row["name"], call="types", supplier="acme"
    )
    return read, [(skip.native_id, skip.reason) for skip in skips]


def a_page(content: Any) -> Page:
    return Page(call="types", url="u", body=json.dumps(content).encode(), fetched_at=NOW)


# Amounts


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (8, "8"),
        (Decimal("2.49"), "2.49"),
        ("8", "8"),
        ("8.00", "8.00"),
        ("$8.00", "8.00"),
        ("$ 8.00", "8.00"),
        ("  $1,234.50 ", "1234.50"),
        ("1,234,567", "1234567"),
        (".5", "0.5"),
        ("$.5", "0.5"),
        ("0.000001", "0.000001"),
        ("1e-5", "0.00001"),
        ("2.5E2", "250"),
        ("-1.5", "-1.5"),
        ("0", "0"),
    ],
)
def test_an_amount_is_read_as_suppliers_write_it(written: Any, meant: str) -> None:
    assert amount(written) == Decimal(meant)


@pytest.mark.parametrize(
    "written",
    [
        "",
        " ",
        "$",
        "-",
        "e5",
        "-e5",
        "$e5",
        "8.",
        "8 000",
        "1,23",
        "12,34",
        "1.234,50",
        "8.00 USD",
        "€8",
        "free",
        "NaN",
        "Infinity",
        "1e999999",
        "1e-999999",
        "1e99",
        Decimal("1e999999"),
        10**60,
        8.0,
        float("nan"),
        True,
        False,
        None,
        [8],
        {"value": 8},
    ],
)
def test_what_is_no_exact_amount_is_refused(written: Any) -> None:
    with pytest.raises(AnswerChanged, match=r"^types: price: "):
        amount(written)


@given(
    number=st.decimals(
        min_value=-(10**9), max_value=10**9, allow_nan=False, allow_infinity=False, places=6
    )
)
def test_an_amount_comes_through_exactly_in_every_way_of_writing_it(number: Decimal) -> None:
    ways: list[Any] = [number, str(number), f"{number:,f}", f" {number:f} "]
    ways += [f"${number:,f}"] if number >= 0 else []

    assert {amount(way) for way in ways} == {number}
    assert {amount(json.loads(f"{number:f}", parse_float=Decimal))} == {number}


@given(text=st.text())
def test_any_text_is_an_amount_that_we_can_reckon_with_or_refused(text: str) -> None:
    try:
        read = amount(text)
    except AnswerChanged:
        return
    assert (read * 8).is_finite()


# Instants


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-20T08:00:00Z",
        "2026-11-20T08:00:00+00:00",
        "2026-11-20T09:00:00+01:00",
        "2026-11-20T08:00:00",
        "2026-11-20 08:00:00",
        1795161600,
        Decimal("1795161600.0"),
    ],
)
def test_an_instant_is_read_as_suppliers_write_it(written: Any) -> None:
    assert instant(written) == datetime(2026, 11, 20, 8, tzinfo=UTC)
    assert instant(written).utcoffset() == timedelta(0)


@given(
    at=st.datetimes(
        min_value=datetime(1971, 1, 1),  # noqa: DTZ001 - hypothesis adds the offset
        max_value=datetime(2200, 1, 1),  # noqa: DTZ001
        timezones=st.integers(min_value=-14, max_value=14).map(
            lambda hours: timezone(timedelta(hours=hours))
        ),
    )
)
def test_an_instant_comes_through_in_utc(at: datetime) -> None:
    assert instant(at.isoformat()) == at
    assert instant(int(at.timestamp())) == at.replace(microsecond=0)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "soon",
        "20/11/2026",
        f"2026-{MARK}",
        "0001-01-01T00:00:00+14:00",
        1795161600000,
        10**30,
        Decimal("1e40"),
        -(10**18),
        True,
        None,
        1.5,
    ],
)
def test_what_is_no_instant_is_refused_without_quoting_it(written: Any) -> None:
    with pytest.raises(AnswerChanged) as refused:
        instant(written)

    assert "such as 2026-11-20T08:00:00Z" in str(refused.value)
    assert MARK not in str(refused.value)


# Whole answers


def test_fields_that_nobody_reads_are_ignored() -> None:
    assert read_page(Priced, a_page({"name": "a", "price": 1, "new": []}), supplier="acme") == (
        Priced(name="a", price=Decimal(1))
    )


def test_a_difference_is_told_by_call_and_path_and_not_by_value() -> None:
    content = [{"name": "a", "price": 1}, {"name": {"was": MARK}, "cost": MARK}]

    with pytest.raises(AnswerChanged) as changed:
        read_page(list[Priced], a_page(content), supplier="acme")

    assert "types: 1.name: " in str(changed.value)
    assert "1.price: Field required" in str(changed.value)
    assert MARK not in str(changed.value)


def test_of_many_differences_the_first_are_told_and_the_rest_counted() -> None:
    with pytest.raises(AnswerChanged, match=r"and 7 more; the adapter needs an update$"):
        read_page(list[Priced], a_page([{}] * 5), supplier="acme")


@pytest.mark.parametrize("content", [None, "list", 7, {"name": "a"}])
def test_where_a_list_is_due_nothing_else_will_do(content: Any) -> None:
    with pytest.raises(AnswerChanged, match="valid list"):
        read_page(list[Priced], a_page(content), supplier="acme")


def test_a_null_in_a_camel_shape_is_an_absence() -> None:
    class Sized(CamelShape):
        gpu_count: int = 0

    assert read_as(Sized, {"gpuCount": 8}, call="c", supplier="acme").gpu_count == 8
    assert read_as(Sized, {"gpuCount": None}, call="c", supplier="acme").gpu_count == 0
    with pytest.raises(AnswerChanged):
        read_as(Sized, [], call="c", supplier="acme")


# Rows

VALUES = st.decimals(min_value="0.01", max_value=100, places=2)


def test_a_row_that_cannot_be_read_is_skipped_by_its_name() -> None:
    good = [{"name": str(number), "price": 1} for number in range(MOST_MALFORMED - 1)]

    read, skips = rows(*good, {"name": "odd", "price": "ask us"})

    assert len(read) == MOST_MALFORMED - 1
    assert skips == [("odd", SkipReason.MALFORMED)]


@pytest.mark.parametrize("row", [None, "text", 7, [], {"price": MARK}])
def test_a_row_without_a_name_is_told_by_its_number(row: Any) -> None:
    good = [{"name": str(number), "price": 1} for number in range(9)]

    assert rows(*good, row)[1] == [("row 10", SkipReason.MALFORMED)]


@given(good=st.integers(0, 40), bad=st.integers(0, 10))
def test_more_than_one_unreadable_row_in_five_is_a_changed_answer(good: int, bad: int) -> None:
    values: list[Any] = [{"name": f"good {number}", "price": 1} for number in range(good)]
    values += [{"name": f"bad {number}", "price": MARK} for number in range(bad)]

    if bad * 5 > good + bad:
        with pytest.raises(AnswerChanged, match=f"{bad} of {good + bad} rows") as changed:
            rows(*values)
        assert MARK not in str(changed.value)
    else:
        read, skips = rows(*values)
        assert (len(read), len(skips)) == (good, bad)


def test_the_reason_of_a_skip_holds_no_value() -> None:
    values = [{"name": str(number), "price": 1} for number in range(9)]

    _, skips = read_rows(
        Priced,
        [*values, {"name": "odd", "price": MARK}],
        name_of=lambda row: row["name"],
        call="types",
        supplier="acme",
    )

    assert MARK not in repr(skips)
    assert skips[0].detail.startswith("price: ")


def test_no_rows_are_no_fault() -> None:
    assert rows() == ([], [])
