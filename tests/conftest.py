"""Databases for tests: a fresh one each, on SQLite always and on PostgreSQL where it is installed.

TONNAGE_TEST_REQUIRE=postgres,chromium turns the skips into failures. Property tests draw the same
examples each time, so that a green run stays green; TONNAGE_TEST_EXPLORE=1 looks for new ones.
"""

import itertools
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings

from broker.logs import StandardError
from broker.store import schema
from broker.store.engine import Database
from tests.throwaway_postgres import find_binaries, running

# No deadline: how fast an example runs depends on what else the machine does.
settings.register_profile(
    "tonnage",
    deadline=None,
    derandomize="TONNAGE_TEST_EXPLORE" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("tonnage")

INSTALL_LINES = {
    "postgres": "apt-get install -y postgresql",
    "chromium": "apt-get install -y chromium fonts-dejavu-core",
}
_numbers = itertools.count()


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """Take back what a command run inside this process set up for its logs."""
    root = logging.getLogger()
    level = root.level
    yield
    for handler in root.handlers[:]:
        if isinstance(handler, StandardError):
            root.removeHandler(handler)
    root.setLevel(level)


def skip_unless_required(what: str) -> None:
    """Skip loudly with the line that installs what is missing; fail where it is required."""
    message = f"{what} is not installed; to run these tests: {INSTALL_LINES[what]}"
    if what in os.environ.get("TONNAGE_TEST_REQUIRE", "").split(","):
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """Run a throwaway PostgreSQL server with a migrated template database; yield its base URL."""
    if find_binaries() is None:
        skip_unless_required("postgres")
    with running() as base:
        admin = sa.create_engine(f"{base}/postgres", isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(sa.text("CREATE DATABASE template_tonnage"))
        template = Database(f"{base}/template_tonnage")
        schema.upgrade(template)
        template.close()
        admin.dispose()
        yield base


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a migrated SQLite file that each test copies."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    database = Database(f"sqlite:///{path}")
    schema.upgrade(database)
    database.close()
    return path


def postgres_database(base: str) -> str:
    """Clone the template into a new database and return its URL."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    admin = sa.create_engine(f"{base}/postgres", isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name} TEMPLATE template_tonnage"))
    admin.dispose()
    return f"{base}/{name}"


def sqlite_database(template: Path, folder: Path) -> str:
    """Copy the template into a new file and return its URL."""
    path = folder / f"test_{next(_numbers)}.db"
    path.write_bytes(template.read_bytes())
    return f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a fresh, migrated database, once on each kind."""
    if request.param == "sqlite":
        return sqlite_database(request.getfixturevalue("sqlite_template"), tmp_path)
    return postgres_database(request.getfixturevalue("postgres_server"))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Open a fresh, migrated database, once on each kind."""
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def sqlite(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    """Open a fresh, migrated SQLite database, where the kind does not matter."""
    opened = Database(sqlite_database(sqlite_template, tmp_path))
    yield opened
    opened.close()


@pytest.fixture
def postgres(postgres_server: str) -> Iterator[Database]:
    """Open a fresh, migrated PostgreSQL database, for what only PostgreSQL has."""
    opened = Database(postgres_database(postgres_server))
    yield opened
    opened.close()
