"""A price sheet is read whole: every row with its line, every fault with line and field."""

import csv
import io
import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pricing.offer import PriceUnit, StockState, Terms
from providers.access import Access
from providers.errors import AnswerChanged, ErrorKind, SupplierError
from providers.price_rows import (
    CALL,
    COLUMNS,
    MOST_TOLD,
    OPTIONAL,
    PriceRow,
    price_rows,
    read_price_rows,
    sheet_page,
)
from providers.price_sheet import OLD_AFTER
from providers.supplier import Page
from tests.providers.counterpart import NOW

HEADER = ",".join(COLUMNS)
GOOD = {
    "supplier": "harbor-compute",
    "native_id": "hc-h100-8",
    "gpu": "H100 SXM5",
    "gpu_count": "8",
    "gpu_memory_gb": "80",
    "region": "us-east",
    "terms": "reserved",
    "term_months": "12",
    "price": "2.35",
    "unit": "gpu",
    "currency": "USD",
    "stock": "in-stock",
    "as_of": "2026-11-02",
    "source": "price page",
}
MANUAL = Path(__file__).parents[2] / "docs" / "price-sheets.md"

WRONG = {
    "gpu_count": ("bad_number", ["0", "8.0", "-8", "eight", "8x", "100000", "\u0668"]),
    "gpu_memory_gb": ("bad_number", ["80GB", "0", "141.5"]),
    "terms": ("unknown_word", ["rent", "on demand"]),
    "term_months": ("bad_number", ["1 year", "0"]),
    "price": ("bad_number", ["$2.35", "-1", "1e3", "nan", "inf", "2,35", "12345678", "1.", ".5"]),
    "unit": ("unknown_word", ["hour", "usd"]),
    "currency": ("bad_currency", ["dollar", "$", "US"]),
    "stock": ("unknown_word", ["yes", "many"]),
    "as_of": ("bad_date", ["02.11.2026", "2026-02-30", "20261102", "1999-12-31", "2026-W45-1"]),
}


def a_line(**cells: str) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="").writerow((GOOD | cells)[name] for name in COLUMNS)
    return written.getvalue()


def a_sheet(*lines: str, header: str = HEADER) -> bytes:
    return "\n".join((header, *lines)).encode()


def complaints(content: bytes) -> list[tuple[str, int | None, str | None]]:
    return [(fault.code, fault.line, fault.field) for fault in read_price_rows(content).faults]


def a_page(content: bytes) -> Page:
    return Page(call=CALL, url="harbor.csv", body=content, fetched_at=NOW)


def test_a_row_is_read_with_its_line_exact_price_and_day() -> None:
    read = read_price_rows(a_sheet(a_line()))

    assert read.faults == ()
    assert read.rows == (
        PriceRow(
            line=2,
            supplier="harbor-compute",
            native_id="hc-h100-8",
            gpu="H100 SXM5",
            gpu_count=8,
            gpu_memory_gb=80,
            region="us-east",
            terms=Terms.RESERVED,
            term_months=12,
            price=Decimal("2.35"),
            unit=PriceUnit.GPU,
            currency=read.rows[0].currency,
            stock=StockState.IN_STOCK,
            as_of=date(2026, 11, 2),
            source="price page",
        ),
    )
    assert read.rows[0].currency == "USD"
    assert read.rows[0].price_kind == "price-sheet 2026-11-02"


def test_what_may_be_left_empty_is_unknown() -> None:
    (row,) = read_price_rows(a_sheet(a_line(**dict.fromkeys(OPTIONAL, "")))).rows

    assert (row.region, row.gpu_memory_gb, row.term_months) == (None, None, None)
    assert row.stock is StockState.UNKNOWN


@pytest.mark.parametrize("name", sorted(set(COLUMNS) - OPTIONAL))
def test_what_may_not_be_left_empty_is_told(name: str) -> None:
    assert complaints(a_sheet(a_line(**{name: " "}))) == [("missing_required", 2, name)]


@pytest.mark.parametrize("name", COLUMNS)
def test_a_missing_column_is_told_once(name: str) -> None:
    left = [column for column in COLUMNS if column != name]
    line = ",".join(GOOD[column] for column in left)

    read = read_price_rows(a_sheet(line, line, header=",".join(left)))

    assert [(fault.code, fault.field) for fault in read.faults] == [("missing_column", name)]


@pytest.mark.parametrize(
    ("name", "code", "cell"),
    [(name, code, cell) for name, (code, cells) in WRONG.items() for cell in cells],
)
def test_a_wrong_cell_is_told_with_line_and_field(name: str, code: str, cell: str) -> None:
    sheet = a_sheet(a_line(), "", a_line(**{name: cell}))

    assert complaints(sheet) == [(code, 4, name)]


def test_a_price_of_nothing_is_no_price() -> None:
    assert complaints(a_sheet(a_line(price="0.00"))) == [("not_positive", 2, "price")]


def test_a_price_never_stands_in_a_message() -> None:
    (fault,) = read_price_rows(a_sheet(a_line(price="$123.45"))).faults

    assert "123" not in fault.message


def test_everything_wrong_with_a_row_is_told_at_once() -> None:
    sheet = a_sheet(a_line(price="x", unit="y", as_of="z"))

    assert complaints(sheet) == [
        ("bad_number", 2, "price"),
        ("unknown_word", 2, "unit"),
        ("bad_date", 2, "as_of"),
    ]


def test_words_may_be_in_capitals_and_columns_in_any_order() -> None:
    names = list(reversed(COLUMNS))
    cells = GOOD | {"terms": "RESERVED", "unit": "GPU", "supplier": "Harbor-Compute"}

    (row,) = read_price_rows(
        a_sheet(",".join(cells[name] for name in names), header=",".join(names).upper())
    ).rows

    assert row == read_price_rows(a_sheet(a_line())).rows[0]


