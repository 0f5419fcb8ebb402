"""A line has one key, and cannot exist if it contradicts itself."""

from dataclasses import replace
from datetime import date

import pytest

from broker.contracts.row_values import differing_fields, natural_key
from tests.broker.contracts.sheets.sheet_builders import only, read_row


@pytest.mark.parametrize("ref", ["BM-77", "bm-77", " BM\u201177 ", "\uff22\uff2d-77"])
def test_a_reference_is_one_however_it_is_typed(ref: str) -> None:
    assert natural_key("blue-mesa", ref, 1) == natural_key("blue-mesa", "BM-77", 1)


@pytest.mark.parametrize("ref", ["BM77", "BM-7 7", "BM_77"])
def test_references_that_only_look_alike_are_two(ref: str) -> None:
    assert natural_key("blue-mesa", ref, 1) != natural_key("blue-mesa", "BM-77", 1)


def test_a_line_without_gpus_cannot_exist() -> None:
    with pytest.raises(ValueError, match="at least one GPU"):
        replace(only(read_row()).terms, gpu_count=0)


def test_a_line_that_ends_before_it_starts_cannot_exist() -> None:
    with pytest.raises(ValueError, match="last day of service"):
        replace(only(read_row()).terms, end_date=date(2025, 9, 30))


def test_the_fields_in_which_two_lines_differ_are_named() -> None:
    one, two = only(read_row()), only(read_row(unit_price="2.70", notes="new price"))

    assert differing_fields(one, two) == ("unit_price", "price_per_gpu_hour", "notes")
    assert differing_fields(one, only(read_row(unit_price="2.630"))) == ()
