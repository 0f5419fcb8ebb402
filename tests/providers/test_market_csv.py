"""A sheet of market prices is read whole: rows, cards nobody knows, and every fault at once."""

import csv
import io
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.hardware import canonical_gpu, known_models
from pricing.money import Money
from pricing.series import PriceHistory, PriceKind, SeriesKey
from providers.csv_sheet import RowFault
from providers.market_csv import COLUMNS, MarketRow, MarketSheet, parse

HEADER = ",".join(COLUMNS)
GOOD = "2026-07-05,lambda,b200,180,3.79,on-demand,2026-07-05T23:04:21.815Z"
REAL_SHEET = Path(__file__).parents[2] / "../shared/data/market-prices/2026-07-05_to_2026-08-05.csv"


def a_sheet(*lines: str, header: str = HEADER, end: str = "\n") -> bytes:
    return (end.join((header, *lines)) + end).encode()


def a_line(**cells: str) -> str:
    values = dict(zip(COLUMNS, GOOD.split(","), strict=True)) | cells
    return ",".join(values[name] for name in COLUMNS)


def in_arabic(digits: str) -> str:
    return "".join(chr(0x660 + int(sign)) if sign.isdigit() else sign for sign in digits)


def complaints(sheet: MarketSheet) -> list[tuple[str, int | None, str | None]]:
    return [(fault.code, fault.line, fault.field) for fault in sheet.faults]


def test_a_row_is_read_with_its_line_canonical_gpu_exact_price_and_utc_time() -> None:
    line = a_line(fetched_at="2026-07-06T01:04:21+02:00")

    sheet = parse(a_sheet(line))

    assert sheet == MarketSheet(
        rows=(
            MarketRow(
                line=2,
                observed_on=date(2026, 7, 5),
                key=SeriesKey(
                    provider="lambda",
                    gpu_model="B200",
                    part="B200-SXM",
                    memory_gb=180,
                    kind=PriceKind.ON_DEMAND,
                    gpu_as_quoted="b200",
                ),
                gpu=canonical_gpu("B200-SXM"),
                price=Money(Decimal("3.79")),
                fetched_at=datetime(2026, 7, 5, 23, 4, 21, tzinfo=UTC),
                raw=line,
            ),
        )
    )
    assert sheet.rows[0].fetched_at.utcoffset() == UTC.utcoffset(None)


def test_two_prices_of_one_day_are_two_products_and_identical_rows_count_once() -> None:
    sheet = parse(a_sheet(GOOD, a_line(usd_per_gpu_hour="4.49"), GOOD))

    (days,) = sheet.prices_by_series().values()

    assert days == {date(2026, 7, 5): frozenset({Decimal("3.79"), Decimal("4.49")})}
    assert len(sheet.rows) == 3


@pytest.mark.parametrize(
    "content",
    [
        a_sheet(GOOD, end="\r\n"),
        b"\xef\xbb\xbf" + a_sheet(GOOD),
        a_sheet("", GOOD, "", ",,,,,,", "  "),
        a_sheet(",".join(f'"{cell}"' for cell in GOOD.split(","))),
        a_sheet(GOOD.replace(",", " , ")),
        a_sheet(GOOD, header=HEADER.upper()),
        a_sheet(GOOD.replace("lambda", "Lambda").replace("on-demand", "On-Demand")),
        a_sheet(GOOD).rstrip(),
        a_sheet(",".join(reversed(GOOD.split(","))), header=",".join(reversed(HEADER.split(",")))),
    ],
    ids=["crlf", "bom", "blank", "quoted", "spaces", "header", "case", "no last break", "order"],
)
def test_the_usual_ways_to_write_a_sheet_read_the_same(content: bytes) -> None:
    sheet = parse(content)

    assert sheet.faults == ()
    assert [row.key for row in sheet.rows] == [row.key for row in parse(a_sheet(GOOD)).rows]


def test_lines_are_physical_after_blank_lines() -> None:
    sheet = parse(a_sheet("", GOOD, "", a_line(date="soon")))

    assert [row.line for row in sheet.rows] == [3]
    assert complaints(sheet) == [("bad_date", 5, "date")]


