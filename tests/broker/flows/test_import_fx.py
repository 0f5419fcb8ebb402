"""Exchange rates enter the books whole or not at all, once, and are never changed."""

from sqlmodel import select

from broker.flows.import_fx import FxImportReport, import_fx
from broker.store.engine import Database
from broker.store.tables import FxRateRow

GOOD = "EUR,USD,2026-05-11,1.094,invented"


def import_rates(database: Database, *lines: str) -> FxImportReport:
    sheet = "\n".join(("base,quote,date,rate,source", *lines, ""))
    return import_fx(database, sheet.encode(), file="fx.csv")


def stored(database: Database) -> dict[tuple[str, str, str], str]:
    with database.reading() as session:
        rows = session.exec(select(FxRateRow)).all()
    return {(row.base, row.quote, row.on.isoformat()): row.rate for row in rows}


def test_rates_are_kept_once(database: Database) -> None:
    first = import_rates(database, GOOD, "GBP,USD,2026-05-11,1.286,invented")
    second = import_rates(database, GOOD)

    assert (first.rows, first.new_rates, second.new_rates) == (2, 2, 0)
    assert stored(database) == {
        ("EUR", "USD", "2026-05-11"): "1.094",
        ("GBP", "USD", "2026-05-11"): "1.286",
    }


def test_one_bad_row_keeps_all_out_and_every_fault_is_told(database: Database) -> None:
    report = import_rates(
        database, GOOD, "EUR,EUR,2026-05-11,1,invented", "EURO,USD,11.05.2026,-1,"
    )

    assert [(fault.line, fault.field, fault.code) for fault in report.faults] == [
        (3, "quote", "same_currency"),
        (4, "base", "unknown_currency"),
        (4, "date", "bad_date"),
        (4, "rate", "bad_number"),
        (4, "source", "missing_required"),
    ]
    assert stored(database) == {}


def test_a_rate_on_record_is_not_overwritten(database: Database) -> None:
    import_rates(database, GOOD)

    report = import_rates(
        database, "EUR,USD,2026-05-11,1.1,invented", "EUR,USD,2026-05-12,1.1,invented"
    )

    assert [fault.code for fault in report.faults] == ["conflict_on_record"]
    assert stored(database) == {("EUR", "USD", "2026-05-11"): "1.094"}
