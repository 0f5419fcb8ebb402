"""A column is known by its name, or it is refused; nothing is matched because it is similar."""

import pytest

from tests.broker.contracts.sheets.sheet_builders import (
    a_row,
    a_tranche,
    errors,
    only,
    read,
    read_bytes,
    values_of,
    warnings,
)


def renamed(old: str, new: str) -> dict[str, str]:
    return {new if name == old else name: text for name, text in a_row().items()}


@pytest.mark.parametrize("written", ["Contract Ref", "contract-ref", " CONTRACT__REF "])
def test_case_spaces_underscores_and_dashes_do_not_matter(written: str) -> None:
    sheet = read(renamed("contract_ref", written))

    assert only(sheet).contract_ref == "HC-1"
    assert sheet.mapping[written] == "contract_ref"
    assert sheet.mapping["supplier"] == "supplier_key"


@pytest.mark.parametrize("written", ["Renewal price", "List $/GPU-hr", "unit_prices", "контракт"])
def test_an_unknown_column_is_an_error_and_not_a_guess(written: str) -> None:
    assert errors(read(a_row() | {written: "1"})) == [(1, written, "unknown_column")]


def test_a_column_marked_as_your_own_is_left_out_with_a_warning() -> None:
    sheet = read(a_row() | {"x_cost_centre": "4711", "x-unit_price": "9"})

    assert warnings(sheet) == [(1, "x_cost_centre", "unknown_column")]
    assert errors(sheet) == [(1, "x-unit_price", "unknown_column")]


def test_a_missing_column_is_said_once_and_not_in_each_row() -> None:
    rows = [{name: text for name, text in a_row().items() if name != "end_date"}] * 3

    sheet = read(*({**row, "line_no": str(no)} for no, row in enumerate(rows, start=1)))

    assert errors(sheet) == [(1, "end_date", "missing_required")]


def test_every_missing_column_is_said_at_once() -> None:
    sheet = read({name: a_row()[name] for name in ("contract_ref", "line_no", "supplier", "site")})

    assert {field for _, field, code in errors(sheet) if code == "missing_required"} == {
        "gpu_model",
        "gpu_count",
        "unit_price",
        "currency",
        "price_basis",
        "start_date",
        "end_date",
        "status",
    }
    assert sheet.lines[0].values is None


def test_two_columns_of_one_name_are_refused() -> None:
    assert errors(read(a_row() | {"Unit Price": "9.99"})) == [(1, "Unit Price", "duplicate_column")]


def test_a_column_without_a_name_is_refused() -> None:
    assert errors(read(a_row() | {"": ""})) == [(1, None, "unknown_column")]


def test_a_first_line_that_is_no_header_is_said_once() -> None:
    sheet = read_bytes(b"GPU contracts of Harbor Compute,as of May\ncontract_ref,line_no\nA,1\n")

    assert errors(sheet) == [(1, None, "no_header")]
    assert sheet.lines == ()


def test_a_header_alone_imports_nothing() -> None:
    assert errors(read_bytes(",".join(a_row()).encode())) == [(1, None, "no_rows")]


def test_a_tranche_sheet_has_no_first_day_of_its_own() -> None:
    sheet = read(a_tranche(line_gpu_count="512") | {"start_date": "2026-09-01"})

    assert errors(sheet) == [(1, "start_date", "unknown_column")]


def test_columns_that_are_not_there_leave_their_fields_unknown() -> None:
    row = {name: text for name, text in a_row().items() if name not in {"renewal_type", "region"}}

    values = values_of(read(row).lines[0])

    assert values.terms.renewal_type is None
    assert values.terms.region is None
