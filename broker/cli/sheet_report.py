"""Tells what importing a sheet did: in words, or as JSON for a program."""

from __future__ import annotations

from typing import Any

import typer

from broker.cli.console import FOUND_WRONG, fault_text, plain_text, print_json
from broker.flows.sheet_import import SheetImport


def report_import(report: SheetImport[Any], *, what: str, as_json: bool) -> None:
    """Print the report and leave with exit code 0, or 1 where there were faults."""
    if as_json:
        print_json(_as_json(report))
    else:
        _tell(report, what)
    raise typer.Exit(FOUND_WRONG if report.faults else 0)


def _tell(report: SheetImport[Any], what: str) -> None:
    for fault in report.faults:
        typer.echo(plain_text(fault_text(fault)), err=True)
    if report.faults:
        typer.echo(f"{report.file}: {len(report.faults)} faults; nothing was recorded", err=True)
        return
    verb = "would be recorded" if report.dry_run else "recorded"
    typer.echo(
        f"{report.file}: {what} {verb}: {len(report.recorded)}, already known: {report.unchanged}"
    )


def _as_json(report: SheetImport[Any]) -> dict[str, object]:
    return {
        "file": report.file,
        "status": "errors" if report.faults else "ok",
        "dry_run": report.dry_run,
        "recorded": len(report.recorded),
        "unchanged": report.unchanged,
        "ids": [] if report.dry_run else [each.id for each in report.recorded],
        "issues": [
            {
                "line": fault.line,
                "field": fault.field,
                "severity": "error",
                "code": fault.code,
                "message": fault.message,
            }
            for fault in report.faults
        ],
    }
