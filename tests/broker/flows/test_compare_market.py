"""A GPU model's market as of a day: side by side, benchmark, index, history."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from broker.errors import BadInputError
from broker.flows.compare_market import Comparison, MarketView, compare_market
from broker.store.engine import Database
from pricing.market import Benchmark, NoBenchmark
from pricing.series import KnownPrices, PriceKind
from tests.market_sheets import a_price, import_lines

MAY_11 = date(2026, 5, 11)
SELLERS = ("atlas", "basalt", "cinder", "delphi", "ember")


def a_market(database: Database, day: date, *levels: str, **cells: str) -> None:
    """Each seller in turn lists a B200 at a level on a day."""
    import_lines(
        database,
        *(
            a_price(date=day, provider=seller, usd_per_gpu_hour=level, **cells)
            for seller, level in zip(SELLERS, levels, strict=False)
        ),
    )


def row_of(view: MarketView, provider: str) -> Comparison:
    (row,) = (row for row in view.comparisons if row.product.provider == provider)
    return row


def test_a_provider_is_compared_with_itself_a_week_and_a_month_before(database: Database) -> None:
    a_market(database, MAY_11 - timedelta(days=30), "4")
    a_market(database, MAY_11 - timedelta(days=7), "5")
    a_market(database, MAY_11, "5.8")

    row = row_of(compare_market(database, gpu="b200", as_of=MAY_11), "atlas")

    assert isinstance(row.known, KnownPrices)
    assert (row.known.cheapest, row.known.age_days) == (Decimal("5.8"), 0)
    assert (row.move_7_days, row.move_30_days) == (Decimal("0.16"), Decimal("0.45"))


def test_a_move_from_an_unknown_price_is_unknown(database: Database) -> None:
    a_market(database, MAY_11 - timedelta(days=3), "5")

    row = row_of(compare_market(database, gpu="b200", as_of=MAY_11), "atlas")

    assert (row.move_7_days, row.move_30_days) == (None, None)


def test_the_list_benchmark_is_the_median_of_what_is_listed_on_demand(database: Database) -> None:
    a_market(database, MAY_11, "4", "4.4", "5", "5.6", "6")
    a_market(database, MAY_11, "1", "1", "1", "1", "1", kind="spot")

    found = compare_market(database, gpu="b200", as_of=MAY_11).list_benchmark

    assert isinstance(found, Benchmark)
    assert (found.median.amount, found.n) == (Decimal(5), 5)
    assert (found.q1.amount, found.q3.amount) == (Decimal("4.4"), Decimal("5.6"))


def test_four_suppliers_are_no_benchmark(database: Database) -> None:
    a_market(database, MAY_11, "4", "4.4", "5", "5.6")

    found = compare_market(database, gpu="b200", as_of=MAY_11).list_benchmark

    assert isinstance(found, NoBenchmark)
    assert found.found == 4


def test_the_index_starts_where_enough_providers_are_known_and_moves_with_them(
    database: Database,
) -> None:
    a_market(database, MAY_11 - timedelta(days=14), "4", "4")
    a_market(database, MAY_11 - timedelta(days=7), "4", "4", "5", "5", "6")
    a_market(database, MAY_11, "4.4", "4.4", "5.5", "5.5", "6.6")

    view = compare_market(database, gpu="b200", as_of=MAY_11)

    assert view.panel_start == MAY_11 - timedelta(days=7)
    (step,) = view.panel
    assert (step.until, step.n, step.index) == (MAY_11, 5, Decimal(110))


def test_a_thin_week_leaves_the_index_unknown_and_not_flat(database: Database) -> None:
    a_market(database, MAY_11 - timedelta(days=14), "4", "4", "5", "5", "6")
    a_market(database, MAY_11 - timedelta(days=7), "4", "4")
    a_market(database, MAY_11, "4.4", "4.4", "5.5", "5.5", "6.6")

    thin, whole = compare_market(database, gpu="b200", as_of=MAY_11).panel

    assert (thin.n, thin.index) == (2, None)
    assert (whole.since, whole.index) == (MAY_11 - timedelta(days=14), Decimal(110))


def test_without_enough_providers_there_is_no_index(database: Database) -> None:
    a_market(database, MAY_11, "4", "4")

    view = compare_market(database, gpu="b200", as_of=MAY_11)

    assert (view.panel_start, view.panel) == (None, ())


def test_tomorrow_changes_nothing_of_today(database: Database) -> None:
    a_market(database, MAY_11, "4", "4.4", "5", "5.6", "6")
    today = compare_market(database, gpu="b200", as_of=MAY_11)
    a_market(database, MAY_11 + timedelta(days=1), "9", "9", "9", "9", "9")
    import_lines(database, a_price(date="2026-05-12", provider="fjord"))

    assert compare_market(database, gpu="b200", as_of=MAY_11) == today


def test_the_history_has_the_days_of_the_window_that_somebody_saw(database: Database) -> None:
    for days_ago in (40, 20, 0):
        a_market(database, MAY_11 - timedelta(days=days_ago), "5")

    view = compare_market(database, gpu="b200", as_of=MAY_11, window_days=30)

    ((product, days),) = view.history.items()
    assert (product.provider, product.kind) == ("atlas", PriceKind.ON_DEMAND)
    assert [one.day for one in days] == [MAY_11 - timedelta(days=20), MAY_11]


def test_a_slice_is_in_no_figure_and_named(database: Database) -> None:
    a_market(database, MAY_11, "2.6", gpu="h100-sxm", vram_gb="80")
    a_market(database, MAY_11, "1.1", gpu="h100-sxm", vram_gb="40")

    view = compare_market(database, gpu="h100", as_of=MAY_11)

    known = row_of(view, "atlas").known
    assert isinstance(known, KnownPrices)
    assert known.prices == {Decimal("2.6")}
    assert [series.key.memory_gb for series in view.excluded] == [40]


@pytest.mark.parametrize("window_days", [0, -1, 100_000])
def test_a_window_is_a_sensible_number_of_days(sqlite: Database, window_days: int) -> None:
    with pytest.raises(BadInputError, match="days"):
        compare_market(sqlite, gpu="b200", as_of=MAY_11, window_days=window_days)
