"""The rows of a line are one line: they agree and add up, or none of them is imported."""

from decimal import Decimal

import pytest

from tests.broker.contracts.sheets.sheet_builders import (
    a_second_tranche,
    a_tranche,
    errors,
    only,
    read,
)


def test_two_deliveries_are_one_line_from_the_first_delivery_on() -> None:
    values = only(read(a_second_tranche(), a_tranche())).to_json_values()

    assert values["gpu_count"] == 1536
    assert values["start_date"] == "2026-09-01"
    assert values["price_per_gpu_hour"] == "3.7"
    assert values["unit_price"] is None
    assert values["site"] == "DFW3"
    assert values["tranches"] == [
        {
            "tranche_no": 1,
            "gpu_count": 512,
            "delivery_date": "2026-09-01",
            "accept_by_date": "2026-09-08",
            "drop_dead_date": "2026-11-01",
            "late_credit_pct_per_week": "2",
            "unit_price": "3.90",
            "price_per_gpu_hour": "3.9",
            "site": "DFW3",
        },
        {
            "tranche_no": 2,
            "gpu_count": 1024,
            "delivery_date": "2026-11-01",
            "accept_by_date": "2026-11-08",
            "drop_dead_date": "2027-01-15",
            "late_credit_pct_per_week": "2",
            "unit_price": "3.60",
            "price_per_gpu_hour": "3.6",
            "site": "DFW3",
        },
    ]


def test_a_line_is_named_by_its_first_row() -> None:
    sheet = read(
        a_tranche(), a_tranche(contract_ref="VX-2", line_gpu_count="512"), a_second_tranche()
    )

    assert sheet.issues == ()
    assert [line.line for line in sheet.lines] == [2, 3]


def test_tranches_that_do_not_add_up_fail_the_line() -> None:
    sheet = read(a_tranche(), a_second_tranche(tranche_gpu_count="1000"))

    assert errors(sheet) == [(2, "gpu_count", "tranche_sum_mismatch")]
    assert [line.values for line in sheet.lines] == [None]
    assert "1512" in sheet.issues[0].message


def test_one_bad_row_fails_its_line_and_no_other() -> None:
    sheet = read(
        a_tranche(),
        a_second_tranche(delivery_date="1/11/2026"),
        a_tranche(contract_ref="VX-2", line_gpu_count="512"),
    )

    assert errors(sheet) == [(3, "tranches.delivery_date", "bad_date")]
    assert [line.values is None for line in sheet.lines] == [True, False]


@pytest.mark.parametrize(
    ("field", "cells"),
    [
        ("currency", {"currency": "EUR"}),
        ("end_date", {"end_date": "2029-09-30"}),
        ("gpu_count", {"line_gpu_count": "2048"}),
        ("gpu_model", {"gpu_model": "B300"}),
        ("status", {"status": "active"}),
    ],
)
def test_rows_of_a_line_agree_on_what_belongs_to_the_line(
    field: str, cells: dict[str, str]
) -> None:
    sheet = read(a_tranche(), a_second_tranche(**cells))

    assert errors(sheet) == [(3, field, "conflict_in_file")]
    assert sheet.lines[0].conflicts_with_line == 2


def test_a_tranche_is_numbered_once() -> None:
    sheet = read(a_tranche(), a_second_tranche(tranche_no="1"))

    assert errors(sheet) == [(3, "tranches.tranche_no", "duplicate_in_file")]


@pytest.mark.parametrize("field", ["accept_by_date", "drop_dead_date"])
def test_a_limit_before_the_delivery_is_refused(field: str) -> None:
    sheet = read(a_tranche(**{field: "2026-08-31"}), a_second_tranche())

    assert errors(sheet) == [(2, f"tranches.{field}", "bad_date")]


def test_a_delivery_after_the_last_day_is_refused() -> None:
    late = a_second_tranche(delivery_date="2029-09-01", accept_by_date="", drop_dead_date="")

    assert errors(read(a_tranche(), late)) == [(3, "tranches.delivery_date", "end_before_start")]


def test_one_absurd_price_is_not_hidden_by_the_blend() -> None:
    sheet = read(a_tranche(unit_price="0.01"), a_second_tranche())

    assert errors(sheet) == [(2, "tranches.unit_price", "price_out_of_range")]


def test_the_blend_is_rounded_once_and_not_from_rounded_prices() -> None:
    by_month = {"price_basis": "per_gpu_month"}
    sheet = read(
        a_tranche(unit_price="1000", **by_month), a_second_tranche(unit_price="1001", **by_month)
    )

    exact = (512 * Decimal(1000) + 1024 * Decimal(1001)) / 1536 / 730
    assert only(sheet).terms.price_per_gpu_hour == round(exact, 6)


def test_sites_that_differ_leave_the_site_of_the_line_unknown() -> None:
    terms = only(read(a_tranche(), a_second_tranche(site="PHX1"))).terms

    assert terms.site is None
    assert [part.site for part in terms.tranches] == ["DFW3", "PHX1"]


def test_a_row_without_a_readable_line_number_stands_alone() -> None:
    sheet = read(a_tranche(line_no="one"), a_second_tranche())

    assert (2, "line_no", "bad_number") in errors(sheet)
    assert [line.values for line in sheet.lines] == [None, None]
