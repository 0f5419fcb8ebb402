"""Offers are found by what they are, the cheapest GPU-hour first."""

import tempfile
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from broker.flows.ingest_reading import ingest_reading
from broker.store.engine import Database
from broker.store.offers import FoundOffer, OfferFilter, find_offers
from pricing.money import Currency
from pricing.offer import Offer, Stock, StockState, Terms
from tests.builders import ACTOR
from tests.conftest import sqlite_database
from tests.readings import IN_STOCK, SEEN, SOLD_OUT, a_reading, an_offer

MARKET = (
    an_offer("32", native_id="h8"),
    an_offer("5", native_id="h1", gpu_count=1, stock=SOLD_OUT),
    an_offer("8", native_id="h2", gpu_count=2, region="us-west", terms=Terms.SPOT),
    an_offer("16", native_id="p8", gpu="H100-PCIE", region=None, stock=Stock()),
    an_offer("48", native_id="b8", gpu="B200-SXM", region="eu-north"),
    an_offer(None, native_id="h8-block", terms=Terms.CAPACITY_BLOCK),
    an_offer("30", native_id="h8-eur", currency=Currency("EUR"), region="eu-north"),
)


def a_market(database: Database, *offers: Offer) -> None:
    by_supplier: dict[str, list[Offer]] = {}
    for offer in offers:
        by_supplier.setdefault(offer.supplier, []).append(offer)
    for supplier, of_supplier in by_supplier.items():
        reading = a_reading(*of_supplier, supplier=supplier)
        ingest_reading(database, reading, actor=ACTOR, clock=lambda: SEEN)


def found(database: Database, **wanted: Any) -> list[FoundOffer]:
    with database.reading() as session:
        return find_offers(session, OfferFilter(**wanted))


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({}, ["p8", "h2", "h8", "h1", "b8", "h8-block", "h8-eur"]),
        ({"gpu_model": "B200"}, ["b8"]),
        ({"part": "H100-PCIE"}, ["p8"]),
        ({"gpu_model": "H100", "gpu_count": 8}, ["p8", "h8", "h8-block", "h8-eur"]),
        ({"gpu_model": "H100", "min_gpu_count": 2, "limit": 3}, ["p8", "h2", "h8"]),
        ({"regions": frozenset({"us-west", "eu-north"})}, ["h2", "b8", "h8-eur"]),
        ({"terms": frozenset({Terms.SPOT})}, ["h2"]),
        ({"max_usd_per_gpu_hour": Decimal(4)}, ["p8", "h2", "h8"]),
        ({"obtainable_only": True, "gpu_model": "H100", "limit": 2}, ["h2", "h8"]),
        ({"suppliers": frozenset({"elsewhere"})}, []),
        ({"limit": 1}, ["p8"]),
    ],
)
def test_a_filter_means_what_it_says(
    database: Database, wanted: dict[str, Any], names: list[str]
) -> None:
    a_market(database, *MARKET)

    assert [offer.native_id for offer in found(database, **wanted)] == names


def test_of_one_price_supplier_and_machine_decide_the_order(database: Database) -> None:
    alike = [
        an_offer("32", supplier=supplier, native_id=name, region=region)
        for supplier in ("southsea", "northwind")
        for name in ("b", "a")
        for region in ("us-west", "us-east")
    ]
    a_market(database, *alike)

    order = [(offer.supplier, offer.native_id, offer.region) for offer in found(database)]

    assert order == sorted(order)


@pytest.mark.parametrize(
    ("state", "obtainable"),
    [
        (StockState.IN_STOCK, True),
        (StockState.CONSTRAINED, True),
        (StockState.OUT_OF_STOCK, False),
        (StockState.NOT_OFFERED, False),
        (StockState.RESTRICTED, False),
        (StockState.UNKNOWN, None),
    ],
)
def test_listed_is_not_obtainable(
    sqlite: Database, state: StockState, obtainable: bool | None
) -> None:
    a_market(sqlite, an_offer(stock=replace(IN_STOCK, state=state)))

    (offer,) = found(sqlite)

    assert offer.is_listed
    assert offer.is_obtainable is obtainable


def test_an_offer_that_is_gone_cannot_be_had(sqlite: Database) -> None:
    a_market(sqlite, an_offer(), an_offer(native_id="other"))
    later = a_reading(an_offer(), at=SEEN.replace(hour=10))
    ingest_reading(sqlite, later, actor=ACTOR, clock=lambda: SEEN)

    gone = next(offer for offer in found(sqlite, include_gone=True) if offer.gone_at)

    assert gone.is_obtainable is False


@pytest.mark.parametrize(
    ("index", "wanted"),
    [
        ("ix_offer_search", {"gpu_model": "H100", "max_usd_per_gpu_hour": Decimal(4)}),
        ("ix_offer_place", {"gpu_model": "H100", "gpu_count": 8, "regions": frozenset({"a"})}),
    ],
)
def test_a_search_is_served_by_an_index(
    sqlite: Database, index: str, wanted: dict[str, Any]
) -> None:
    a_market(sqlite, *MARKET)
    asked: list[str] = []
    with sqlite.reading() as session:
        raw = session.connection().connection.driver_connection
        assert raw is not None
        raw.set_trace_callback(asked.append)
        find_offers(session, OfferFilter(limit=1, **wanted))
        raw.set_trace_callback(None)
        question = next(sql for sql in asked if "FROM offer" in sql)
        plan = session.execute(text(f"EXPLAIN QUERY PLAN {question.replace(':', chr(92) + ':')}"))
        steps = [row.detail for row in plan]

    assert any(index in step for step in steps), steps


PRICES = st.one_of(st.none(), st.decimals(min_value=2, max_value=190, places=2).map(str))


@settings(max_examples=25)
@given(
    prices=st.lists(PRICES, max_size=8),
    ceiling=st.one_of(st.none(), st.decimals(min_value=1, max_value=24, places=2)),
    limit=st.integers(min_value=1, max_value=8),
)
def test_the_cheapest_come_first_and_the_unpriced_last(
    sqlite_template: Path, prices: list[str | None], ceiling: Decimal | None, limit: int
) -> None:
    offers = [an_offer(price, native_id=f"m{number}") for number, price in enumerate(prices)]
    known = sorted(Decimal(price) / 8 for price in prices if price is not None)
    fitting: list[Decimal | None] = [p for p in known if ceiling is None or p <= ceiling]
    if ceiling is None:
        fitting += [None] * prices.count(None)
    with tempfile.TemporaryDirectory() as folder:
        database = Database(sqlite_database(sqlite_template, Path(folder)))
        a_market(database, *offers)
        seen = found(database, max_usd_per_gpu_hour=ceiling, limit=limit)
        database.close()

    assert [offer.usd_per_gpu_hour for offer in seen] == fitting[:limit]
