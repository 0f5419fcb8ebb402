"""A quote is read alike from a sheet, a form or a program, and every fault is told at once."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.contracts.named_rows import RowReading
from broker.contracts.quote import QuoteKind
from broker.contracts.quote_rows import COLUMNS, StatedQuote, read_quote_sheet, stated_quote
from broker.contracts.sheets.suppliers import supplier_names

KEYS = supplier_names([])
OFFER = {
    "supplier": "Sagebrush Compute",
    "kind": "offer",
    "gpu_model": "B200",
    "gpu_count": "1024",
    "unit_price": "4.40",
    "currency": "USD",
    "price_basis": "per_gpu_hour",
    "received_on": "2026-05-06",
}


def read(**cells: str) -> tuple[StatedQuote | None, RowReading]:
    row = RowReading(cells={**OFFER, **cells})
    return stated_quote(row, supplier_key=KEYS), row


def quoted(**cells: str) -> StatedQuote:
    quote, row = read(**cells)
    assert row.faults == []
    assert quote is not None
    return quote


def faults(**cells: str) -> set[tuple[str | None, str]]:
    quote, row = read(**cells)
    assert quote is None
    return {(fault.field, fault.code) for fault in row.faults}


def test_an_offer_keeps_its_price_as_quoted_and_per_gpu_hour() -> None:
    quote = quoted(unit_price="35.20", price_basis="per_node_hour", gpus_per_node="8")

    assert quote.unit_price == Decimal("35.20")
    assert quote.price_per_gpu_hour == Decimal("4.4")


def test_an_sxm_node_has_eight_gpus_unless_the_quote_says_otherwise() -> None:
    assert quoted(unit_price="35.20", price_basis="per_node_hour").price_per_gpu_hour == Decimal(
        "4.4"
    )


def test_a_monthly_price_is_spread_over_730_hours() -> None:
    assert quoted(unit_price="3212", price_basis="per_gpu_month").price_per_gpu_hour == Decimal(
        "4.4"
    )


@pytest.mark.parametrize("spelling", ["B200", "NVIDIA B200 SXM", "b200 hgx", "B200-SXM"])
def test_a_gpu_has_one_name_however_it_is_spelt(spelling: str) -> None:
    quote = quoted(gpu_model=spelling)

    assert (quote.gpu_model, quote.form_factor) == ("B200", "SXM")


def test_what_a_quote_does_not_say_stays_unknown() -> None:
    quote = quoted()

    assert quote.prepay_pct is None
    assert quote.delivery_on is None
    assert quote.lead_time_days is None
    assert quote.valid_until is None


def test_every_fault_of_a_row_is_told_at_once() -> None:
    found = faults(
        supplier="",
        gpu_model="B2000",
        gpu_count="0",
        unit_price="4,40",
        currency="$",
        received_on="6 May",
    )

    assert found == {
        ("supplier", "missing_required"),
        ("gpu_model", "unknown_gpu"),
        ("gpu_count", "not_positive"),
        ("unit_price", "ambiguous_number"),
        ("currency", "unknown_currency"),
        ("received_on", "bad_date"),
    }


@pytest.mark.parametrize(
    ("cells", "fault"),
    [
        ({"kind": "renewal_offer"}, ("renews", "missing_required")),
        ({"renews": "HC-1/1"}, ("renews", "unknown_value")),
        ({"kind": "list_price"}, ("kind", "unknown_value")),
        ({"valid_until": "2026-05-05"}, ("valid_until", "end_before_start")),
        ({"form_factor": "PCIE"}, ("form_factor", "unknown_value")),
        ({"unit_price": "3212"}, ("unit_price", "price_out_of_range")),
        ({"prepay_pct": "0.25"}, ("prepay_pct", "ambiguous_number")),
        (
            {"gpu_model": "H100", "price_basis": "per_node_hour", "unit_price": "20"},
            ("gpus_per_node", "missing_required"),
        ),
    ],
)
def test_a_quote_that_contradicts_itself_is_refused(
    cells: dict[str, str], fault: tuple[str, str]
) -> None:
    assert fault in faults(**cells)


def test_a_message_never_repeats_the_price() -> None:
    _, row = read(unit_price="3217.77")

    assert row.faults
    assert all("3217" not in fault.message for fault in row.faults)


def test_a_sheet_tells_the_line_of_each_fault() -> None:
    names = ",".join(OFFER)
    good = ",".join(OFFER.values())
    sheet = "\n".join([names, good, good.replace("1024", "many"), good.replace("USD", "USX")])

    quotes, found = read_quote_sheet(sheet.encode(), supplier_key=KEYS)

    assert len(quotes) == 1
    assert [(fault.line, fault.field) for fault in found] == [(3, "gpu_count"), (4, "currency")]


def test_a_sheet_with_foreign_or_missing_columns_is_refused_by_name() -> None:
    _, found = read_quote_sheet(
        b"supplier,kind,colour,x_note\nA,offer,red,mine\n", supplier_key=KEYS
    )

    of_header = {(fault.field, fault.code) for fault in found if fault.line == 1}
    assert ("colour", "unknown_column") in of_header
    assert ("gpu_model", "missing_required") in of_header
    assert not any(field == "x_note" for field, _ in of_header)


def test_columns_may_stand_in_any_order() -> None:
    names = sorted(OFFER, reverse=True)
    sheet = ",".join(names) + "\n" + ",".join(OFFER[name] for name in names)

    quotes, found = read_quote_sheet(sheet.encode(), supplier_key=KEYS)

    assert found == []
    assert quotes[0].kind is QuoteKind.OFFER
    assert quotes[0].received_on == date(2026, 5, 6)


@given(content=st.binary(max_size=300))
def test_no_content_can_break_the_reading(content: bytes) -> None:
    quotes, found = read_quote_sheet(content, supplier_key=KEYS)

    assert found or quotes


@given(
    cells=st.dictionaries(
        st.sampled_from(COLUMNS.names), st.text(max_size=20) | st.sampled_from(["1", "USD"])
    )
)
def test_a_row_is_either_a_quote_or_has_a_fault(cells: dict[str, str]) -> None:
    quote, row = read(**cells)

    assert (quote is None) == bool(row.faults)
