"""The command line, in this process."""

from typing import Any

from typer.testing import CliRunner

from broker.cli import app

PEPPER = "pepper of the tests"


def run(*words: str, database_url: str, **environment: str) -> Any:
    """Run a command on a database; the result has exit_code, stdout and stderr."""
    settings = {
        "TONNAGE_DATABASE_URL": database_url,
        "TONNAGE_KEY_PEPPER": PEPPER,
        "USER": "dana",
        **environment,
    }
    return CliRunner().invoke(app, list(words), env=settings)
