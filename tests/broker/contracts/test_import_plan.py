"""An import says what it would do, does it once, and deletes nothing."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.contracts.import_outcome import ImportPlan
from broker.contracts.import_plan import KnownLine, plan_import
from broker.contracts.row_values import NaturalKey, RowValues, folded_ref
from broker.contracts.sheets.sheet import ContractSheet
from broker.contracts.state import ContractState
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
    complaints,
    read,
    read_bytes,
)

FIXTURES = Path(__file__).parents[3] / "fixtures" / "contracts"

Books = dict[NaturalKey, KnownLine]


def imported(*sheets: ContractSheet) -> Books:
    """Return the books after importing sheets one by one."""
    books: Books = {}
    for sheet in sheets:
        for line in plan_import(sheet, books).to_write:
            assert line.values is not None
            books[line.values.key] = KnownLine(values=line.values, status=line.values.status)
    return books


def moved_on(books: Books, status: ContractState) -> Books:
    return {key: KnownLine(values=held.values, status=status) for key, held in books.items()}


def outcomes(plan: ImportPlan) -> list[str]:
    return [line.outcome.value for line in plan.lines]


def expected(name: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads((FIXTURES / f"{name}.expected.json").read_text())
    return answer


def plan_of(name: str) -> dict[str, Any]:
    content = (FIXTURES / f"{name}.csv").read_bytes()
    plan = plan_import(read_bytes(content, file=f"{name}.csv"), {})
    answer: dict[str, Any] = json.loads(json.dumps(plan.as_json()))
    return answer


def test_the_clean_template_becomes_its_ten_lines() -> None:
    wanted, plan = expected("contracts_clean"), plan_of("contracts_clean")

    rows = [row["values"] for row in plan["rows"]]
    assert [
        {name: row[name] for name in line} for row, line in zip(rows, wanted["rows"], strict=True)
    ] == wanted["rows"]
    assert sum(row["gpu_count"] for row in rows) == wanted["summary"]["gpus_total"]
    assert plan["summary"]["create"] == wanted["summary"]["create"]
    assert plan["status"] == "ok"
    assert plan["issues"] == []


def test_the_tranche_sheet_becomes_its_two_lines() -> None:
    wanted, plan = expected("contracts_clean_tranches"), plan_of("contracts_clean_tranches")

    for row, line in zip(plan["rows"], wanted["lines"], strict=True):
        values = row["values"]
        for name in ("contract_ref", "line_no", "gpu_model", "gpu_count", "start_date", "end_date"):
            assert values[name] == line[name]
        assert values["price_per_gpu_hour"] == line["blended_price_per_gpu_hour_at_full_ramp"]
        assert [
            [part["tranche_no"], part["gpu_count"], part["delivery_date"], part["unit_price"]]
            for part in values["tranches"]
        ] == line["tranches"]
    assert plan["summary"]["create"] == wanted["summary"]["create"]
    assert [row["line"] for row in plan["rows"]] == [2, 5]


def test_the_answer_has_its_published_shape() -> None:
    sheet = read(a_row(), a_row(gpu_count="-8"), a_row(line_no="2"), file="may.csv")

    answer = plan_import(sheet, {}).as_json()

    assert list(answer) == [
        "file",
        "status",
        "detected",
        "mapping",
        "rows",
        "issues",
        "skipped_lines",
        "absent_keys",
        "summary",
    ]
    assert answer["file"] == "may.csv"
    assert answer["status"] == "errors"
    assert answer["summary"] == {
        "create": 2,
        "amend": 0,
        "update_note": 0,
        "unchanged": 0,
        "duplicate": 0,
        "error": 1,
        "needs_confirmation": 0,
    }
    assert json.loads(json.dumps(answer)) == answer


def test_one_error_and_nothing_is_written() -> None:
    plan = plan_import(read(a_row(), a_row(line_no="2", gpu_count="many")), {})

    assert outcomes(plan) == ["create", "error"]
    assert plan.to_write == ()


def test_the_same_file_again_changes_nothing() -> None:
    sheet = read(a_row(), a_row(line_no="2", gpu_model="H100"))

    again = plan_import(sheet, imported(sheet))

    assert outcomes(again) == ["unchanged", "unchanged"]
    assert again.to_write == ()


def test_a_repeated_row_is_written_once() -> None:
    sheet = read(a_row(), a_row())

    assert outcomes(plan_import(sheet, {})) == ["create", "duplicate"]
    assert outcomes(plan_import(sheet, imported(sheet))) == ["unchanged", "duplicate"]
    assert len(plan_import(sheet, {}).to_write) == 1


def test_another_price_is_an_amendment_with_both_prices() -> None:
    plan = plan_import(read(a_row(unit_price="2.70")), imported(read(a_row())))

    assert plan.lines[0].as_json()["changes"] == {
        "unit_price": {"from": "2.63", "to": "2.70"},
        "price_per_gpu_hour": {"from": "2.63", "to": "2.7"},
    }
    assert outcomes(plan) == ["amend"]
    assert plan.lines[0].contract_status is ContractState.ACTIVE


def test_a_new_note_is_no_amendment() -> None:
    plan = plan_import(read(a_row(notes="call them", owner="emea")), imported(read(a_row())))

    assert outcomes(plan) == ["update_note"]
    assert plan.lines[0].changes == {
        "owner": {"from": "capacity", "to": "emea"},
        "notes": {"from": None, "to": "call them"},
    }


def test_a_price_written_with_other_zeros_is_the_same_price() -> None:
    plan = plan_import(read(a_row(unit_price="2.6300")), imported(read(a_row())))

    assert outcomes(plan) == ["unchanged"]


def test_a_file_is_not_out_of_date_because_the_contract_became_active() -> None:
    signed = read(a_row(status="signed"))
    books = moved_on(imported(signed), ContractState.ACTIVE)

    assert outcomes(plan_import(signed, books)) == ["unchanged"]
    assert outcomes(plan_import(read(a_row(status="active")), books)) == ["unchanged"]
    in_notice = plan_import(read(a_row(status="in_notice")), books)
    assert in_notice.lines[0].changes == {"status": {"from": "active", "to": "in_notice"}}


def test_a_line_that_the_file_no_longer_names_is_reported_and_kept() -> None:
    books = imported(
        read(a_row(), a_row(line_no="2"), a_row(contract_ref="KC-1", supplier="Kestrel Cloud"))
    )

    plan = plan_import(read(a_row()), books)

    assert plan.as_json()["absent_keys"] == [["harbor-compute", "HC-1", 2]]
    assert plan.to_write == ()


def test_a_line_in_error_is_not_reported_as_absent() -> None:
    plan = plan_import(read(a_row(gpu_count="many")), imported(read(a_row())))

    assert plan.absent == ()


def test_a_column_that_is_not_in_the_file_changes_nothing_in_the_books() -> None:
    books = imported(read(a_row(notes="keep", renewal_type="option")))
    silent = {
        name: text
        for name, text in a_row(gpu_count="512").items()
        if name not in {"notes", "renewal_type", "region"}
    }

    plan = plan_import(read(silent), books)

    assert plan.lines[0].changes == {"gpu_count": {"from": 1024, "to": 512}}
    assert plan.lines[0].readable["renewal_type"] == "option"
    assert plan.lines[0].readable["notes"] == "keep"


def test_an_empty_cell_says_that_there_is_none() -> None:
    plan = plan_import(read(a_row(sla_pct="")), imported(read(a_row())))

    assert plan.lines[0].changes == {"sla_pct": {"from": "99.5", "to": None}}


def test_a_tranche_that_slips_is_an_amendment() -> None:
    books = imported(read(a_tranche(), a_second_tranche()))

    plan = plan_import(read(a_tranche(), a_second_tranche(delivery_date="2026-11-05")), books)

    assert outcomes(plan) == ["amend"]
    assert list(plan.lines[0].changes) == ["tranches"]


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        ({}, []),
        ({"gpu_count": "1024"}, [(2, "gpu_count", "tranche_sum_mismatch")]),
        ({"unit_price": "3.8"}, [(2, "price_per_gpu_hour", "tranche_sum_mismatch")]),
    ],
)
def test_a_line_in_tranches_cannot_be_changed_as_if_it_had_none(
    cells: dict[str, str], found: list[tuple[int, str | None, str]]
) -> None:
    books = imported(read(a_tranche(), a_second_tranche()))
    shared = {name: text for name, text in a_tranche().items() if name in a_row()}
    plain = shared | {"gpu_count": "1536", "unit_price": "3.7", "start_date": "2026-09-01"}

    plan = plan_import(read(plain | cells), books)

    assert complaints(plan.issues) == found
    assert outcomes(plan) == (["error"] if found else ["unchanged"])


def test_a_contract_does_not_get_a_second_currency_line_by_line() -> None:
    plan = plan_import(read(a_row(line_no="2", currency="EUR")), imported(read(a_row())))

    assert complaints(plan.issues) == [(2, "currency", "currency_conflict")]
    assert plan.to_write == ()


def by_contract(row: RowValues) -> str:
    return folded_ref(row.contract_ref)


@given(
    content=st.lists(plain_rows(), min_size=1, max_size=3, unique_by=by_contract).map(template_of)
    | st.lists(tranche_rows(), min_size=1, max_size=2, unique_by=by_contract).map(tranche_sheet_of)
)
@settings(max_examples=40)
def test_importing_any_file_twice_changes_nothing(content: bytes) -> None:
    sheet = read_bytes(content)
    books = imported(sheet)

    assert len(books) == len(sheet.lines)
    assert set(outcomes(plan_import(sheet, books))) == {"unchanged"}
    assert imported(sheet, sheet) == books


@given(old=st.lists(plain_rows(), max_size=3, unique_by=by_contract), new=plain_rows())
@settings(max_examples=40)
def test_after_an_import_the_same_file_has_nothing_left_to_do(
    old: list[RowValues], new: RowValues
) -> None:
    earlier = [read_bytes(template_of([row])) for row in old]
    sheet = read_bytes(template_of([new]))
    books = imported(*earlier)
    plan = plan_import(sheet, books)

    if plan.status.value == "ok":
        assert outcomes(plan_import(sheet, imported(*earlier, sheet))) == ["unchanged"]
    assert set(books) - {new.key} == set(imported(*earlier, sheet)) - {new.key}
