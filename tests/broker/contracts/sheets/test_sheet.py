"""The template becomes contract lines; every fault of a file is named at once, with its line."""

from datetime import date
from decimal import Decimal

import pytest

from pricing.commitment import PriceBasis
from tests.broker.contracts.sheets.sheet_builders import (
    a_row,
    errors,
    only,
    read,
    read_bytes,
    read_row,
    warnings,
)


def test_a_row_is_read_as_it_stands() -> None:
    values = only(read_row(unit_price="4.40", notes="=not a formula"))

    assert values.to_json_values() == {
        "supplier_key": "harbor-compute",
        "contract_ref": "HC-1",
        "line_no": 1,
        "gpu_model": "B200",
        "form_factor": "SXM",
        "gpu_count": 1024,
        "gpus_per_node": None,
        "region": "us-central",
        "site": "CHI2",
        "interconnect": "ib-ndr400",
        "unit_price": "4.40",
        "price_per_gpu_hour": "4.4",
        "currency": "USD",
        "price_basis": "per_gpu_hour",
        "start_date": "2025-10-01",
        "end_date": "2026-09-30",
        "term_months": 12,
        "renewal_type": "none",
        "renewal_term_months": None,
        "notice_period": "P90D",
        "uplift_cap_pct": None,
        "prepay_pct": "20",
        "take_or_pay_pct": "100",
        "sla_pct": "99.5",
        "payment_terms_days": 30,
        "status": "active",
        "owner": "capacity",
        "notes": "=not a formula",
        "tranches": [],
    }


def test_all_faults_of_a_file_are_named_at_once() -> None:
    sheet = read(
        a_row(gpu_count="1,024", gpu_model="B2OO", notes="two\nlines"),
        a_row(line_no="2", unit_price="$2.63", end_date="30.09.2026"),
        a_row(line_no="3"),
        a_row(line_no="4", supplier="", notice_period="90"),
    )

    assert errors(sheet) == [
        (2, "gpu_model", "unknown_gpu"),
        (2, "gpu_count", "ambiguous_number"),
        (4, "unit_price", "bad_number"),
        (4, "end_date", "bad_date"),
        (6, "supplier_key", "missing_required"),
        (6, "notice_period", "bad_duration"),
    ]
    assert [line.values is None for line in sheet.lines] == [True, True, False, True]


def test_what_could_be_read_of_a_bad_row_is_still_shown() -> None:
    shown = read_row(gpu_count="many").lines[0].readable

    assert shown["supplier_key"] == "harbor-compute"
    assert shown["gpu_count"] is None
    assert shown["start_date"] == "2025-10-01"


def test_the_advice_on_an_unknown_gpu_is_that_of_the_table() -> None:
    sheet = read_row(gpu_model="B2OO")

    assert sheet.issues[0].message == "'B2OO' is no GPU we know; write B200 or H100"


def test_no_complaint_repeats_a_price() -> None:
    sheet = read(
        a_row(unit_price="1931.77"),
        a_row(line_no="2", unit_price="1931,77"),
        a_row(line_no="3", unit_price="2.63"),
        a_row(line_no="3", unit_price="2.64"),
    )

    assert len(errors(sheet)) == 3
    assert not any(price in str(sheet.issues) for price in ("1931", "2.63", "2.64"))


@pytest.mark.parametrize(
    ("cells", "price"),
    [
        ({"unit_price": "21.04", "price_basis": "per_node_hour"}, "2.63"),
        ({"unit_price": "1533.00", "price_basis": "per_gpu_month"}, "2.1"),
        ({"unit_price": "1000", "price_basis": "per_gpu_month"}, "1.369863"),
        ({"unit_price": "0.800004", "price_basis": "per_node_hour"}, "0.1"),
        ({"unit_price": "0.800012", "price_basis": "per_node_hour"}, "0.100002"),
    ],
)
def test_a_price_per_gpu_hour_is_rounded_once_half_to_even(
    cells: dict[str, str], price: str
) -> None:
    values = only(read_row(**cells))

    assert values.to_json_values()["price_per_gpu_hour"] == price
    assert values.to_json_values()["unit_price"] == cells["unit_price"]


def test_a_node_of_a_stated_size_is_not_taken_for_eight() -> None:
    sheet = read(a_row(unit_price="10.52", price_basis="per_node_hour") | {"gpus_per_node": "4"})

    assert only(sheet).terms.price_per_gpu_hour == Decimal("2.63")


def test_an_sxm_node_has_eight_gpus_if_the_price_depends_on_it() -> None:
    by_node = only(read_row(unit_price="21.04", price_basis="per_node_hour")).terms

    assert by_node.gpus_per_node == 8
    assert by_node.price_basis is PriceBasis.PER_NODE_HOUR
    assert only(read_row()).terms.gpus_per_node is None


@pytest.mark.parametrize("form_factor", ["NVL72", "PCIe", ""])
def test_a_node_price_without_a_node_size_is_refused(form_factor: str) -> None:
    sheet = read_row(price_basis="per_node_hour", form_factor=form_factor)

    assert errors(sheet) == [(2, "gpus_per_node", "missing_required")]


@pytest.mark.parametrize(("size", "gpus"), [("7", "1022"), ("8", "1020")])
def test_a_rare_node_or_a_broken_one_is_a_warning(size: str, gpus: str) -> None:
    row = a_row(unit_price="21", price_basis="per_node_hour", gpu_count=gpus)

    sheet = read(row | {"gpus_per_node": size})

    assert errors(sheet) == []
    assert warnings(sheet) == [(2, "gpus_per_node", "node_size_unusual")]


