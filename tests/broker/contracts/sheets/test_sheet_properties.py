"""What is written is what is read, and nothing is ever read that was not written."""

from datetime import date
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from broker.contracts.row_values import (
    NaturalKey,
    RowValues,
    folded_ref,
    from_json_values,
)
from tests.broker.contracts.sheets.row_strategies import (
    plain_rows,
    template_of,
    tranche_rows,
    tranche_sheet_of,
)
from tests.broker.contracts.sheets.sheet_builders import (
    a_row,
    a_second_tranche,
    a_tranche,
    as_csv,
    errors,
    read,
    read_bytes,
    values_of,
)

MESSY = st.sampled_from(
    [
        "1.234,56 €",
        "$2.63",
        "2,63",
        "1.024",
        "10/01/2026",
        "Oct-26",
        "25 %",
        "(3)",
        "1e3",
        "NaN",
        "P90D",
        "90 days",
        "evergreen",
        "per_node_hour",
        "per gpu month",
        "In Notice",
        "USD",
        "eur",
        "¥",
        "sxm",
        "b200",
        "0",
        "-1",
        "2.05-2.20",
        "007",
    ]
)
FREE_TEXT = {"contract_ref", "region", "site", "interconnect", "owner", "notes"}
CELLS = MESSY | st.text(max_size=8) | st.text("0123456789.,-/ ", max_size=10)


def by_contract(row: RowValues) -> str:
    return folded_ref(row.contract_ref)


@given(rows=st.lists(plain_rows(), min_size=1, max_size=4, unique_by=by_contract))
@settings(max_examples=60)
def test_a_template_of_any_lines_reads_as_those_lines(rows: list[RowValues]) -> None:
    sheet = read_bytes(template_of(rows))

    assert errors(sheet) == []
    assert [values_of(line) for line in sheet.lines] == rows


@given(rows=st.lists(tranche_rows(), min_size=1, max_size=3, unique_by=by_contract))
@settings(max_examples=60)
def test_a_tranche_sheet_of_any_lines_reads_as_those_lines(rows: list[RowValues]) -> None:
    sheet = read_bytes(tranche_sheet_of(rows))

    assert errors(sheet) == []
    assert [values_of(line) for line in sheet.lines] == rows


@given(row=plain_rows() | tranche_rows())
@settings(max_examples=60)
def test_json_values_lose_nothing(row: RowValues) -> None:
    assert from_json_values(row.to_json_values()) == row


@given(content=st.binary(max_size=200), before=st.sampled_from([b"", as_csv([a_row()])]))
def test_no_bytes_stop_the_reader(content: bytes, before: bytes) -> None:
    sheet = read_bytes(before + content)

    assert sheet.lines or sheet.has_errors


@given(column=st.sampled_from(sorted(a_row().keys() - {"supplier"})), text=CELLS)
@settings(max_examples=300)
def test_an_accepted_line_says_what_its_cell_says(column: str, text: str) -> None:
    sheet = read(a_row() | {column: text})

    for line in sheet.lines:
        if line.values is not None:
            value = line.values.as_fields()[column]
            assert says_the_same(value, text.strip(), exactly=column in FREE_TEXT)


@given(column=st.sampled_from(sorted(a_tranche())), text=CELLS)
@settings(max_examples=200)
def test_an_accepted_line_has_as_many_gpus_as_its_tranches(column: str, text: str) -> None:
    sheet = read(a_tranche() | {column: text}, a_second_tranche())

    for line in sheet.lines:
        if line.values is not None:
            terms = line.values.terms
            assert sum(part.gpu_count for part in terms.tranches) == terms.gpu_count
            assert min(part.delivery_date for part in terms.tranches) == terms.start_date


@given(rows=st.lists(st.sampled_from(["1", "2", "3"]), min_size=1, max_size=8))
def test_a_key_is_imported_once(rows: list[str]) -> None:
    sheet = read(*(a_row(line_no=number) for number in rows))

    keys = [line.key for line in sheet.lines if line.repeats_line is None]
    assert keys == [NaturalKey("harbor-compute", "hc-1", int(no)) for no in dict.fromkeys(rows)]


def says_the_same(value: object, text: str, *, exactly: bool) -> bool:
    if value is None or exactly:
        return (value or "") == text
    if isinstance(value, Decimal | int):
        return set(text) <= set("0123456789.") and Decimal(text) == value
    if isinstance(value, date):
        return value.isoformat() == text
    words = text.split() if " " in text else text.replace("-", "_").split("_")
    return text.isascii() and str(value).casefold() == "_".join(words).casefold()