@given(st.binary(max_size=200))
def test_no_bytes_make_it_raise(content: bytes) -> None:
    read = read_price_rows(content)

    assert read.rows == ()
    assert read.faults


@settings(max_examples=60)
@given(cells=st.lists(st.text(max_size=12), min_size=len(COLUMNS), max_size=len(COLUMNS)))
def test_no_cells_make_it_raise_and_each_fault_of_a_cell_names_it(cells: list[str]) -> None:
    text = a_line(**dict(zip(COLUMNS, cells, strict=True)))
    sheet = a_sheet(text).decode().encode("utf-8", errors="replace")

    for fault in read_price_rows(sheet).faults:
        assert fault.line is not None
        assert fault.field in COLUMNS or fault.code in ("cell_count", "bad_quoting")


@given(
    wrong=st.dictionaries(
        st.sampled_from(sorted(WRONG)), st.integers(0, 100), min_size=1, max_size=4
    ),
    before=st.integers(0, 3),
)
def test_each_wrong_cell_of_a_row_makes_one_fault_on_its_line(
    wrong: dict[str, int], before: int
) -> None:
    bad = {name: WRONG[name][1][pick % len(WRONG[name][1])] for name, pick in wrong.items()}

    read = read_price_rows(a_sheet(*[a_line()] * before, a_line(**bad)))

    assert {(fault.line, fault.field) for fault in read.faults} == {
        (before + 2, name) for name in bad
    }
    assert len(read.faults) == len(bad)
    assert len(read.rows) == before


@given(
    price=st.decimals("0.000000001", "9999999", places=9),
    count=st.integers(1, 99999),
    unit=st.sampled_from(PriceUnit),
    terms=st.sampled_from(Terms),
    stock=st.sampled_from(StockState),
    as_of=st.dates(date(2000, 1, 1), date(2199, 12, 31)),
)
def test_what_is_written_is_what_is_read(
    price: Decimal, count: int, unit: PriceUnit, terms: Terms, stock: StockState, as_of: date
) -> None:
    line = a_line(
        price=format(price, "f"),
        gpu_count=str(count),
        unit=unit,
        terms=terms,
        stock=stock,
        as_of=as_of.isoformat(),
    )

    (row,) = read_price_rows(a_sheet(line)).rows

    assert (row.price, row.gpu_count, row.unit) == (price, count, unit)
    assert (row.terms, row.stock, row.as_of) == (terms, stock, as_of)


def test_with_any_fault_nothing_of_a_page_is_used() -> None:
    with pytest.raises(AnswerChanged) as refused:
        price_rows(a_page(a_sheet(a_line(), a_line(unit="hour"))), supplier="crusoe")

    assert str(refused.value).startswith("harbor.csv: line 3, unit: 'hour' is none of ")
    assert refused.value.supplier == "crusoe"


def test_an_empty_page_says_how_to_begin() -> None:
    with pytest.raises(AnswerChanged, match=re.escape("harbor.csv: the sheet is empty; begin")):
        price_rows(a_page(b""), supplier="crusoe")


def test_a_message_names_the_first_faults_and_counts_the_rest() -> None:
    sheet = a_sheet(*[a_line(unit="hour")] * (MOST_TOLD + 5))

    with pytest.raises(AnswerChanged) as refused:
        price_rows(a_page(sheet), supplier="crusoe")

    assert str(refused.value).count("unit:") == MOST_TOLD
    assert str(refused.value).endswith("; and 5 more")


def test_a_good_page_gives_its_rows() -> None:
    assert len(price_rows(a_page(a_sheet(a_line(), a_line())), supplier="crusoe")) == 2


def test_a_file_becomes_a_page_named_by_the_file_alone(tmp_path: Path) -> None:
    (tmp_path / "harbor.csv").write_bytes(a_sheet(a_line()))

    page = sheet_page(tmp_path / "harbor.csv", supplier="crusoe", access=Access(now=lambda: NOW))

    assert page == a_page(a_sheet(a_line()))


def test_a_file_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(SupplierError, match=re.escape("harbor.csv cannot be read")) as missing:
        sheet_page(tmp_path / "harbor.csv", supplier="crusoe", access=Access(now=lambda: NOW))

    assert missing.value.kind is ErrorKind.NOT_FOUND
    assert str(tmp_path) not in str(missing.value)


def test_every_column_and_word_stands_in_the_manual() -> None:
    manual = MANUAL.read_text(encoding="utf-8")

    for word in (*COLUMNS, *PriceUnit, *Terms, *StockState):
        assert f"`{word}`" in manual, word
    assert f"the first {MOST_TOLD} faults" in manual
    assert f"older than {OLD_AFTER.days} days" in manual


def test_every_fault_stands_in_the_manual() -> None:
    manual = MANUAL.read_text(encoding="utf-8")
    told = {code for code, _ in WRONG.values()} | {"not_positive", "missing_required"}
    told |= {"missing_header", "missing_column", "duplicate_column", "unknown_column"}
    told |= {"cell_count", "bad_quoting", "not_utf8", "nul", "bad_text"}

    for code in told:
        assert f"`{code}`" in manual, code


def test_the_example_of_the_manual_is_a_sheet() -> None:
    manual = MANUAL.read_text(encoding="utf-8")
    example = "\n".join(line.strip() for line in manual.splitlines() if line.startswith("    "))

    read = read_price_rows(example.encode())

    assert read.faults == ()
    assert len(read.rows) >= 2