@pytest.mark.parametrize(
    ("cells", "fits"),
    [
        ({"unit_price": "0.05"}, True),
        ({"unit_price": "50"}, True),
        ({"unit_price": "0.049999"}, False),
        ({"unit_price": "50.000001"}, False),
        ({"unit_price": "1533"}, False),
        ({"unit_price": "2.63", "price_basis": "per_gpu_month"}, False),
        ({"unit_price": "390", "currency": "JPY"}, True),
        ({"unit_price": "2.63", "currency": "JPY"}, False),
        ({"unit_price": "2.63", "currency": "KZT"}, True),
    ],
)
def test_a_price_no_gpu_hour_costs_is_refused(cells: dict[str, str], fits: bool) -> None:
    wanted = [] if fits else [(2, "unit_price", "price_out_of_range")]

    assert errors(read_row(**cells)) == wanted


def test_a_last_day_before_the_first_is_refused() -> None:
    assert errors(read_row(end_date="2025-09-30", term_months="")) == [
        (2, "end_date", "end_before_start")
    ]


def test_a_line_of_one_day_is_possible() -> None:
    assert only(read_row(end_date="2025-10-01", term_months="")).terms.end_date == date(2025, 10, 1)


@pytest.mark.parametrize(
    ("start", "end", "months", "agrees"),
    [
        ("2025-10-01", "2026-09-30", "12", True),
        ("2025-10-01", "2026-10-01", "12", False),
        ("2025-10-01", "2026-09-29", "12", False),
        ("2026-03-01", "2029-02-28", "36", True),
        ("2026-01-31", "2026-02-27", "1", True),
        ("2026-01-31", "2026-02-28", "1", True),
        ("2024-02-29", "2025-02-28", "12", True),
        ("2025-10-01", "2026-09-30", "24", False),
        ("2025-10-01", "2026-09-30", "999999", False),
    ],
)
def test_a_term_that_disagrees_with_its_days_is_a_warning(
    start: str, end: str, months: str, agrees: bool
) -> None:
    sheet = read_row(start_date=start, end_date=end, term_months=months)

    assert errors(sheet) == []
    assert warnings(sheet) == ([] if agrees else [(2, "term_months", "term_mismatch")])


def test_an_automatic_renewal_says_for_how_long() -> None:
    assert errors(read_row(renewal_type="auto")) == [(2, "renewal_term_months", "missing_required")]


def test_an_evergreen_line_with_a_last_day_needs_its_months() -> None:
    assert errors(read_row(renewal_type="evergreen")) == [
        (2, "renewal_term_months", "missing_required")
    ]


def test_only_an_evergreen_line_has_no_last_day() -> None:
    evergreen = only(read_row(renewal_type="evergreen", end_date="", term_months=""))

    assert evergreen.terms.end_date is None
    assert errors(read_row(end_date="")) == [(2, "end_date", "missing_required")]


def test_one_mistake_is_one_complaint() -> None:
    assert errors(read_row(renewal_type="rolling", end_date="")) == [
        (2, "renewal_type", "unknown_value")
    ]
    assert errors(read_row(price_basis="per_node_hour", form_factor="blade")) == [
        (2, "form_factor", "unknown_value")
    ]


def test_the_second_of_two_equal_rows_is_left_out_with_a_warning() -> None:
    sheet = read(a_row(), a_row(contract_ref="hc\u20111", notes="again", unit_price="2.630"))

    assert warnings(sheet) == [(3, "line_no", "duplicate_in_file")]
    assert [line.repeats_line for line in sheet.lines] == [None, 2]


def test_two_meanings_of_one_line_are_refused() -> None:
    sheet = read(a_row(), a_row(unit_price="2.64"))

    assert errors(sheet) == [(3, "line_no", "conflict_in_file")]
    assert sheet.lines[1].conflicts_with_line == 2
    assert sheet.lines[1].values is None


@pytest.mark.parametrize(
    ("field", "cells"),
    [
        ("currency", {"currency": "EUR"}),
        ("status", {"status": "signed"}),
        ("supplier_key", {"supplier": "Harbour Compute"}),
    ],
)
def test_all_lines_of_a_contract_share_supplier_currency_and_status(
    field: str, cells: dict[str, str]
) -> None:
    sheet = read(a_row(), a_row(line_no="2", **cells))

    assert errors(sheet) == [(3, field, "conflict_in_file")]
    assert sheet.lines[1].conflicts_with_line == 2


def test_dashes_in_a_reference_tell_contracts_apart() -> None:
    sheet = read(a_row(contract_ref="BM-77"), a_row(contract_ref="BM77", unit_price="2.64"))

    assert sheet.issues == ()


def test_a_row_that_is_cut_or_split_by_a_comma_is_refused() -> None:
    header, row = ",".join(a_row()), ",".join(a_row().values())
    sheet = read_bytes(f"{header}\n{row},more\n{row[:40]}\n{row}\n".encode())

    assert errors(sheet) == [(2, None, "cell_count"), (3, None, "cell_count")]
    assert [line.values is None for line in sheet.lines] == [True, True, False]


def test_a_text_that_is_far_too_long_is_refused() -> None:
    assert errors(read_row(notes="x" * 5_000)) == [(2, "notes", "text_too_long")]


def test_a_region_named_na_is_a_region() -> None:
    assert only(read_row(region="NA")).terms.region == "NA"
