"""The story of the demo in a database, loaded once and copied for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.store.engine import Database
from tests.broker import story
from tests.conftest import sqlite_database


@pytest.fixture(scope="session")
def story_template(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a SQLite file that holds the story, which each test copies."""
    path = tmp_path_factory.mktemp("story") / "story.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite:///{path}")
    story.load_story(database)
    database.close()
    return path


@pytest.fixture
def told(story_template: Path, tmp_path: Path) -> Iterator[Database]:
    """Open a fresh SQLite database that holds the story."""
    opened = Database(sqlite_database(story_template, tmp_path))
    yield opened
    opened.close()


@pytest.fixture
def told_url(told: Database) -> str:
    """Return the URL of the database that holds the story."""
    return str(told.read_engine.url)
