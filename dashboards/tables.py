"""Tables: columns that sort by number and show the exact text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from dashboards.figures import UNKNOWN, Drawn

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler


def shown(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> Styler:
    """Return a table whose `Drawn` cells show their text."""
    frame = pd.DataFrame(
        {
            column: pd.Series([row[at] for row in rows], dtype="object")
            for at, column in enumerate(columns)
        }
    )
    return frame.style.format(_text, na_rep=UNKNOWN)


def _text(cell: object) -> str:
    return cell.text if isinstance(cell, Drawn) else str(cell)
