"""The answer to "what would this import do": outcome per line, complaints, and what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from broker.contracts.line_terms import TERM_FIELDS
from broker.contracts.row_values import RowValues
from broker.contracts.sheets.issue import Issue
from broker.contracts.sheets.reading import Detected
from broker.contracts.state import EDITABLE, ContractState

LISTED_FOR_PEOPLE = 200
"""Rows or issues a terminal lists at most, with the true count beside them; JSON holds all."""


class Outcome(StrEnum):
    """What happens to one line of a sheet."""

    CREATE = "create"
    AMEND = "amend"
    UPDATE_NOTE = "update_note"
    UNCHANGED = "unchanged"
    DUPLICATE = "duplicate"
    ERROR = "error"
    NEEDS_CONFIRMATION = "needs_confirmation"


class PlanStatus(StrEnum):
    """Whether the plan can be carried out."""

    OK = "ok"
    ERRORS = "errors"
    NEEDS_INPUT = "needs_input"


WRITING = frozenset({Outcome.CREATE, Outcome.AMEND, Outcome.UPDATE_NOTE})


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedLine:
    """One line and what would become of it.

    `values` is what the books would hold afterwards, None for a line in error. `contract_status`
    is where a changed line's contract stands now: a draft can be updated, a signed one is amended.
    """

    line: int
    outcome: Outcome
    values: RowValues | None
    readable: Mapping[str, object]
    changes: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    contract_status: ContractState | None = None
    suggested_supplier_key: str | None = None
    conflicts_with_line: int | None = None

    def as_json(self) -> dict[str, object]:
        """Return the line in its published shape; the last three names only where they apply."""
        extra: dict[str, object] = {
            "changes": {name: dict(change) for name, change in self.changes.items()},
            "suggested_supplier_key": self.suggested_supplier_key,
            "conflicts_with_line": self.conflicts_with_line,
        }
        return {
            "line": self.line,
            "outcome": self.outcome.value,
            "values": dict(self.readable),
            **{name: value for name, value in extra.items() if value},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportPlan:
    """What an import would do. `sha256` is of the file, to tie a commit to its dry run."""

    file: str
    sha256: str
    detected: Detected
    mapping: Mapping[str, str]
    lines: tuple[PlannedLine, ...]
    issues: tuple[Issue, ...]
    skipped_lines: tuple[int, ...]
    absent: tuple[RowValues, ...]

    @property
    def status(self) -> PlanStatus:
        """Say whether this can be written: one error anywhere and nothing is."""
        if any(issue.is_error for issue in self.issues):
            return PlanStatus.ERRORS
        if any(line.outcome is Outcome.NEEDS_CONFIRMATION for line in self.lines):
            return PlanStatus.NEEDS_INPUT
        return PlanStatus.OK

    @property
    def to_write(self) -> tuple[PlannedLine, ...]:
        """Return the lines a commit writes: none unless all is well."""
        if self.status is not PlanStatus.OK:
            return ()
        return tuple(line for line in self.lines if line.outcome in WRITING)

    @property
    def amends_signed(self) -> bool:
        """Say whether a line would differ from what was signed."""
        return any(
            line.outcome is Outcome.AMEND
            and line.contract_status not in EDITABLE
            and set(line.changes) & set(TERM_FIELDS)
            for line in self.to_write
        )

    @property
    def summary(self) -> dict[str, int]:
        """Return how many lines have each outcome, also those that none has."""
        counts = {outcome.value: 0 for outcome in Outcome}
        for line in self.lines:
            counts[line.outcome.value] += 1
        return counts

    def as_json(self) -> dict[str, object]:
        """Return the published shape of the plan: plain values, complete, nothing cut."""
        return {
            "file": self.file,
            "status": self.status.value,
            "detected": self.detected.as_json(),
            "mapping": dict(self.mapping),
            "rows": [line.as_json() for line in self.lines],
            "issues": [issue.as_json() for issue in self.issues],
            "skipped_lines": list(self.skipped_lines),
            "absent_keys": [
                [row.supplier_key, row.contract_ref, row.line_no] for row in self.absent
            ],
            "summary": self.summary,
        }