def test_a_cell_with_a_line_break_is_told_on_the_line_where_its_row_begins() -> None:
    sheet = parse(a_sheet(a_line(provider='"lam\nbda"'), a_line(kind="rent")))

    assert complaints(sheet) == [("bad_text", 2, "provider"), ("unknown_kind", 4, "kind")]


@pytest.mark.parametrize(
    ("field", "cell", "code"),
    [
        ("date", "2026-02-30", "bad_date"),
        ("date", "05/07/2026", "bad_date"),
        ("date", "20260705", "bad_date"),
        ("date", "2026-W27-7", "bad_date"),
        ("date", in_arabic("2026-07-05"), "bad_date"),
        ("date", "2026-07-05T00:00:00", "bad_date"),
        ("date", "", "missing_required"),
        ("provider", "", "missing_required"),
        ("provider", "   ", "missing_required"),
        ("provider", "x" * 121, "bad_text"),
        ("provider", "lam\0bda", "nul"),
        ("provider", "lam\x1bbda", "bad_text"),
        ("gpu", "", "missing_required"),
        ("gpu", "b2\0", "nul"),
        ("vram_gb", "80.5", "bad_number"),
        ("vram_gb", "-80", "bad_number"),
        ("vram_gb", in_arabic("80"), "bad_number"),
        ("vram_gb", "80GB", "bad_number"),
        ("vram_gb", "0", "not_positive"),
        ("usd_per_gpu_hour", "", "missing_required"),
        ("usd_per_gpu_hour", "NaN", "bad_number"),
        ("usd_per_gpu_hour", "Infinity", "bad_number"),
        ("usd_per_gpu_hour", "1e400", "bad_number"),
        ("usd_per_gpu_hour", "1E1", "bad_number"),
        ("usd_per_gpu_hour", in_arabic("3.5"), "bad_number"),
        ("usd_per_gpu_hour", '"3,79"', "bad_number"),
        ("usd_per_gpu_hour", '"1,000.00"', "bad_number"),
        ("usd_per_gpu_hour", "$3.79", "bad_number"),
        ("usd_per_gpu_hour", "+3.79", "bad_number"),
        ("usd_per_gpu_hour", "3_79", "bad_number"),
        ("usd_per_gpu_hour", ".5", "bad_number"),
        ("usd_per_gpu_hour", "3.", "bad_number"),
        ("usd_per_gpu_hour", "9" * 100, "bad_number"),
        ("usd_per_gpu_hour", "0", "not_positive"),
        ("usd_per_gpu_hour", "0.00", "not_positive"),
        ("usd_per_gpu_hour", "-0", "not_positive"),
        ("usd_per_gpu_hour", "-3.79", "negative_value"),
        ("usd_per_gpu_hour", "0.0049", "price_out_of_range"),
        ("usd_per_gpu_hour", "200.01", "price_out_of_range"),
        ("usd_per_gpu_hour", "1." + "3" * 18, "too_precise"),
        ("kind", "reserved", "unknown_kind"),
        ("kind", "", "missing_required"),
        ("fetched_at", "2026-07-05T23:04:21", "naive_timestamp"),
        ("fetched_at", "2026-07-05", "bad_timestamp"),
        ("fetched_at", "2026-07-05T25:04:21Z", "bad_timestamp"),
        ("fetched_at", "2026-07-05T23:04:21+99:00", "bad_timestamp"),
        ("fetched_at", "0001-01-01T00:00:00+23:00", "bad_timestamp"),
        ("fetched_at", "yesterday", "bad_timestamp"),
    ],
)
def test_a_bad_cell_is_told_with_line_and_column(field: str, cell: str, code: str) -> None:
    sheet = parse(a_sheet(GOOD, a_line(**{field: cell})))

    assert complaints(sheet) == [(code, 3, field)]
    assert len(sheet.rows) == 1


@pytest.mark.parametrize("price", ["0.005", "200", "200.00", "1", "0.746875"])
def test_prices_up_to_the_limits_are_kept_exactly(price: str) -> None:
    sheet = parse(a_sheet(a_line(usd_per_gpu_hour=price)))

    assert [row.price.amount for row in sheet.rows] == [Decimal(price)]
    assert sheet.notices == ()


