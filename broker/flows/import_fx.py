"""Imports a sheet of exchange rates: all of it or nothing, and twice is once."""

from __future__ import annotations

from dataclasses import dataclass

from broker.store import fx_rates
from broker.store.engine import Database
from providers.csv_sheet import RowFault
from providers.fx_csv import parse


@dataclass(frozen=True, slots=True, kw_only=True)
class FxImportReport:
    """What an import of rates found and added; with any fault it added nothing."""

    file: str
    rows: int
    new_rates: int = 0
    faults: tuple[RowFault, ...] = ()

    @property
    def is_ok(self) -> bool:
        """Say whether the sheet could be taken."""
        return not self.faults


def import_fx(database: Database, content: bytes, *, file: str) -> FxImportReport:
    """Read a sheet of rates and add those that are new, unless anything is wrong with it.

    A rate that differs from the one on record for its pair and day is a fault: what was converted
    with the old one must stay checkable.
    """
    sheet = parse(content)
    if sheet.faults:
        return FxImportReport(file=file, rows=len(sheet.rows), faults=sheet.faults)
    with database.writing() as session:
        known = fx_rates.known_rates(session)
        fresh = []
        faults = []
        for row in sheet.rows:
            stored = known.get((row.rate.base, row.rate.quote, row.rate.on))
            if stored is None:
                fresh.append(row.rate)
            elif stored != row.rate.rate:
                message = "the books have another rate for this pair and day; keep theirs"
                faults.append(
                    RowFault(
                        code="conflict_on_record", message=message, line=row.line, field="rate"
                    )
                )
        if not faults:
            fx_rates.add_rates(session, fresh)
    return FxImportReport(
        file=file,
        rows=len(sheet.rows),
        new_rates=0 if faults else len(fresh),
        faults=tuple(faults),
    )
