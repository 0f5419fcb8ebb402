"""Which column says what: the two layouts, and the match of a header with one of them.

Names match exactly after folding case, spaces, underscores and dashes. Aliases, and suggestions
for near misses, would go here; a near miss is never taken for a match.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from broker.contracts.sheets.issue import Code, Issue, Severity
from broker.contracts.sheets.reading import TextRow

MIN_KNOWN_COLUMNS = 4
"""With fewer known names the line is no header of ours, and one complaint says more than many."""

TEMPLATE_COLUMNS = (
    "contract_ref",
    "line_no",
    "supplier",
    "gpu_model",
    "form_factor",
    "gpu_count",
    "region",
    "site",
    "interconnect",
    "unit_price",
    "currency",
    "price_basis",
    "start_date",
    "end_date",
    "term_months",
    "renewal_type",
    "renewal_term_months",
    "notice_period",
    "uplift_cap_pct",
    "prepay_pct",
    "take_or_pay_pct",
    "sla_pct",
    "payment_terms_days",
    "status",
    "owner",
    "notes",
)

_SEPARATORS = re.compile(r"[\s_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """One kind of sheet: its columns with the row field each states, and which cannot be absent.

    `required_cells` are fields that no row may leave empty. The last day of service is not one of
    them: an evergreen line has none.
    """

    fields: Mapping[str, str]
    required_columns: frozenset[str]
    required_cells: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMap:
    """The field that each position of a row states (None: ignored), and what was wrong."""

    layout: Layout
    by_position: tuple[str | None, ...]
    mapping: Mapping[str, str]
    issues: tuple[Issue, ...]

    @property
    def fields(self) -> frozenset[str]:
        """Return the fields that the columns of this file speak about."""
        return frozenset(name for name in self.by_position if name is not None)

    @property
    def is_usable(self) -> bool:
        """Say whether this is a header at all, so that its rows are worth reading."""
        return not any(issue.code is Code.NO_HEADER for issue in self.issues)

    @property
    def missing_fields(self) -> frozenset[str]:
        """Return the fields of required columns that the file does not have."""
        required = {self.layout.fields[name] for name in self.layout.required_columns}
        return frozenset(required - self.fields)

    def cells_of(self, row: TextRow) -> dict[str, str]:
        """Return the stripped text of each mapped cell; a cell that the row lacks is absent."""
        named = zip(self.by_position, row.cells, strict=False)
        return {name: text.strip() for name, text in named if name is not None}


_LINE_FIELDS = {
    **{name: name for name in TEMPLATE_COLUMNS},
    "supplier": "supplier_key",
    "gpus_per_node": "gpus_per_node",
}
_ALWAYS = frozenset(
    {"contract_ref", "line_no", "supplier", "gpu_model", "unit_price", "currency", "price_basis"}
) | {"status"}

TEMPLATE = Layout(
    fields=_LINE_FIELDS,
    required_columns=_ALWAYS | {"gpu_count", "start_date", "end_date"},
    required_cells=frozenset(_LINE_FIELDS[name] for name in _ALWAYS | {"gpu_count", "start_date"}),
)

_TRANCHE_FIELDS = {
    "tranche_no": "tranches.tranche_no",
    "tranche_gpu_count": "tranches.gpu_count",
    "delivery_date": "tranches.delivery_date",
    "accept_by_date": "tranches.accept_by_date",
    "drop_dead_date": "tranches.drop_dead_date",
    "late_credit_pct_per_week": "tranches.late_credit_pct_per_week",
    "unit_price": "tranches.unit_price",
    "site": "tranches.site",
    "line_gpu_count": "gpu_count",
}
_SHEET_OF_TRANCHES = {
    name: field
    for name, field in _LINE_FIELDS.items()
    if name not in {"gpu_count", "start_date", *_TRANCHE_FIELDS}
} | _TRANCHE_FIELDS
_TRANCHE_ALWAYS = _ALWAYS | {"tranche_no", "tranche_gpu_count", "line_gpu_count", "delivery_date"}

TRANCHES = Layout(
    fields=_SHEET_OF_TRANCHES,
    required_columns=_TRANCHE_ALWAYS | {"end_date"},
    required_cells=frozenset(_SHEET_OF_TRANCHES[name] for name in _TRANCHE_ALWAYS),
)


def folded_column(name: str) -> str:
    """Return a column name without differences of case, spaces, underscores and dashes."""
    return _SEPARATORS.sub("_", name.strip().lower()).strip("_") if name.isascii() else name


def map_columns(header: TextRow) -> ColumnMap:
    """Match a header with the layout it names; a sheet with tranche numbers is one of tranches."""
    names = [_own_prefix(name) or folded_column(name) for name in header.cells]
    layout = TRANCHES if "tranche_no" in names else TEMPLATE
    by_position = tuple(layout.fields.get(name) for name in names)
    known = {field for field in by_position if field is not None}
    if len(known) < MIN_KNOWN_COLUMNS:
        issues = [_not_a_header(header.line)]
    else:
        issues = [*_odd_columns(header, names, layout), *_missing(header.line, names, layout)]
    named = zip(header.cells, by_position, strict=True)
    return ColumnMap(
        layout=layout,
        by_position=_first_of_each(by_position),
        mapping={name: field for name, field in named if field is not None},
        issues=tuple(issues),
    )


def _own_prefix(name: str) -> str | None:
    """Return the name if it is marked as the sender's own, so that it cannot match ours."""
    bare = name.strip().lower()
    return bare if bare.startswith("x_") else None


def _first_of_each(by_position: tuple[str | None, ...]) -> tuple[str | None, ...]:
    return tuple(
        field if field not in by_position[:place] else None
        for place, field in enumerate(by_position)
    )


def _odd_columns(header: TextRow, names: list[str], layout: Layout) -> list[Issue]:
    issues = []
    for place, (written, name) in enumerate(zip(header.cells, names, strict=True)):
        if name in names[:place] and name:
            issues.append(_column_issue(header.line, written, Code.DUPLICATE_COLUMN))
        elif name not in layout.fields:
            issues.append(_unknown(header.line, written, place=place))
    return issues


def _unknown(line: int, written: str, *, place: int) -> Issue:
    if _own_prefix(written):
        return Issue(
            line=line,
            field=written.strip(),
            code=Code.UNKNOWN_COLUMN,
            severity=Severity.WARNING,
            message=f"column {written.strip()!r} is your own and is not imported",
        )
    name = written.strip() or f"number {place + 1}, which has no name"
    return Issue(
        line=line,
        field=written.strip() or None,
        code=Code.UNKNOWN_COLUMN,
        message=f"column {name} is not in the template; rename it, remove it, or start its name "
        "with x_ to leave it out on purpose",
    )


def _column_issue(line: int, written: str, code: Code) -> Issue:
    return Issue(
        line=line,
        field=written.strip(),
        code=code,
        message=f"column {written.strip()!r} stands here twice; remove or rename one of them",
    )


def _missing(line: int, names: list[str], layout: Layout) -> list[Issue]:
    absent = [name for name in layout.fields if name in layout.required_columns - set(names)]
    return [
        Issue(
            line=line,
            field=layout.fields[name],
            code=Code.MISSING_REQUIRED,
            message=f"the column {name} is missing; add it",
        )
        for name in absent
    ]


def _not_a_header(line: int) -> Issue:
    return Issue(
        line=line,
        field=None,
        code=Code.NO_HEADER,
        message="the first line does not hold the column names of the template; move the header "
        "to the first line and name its columns as the template does",
    )
