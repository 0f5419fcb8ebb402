"""Runs migrations on either database; batch mode, because SQLite cannot alter tables in place."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection
from sqlmodel.sql.sqltypes import AutoString

from broker.settings import Settings
from broker.store.columns import Micros, UtcTime
from broker.store.engine import Database
from broker.store.tables import Table


def rendered(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Return how a column type is written in a migration; False means Alembic's own way."""
    if kind != "type":
        return False
    if isinstance(item, AutoString):
        return "sa.String()"
    if isinstance(item, Micros | UtcTime):
        return f"{type(item).__name__}()"
    return False


def run(connection: Connection) -> None:
    """Run the migrations that are due in one transaction."""
    context.configure(
        connection=connection,
        target_metadata=Table.metadata,
        render_as_batch=True,
        compare_type=True,
        render_item=rendered,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    with Database(Settings().database_url).migrating() as opened:
        run(opened)
