"""Who a supplier is: names that mean one supplier, a country, what rating schemes say."""

from datetime import date
from typing import Any

import pytest

from broker.contracts.supplier import Supplier, TierFact
from broker.errors import BadInputError, NotFoundError
from broker.flows.describe_supplier import describe_supplier, list_suppliers, rate_supplier
from broker.flows.read_contracts import open_obligations
from broker.store import ledger
from broker.store.engine import Database
from tests.broker.flows.ledger_book import HARBOR, SMALL, keep_books
from tests.builders import ACTOR, MAY_15, NOON

FACT = TierFact(
    scheme="market-class", edition="2026", tier="neocloud", on=date(2026, 4, 1), source="page 3"
)


def describe(database: Database, key: str = "harbor-compute", **changes: Any) -> Supplier:
    told = {"legal_name": None, "country": None, "aliases": (), **changes}
    return describe_supplier(database, key, **told, actor=ACTOR, clock=lambda: NOON)


def events(database: Database) -> int:
    with database.reading() as session:
        return ledger.count(session)


def test_a_new_supplier_bears_its_key_until_it_is_named(database: Database) -> None:
    assert describe(database).legal_name == "harbor-compute"
    assert describe(database, legal_name="Harbor Compute, Inc.").legal_name == (
        "Harbor Compute, Inc."
    )


def test_what_is_not_said_stays_and_aliases_add_up(database: Database) -> None:
    describe(database, country="us", aliases=("HCI",))
    found = describe(database, aliases=("Harbour", " "))

    assert (found.country, found.aliases) == ("US", ("HCI", "Harbour"))
    assert list_suppliers(database) == [found]


def test_saying_what_is_on_record_changes_nothing(database: Database) -> None:
    describe(database, country="US", aliases=("HCI",))
    before = events(database)
    describe(database, country="US", aliases=("HCI",))
    describe(database)

    assert events(database) == before


@pytest.mark.parametrize("key", ["", "Harbor Compute", "harbor_compute", "-", "harbor-compute-inc"])
def test_a_key_is_a_name_as_sheets_fold_it(sqlite: Database, key: str) -> None:
    with pytest.raises(BadInputError, match="is not a supplier key"):
        describe(sqlite, key)


@pytest.mark.parametrize("country", ["XX", "", "United States", "GB-XXX"])
def test_a_country_without_a_calendar_is_refused(sqlite: Database, country: str) -> None:
    with pytest.raises(BadInputError, match="no holiday calendar"):
        describe(sqlite, country=country)


@pytest.mark.parametrize(
    "stolen", [{"legal_name": "KESTREL CLOUD, Inc."}, {"aliases": ("Kestrel  Cloud",)}]
)
def test_a_name_of_another_supplier_is_refused(sqlite: Database, stolen: dict[str, Any]) -> None:
    describe(sqlite, "kestrel-cloud")

    with pytest.raises(BadInputError, match="already a name of the supplier kestrel-cloud"):
        describe(sqlite, **stolen)


def test_a_key_that_is_the_alias_of_another_supplier_is_refused(sqlite: Database) -> None:
    describe(sqlite, aliases=("HCI",))

    with pytest.raises(BadInputError, match="already a name of the supplier harbor-compute"):
        describe(sqlite, "hci")


def test_an_alias_in_a_sheet_is_the_supplier(database: Database) -> None:
    describe(database, aliases=("The Harbor",))
    keep_books(database, SMALL.replace(b"Harbor Compute", b"THE HARBOR"))

    assert {each.key for each in list_suppliers(database)} == {"harbor-compute", "kestrel-cloud"}


def test_the_country_moves_the_deadlines_of_the_contracts(database: Database) -> None:
    keep_books(database, SMALL.replace(b"2026-09-30", b"2026-10-01"))

    def due() -> date:
        (found, *_) = open_obligations(database, on=MAY_15, within_days=None)
        assert found[1].ref == HARBOR
        return found[0].due_on

    before = due()
    describe(database, country="US")
    assert (before, due()) == (date(2026, 7, 3), date(2026, 7, 2))
    with database.reading() as session:
        assert ledger.drift(session) == []


def test_a_tier_is_recorded_once_with_its_edition_day_and_source(database: Database) -> None:
    describe(database)
    rate_supplier(database, "harbor-compute", FACT, actor=ACTOR, clock=lambda: NOON)
    found = rate_supplier(database, "harbor-compute", FACT, actor=ACTOR, clock=lambda: NOON)

    assert found.tiers == (FACT,)


def test_a_tier_needs_a_supplier_a_scheme_and_a_source(sqlite: Database) -> None:
    with pytest.raises(NotFoundError, match="no supplier harbor-compute"):
        rate_supplier(sqlite, "harbor-compute", FACT, actor=ACTOR, clock=lambda: NOON)
    for empty in ("scheme", "tier", "source"):
        fact = TierFact(**{**told(FACT), empty: " "})
        with pytest.raises(BadInputError, match="a source to check it at"):
            rate_supplier(sqlite, "harbor-compute", fact, actor=ACTOR, clock=lambda: NOON)


def told(fact: TierFact) -> dict[str, Any]:
    return {name: getattr(fact, name) for name in TierFact.__dataclass_fields__}
