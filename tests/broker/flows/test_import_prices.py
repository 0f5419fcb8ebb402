"""Sheets of market prices enter the books: whole or not at all, once, and in any order."""

import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlmodel import col, func, select

from broker.errors import BadInputError
from broker.flows.import_prices import LARGEST_SHEET_BYTES, import_prices
from broker.store import prices
from broker.store.engine import Database
from broker.store.price_history import find_series, histories
from broker.store.tables import (
    PriceImportRow,
    PriceLevelRow,
    PriceSightingRow,
    PriceUnmappedRow,
    Table,
)
from pricing.series import PriceHistory
from tests.builders import ACTOR, NOON
from tests.conftest import sqlite_database
from tests.market_sheets import a_market_sheet, a_price, import_lines

REAL_SHEET = Path(__file__).parents[3] / "../shared/data/market-prices/2026-07-05_to_2026-08-05.csv"


def count(database: Database, table: type[Table]) -> int:
    with database.reading() as session:
        return session.exec(select(func.count()).select_from(table)).one()


def books(database: Database) -> Any:
    """Everything that the rules can see of prices, without where it was read."""
    with database.reading() as session:
        seen = session.exec(
            select(
                col(PriceSightingRow.series_id),
                col(PriceSightingRow.observed_on),
                col(PriceSightingRow.price_per_gpu_hour),
                col(PriceSightingRow.fetched_at),
            )
        ).all()
        return histories(session), prices.listed_prices(session), sorted(map(tuple, seen))


def test_a_price_that_stays_is_one_level_and_every_raw_row_is_kept(database: Database) -> None:
    report = import_lines(
        database,
        a_price(date="2026-05-09"),
        a_price(date="2026-05-10"),
        a_price(date="2026-05-11", usd_per_gpu_hour="5.8"),
    )

    assert (report.rows, report.series, report.new_sightings, report.levels) == (3, 1, 3, 2)
    with database.reading() as session:
        (found,) = histories(session)
    five, raised = found.history.levels
    assert (five.price, five.first_seen_on, five.last_seen_on) == (
        Decimal(5),
        date(2026, 5, 9),
        date(2026, 5, 10),
    )
    assert (raised.price, raised.first_seen_on) == (Decimal("5.8"), date(2026, 5, 11))
    assert count(database, PriceSightingRow) == 3


def test_importing_twice_changes_nothing(database: Database) -> None:
    lines = (a_price(), a_price(gpu="x9000"), a_price(provider="ember-cloud"))
    first = import_lines(database, *lines)
    before = books(database)

    second = import_lines(database, *lines, file="again.csv")

    assert first.import_id is not None
    assert (second.is_ok, second.new_sightings, second.import_id) == (True, 0, None)
    assert second.levels == first.levels
    assert books(database) == before
    assert (count(database, PriceImportRow), count(database, PriceUnmappedRow)) == (1, 1)


def test_an_overlapping_sheet_adds_only_what_is_new(database: Database) -> None:
    import_lines(database, a_price(date="2026-05-10"), a_price(date="2026-05-11"))

    report = import_lines(database, a_price(date="2026-05-11"), a_price(date="2026-05-12"))

    assert report.new_sightings == 1
    assert count(database, PriceLevelRow) == 1


def test_a_row_twice_in_one_sheet_is_kept_once_with_its_first_line(database: Database) -> None:
    report = import_lines(database, a_price(), a_price())

    assert (report.rows, report.new_sightings) == (2, 1)
    with database.reading() as session:
        assert session.exec(select(PriceSightingRow.line_no)).all() == [2]


def test_the_same_price_fetched_again_the_same_day_is_another_row_and_no_new_level(
    database: Database,
) -> None:
    report = import_lines(database, a_price(), a_price(fetched_at="2026-05-11T19:00:00Z"))

    assert (report.new_sightings, report.levels) == (2, 1)


