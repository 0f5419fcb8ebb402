"""How far the alert rules have looked: the last day, and the price imports they have seen.

Prices may arrive late, for days that were evaluated before. So every import that an evaluation has
taken in is noted, and the next one begins at the first day of any that it has not.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from sqlalchemy import literal, text
from sqlmodel import Session, col, func, select

from broker.store.tables import EvaluationRow, PriceImportRow, PriceSightingRow

ALL_RULES = "alerts"
_PRICE_IMPORT = "price_import/"


def lock_evaluation(session: Session) -> None:
    """Let one evaluation write at a time: SQLite has one writer anyway, PostgreSQL takes a lock."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:what, 0))"), {"what": ALL_RULES}
        )


def last_day_evaluated(session: Session) -> date | None:
    """Return the last day that the rules were evaluated for, or None."""
    row = session.get(EvaluationRow, ALL_RULES)
    return None if row is None else row.last_day


def note_evaluation(session: Session, *, until: date) -> None:
    """Note that the rules were evaluated up to a day; the mark never moves back."""
    last = last_day_evaluated(session)
    session.merge(EvaluationRow(rules=ALL_RULES, last_day=max(until, last or until)))


def price_imports_not_evaluated(session: Session) -> dict[str, date | None]:
    """Return the price imports that no evaluation has taken in, and the first day each brought."""
    seen = select(EvaluationRow.rules)
    mark = literal(_PRICE_IMPORT).concat(col(PriceImportRow.id))
    rows = session.exec(
        select(PriceImportRow.id, func.min(PriceSightingRow.observed_on))
        .join(
            PriceSightingRow,
            col(PriceSightingRow.import_id) == col(PriceImportRow.id),
            isouter=True,
        )
        .where(mark.not_in(seen))
        .group_by(col(PriceImportRow.id))
    )
    return dict(rows.all())


def note_price_imports(session: Session, import_ids: Iterable[str], *, until: date) -> None:
    """Note that an evaluation has taken in these price imports."""
    for import_id in import_ids:
        session.merge(EvaluationRow(rules=f"{_PRICE_IMPORT}{import_id}", last_day=until))
