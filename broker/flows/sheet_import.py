"""What importing a sheet of quotes or assumptions did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from broker.errors import Fault

Recorded = TypeVar("Recorded")


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetImport(Generic[Recorded]):
    """What an import did, or would do; with any fault nothing is written."""

    file: str
    recorded: tuple[Recorded, ...]
    unchanged: int  # already on record, or repeated in the sheet
    faults: tuple[Fault, ...]
    dry_run: bool
