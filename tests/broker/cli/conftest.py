"""What tests of commands share."""

import pytest

from broker.store.engine import Database


@pytest.fixture
def sqlite_url(sqlite: Database) -> str:
    """Return the URL of the fresh SQLite database."""
    return str(sqlite.read_engine.url)
