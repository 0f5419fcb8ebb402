"""What tests of commands share."""

import logging
from collections.abc import Iterator

import pytest

from broker.store.engine import Database


@pytest.fixture
def sqlite_url(sqlite: Database) -> str:
    """Return the URL of the fresh SQLite database."""
    return str(sqlite.read_engine.url)


@pytest.fixture(autouse=True)
def quiet_afterwards() -> Iterator[None]:
    """Take away the log that a command set up: its stream is closed when the command is over."""
    yield
    root = logging.getLogger()
    for handler in list(root.handlers):
        if type(handler) is logging.StreamHandler:
            root.removeHandler(handler)
    root.setLevel(logging.WARNING)
