"""Triggers: what the database itself refuses, whoever asks.

Alembic's batch mode rebuilds SQLite tables and drops their triggers without a word, so every
migration calls `create_triggers` at its end, and a check compares what is there with this list.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, inspect, text

APPEND_ONLY = (
    "event",
    "alert_event",
    "assumption",
    "price_sighting",
    "offer_change",
    "capacity_transfer",
    "demand_forecast",
    "model_profile",
    "capacity_event",
    "audit",
)
"""Tables whose rows are never changed and never deleted."""

TRUNCATE = "TRUNCATE"

PRICE_OVERLAP = "price_period_overlap"

_OVERLAPS = """
    SELECT 1 FROM price_period AS other
    WHERE other.line_id = NEW.line_id AND other.position <> NEW.position
      AND other.kind = NEW.kind AND other.superseded_at IS NULL
      AND (other.tranche_no IS NULL OR NEW.tranche_no IS NULL
           OR other.tranche_no = NEW.tranche_no)
      AND (NEW.valid_to IS NULL OR other.valid_from < NEW.valid_to)
      AND (other.valid_to IS NULL OR NEW.valid_from < other.valid_to)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """One trigger: its name, table and the moment it fires."""

    name: str
    table: str
    when: str


def expected(dialect: str) -> tuple[Trigger, ...]:
    """Return every trigger that a database of this dialect must have."""
    # TRUNCATE, which only PostgreSQL has, passes by the triggers of rows.
    verbs = ("UPDATE", "DELETE") if dialect == "sqlite" else ("UPDATE", "DELETE", TRUNCATE)
    guards = [
        Trigger(name=f"{table}_no_{verb.lower()}", table=table, when=f"BEFORE {verb}")
        for table in APPEND_ONLY
        for verb in verbs
    ]
    return (
        *guards,
        Trigger(name=PRICE_OVERLAP, table="price_period", when="BEFORE INSERT"),
        Trigger(name=f"{PRICE_OVERLAP}_update", table="price_period", when="BEFORE UPDATE"),
    )


def create_triggers(connection: Connection) -> None:
    """Create every trigger anew whose table this revision of the schema has."""
    create = _create_sqlite if connection.dialect.name == "sqlite" else _create_postgresql
    for trigger in _applicable(connection):
        create(connection, trigger)


def drop_triggers(connection: Connection) -> None:
    """Drop every trigger, and on PostgreSQL the functions behind them."""
    for trigger in _applicable(connection):
        if connection.dialect.name == "sqlite":
            connection.execute(text(f"DROP TRIGGER IF EXISTS {trigger.name}"))
        else:
            connection.execute(text(f"DROP TRIGGER IF EXISTS {trigger.name} ON {trigger.table}"))
            connection.execute(text(f"DROP FUNCTION IF EXISTS {trigger.name}()"))


def _applicable(connection: Connection) -> list[Trigger]:
    tables = set(inspect(connection).get_table_names())
    return [trigger for trigger in expected(connection.dialect.name) if trigger.table in tables]


def missing(connection: Connection) -> list[str]:
    """Return the names of the triggers that should be there and are not."""
    query = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        if connection.dialect.name == "sqlite"
        else "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'"
    )
    there = {row[0] for row in connection.execute(text(query))}
    wanted = expected(connection.dialect.name)
    return [trigger.name for trigger in wanted if trigger.name not in there]


def _create_sqlite(connection: Connection, trigger: Trigger) -> None:
    connection.execute(text(f"DROP TRIGGER IF EXISTS {trigger.name}"))
    condition = f"WHEN NEW.superseded_at IS NULL AND EXISTS ({_OVERLAPS})"
    overlap = trigger.table == "price_period"
    connection.execute(
        text(
            f"CREATE TRIGGER {trigger.name} {trigger.when} ON {trigger.table} "
            f"{condition if overlap else ''} "
            f"BEGIN SELECT RAISE(ABORT, '{_refusal(trigger)}'); END"
        )
    )


def _create_postgresql(connection: Connection, trigger: Trigger) -> None:
    refuse = f"RAISE EXCEPTION '{_refusal(trigger)}';"
    if trigger.table == "price_period":
        refuse = f"IF NEW.superseded_at IS NULL AND EXISTS ({_OVERLAPS}) THEN {refuse} END IF;"
    connection.execute(
        text(
            f"CREATE OR REPLACE FUNCTION {trigger.name}() RETURNS trigger LANGUAGE plpgsql "
            f"AS $$ BEGIN {refuse} RETURN NEW; END $$"
        )
    )
    connection.execute(text(f"DROP TRIGGER IF EXISTS {trigger.name} ON {trigger.table}"))
    each = "STATEMENT" if trigger.when.endswith(TRUNCATE) else "ROW"
    connection.execute(
        text(
            f"CREATE TRIGGER {trigger.name} {trigger.when} ON {trigger.table} "
            f"FOR EACH {each} EXECUTE FUNCTION {trigger.name}()"
        )
    )


def _refusal(trigger: Trigger) -> str:
    if trigger.table == "price_period":
        return "two prices of one line would hold on the same day"
    return f"{trigger.table} is append-only"
