"""Stating assumptions: all or nothing, twice is once, what was said stays on record."""

from datetime import date, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from broker.errors import BadInputError
from broker.flows.sheet_import import SheetImport
from broker.flows.state_assumption import (
    KnownAssumption,
    import_assumptions,
    list_assumptions,
    state_assumption,
)
from broker.renewals.assumptions import Assumption
from broker.store.engine import Database
from tests.broker import story
from tests.builders import ACTOR, MAY_15, NOON

BUSY = {
    "name": "busy_fraction",
    "scope": "global",
    "value": "0.95",
    "valid_from": "2026-05-01",
    "source": "capacity, April",
}


def state(database: Database, hour: int = 0, **cells: str) -> KnownAssumption:
    return state_assumption(
        database, {**BUSY, **cells}, actor=ACTOR, clock=lambda: NOON + timedelta(hours=hour)
    )


def load(database: Database, content: bytes, *, dry_run: bool = False) -> SheetImport[Assumption]:
    return import_assumptions(
        database, content, file="a.csv", actor=ACTOR, clock=lambda: NOON, dry_run=dry_run
    )


def in_force(database: Database, *, on: date = MAY_15) -> dict[str, str]:
    return {
        f"{known.stated.name} {known.scope}": known.stated.value
        for known in list_assumptions(database, on=on)
        if known.in_force
    }


def test_the_newest_statement_counts_and_the_old_one_stays(database: Database) -> None:
    state(database)
    state(database, hour=1, value="0.9")

    assert in_force(database) == {"busy_fraction global": "0.9"}
    assert len(list_assumptions(database, on=MAY_15)) == 2


def test_a_statement_counts_from_its_day_on(sqlite: Database) -> None:
    state(sqlite)
    state(sqlite, value="0.8", valid_from="2026-06-01")

    assert in_force(sqlite) == {"busy_fraction global": "0.95"}
    assert in_force(sqlite, on=date(2026, 6, 1)) == {"busy_fraction global": "0.8"}


def test_saying_the_same_again_adds_nothing(database: Database) -> None:
    first = state(database)

    assert state(database, hour=1).stated.id == first.stated.id
    assert len(list_assumptions(database, on=MAY_15)) == 1


def test_going_back_to_an_older_value_is_a_new_statement(sqlite: Database) -> None:
    state(sqlite)
    state(sqlite, hour=1, value="0.9")
    state(sqlite, hour=2)

    assert in_force(sqlite) == {"busy_fraction global": "0.95"}
    assert len(list_assumptions(sqlite, on=MAY_15)) == 3


@pytest.mark.parametrize("verb", ["UPDATE assumption SET value = '1'", "DELETE FROM assumption"])
def test_nobody_changes_what_was_stated(database: Database, verb: str) -> None:
    state(database)

    with pytest.raises(DBAPIError, match="append-only"), database.writing() as session:
        session.execute(text(verb))


def test_scopes_are_told_as_people_write_them(sqlite: Database) -> None:
    story.load_contracts(sqlite)

    scopes = [
        state(sqlite, scope=scope).scope
        for scope in (
            "global",
            "gpu:NVIDIA B200",
            "supplier:harbor-compute",
            "contract:hc-2025-b200-01",
            "line:HC-2025-B200-01/1",
            "line:HC-2025-B200-01",
        )
    ]

    assert scopes == [
        "global",
        "gpu:B200",
        "supplier:harbor-compute",
        "contract:HC-2025-B200-01",
        "line:HC-2025-B200-01/1",
        "line:HC-2025-B200-01/1",
    ]


@pytest.mark.parametrize(
    "scope",
    [
        "",
        "everything",
        "gpu:",
        "gpu:B2000",
        "global:x",
        "supplier:nobody",
        "contract:XX",
        "line:XX/1",
    ],
)
def test_a_scope_that_names_nothing_is_refused(sqlite: Database, scope: str) -> None:
    with pytest.raises(BadInputError) as refused:
        state(sqlite, scope=scope)

    assert [fault.field for fault in refused.value.faults] == ["scope"]


def test_importing_a_sheet_twice_changes_nothing(database: Database) -> None:
    story.load_contracts(database)
    content = story.ASSUMPTIONS.read_bytes()

    first, second = load(database, content), load(database, content)

    assert first.faults == ()
    assert (len(second.recorded), second.unchanged) == (0, len(first.recorded))


def test_a_dry_run_states_nothing(sqlite: Database) -> None:
    story.load_contracts(sqlite)

    report = load(sqlite, story.ASSUMPTIONS.read_bytes(), dry_run=True)

    assert report.recorded
    assert list_assumptions(sqlite, on=MAY_15) == []


def test_every_fault_of_a_sheet_is_told_and_nothing_is_stated(sqlite: Database) -> None:
    sheet = b"""name,scope,value,valid_from,source
busy_fraction,global,0.95,2026-05-01,capacity
busyness,global,0.95,2026-05-01,capacity
busy_fraction,nowhere,95,1 May,
b200_factor,global,0.4,2026-05-01,platform
busy_fraction,global,0.90,2026-05-01,capacity
"""

    report = load(sqlite, sheet)

    assert {(fault.line, fault.field) for fault in report.faults} == {
        (3, "name"),
        (4, "scope"),
        (4, "value"),
        (4, "valid_from"),
        (4, "source"),
        (5, "scope"),
        (6, "value"),
    }
    assert list_assumptions(sqlite, on=MAY_15) == []
