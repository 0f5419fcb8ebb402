"""Published ratings become dated facts of suppliers."""

from datetime import date

import pytest

from broker.errors import BadInputError
from broker.flows.describe_supplier import describe_supplier, list_suppliers
from broker.flows.load_ratings import load_ratings
from broker.store.engine import Database
from providers import registry
from providers.ratings_csv import parse, published
from tests.builders import ACTOR, NOON

HEADER = "supplier,name,scheme,edition,tier,published_on,source\n"
NEBIUS = "nebius,Nebius,clustermax,3.0,platinum,2026-09-23,page 1\n"


def load(database: Database, content: bytes) -> tuple[int, int, int]:
    report = load_ratings(database, content, file="ratings.csv", actor=ACTOR, clock=lambda: NOON)
    return report.ratings, report.new, report.suppliers_recorded


def test_what_has_been_published_is_loaded_once(sqlite: Database) -> None:
    sheet = parse(published())
    assert sheet.faults == ()

    first, second = load(sqlite, published()), load(sqlite, published())

    assert first[:2] == (len(sheet.ratings), len(sheet.ratings))
    assert second == (len(sheet.ratings), 0, 0)


def test_the_edition_that_counts_is_that_of_the_day(database: Database) -> None:
    load(database, published())
    suppliers = {each.key: each for each in list_suppliers(database)}

    def tier(key: str, on: date) -> str | None:
        fact = suppliers[key].tier_in("clustermax", on)
        return None if fact is None else f"{fact.edition} {fact.tier}"

    assert tier("crusoe", date(2026, 9, 22)) == "2.0 gold"
    assert tier("crusoe", date(2026, 9, 23)) == "3.0 bronze"
    assert tier("gcp", date(2025, 11, 5)) is None


def test_exactly_four_suppliers_are_gold_or_better_in_the_latest_edition() -> None:
    best = {
        rating.supplier
        for rating in parse(published()).ratings
        if rating.edition == "3.0" and rating.tier in ("platinum", "gold")
    }
    assert best == {"coreweave", "nebius", "gcp", "oci"}


def test_ratings_name_the_suppliers_that_are_polled() -> None:
    rated = {rating.supplier for rating in parse(published()).ratings}
    assert set(registry.SUPPLIERS) - rated <= {"price_sheet", "sfcompute"}


def test_a_supplier_known_by_an_alias_is_not_recorded_again(sqlite: Database) -> None:
    describe_supplier(
        sqlite,
        "nb-amsterdam",
        legal_name="NB Amsterdam",
        country=None,
        aliases=("nebius",),
        actor=ACTOR,
        clock=lambda: NOON,
    )

    assert load(sqlite, (HEADER + NEBIUS).encode()) == (1, 1, 0)
    (supplier,) = list_suppliers(sqlite)
    assert supplier.tiers[0].tier == "platinum"


def test_a_sheet_with_a_fault_loads_nothing(sqlite: Database) -> None:
    wrong = NEBIUS.replace("2026-09-23", "23.9.2026")

    with pytest.raises(BadInputError) as refused:
        load(sqlite, (HEADER + NEBIUS + wrong).encode())

    (fault,) = refused.value.faults
    assert (fault.line, fault.field) == (3, "published_on")
    assert list_suppliers(sqlite) == []
