"""One thing to say about a sheet: where it stands, what is wrong, what would help.

Messages never repeat a price: they may end in a log or a ticket. The line and the field are enough
to find it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """An error stops the whole import; a warning is shown and lets it pass."""

    ERROR = "error"
    WARNING = "warning"


class Code(StrEnum):
    """Stable names of complaints, for programs and for searching."""

    # the file
    BAD_ENCODING = "bad_encoding"
    BAD_DELIMITER = "bad_delimiter"
    BAD_QUOTING = "bad_quoting"
    CELL_COUNT = "cell_count"
    FILE_TOO_LARGE = "file_too_large"
    TOO_MANY_ROWS = "too_many_rows"
    NO_HEADER = "no_header"
    NO_ROWS = "no_rows"
    UNKNOWN_COLUMN = "unknown_column"
    DUPLICATE_COLUMN = "duplicate_column"
    # one cell
    MISSING_REQUIRED = "missing_required"
    BAD_NUMBER = "bad_number"
    AMBIGUOUS_NUMBER = "ambiguous_number"
    NOT_POSITIVE = "not_positive"
    NEGATIVE_VALUE = "negative_value"
    PRICE_RANGE = "price_range"
    PRICE_OUT_OF_RANGE = "price_out_of_range"
    BAD_DATE = "bad_date"
    BAD_DURATION = "bad_duration"
    UNKNOWN_VALUE = "unknown_value"
    UNKNOWN_GPU = "unknown_gpu"
    UNKNOWN_CURRENCY = "unknown_currency"
    TEXT_TOO_LONG = "text_too_long"
    # several cells
    END_BEFORE_START = "end_before_start"
    TERM_MISMATCH = "term_mismatch"
    NODE_SIZE_UNUSUAL = "node_size_unusual"
    # several rows, or a row and the books
    CURRENCY_CONFLICT = "currency_conflict"
    DUPLICATE_IN_FILE = "duplicate_in_file"
    CONFLICT_IN_FILE = "conflict_in_file"
    TRANCHE_SUM_MISMATCH = "tranche_sum_mismatch"
    REFUSED_BY_BOOKS = "refused_by_books"


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """A complaint. `line` is physical, the first line of the file is 1."""

    line: int
    field: str | None
    code: Code
    message: str
    severity: Severity = Severity.ERROR

    @property
    def is_error(self) -> bool:
        """Say whether this stops the import."""
        return self.severity is Severity.ERROR

    def as_json(self) -> dict[str, object]:
        """Return the issue in its published shape."""
        return {
            "line": self.line,
            "field": self.field,
            "severity": self.severity.value,
            "code": self.code.value,
            "message": self.message,
        }


class CellRefusedError(ValueError):
    """A cell says something that is not accepted; `code` names why, the text what would help."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
