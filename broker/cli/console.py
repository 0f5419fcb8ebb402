"""What all commands share: the database they open, how they print, how they complain.

Exit codes: 0 good, 1 something wrong was found, 2 wrong usage or refused, 3 more input is needed.
What only some commands need, above all the database, is read in by the functions that use it: each
command should start at once.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from broker.errors import BadInputError, Fault, TonnageError

if TYPE_CHECKING:
    from broker.settings import Settings
    from broker.store.engine import Database

FOUND_WRONG: Final = 1
REFUSED: Final = 2
NEEDS_INPUT: Final = 3
UNKNOWN: Final = "—"
_UNCUT_WIDTH: Final = 10_000
"""Columns a pipe or a file has: as many as a row needs, so nothing is cut or wrapped."""


class Refusals(TyperGroup):
    """Commands whose refusals are told in words on standard error, with exit code 2."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was chosen."""
        try:
            return super().invoke(ctx)
        except TonnageError as refused:
            complain(refused)
            raise typer.Exit(REFUSED) from refused
        except UnicodeEncodeError as no_text:  # bytes of an argument that were no UTF-8
            complain(BadInputError("an argument holds bytes that are no UTF-8 text; write it anew"))
            raise typer.Exit(REFUSED) from no_text


def read_settings() -> Settings:
    """Return the settings from the environment; raise BadInputError naming those that are wrong."""
    from pydantic import ValidationError

    from broker.settings import Settings

    try:
        return Settings()
    except ValidationError as wrong:
        faults = tuple(
            Fault(
                code=one["type"],
                message=one["msg"],
                field="TONNAGE_" + "_".join(str(part) for part in one["loc"]).upper(),
            )
            for one in wrong.errors(include_input=False, include_context=False)
        )
        raise BadInputError("a setting in the environment cannot be read", faults) from wrong


@contextmanager
def opened(settings: Settings | None = None) -> Iterator[Database]:
    """Open the database that is set, ready for use; close it at the end.

    A database without any table gets its schema. Raises UnreachableError and RefusedError, whose
    messages name the database without user or password.
    """
    from broker.flows.prepare_database import prepare_database

    with connected(settings) as database:
        prepare_database(database)
        yield database


@contextmanager
def connected(settings: Settings | None = None) -> Iterator[Database]:
    """Open the database that is set, whatever its schema; close it at the end."""
    from sqlalchemy.exc import InterfaceError, OperationalError
    from sqlalchemy.exc import TimeoutError as PoolTimeoutError

    from broker.flows.prepare_database import open_database, unanswered

    database = open_database((settings or read_settings()).database_url)
    try:
        yield database
    except (OperationalError, InterfaceError, PoolTimeoutError) as failure:
        raise unanswered(database, failure) from failure
    finally:
        database.close()


def actor() -> str:
    """Return who the books shall say did it."""
    return os.environ.get("USER") or "cli"


def print_json(thing: Any) -> None:
    """Print JSON for a program. Decimals and dates are refused: they cross as strings."""
    typer.echo(json.dumps(thing, indent=2, ensure_ascii=False, allow_nan=False))


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    numeric: Collection[str] = (),
    title: str | None = None,
) -> None:
    """Print rows under their columns; the `numeric` ones stand right and are never broken.

    None is shown as a dash. In a pipe nothing is cut, whatever the width.
    """
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        number = column in numeric
        table.add_column(
            Text(column),
            justify="right" if number else "left",
            no_wrap=number,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(Text(UNKNOWN if cell is None else plain_text(str(cell))) for cell in row))
    width = None if sys.stdout.isatty() else _UNCUT_WIDTH
    Console(file=sys.stdout, width=width, markup=False, highlight=False).print(table)


def complain(error: TonnageError) -> None:
    """Print a refusal on standard error, every fault of the input on a line of its own."""
    typer.echo(f"error: {plain_text(str(error))}", err=True)
    faults = error.faults if isinstance(error, BadInputError) else ()
    for fault in faults:
        typer.echo(f"  {plain_text(fault_text(fault))}", err=True)


def fault_text(fault: Fault) -> str:
    """Return a fault in one line: where it stands, what it is, its code."""
    where = [
        *([f"line {fault.line}"] if fault.line is not None else []),
        *([fault.field] if fault.field else []),
    ]
    return f"{', '.join(where)}: {fault.message} [{fault.code}]".removeprefix(": ")


def plain_text(text: str) -> str:
    """Return the text without control characters: a file must not steer the terminal."""
    return "".join(one if one.isprintable() or one == "\n" else "\ufffd" for one in text)