@pytest.mark.parametrize(
    ("quoted", "stored"),
    [
        ("0.7479175", "0.747918"),
        ("2.0440725", "2.044072"),
        ("2.04407275", "2.044073"),
        ("1.9999999999999998", "2"),
    ],
)
def test_a_quotient_is_rounded_half_even_once_and_told(quoted: str, stored: str) -> None:
    sheet = parse(a_sheet(a_line(usd_per_gpu_hour=quoted)))

    assert [row.price.amount for row in sheet.rows] == [Decimal(stored)]
    assert [(note.code, note.line) for note in sheet.notices] == [("price_rounded", 2)]
    assert sheet.faults == ()


def test_trailing_zeros_are_not_precision() -> None:
    sheet = parse(a_sheet(a_line(usd_per_gpu_hour="3.7900000000")))

    assert sheet.rows[0].price == Money(Decimal("3.79"))
    assert sheet.notices == ()


def test_an_empty_memory_is_unknown_not_zero() -> None:
    sheet = parse(a_sheet(a_line(vram_gb="")))

    assert sheet.faults == ()
    assert sheet.rows[0].key.memory_gb is None


def test_an_observed_memory_is_kept_and_told_when_it_is_not_the_cards() -> None:
    sheet = parse(
        a_sheet(a_line(gpu="b300", vram_gb="262"), a_line(gpu="rtx-pro-6000-wk", vram_gb="24"))
    )

    assert [row.key.memory_gb for row in sheet.rows] == [262, 24]
    assert [(note.code, note.line) for note in sheet.notices] == [("memory_differs", 3)]


def test_a_new_card_is_set_aside_whole_and_the_rest_goes_on() -> None:
    new = a_line(gpu='"B2000 ""Ultra"""')

    sheet = parse(a_sheet(new, GOOD))

    assert sheet.faults == ()
    assert [row.line for row in sheet.rows] == [3]
    (aside,) = sheet.unmapped
    assert (aside.line, aside.raw, aside.gpu_as_quoted) == (2, new, 'B2000 "Ultra"')
    assert "alias table" in aside.reason


def test_a_slice_of_a_gpu_is_set_aside() -> None:
    name = "NVIDIA RTX PRO 6000 Blackwell Server Edition MIG 1g.24gb"

    (aside,) = parse(a_sheet(a_line(gpu=name))).unmapped

    assert "fraction" in aside.reason


def test_every_fault_of_a_sheet_is_told_at_once() -> None:
    sheet = parse(
        a_sheet(
            a_line(date="x", provider="", usd_per_gpu_hour="free", kind="x", fetched_at="x"),
            "too,short",
            GOOD + ",too long",
            a_line(gpu="no such card", vram_gb="much"),
            GOOD,
        )
    )

    assert complaints(sheet) == [
        ("bad_date", 2, "date"),
        ("missing_required", 2, "provider"),
        ("bad_number", 2, "usd_per_gpu_hour"),
        ("unknown_kind", 2, "kind"),
        ("bad_timestamp", 2, "fetched_at"),
        ("cell_count", 3, None),
        ("cell_count", 4, None),
        ("bad_number", 5, "vram_gb"),
    ]
    assert [row.line for row in sheet.rows] == [6]
    assert [aside.line for aside in sheet.unmapped] == [5]


def test_faults_of_the_header_do_not_hide_those_of_the_rows() -> None:
    header = HEADER.replace("kind", "date").replace("vram_gb", "colour")

    sheet = parse(a_sheet(a_line(date="x", kind="2026-07-05"), header=header))

    assert complaints(sheet) == [
        ("duplicate_column", 1, "date"),
        ("missing_column", 1, "vram_gb"),
        ("missing_column", 1, "kind"),
        ("unknown_column", 1, "colour"),
        ("bad_date", 2, "date"),
    ]
    assert sheet.rows == ()


