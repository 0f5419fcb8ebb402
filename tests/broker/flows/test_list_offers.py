"""The market and what we own of the same GPU stand side by side."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlmodel import select

from broker.contracts.supplier import MARKET_CLASS, TierFact
from broker.flows.describe_supplier import describe_supplier, rate_supplier
from broker.flows.ingest_reading import ingest_reading
from broker.flows.list_offers import OffersView, OwnedSource, list_offers
from broker.store.contracts import find_contract
from broker.store.engine import Database
from broker.store.offers import OfferFilter
from broker.store.tables import HoldingRow
from pricing.hardware import canonical_gpu
from pricing.holding import Holding, HoldingKind, HoldingState
from pricing.money import Money
from pricing.offer import Offer, StockUnit
from tests.broker.flows.ledger_book import HARBOR, keep_books
from tests.builders import ACTOR, NOON
from tests.readings import a_reading, an_offer

B200 = OfferFilter(gpu_model="B200")


def poll(database: Database, *offers: Offer, holdings: tuple[Holding, ...] = ()) -> None:
    reading = a_reading(*offers, at=NOON, answer={"holdings": holdings})
    ingest_reading(database, reading, actor=ACTOR, clock=lambda: NOON)


def a_holding(**changes: Any) -> Holding:
    defaults: dict[str, Any] = {
        "supplier": "northwind",
        "resource_id": "cr-1",
        "kind": HoldingKind.RESERVATION,
        "region": "us-east",
        "native_type": "gpu.8x",
        "gpu": canonical_gpu("B200-SXM"),
        "gpus_per_unit": 8,
        "quantity": 4,
        "unit": StockUnit.INSTANCE,
        "used": 3,
        "start_at": NOON - timedelta(days=1),
        "end_at": NOON + timedelta(days=30),
        "state": HoldingState.ACTIVE,
        "provider_state": "active",
        "price_per_gpu_hour": Money(Decimal("2.5")),
        "observed_at": NOON,
        "source": "reservations",
    }
    return Holding(**{**defaults, **changes})


def view(database: Database, wanted: OfferFilter = B200, *, hours: int = 0) -> OffersView:
    return list_offers(database, wanted, clock=lambda: NOON + timedelta(hours=hours))


def test_an_offer_comes_with_its_age_and_what_is_said_of_its_supplier(database: Database) -> None:
    describe_supplier(
        database,
        "northwind-cloud",
        legal_name="Northwind Cloud",
        country=None,
        aliases=("northwind",),
        actor=ACTOR,
        clock=lambda: NOON,
    )
    for scheme, edition, tier, on in (
        ("clustermax", "1.0", "silver", date(2025, 3, 26)),
        ("clustermax", "2.0", "gold", date(2025, 11, 6)),
        ("clustermax", "3.0", "platinum", date(2026, 9, 23)),
        (MARKET_CLASS, "2026", "neocloud", date(2026, 1, 1)),
    ):
        fact = TierFact(scheme=scheme, edition=edition, tier=tier, on=on, source="published")
        rate_supplier(database, "northwind-cloud", fact, actor=ACTOR, clock=lambda: NOON)
    poll(database, an_offer("48", gpu="B200-SXM"), an_offer("32"))

    seen = view(database, hours=2)

    (listed,) = seen.offers
    assert (listed.offer.gpu_model, listed.age_seconds) == ("B200", 7200)
    assert listed.supplier_name == "Northwind Cloud"
    assert listed.tier is not None
    assert (listed.tier.edition, listed.tier.tier) == ("2.0", "gold")
    assert listed.market_class is not None
    assert listed.market_class.tier == "neocloud"
    assert seen.as_of == NOON + timedelta(hours=2)


def test_a_supplier_that_nobody_rated_has_no_tier(database: Database) -> None:
    poll(database, an_offer("48", gpu="B200-SXM"))

    (listed,) = view(database).offers

    assert (listed.supplier_name, listed.tier, listed.market_class) == ("northwind", None, None)


def test_what_suppliers_say_is_ours_stands_beside_the_market(database: Database) -> None:
    expired = a_holding(resource_id="cr-2", state=HoldingState.EXPIRED)
    other = a_holding(resource_id="cr-3", gpu=canonical_gpu("H100-SXM"))
    nodes = a_holding(resource_id="cr-4", gpus_per_unit=None)
    poll(database, an_offer(), holdings=(a_holding(), expired, other, nodes))

    owned = {one.name: one for one in view(database).owned}

    assert set(owned) == {"cr-1", "cr-4"}
    assert (owned["cr-1"].gpus, owned["cr-1"].used, owned["cr-1"].free) == (32, 24, 8)
    assert owned["cr-1"].price_per_gpu_hour == Money(Decimal("2.5"))
    assert (owned["cr-4"].gpus, owned["cr-4"].free) == (None, None)


def test_contract_lines_of_the_gpu_are_owned_and_their_use_is_unknown(database: Database) -> None:
    keep_books(database)

    (line,) = [one for one in view(database).owned if one.name == f"{HARBOR}/1"]

    assert (line.source, line.supplier, line.gpus) == (
        OwnedSource.CONTRACT,
        "harbor-compute",
        1024,
    )
    assert (line.used, line.free) == (None, None)
    assert line.price_per_gpu_hour is not None
    assert {one.gpu_model for one in view(database).owned} == {"B200"}
    assert {one.gpu_model for one in view(database, OfferFilter()).owned} > {"B200"}


def test_a_holding_that_was_adopted_is_shown_once_with_what_is_used_of_it(
    database: Database,
) -> None:
    keep_books(database)
    poll(database, an_offer(), holdings=(a_holding(quantity=128, used=100),))
    with database.writing() as session:
        row = session.exec(select(HoldingRow)).one()
        row.contract_id = find_contract(session, HARBOR).id

    owned = view(database).owned

    (line,) = [one for one in owned if one.name == f"{HARBOR}/1"]
    assert (line.gpus, line.used, line.free) == (1024, 800, 224)
    assert OwnedSource.HOLDING not in {one.source for one in owned}


def test_a_part_narrows_what_is_ours_too(database: Database) -> None:
    keep_books(database)

    names = {one.name for one in view(database, OfferFilter(part="B200-SXM")).owned}

    assert f"{HARBOR}/1" in names
    assert view(database, OfferFilter(part="B200-PCIE")).owned == []
