"""The console script `tonnage`: joins the commands below."""

from __future__ import annotations

import typer

app = typer.Typer(name="tonnage", no_args_is_help=True, add_completion=False)


@app.callback()
def tonnage() -> None:
    """Multi-cloud GPU capacity broker and procurement ledger."""


def main() -> None:
    """Run the command line."""
    app()
