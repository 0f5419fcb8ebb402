"""State an assumption, or a sheet of them: read, check, append. Nothing is ever changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

from sqlmodel import Session

from broker.clock import Clock
from broker.contracts.named_rows import Columns, RowReading, read_rows
from broker.contracts.sheets import values as cell
from broker.contracts.sheets.issue import CellRefusedError, Code
from broker.errors import BadInputError, Fault, NotFoundError
from broker.flows.sheet_import import SheetImport
from broker.identity import new_id
from broker.renewals.assumptions import (
    Assumption,
    AssumptionName,
    Assumptions,
    Scope,
    allowed_scope,
    assumption_name,
    assumption_value,
)
from broker.store.engine import Database
from broker.store.renewals import add_assumption, all_assumptions, find_scope, scope_label

COLUMNS = Columns(
    names=("name", "scope", "value", "valid_from", "source"),
    required=frozenset({"name", "scope", "value", "valid_from", "source"}),
)
SOURCE_LENGTH = 400

_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAssumption:
    """A statement on record, its scope as people write it, and whether it counts on a day."""

    stated: Assumption
    scope: str
    in_force: bool


def list_assumptions(database: Database, *, on: date) -> list[KnownAssumption]:
    """Return every statement by name and scope, the newest last, and whether it is in force."""
    with database.reading() as session:
        stated = all_assumptions(session)
        known = Assumptions(stated)
        return [_known(session, each, known, on=on) for each in stated]


def state_assumption(
    database: Database, cells: Mapping[str, str], *, actor: str, clock: Clock
) -> KnownAssumption:
    """Append one statement and return it; one that repeats what is on record is not appended again.

    `cells` holds the columns of a sheet by name. Raises BadInputError with every fault.
    """
    with database.writing() as session:
        row = RowReading(cells=cells)
        wanted = _statement(session, row, actor=actor, at=clock())
        if wanted is None:
            reasons = "; ".join(fault.message for fault in row.faults)
            raise BadInputError(reasons, faults=tuple(row.faults))
        same = _repeated(Assumptions(all_assumptions(session)), wanted)
        if same is None:
            add_assumption(session, wanted)
            session.flush()
        known = Assumptions(all_assumptions(session))
        return _known(session, same or wanted, known, on=wanted.valid_from)


def import_assumptions(
    database: Database,
    content: bytes,
    *,
    file: str,
    actor: str,
    clock: Clock,
    dry_run: bool = False,
) -> SheetImport[Assumption]:
    """Append every statement of a sheet, or none when any row has a fault; twice changes nothing."""
    with database.trying() if dry_run else database.writing() as session:
        wanted, faults = _read_sheet(session, content, actor=actor, at=clock())
        known = Assumptions(all_assumptions(session))
        fresh = [each for each in wanted if _repeated(known, each) is None]
        if not faults:
            for each in fresh:
                add_assumption(session, each)
    return SheetImport(
        file=file,
        recorded=() if faults else tuple(fresh),
        unchanged=len(wanted) - len(fresh),
        faults=tuple(faults),
        dry_run=dry_run,
    )


def _read_sheet(
    session: Session, content: bytes, *, actor: str, at: datetime
) -> tuple[list[Assumption], list[Fault]]:
    rows, faults = read_rows(content, COLUMNS)
    wanted: dict[tuple[AssumptionName, Scope, date], Assumption] = {}
    for row in rows:
        found = _statement(session, row, actor=actor, at=at)
        if found is not None:
            earlier = wanted.setdefault((found.name, found.scope, found.valid_from), found)
            if not _says_the_same(earlier, found):
                row.refuse(
                    "value",
                    Code.CONFLICT_IN_FILE,
                    "an earlier row states this for the same scope and day; keep one of them",
                )
        faults += row.faults
    return list(wanted.values()), sorted(faults, key=lambda fault: fault.line or 0)


def _statement(session: Session, row: RowReading, *, actor: str, at: datetime) -> Assumption | None:
    row.require(COLUMNS.required)
    row.read("name", _or_refused(assumption_name))
    row.read("scope", _or_refused(lambda text: find_scope(session, text)))
    row.read("valid_from", cell.day)
    row.read("source", cell.text_up_to(SOURCE_LENGTH))
    name: AssumptionName | None = row.get("name")
    scope: Scope | None = row.get("scope")
    if name is not None:
        row.read("value", _or_refused(lambda text: assumption_value(name, text)))
    if name is not None and scope is not None:
        row.read("scope", _or_refused(lambda _text: allowed_scope(name, scope)))
    if row.faults or name is None or scope is None:
        return None
    return Assumption(
        id=new_id(),
        name=name,
        scope=scope,
        value=row.get("value"),
        valid_from=row.get("valid_from"),
        source=row.get("source"),
        actor=actor,
        recorded_at=at,
    )


def _or_refused(read: Callable[[str], _Read]) -> Callable[[str], _Read]:
    """Return the reading with its refusals as those of a cell, so that they are collected."""

    def cell_reading(text: str) -> _Read:
        try:
            return read(text)
        except (BadInputError, NotFoundError) as refusal:
            raise CellRefusedError(Code.UNKNOWN_VALUE, str(refusal)) from refusal

    return cell_reading


def _known(
    session: Session, stated: Assumption, known: Assumptions, *, on: date
) -> KnownAssumption:
    return KnownAssumption(
        stated=stated,
        scope=scope_label(session, stated.scope),
        in_force=known.latest(stated.name, stated.scope, on=on) == stated,
    )


def _repeated(known: Assumptions, wanted: Assumption) -> Assumption | None:
    """Return the statement that already says this; one that was replaced since does not count."""
    found = known.exactly(wanted.name, wanted.scope, wanted.valid_from)
    return found if found is not None and _says_the_same(found, wanted) else None


def _says_the_same(one: Assumption, other: Assumption) -> bool:
    return (one.value, one.source) == (other.value, other.source)
