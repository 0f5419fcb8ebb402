"""How far the rules have looked, and which price imports they have seen."""

from datetime import date, timedelta

from broker.flows.import_prices import import_prices
from broker.store.engine import Database
from broker.store.evaluations import (
    last_day_evaluated,
    note_evaluation,
    note_price_imports,
    price_imports_not_evaluated,
)
from tests.broker.flows.price_sheets import price_sheet
from tests.builders import ACTOR, MAY_15, NOON


def test_the_mark_never_moves_back(database: Database) -> None:
    for day in (MAY_15, MAY_15 - timedelta(days=9), MAY_15 + timedelta(days=1)):
        with database.writing() as session:
            note_evaluation(session, until=day)

    with database.reading() as session:
        assert last_day_evaluated(session) == MAY_15 + timedelta(days=1)


def test_before_the_first_evaluation_there_is_no_mark(sqlite: Database) -> None:
    with sqlite.reading() as session:
        assert last_day_evaluated(session) is None


def test_an_import_is_new_until_an_evaluation_has_taken_it_in(database: Database) -> None:
    ids = []
    for day in (date(2026, 5, 3), date(2026, 5, 1)):
        sheet = price_sheet({day: "2.00", day + timedelta(days=1): "2.00"})
        report = import_prices(database, sheet, file="p.csv", actor=ACTOR, clock=lambda: NOON)
        ids.append(str(report.import_id))
    with database.writing() as session:
        note_price_imports(session, ids[:1], until=MAY_15)

    with database.reading() as session:
        assert price_imports_not_evaluated(session) == {ids[1]: date(2026, 5, 1)}
