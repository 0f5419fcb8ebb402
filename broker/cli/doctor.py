"""`tonnage doctor`: what is wrong with this installation, and what would help."""

from __future__ import annotations

import typer

from broker.cli.console import FOUND_WRONG, print_json, print_table, read_settings
from broker.cli.decisions import AsJson
from broker.clock import utc_now
from broker.flows.examine_installation import Installation, Verdict, examine_installation
from broker.flows.prepare_database import open_database
from broker.jobs import poll_supplier, schedule, suppliers_at_hand
from providers.access import of_process


def doctor(as_json: AsJson = False) -> None:
    """Look at settings, database, books, jobs, suppliers and pools; exit 1 if anything fails.

    What is only worth a look is a warning, and no failure. Nothing is changed.
    """
    settings = read_settings()
    database = open_database(settings.database_url)  # not prepared: a damaged one is looked at too
    try:
        checks = examine_installation(
            Installation(
                database=database,
                settings=settings,
                access=of_process(),
                periods={
                    job.name: job.every for job in schedule(suppliers_at_hand(), poll_supplier)
                },
                clock=utc_now,
            )
        )
    finally:
        database.close()
    if as_json:
        print_json(
            {
                "checks": [
                    {
                        "check": each.name,
                        "state": each.verdict.value,
                        "found": each.found,
                        "to_do": each.advice or None,
                    }
                    for each in checks
                ]
            }
        )
    else:
        print_table(
            ("check", "state", "found", "to do"),
            [(each.name, each.verdict.value, each.found, each.advice or None) for each in checks],
        )
    if any(each.verdict is Verdict.FAIL for each in checks):
        raise typer.Exit(FOUND_WRONG)
