"""Polls feed the history of list prices: each price once a day, and levels as if imported."""

import tempfile
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import func, select

from broker.flows.ingest_reading import ingest_reading
from broker.store.engine import Database
from broker.store.price_history import histories
from broker.store.prices import list_observations, listed_prices
from broker.store.tables import PriceImportRow, PriceLevelRow, PriceSightingRow, Table
from pricing.offer import Offer, OfferClass, Terms
from pricing.series import PriceHistory, PriceKind
from providers.supplier import Place, PlaceState
from tests.builders import ACTOR
from tests.conftest import sqlite_database
from tests.readings import QUARTER, SEEN, SOLD_OUT, a_reading, an_offer

DAY = timedelta(days=1)


def poll(database: Database, *offers: Offer, at: Any = SEEN) -> int:
    reading = a_reading(*offers, at=at)
    return ingest_reading(database, reading, actor=ACTOR, clock=lambda: at).prices


def count(database: Database, table: type[Table]) -> int:
    with database.reading() as session:
        return session.exec(select(func.count()).select_from(table)).one()


def days(database: Database) -> dict[str, list[tuple[str, list[str]]]]:
    """Each product's observed days and prices, as the rules see them."""
    with database.reading() as session:
        return {
            found.series.key.kind.value: [
                (day.isoformat(), sorted(str(price.normalize()) for price in prices))
                for day, prices in found.history.prices_by_day().items()
            ]
            for found in histories(session)
        }


def test_a_price_is_noted_once_a_day_and_again_when_it_moves(database: Database) -> None:
    added = [
        poll(database, an_offer("32")),
        poll(database, an_offer("32"), at=SEEN + QUARTER),
        poll(database, an_offer("36"), at=SEEN + 2 * QUARTER),
        poll(database, an_offer("36"), at=SEEN + DAY),
        poll(database, an_offer("36"), at=SEEN + DAY + QUARTER),
    ]

    assert added == [1, 0, 1, 1, 0]
    assert days(database) == {"on-demand": [("2026-10-04", ["4", "4.5"]), ("2026-10-05", ["4.5"])]}
    assert count(database, PriceImportRow) == 3
    assert count(database, PriceLevelRow) == 2


def test_regions_and_sizes_of_one_product_are_one_set_of_prices(database: Database) -> None:
    poll(
        database,
        an_offer("32"),
        an_offer("4", gpu_count=1, native_id="gpu.1x"),
        an_offer("40", region="eu-north", stock=SOLD_OUT),
    )

    assert days(database) == {"on-demand": [("2026-10-04", ["4", "5"])]}


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"terms": Terms.SPOT}, PriceKind.SPOT),
        ({"offer_class": OfferClass.SECURE}, PriceKind.SECURE),
        ({"offer_class": OfferClass.COMMUNITY}, PriceKind.COMMUNITY),
        ({"price_kind": "price_sheet 2026-10-04"}, PriceKind.ON_DEMAND),
        ({"price_kind": "contract"}, None),
        ({"price_kind": "last_fill"}, None),
        ({"terms": Terms.AUCTION}, None),
        ({"terms": Terms.RESERVED, "term_months": 12}, None),
        ({"terms": Terms.CAPACITY_BLOCK}, None),
    ],
)
def test_only_list_prices_enter_under_their_kind(
    sqlite: Database, changes: dict[str, Any], kind: PriceKind | None
) -> None:
    poll(sqlite, replace(an_offer(), **changes))

    assert list(days(sqlite)) == ([kind.value] if kind else [])


def test_a_polled_price_is_seen_by_the_benchmark_and_the_jump_rule(database: Database) -> None:
    poll(database, an_offer("32"))

    with database.reading() as session:
        (seen,) = list_observations(session, as_of=SEEN.date(), gpu_model="H100")
        (listed,) = listed_prices(session).items()
    assert (seen.supplier, seen.price_per_gpu_hour.amount) == ("northwind", Decimal(4))
    assert listed[1] == {SEEN.date(): frozenset({Decimal(4)})}


def test_an_offer_without_a_price_notes_nothing(sqlite: Database) -> None:
    assert poll(sqlite, an_offer(None)) == 0
    assert count(sqlite, PriceImportRow) == 0


@settings(max_examples=40)
@given(
    polls=st.lists(
        st.tuples(
            st.integers(min_value=0, max_value=5),
            st.sets(st.sampled_from(["30", "31", "32"]), min_size=1),
        ),
        min_size=1,
        max_size=7,
    )
)
def test_levels_grown_poll_by_poll_are_those_of_the_whole_history(
    sqlite_template: Path, polls: list[tuple[int, set[str]]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(sqlite_database(sqlite_template, Path(folder)))
        expected: dict[Any, frozenset[Decimal]] = {}
        for number, (day, prices) in enumerate(polls):
            # A new supplier place each time, so that a poll of an earlier day is taken in too.
            region = f"r{number}"
            offers = [an_offer(price, native_id=price, region=region) for price in sorted(prices)]
            at = SEEN + day * DAY
            reading = a_reading(*offers, at=at, places=(Place(region=region, state=PlaceState.OK),))
            ingest_reading(database, reading, actor=ACTOR, clock=lambda at=at: at)  # type: ignore[misc]
            seen = frozenset(Decimal(price) / 8 for price in prices)
            expected[at.date()] = expected.get(at.date(), frozenset()) | seen
        with database.reading() as session:
            (found,) = histories(session)
        sightings = count(database, PriceSightingRow)
        database.close()

    assert found.history == PriceHistory.of(expected)
    assert sightings == sum(len(prices) for prices in expected.values())
