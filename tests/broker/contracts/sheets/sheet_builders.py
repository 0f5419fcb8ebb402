"""Sheets for tests: sane cells by default, a test writes only what matters to it."""

import csv
import io
from collections.abc import Mapping, Sequence

from broker.contracts.row_values import RowValues
from broker.contracts.sheets.issue import Issue
from broker.contracts.sheets.sheet import ContractSheet, SheetLine, read_contract_sheet
from broker.contracts.sheets.suppliers import KnownSupplier

GPUS = {"b200": "B200", "b300": "B300", "h100": "H100", "h200": "H200", "gb200": "GB200"}
GPUS |= {"gb300": "GB300", "nvidia b200": "B200"}

A_ROW = {
    "contract_ref": "HC-1",
    "line_no": "1",
    "supplier": "Harbor Compute",
    "gpu_model": "B200",
    "form_factor": "SXM",
    "gpu_count": "1024",
    "region": "us-central",
    "site": "CHI2",
    "interconnect": "ib-ndr400",
    "unit_price": "2.63",
    "currency": "USD",
    "price_basis": "per_gpu_hour",
    "start_date": "2025-10-01",
    "end_date": "2026-09-30",
    "term_months": "12",
    "renewal_type": "none",
    "renewal_term_months": "",
    "notice_period": "P90D",
    "uplift_cap_pct": "",
    "prepay_pct": "20",
    "take_or_pay_pct": "100",
    "sla_pct": "99.5",
    "payment_terms_days": "30",
    "status": "active",
    "owner": "capacity",
    "notes": "",
}

A_TRANCHE = {
    "contract_ref": "VX-1",
    "line_no": "1",
    "tranche_no": "1",
    "supplier": "Vega X Compute",
    "gpu_model": "B200",
    "line_gpu_count": "1536",
    "tranche_gpu_count": "512",
    "site": "DFW3",
    "delivery_date": "2026-09-01",
    "accept_by_date": "2026-09-08",
    "drop_dead_date": "2026-11-01",
    "late_credit_pct_per_week": "2",
    "end_date": "2029-08-31",
    "unit_price": "3.90",
    "currency": "USD",
    "price_basis": "per_gpu_hour",
    "status": "signed",
}
A_SECOND_TRANCHE = {
    **A_TRANCHE,
    "tranche_no": "2",
    "tranche_gpu_count": "1024",
    "delivery_date": "2026-11-01",
    "accept_by_date": "2026-11-08",
    "drop_dead_date": "2027-01-15",
    "unit_price": "3.60",
}


def gpu_name(spelling: str) -> str:
    """Return the model of a spelling in a small table, as the real resolver would."""
    try:
        return GPUS[spelling.casefold()]
    except KeyError:
        raise ValueError(f"{spelling!r} is no GPU we know; write B200 or H100") from None


def a_row(**cells: str) -> dict[str, str]:
    return A_ROW | cells


def a_tranche(**cells: str) -> dict[str, str]:
    return A_TRANCHE | cells


def a_second_tranche(**cells: str) -> dict[str, str]:
    return A_SECOND_TRANCHE | cells


def as_csv(rows: Sequence[Mapping[str, str]]) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def read(
    *rows: Mapping[str, str], suppliers: Sequence[KnownSupplier] = (), file: str = "file.csv"
) -> ContractSheet:
    return read_bytes(as_csv(rows), suppliers=suppliers, file=file)


def read_bytes(
    content: bytes, *, suppliers: Sequence[KnownSupplier] = (), file: str = "file.csv"
) -> ContractSheet:
    return read_contract_sheet(content, file=file, gpu_name=gpu_name, suppliers=suppliers)


def read_row(**cells: str) -> ContractSheet:
    return read(a_row(**cells))


def values_of(line: SheetLine) -> RowValues:
    assert line.values is not None
    return line.values


def only(sheet: ContractSheet) -> RowValues:
    assert sheet.issues == ()
    assert len(sheet.lines) == 1
    return values_of(sheet.lines[0])


def complaints(issues: Sequence[Issue]) -> list[tuple[int, str | None, str]]:
    return [(issue.line, issue.field, issue.code.value) for issue in issues]


def errors(sheet: ContractSheet) -> list[tuple[int, str | None, str]]:
    return complaints([issue for issue in sheet.issues if issue.is_error])


def warnings(sheet: ContractSheet) -> list[tuple[int, str | None, str]]:
    return complaints([issue for issue in sheet.issues if not issue.is_error])