@pytest.mark.parametrize("name", COLUMNS)
def test_each_column_is_needed(name: str) -> None:
    position = COLUMNS.index(name)
    without = [
        [cell for at, cell in enumerate(line.split(",")) if at != position]
        for line in (HEADER, GOOD)
    ]

    sheet = parse("\n".join(",".join(cells) for cells in without).encode())

    assert complaints(sheet) == [("missing_column", 1, name)]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "missing_header"),
        (b"\n\n", "missing_header"),
        (b"\xef\xbb\xbf", "missing_header"),
        (GOOD.encode(), "missing_header"),
        (a_sheet(GOOD).decode().encode("utf-16"), "not_utf8"),
    ],
)
def test_what_is_no_sheet_is_one_fault(content: bytes, code: str) -> None:
    assert [fault.code for fault in parse(content).faults] == [code]


def test_a_sheet_without_rows_is_empty_and_sound() -> None:
    assert parse(a_sheet()) == MarketSheet()


def test_a_cell_that_is_not_utf8_is_told_where_it_stands() -> None:
    content = a_sheet(GOOD, a_line(provider="caf@"), GOOD).replace(b"@", b"\xe9")

    sheet = parse(content)

    assert complaints(sheet) == [("not_utf8", 3, "provider")]
    assert len(sheet.rows) == 2


@pytest.mark.parametrize("row", ['2026-07-05,"lambda" x,b200', '2026-07-05,"lambda', "x" * 200_000])
def test_quotes_that_do_not_match_are_a_fault_of_their_line(row: str) -> None:
    sheet = parse(a_sheet(GOOD, row))

    assert complaints(sheet) == [("bad_quoting", 3, None)]


def test_messages_leave_prices_out() -> None:
    sheet = parse(
        a_sheet(*(a_line(usd_per_gpu_hour=price) for price in ("-7.77", "777", "7,7", "7.7777777")))
    )

    assert not any("7.7" in note.message or "777" in note.message for note in _told(sheet))


def _told(sheet: MarketSheet) -> Sequence[RowFault]:
    return (*sheet.faults, *sheet.notices)


def _written(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([COLUMNS, *rows])
    return text.getvalue().encode("utf-8", errors="surrogatepass")


texts = st.text(max_size=12) | st.sampled_from(
    [*GOOD.split(","), "", "1e400", "NaN", "0", "0.1234567", "2026-02-30", "H200", "H2OO", "\0"]
)


@given(rows=st.lists(st.lists(texts, min_size=6, max_size=8), max_size=4))
def test_any_cells_become_rows_warnings_or_faults_with_a_line(rows: list[list[str]]) -> None:
    sheet = parse(_written(rows))

    for fault in _told(sheet):
        assert fault.line is not None
        assert fault.message.isprintable()
    for row in sheet.rows:
        assert row.key.gpu_model in known_models()
        assert row.price.amount > 0
        assert row.fetched_at.tzinfo is UTC
    lines = {row.line for row in sheet.rows} | {aside.line for aside in sheet.unmapped}
    lines |= {fault.line for fault in sheet.faults if fault.line}
    assert len(lines) >= sum(any(cell.strip() for cell in row) for row in rows)


@given(content=st.binary(max_size=200))
def test_any_bytes_are_a_sheet_or_faults(content: bytes) -> None:
    assert parse(content).rows == ()
    parse(a_sheet(GOOD) + content)


prices = st.decimals(min_value="0.005", max_value="200", places=6)
days = st.dates(min_value=date(2020, 1, 1), max_value=date(2030, 1, 1))


@given(observed=st.lists(st.tuples(days, prices), max_size=10))
def test_what_is_written_is_what_is_read(observed: list[tuple[date, Decimal]]) -> None:
    sheet = parse(
        a_sheet(*(a_line(date=str(day), usd_per_gpu_hour=f"{price:f}") for day, price in observed))
    )

    assert [(row.observed_on, row.price.amount) for row in sheet.rows] == observed
    assert (sheet.faults, sheet.notices) == ((), ())


@pytest.mark.skipif(
    not REAL_SHEET.is_file(), reason="the month of public list prices is not beside the repository"
)
def test_a_real_month_of_list_prices_is_understood_whole() -> None:
    sheet = parse(REAL_SHEET.read_bytes())

    assert (len(sheet.rows), sheet.unmapped, sheet.faults) == (7468, (), ())
    for key, prices_by_day in sheet.prices_by_series().items():
        history = PriceHistory.of(prices_by_day)
        assert history.prices_by_day() == prices_by_day, key