def test_every_fault_is_told_at_once_and_nothing_is_written(database: Database) -> None:
    report = import_lines(
        database,
        a_price(),
        a_price(usd_per_gpu_hour="0"),
        a_price(fetched_at="2026-05-11T07:00:00", kind="weekly"),
    )

    assert not report.is_ok
    assert {(fault.line, fault.field, fault.code) for fault in report.faults} == {
        (3, "usd_per_gpu_hour", "not_positive"),
        (4, "kind", "unknown_kind"),
        (4, "fetched_at", "naive_timestamp"),
    }
    assert count(database, PriceImportRow) == count(database, PriceSightingRow) == 0


def test_a_dry_run_says_the_same_and_writes_nothing(database: Database) -> None:
    lines = (a_price(), a_price(gpu="x9000"))

    tried = import_lines(database, *lines, dry_run=True)

    assert count(database, PriceImportRow) == count(database, PriceUnmappedRow) == 0
    done = import_lines(database, *lines)
    assert (tried.new_sightings, tried.levels, tried.unmapped) == (
        done.new_sightings,
        done.levels,
        done.unmapped,
    )
    assert tried.import_id is None


def test_a_card_nobody_knows_is_set_aside_and_the_rest_goes_on(database: Database) -> None:
    report = import_lines(database, a_price(gpu="x9000"), a_price())

    (row,) = report.unmapped
    assert (report.is_ok, row.line, row.gpu_as_quoted) == (True, 2, "x9000")
    assert report.new_sightings == 1
    with database.reading() as session:
        kept = session.exec(select(PriceUnmappedRow)).one()
    assert (kept.line_no, kept.raw) == (2, a_price(gpu="x9000"))
    assert "x9000" in kept.reason


def test_a_row_set_aside_joins_the_history_once_its_name_is_known(database: Database) -> None:
    # As an earlier version left it, whose alias table did not know the name yet.
    with database.writing() as session:
        session.add(
            PriceImportRow(
                id="i1", sha256="0", file="old.csv", actor=ACTOR, recorded_at=NOON, rows=1
            )
        )
        session.flush()
        session.add(PriceUnmappedRow(import_id="i1", line_no=7, raw=a_price(), reason="unknown"))

    report = import_lines(database, a_price())

    assert (report.newly_mapped, report.new_sightings) == (1, 1)
    assert count(database, PriceUnmappedRow) == 0


def test_a_corrected_alias_corrects_the_past_on_the_next_import(database: Database) -> None:
    import_lines(database, a_price(date="2026-05-10"))
    with database.writing() as session:
        session.execute(text("UPDATE price_series SET gpu_model = 'H100', part = NULL"))

    import_lines(database, a_price(date="2026-05-11"))

    with database.reading() as session:
        (found,) = histories(session)
    assert (found.series.key.gpu_model, found.series.key.part) == ("B200", "B200-SXM")
    assert len(found.history.observed_days) == 2


def test_sheets_imported_at_the_same_moment_lose_no_level(database: Database) -> None:
    sheets = [[a_price(date=f"2026-05-{day:02}", usd_per_gpu_hour=day)] for day in range(1, 9)]

    with ThreadPoolExecutor(len(sheets)) as pool:
        reports = list(pool.map(lambda lines: import_lines(database, *lines), sheets))

    with database.reading() as session:
        (found,) = histories(session)  # which refuses levels that are not the runs of the days
    assert sum(report.new_sightings for report in reports) == len(found.history.levels) == 8


def test_a_slice_is_kept_and_named_as_compared_with_nothing(database: Database) -> None:
    report = import_lines(database, a_price(gpu="h100-sxm", vram_gb=40))

    assert report.notice_counts() == {"memory_differs": 1}
    with database.reading() as session:
        (series,) = find_series(session)
    assert series.excluded_because is not None
    assert "40 GB" in series.excluded_because


