"""What the rules ask of market prices: lists day by day, observations, days, rates."""

import runpy
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from broker.alerts.prices import ListedSeries
from broker.flows.import_fx import import_fx
from broker.store.engine import Database
from broker.store.prices import (
    fx_table,
    list_observations,
    listed_prices,
    model_coverage,
    price_days,
)
from pricing.jump import JumpReason, find_jumps
from pricing.market import FRESH_FOR, SourceKind
from pricing.money import USD, Money, currency
from pricing.tenor import Tenor
from tests.market_sheets import a_price, import_lines

MAY_11 = date(2026, 5, 11)
FIXTURES = Path(__file__).parents[3] / "fixtures/prices"


def test_parts_memories_and_spellings_of_a_family_are_one_list_a_day(database: Database) -> None:
    import_lines(
        database,
        a_price(gpu="h100-sxm", vram_gb=80, usd_per_gpu_hour="2.6"),
        a_price(gpu="h100", vram_gb=80, usd_per_gpu_hour="2.5"),
        a_price(gpu="h100-pcie", vram_gb="", usd_per_gpu_hour="2.1"),
        a_price(gpu="h100-sxm", vram_gb=40, usd_per_gpu_hour="1.1"),  # a slice: left out
        a_price(gpu="h100-sxm", vram_gb=80, usd_per_gpu_hour="1.4", kind="spot"),
    )

    with database.reading() as session:
        listed = listed_prices(session)

    on_demand = ListedSeries(provider="delphi-gpu", gpu_model="H100", kind="on-demand")
    spot = ListedSeries(provider="delphi-gpu", gpu_model="H100", kind="spot")
    assert listed == {
        on_demand: {MAY_11: frozenset({Decimal("2.6"), Decimal("2.5"), Decimal("2.1")})},
        spot: {MAY_11: frozenset({Decimal("1.4")})},
    }


def test_later_days_are_not_in_the_lists_of_an_earlier_day(database: Database) -> None:
    import_lines(database, a_price(date="2026-05-10"), a_price(date="2026-05-11"))

    with database.reading() as session:
        (days,) = listed_prices(session, until=date(2026, 5, 10)).values()

    assert list(days) == [date(2026, 5, 10)]


def test_an_observation_is_the_cheapest_of_the_latest_day_of_a_form_factor(
    database: Database,
) -> None:
    import_lines(
        database,
        a_price(date="2026-05-10", usd_per_gpu_hour="4"),
        a_price(usd_per_gpu_hour="5.2"),
        a_price(usd_per_gpu_hour="5.1", kind="secure"),
        a_price(usd_per_gpu_hour="1", kind="spot"),
        a_price(usd_per_gpu_hour="2", kind="community"),
        a_price(date="2026-05-12", usd_per_gpu_hour="3"),  # not known yet
    )

    with database.reading() as session:
        (seen,) = list_observations(session, as_of=MAY_11, gpu_model="B200")

    assert (seen.supplier, seen.source, seen.tenor) == (
        "delphi-gpu",
        SourceKind.LIST,
        Tenor.ON_DEMAND,
    )
    assert (seen.price_per_gpu_hour, seen.observed_on) == (Money(Decimal("5.1"), USD), MAY_11)
    assert (seen.form_factor, seen.reference) == ("SXM", "delphi-gpu/secure/2026-05-11")


def test_form_factors_are_observed_apart_and_slices_not_at_all(database: Database) -> None:
    import_lines(
        database,
        a_price(gpu="h100-sxm", vram_gb=80, usd_per_gpu_hour="2.6"),
        a_price(gpu="h100-pcie", vram_gb=80, usd_per_gpu_hour="2.1"),
        a_price(gpu="h100-sxm", vram_gb=40, usd_per_gpu_hour="1.1"),
    )

    with database.reading() as session:
        seen = list_observations(session, as_of=MAY_11, gpu_model="H100")

    assert {(one.form_factor, str(one.price_per_gpu_hour.amount.normalize())) for one in seen} == {
        ("SXM", "2.6"),
        ("PCIE", "2.1"),
    }


@pytest.mark.parametrize(("days_later", "expected"), [(0, 1), (1, 0)])
def test_a_list_older_than_a_benchmark_accepts_is_no_observation(
    database: Database, days_later: int, expected: int
) -> None:
    import_lines(database, a_price())
    as_of = MAY_11 + FRESH_FOR + timedelta(days=days_later)

    with database.reading() as session:
        assert len(list_observations(session, as_of=as_of, gpu_model="B200")) == expected


def test_the_days_on_record_and_the_models_covered(database: Database) -> None:
    with database.reading() as session:
        assert price_days(session) is None
    import_lines(
        database,
        a_price(date="2026-05-09", provider="ember-cloud"),
        a_price(date="2026-05-11"),
    )

    with database.reading() as session:
        assert price_days(session) == (date(2026, 5, 9), MAY_11)
        (b200,) = model_coverage(session)
    assert (b200.gpu_model, b200.providers) == ("B200", ("delphi-gpu", "ember-cloud"))
    assert (b200.first_observed_on, b200.last_observed_on) == (date(2026, 5, 9), MAY_11)


def test_rates_on_record_convert_and_name_their_day(database: Database) -> None:
    import_fx(
        database,
        b"base,quote,date,rate,source\nEUR,USD,2026-05-11,1.094,invented\n",
        file="fx.csv",
    )

    with database.reading() as session:
        table = fx_table(session)

    euros = Money(Decimal(100), currency("EUR"))
    converted = table.convert(euros, USD, on=date(2026, 5, 13), max_age_days=7)
    assert converted.amount == Money(Decimal("109.4"), USD)
    assert "2026-05-11" in converted.statement()


def test_the_demo_market_holds_one_jump_and_a_reseller_that_is_none(sqlite: Database) -> None:
    lines = (FIXTURES / "list_prices_spring_2026.csv").read_text().splitlines()
    report = import_lines(sqlite, *lines[1:])

    with sqlite.reading() as session:
        listed = listed_prices(session)

    assert (report.faults, report.unmapped) == ((), ())
    jumps = {series: find_jumps(days) for series, days in listed.items()}
    assert {series.subject: len(found) for series, found in jumps.items() if found} == {
        "delphi-gpu B200 on-demand": 1
    }
    (jump,) = jumps[ListedSeries(provider="delphi-gpu", gpu_model="B200", kind="on-demand")]
    assert (jump.on, jump.rise, jump.reason) == (MAY_11, Decimal("0.16"), JumpReason.STEP)


@pytest.mark.parametrize(
    ("sheet", "rows"),
    [("list_prices_spring_2026.csv", "prices"), ("fx_rates_spring_2026.csv", "rates")],
)
def test_the_demo_market_is_what_its_script_writes(sheet: str, rows: str) -> None:
    script = runpy.run_path(str(FIXTURES / "make_prices.py"))

    written = (FIXTURES / sheet).read_text().splitlines()[1:]

    assert written == [",".join(map(str, row)) for row in script[rows]()]
