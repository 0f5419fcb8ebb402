"""Sheets we hand out: the empty template, and a refused file with its complaints beside the rows.

Text that a spreadsheet would run as a formula gets an apostrophe in front, so that opening a file
of ours never executes what a stranger typed into theirs.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from broker.contracts.sheets.columns import TEMPLATE_COLUMNS
from broker.contracts.sheets.issue import Issue
from broker.contracts.sheets.reading import TextSheet

COMPLAINT_COLUMNS = ("line", "field", "code", "message")

_FORMULA_STARTS = frozenset("=+-@")

_EXAMPLE = {
    "contract_ref": "EXAMPLE-1",
    "line_no": "1",
    "supplier": "Example Compute",
    "gpu_model": "B200",
    "form_factor": "SXM",
    "gpu_count": "64",
    "region": "us-central",
    "site": "EX1",
    "interconnect": "ib-ndr400",
    "unit_price": "2.50",
    "currency": "USD",
    "price_basis": "per_gpu_hour",
    "start_date": "2026-01-01",
    "end_date": "2026-12-31",
    "term_months": "12",
    "renewal_type": "auto",
    "renewal_term_months": "12",
    "notice_period": "P90D",
    "uplift_cap_pct": "5",
    "prepay_pct": "20",
    "take_or_pay_pct": "100",
    "sla_pct": "99.5",
    "payment_terms_days": "30",
    "status": "draft",
    "owner": "capacity",
    "notes": "invented example: replace this row; end_date is the last day of service",
}


def template_csv() -> str:
    """Return the template with one invented row."""
    return _csv([TEMPLATE_COLUMNS, [_EXAMPLE[name] for name in TEMPLATE_COLUMNS]])


def error_csv(text: TextSheet, issues: Iterable[Issue]) -> str:
    """Return one row per complaint: the original cells, then where and what is wrong.

    A complaint about the file, or about a line that holds no row, has empty cells in front.
    """
    header = text.header.cells if text.header is not None else ()
    cells = {row.line: row.cells for row in text.rows}
    width = max([len(header), *(len(row.cells) for row in text.rows)])
    records = [[*_padded(header, width), *COMPLAINT_COLUMNS]]
    records += [
        [
            *_padded(cells.get(issue.line, ()), width),
            str(issue.line),
            issue.field or "",
            issue.code.value,
            issue.message,
        ]
        for issue in issues
    ]
    return _csv([[disarmed(cell) for cell in record] for record in records])


def disarmed(cell: str) -> str:
    """Return the text so that no spreadsheet takes it for a formula."""
    start = cell[:1]
    risky = start in _FORMULA_STARTS or (start != "" and not start.isprintable())
    return f"'{cell}" if risky else cell


def _padded(cells: Sequence[str], width: int) -> list[str]:
    return [*cells, *[""] * (width - len(cells))]


def _csv(records: Iterable[Sequence[str]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(records)
    return out.getvalue()