def test_a_sheet_that_is_too_large_is_refused_in_words(sqlite: Database) -> None:
    with pytest.raises(BadInputError, match="split it by days"):
        import_prices(
            sqlite,
            b"x" * (LARGEST_SHEET_BYTES + 1),
            file="huge.csv",
            actor=ACTOR,
            clock=lambda: NOON,
        )


def test_progress_is_told_up_to_the_last_row(sqlite: Database) -> None:
    told: list[tuple[int, int]] = []
    lines = [a_price(provider=f"seller-{number}") for number in range(1200)]

    import_prices(
        sqlite,
        a_market_sheet(*lines),
        file="market.csv",
        actor=ACTOR,
        clock=lambda: NOON,
        on_progress=lambda done, total: told.append((done, total)),
    )

    assert told == [(1000, 1200), (1200, 1200)]


a_line = st.builds(
    lambda day, provider, gpu, price, hour: a_price(
        date=f"2026-05-{day:02}",
        provider=provider,
        gpu=gpu,
        usd_per_gpu_hour=price,
        fetched_at=f"2026-05-{day:02}T{hour:02}:00:00Z",
    ),
    day=st.integers(1, 12),
    provider=st.sampled_from(("delphi-gpu", "ember-cloud")),
    gpu=st.sampled_from(("b200", "b200-sxm")),
    price=st.sampled_from(("4.5", "5", "5.8")),
    hour=st.sampled_from((7, 19)),
)


@given(lines=st.lists(a_line, min_size=1, max_size=14), data=st.data())
@settings(max_examples=25, deadline=None)
def test_sheets_in_any_order_and_split_add_up_to_one_sheet(
    sqlite_template: Path, lines: list[str], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(lines))
    cut = data.draw(st.integers(0, len(lines)))

    with tempfile.TemporaryDirectory() as folder:
        at_once = imported(sqlite_template, Path(folder), [lines])
        in_parts = imported(sqlite_template, Path(folder), [shuffled[:cut], shuffled[cut:], lines])

    assert in_parts == at_once


@given(lines=st.lists(a_line, min_size=1, max_size=10))
@settings(max_examples=25, deadline=None)
def test_the_levels_on_record_are_the_runs_of_the_raw_rows(
    sqlite_template: Path, lines: list[str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        told, listed, seen = imported(sqlite_template, Path(folder), [lines])

    for one in told:
        days: dict[date, set[Decimal]] = {}
        for owner, day, price, _ in seen:
            if owner == one.series.id:
                days.setdefault(day, set()).add(price)
        frozen = {day: frozenset(found) for day, found in days.items()}
        assert one.history == PriceHistory.of(frozen)
    assert sum(len(days) for days in listed.values()) > 0


def imported(template: Path, folder: Path, sheets: Sequence[Sequence[str]]) -> Any:
    database = Database(sqlite_database(template, folder))
    for lines in sheets:
        import_lines(database, *lines)
    found = books(database)
    database.close()
    return found


@pytest.mark.skipif(
    not REAL_SHEET.is_file(), reason="the month of public list prices is not beside the repository"
)
def test_a_real_month_of_list_prices_is_stored_whole_and_once(database: Database) -> None:
    content = REAL_SHEET.read_bytes()

    first = import_prices(database, content, file=REAL_SHEET.name, actor=ACTOR, clock=lambda: NOON)
    second = import_prices(database, content, file=REAL_SHEET.name, actor=ACTOR, clock=lambda: NOON)

    assert (first.rows, first.unmapped, first.faults) == (7468, (), ())
    assert (second.new_sightings, second.series, second.levels) == (0, first.series, first.levels)
    assert count(database, PriceSightingRow) == first.new_sightings
    assert count(database, PriceLevelRow) == first.levels
    with database.reading() as session:
        found = histories(session)
        days = prices.price_days(session)
    assert len(found) == first.series
    assert sum(len(one.history.levels) for one in found) == first.levels
    assert days == (date(2026, 7, 5), date(2026, 8, 5))
