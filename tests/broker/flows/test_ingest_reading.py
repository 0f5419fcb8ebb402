"""What a supplier says enters the books: changes only, nothing lost, nothing incredible."""

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import col, func, select

from broker.flows.import_fx import import_fx
from broker.flows.ingest_reading import PollReport, ingest_reading
from broker.store.engine import Database
from broker.store.offers import FoundOffer, OfferFilter, find_offers, offer_history
from broker.store.polls import ProviderStatus, provider_status
from broker.store.tables import (
    HoldingRow,
    OfferChangeRow,
    OfferRow,
    PollRow,
    PollSkipRow,
    QuotaRow,
    SpotPriceRow,
    Table,
)
from pricing.holding import Holding, HoldingKind, HoldingState
from pricing.money import Currency, Money
from pricing.offer import Offer, PriceUnit, QuotedPrice, Stock, StockState, StockUnit, Terms
from providers.errors import ErrorKind
from providers.reading import Reading, ReadingState
from providers.supplier import (
    Ask,
    Capability,
    Place,
    PlaceState,
    Quota,
    QuotaUnit,
    Skip,
    SkipReason,
    SpotPrice,
)
from tests.builders import ACTOR
from tests.conftest import sqlite_database
from tests.readings import IN_STOCK, QUARTER, SEEN, SOLD_OUT, a_reading, an_offer

EUR = Currency("EUR")


def ingest(database: Database, reading: Reading, **options: Any) -> PollReport:
    return ingest_reading(
        database, reading, actor=ACTOR, clock=lambda: reading.finished_at, **options
    )


def stored(database: Database, **wanted: Any) -> list[FoundOffer]:
    with database.reading() as session:
        return find_offers(session, OfferFilter(limit=1000, **wanted))


def count(database: Database, table: type[Table]) -> int:
    with database.reading() as session:
        return session.exec(select(func.count()).select_from(table)).one()


def rows(database: Database, table: type[Table]) -> list[Any]:
    with database.reading() as session:
        return list(session.exec(select(table)))


def status(database: Database) -> ProviderStatus:
    with database.reading() as session:
        (found,) = provider_status(session)
    return found


def regions(**states: PlaceState) -> tuple[Place, ...]:
    return tuple(
        Place(region=name.replace("_", "-"), state=state) for name, state in states.items()
    )


def test_a_first_reading_is_stored_as_quoted_and_per_gpu(database: Database) -> None:
    offer = an_offer(
        price=None,
        currency=EUR,
        memory_gib=Decimal(1024),
        flags=("nvlink",),
        stock=Stock(state=StockState.IN_STOCK, count=10, count_unit=StockUnit.NODE, at_least=True),
    )
    priced = QuotedPrice.of(Decimal("3200.5"), PriceUnit.CENTS_PER_INSTANCE, gpu_count=8)

    report = ingest(database, a_reading(replace(offer, price=priced)))

    (found,) = stored(database)
    assert (report.new, report.changes, report.offers) == (1, 1, 1)
    assert (found.quoted_amount, found.quoted_unit) == ("3200.5", "cents-per-instance")
    assert (found.price_per_instance, found.usd_per_gpu_hour) == (
        Decimal("32.005"),
        Decimal("4.000625"),
    )
    assert (found.stock_count, found.stock_at_least, found.flags) == (10, True, ("nvlink",))
    assert (found.seen_at, found.is_stale) == (SEEN, False)


def test_a_price_of_many_decimals_is_rounded_half_even_once(database: Database) -> None:
    ingest(database, a_reading(an_offer("2.0000005", gpu_count=1)))

    (found,) = stored(database)

    assert found.price_per_instance == Decimal("2.000000")


def test_another_currency_is_converted_at_the_newest_rate_before_the_day(
    database: Database,
) -> None:
    rates = b"base,quote,date,rate,source\nEUR,USD,2026-10-02,1.10,ECB\nEUR,USD,2026-10-05,2,ECB\n"
    import_fx(database, rates, file="fx.csv")

    ingest(database, a_reading(an_offer("32", currency=EUR)))
    ingest(database, a_reading(an_offer("32", currency=EUR), at=SEEN + timedelta(days=1)))

    (found,) = stored(database)
    assert (found.currency, found.price_per_instance) == ("EUR", Decimal(32))
    assert found.usd_per_gpu_hour == Decimal(8)
    assert count(database, OfferChangeRow) == 1


def test_without_a_rate_the_price_in_dollars_is_unknown(database: Database) -> None:
    ingest(database, a_reading(an_offer("32", currency=EUR)))

    assert [offer.usd_per_gpu_hour for offer in stored(database)] == [None]


def test_the_same_answer_writes_no_offer_and_says_that_it_was_seen(database: Database) -> None:
    ingest(database, a_reading(an_offer()))

    later = ingest(database, a_reading(an_offer(), at=SEEN + QUARTER))

    assert (later.changes, later.new, later.unchanged_places) == (0, 0, 2)
    assert count(database, OfferChangeRow) == 1
    assert [offer.seen_at for offer in stored(database)] == [SEEN + QUARTER]
    assert status(database).last_ok_at == SEEN + QUARTER


def test_price_stock_coming_and_going_are_history(database: Database) -> None:
    told = [
        [an_offer("32")],
        [an_offer("36")],
        [an_offer("36", stock=SOLD_OUT)],
        [an_offer("30", native_id="other")],
        [an_offer("36", stock=SOLD_OUT), an_offer("30", native_id="other")],
    ]
    for number, offers in enumerate(told):
        ingest(database, a_reading(*offers, at=SEEN + number * QUARTER))

    found = next(offer for offer in stored(database) if offer.native_id == "gpu.8x")
    with database.reading() as session:
        history = offer_history(session, found.id)
    assert [(c.is_present, c.price_per_instance, c.stock_state) for c in history] == [
        (True, Decimal(32), "in-stock"),
        (True, Decimal(36), "in-stock"),
        (True, Decimal(36), "out-of-stock"),
        (False, Decimal(36), "out-of-stock"),
        (True, Decimal(36), "out-of-stock"),
    ]
    assert found.gone_at is None


def test_a_new_word_for_the_same_stock_moves_the_row_and_not_the_history(
    database: Database,
) -> None:
    ingest(database, a_reading(an_offer()))

    worded = an_offer(stock=replace(IN_STOCK, raw="High"))
    ingest(database, a_reading(worded, at=SEEN + QUARTER))

    (found,) = stored(database)
    assert (found.stock_raw, found.changed_at) == ("High", SEEN)
    assert count(database, OfferChangeRow) == 1


def test_an_offer_that_is_gone_is_kept_but_not_found(database: Database) -> None:
    ingest(database, a_reading(an_offer(), an_offer(native_id="other")))

    report = ingest(database, a_reading(an_offer(), at=SEEN + QUARTER))

    assert report.gone == 1
    assert [offer.native_id for offer in stored(database)] == ["gpu.8x"]
    gone = [offer for offer in stored(database, include_gone=True) if offer.gone_at]
    assert [(offer.native_id, offer.gone_at) for offer in gone] == [("other", SEEN + QUARTER)]


def test_a_failed_region_keeps_its_offers_and_they_are_stale(database: Database) -> None:
    east, west = an_offer(), an_offer(region="us-west")
    ingest(database, a_reading(east, west))

    places = regions(us_east=PlaceState.OK, us_west=PlaceState.FAILED)
    half = a_reading(east, at=SEEN + QUARTER, places=places, state=ReadingState.PARTIAL)
    report = ingest(database, half)

    found = {offer.region: offer for offer in stored(database)}
    assert report.failed_places == ("us-west",)
    assert (found["us-east"].is_stale, found["us-east"].seen_at) == (False, SEEN + QUARTER)
    assert (found["us-west"].is_stale, found["us-west"].seen_at) == (True, SEEN)


def test_a_region_without_a_place_of_its_own_has_that_of_the_whole_supplier(
    database: Database,
) -> None:
    ingest(database, a_reading(an_offer(), an_offer(region="us-west"), an_offer(region=None)))

    places = (*regions(us_west=PlaceState.FAILED), Place(region=None, state=PlaceState.OK))
    ingest(
        database,
        a_reading(an_offer(), at=SEEN + QUARTER, places=places, state=ReadingState.PARTIAL),
    )

    assert {offer.region for offer in stored(database)} == {"us-east", "us-west"}


def test_what_came_of_a_partial_region_is_updated_and_the_next_whole_answer_corrects_it(
    database: Database,
) -> None:
    whole = (an_offer("32"), an_offer("20", native_id="other"))
    ingest(database, a_reading(*whole))
    places = regions(us_east=PlaceState.PARTIAL)
    part = a_reading(an_offer("33"), at=SEEN + QUARTER, places=places, state=ReadingState.PARTIAL)

    ingest(database, part)
    in_between = {offer.native_id: offer.price_per_instance for offer in stored(database)}
    ingest(database, a_reading(*whole, at=SEEN + 2 * QUARTER))
    after = {offer.native_id: offer.price_per_instance for offer in stored(database)}

    assert in_between == {"gpu.8x": Decimal(33), "other": Decimal(20)}
    assert after == {"gpu.8x": Decimal(32), "other": Decimal(20)}


@pytest.mark.parametrize(
    "ask",
    [
        Ask(regions=frozenset({"us-west"})),
        Ask(gpu_models=frozenset({"B200"})),
        Ask(wanted=frozenset({Capability.QUOTAS})),
    ],
)
def test_nothing_is_concluded_from_what_was_not_asked(database: Database, ask: Ask) -> None:
    ingest(database, a_reading(an_offer(), an_offer(native_id="other")))

    report = ingest(database, a_reading(an_offer(region="us-west"), at=SEEN + QUARTER), ask=ask)

    assert report.gone == 0
    assert len([offer for offer in stored(database) if offer.region == "us-east"]) == 2


def test_an_empty_answer_where_there_were_offers_is_a_changed_answer(database: Database) -> None:
    ingest(database, a_reading(an_offer()))

    report = ingest(database, a_reading(at=SEEN + QUARTER))

    assert (report.state, report.kind) == (ReadingState.FAILED, ErrorKind.CONTRACT)
    assert "no offer where there were 1" in (report.message or "")
    (found,) = stored(database)
    assert (found.gone_at, found.is_stale, found.seen_at) == (None, True, SEEN)
    assert [place.state for place in status(database).places if place.region] == ["failed"]


def test_a_list_in_cents_is_quarantined_until_somebody_accepts_it(database: Database) -> None:
    ingest(database, a_reading(an_offer("20"), an_offer("21", native_id="other")))
    jumped = a_reading(an_offer("160"), an_offer("168", native_id="other"), at=SEEN + QUARTER)

    report = ingest(database, jumped)

    assert report.state is ReadingState.QUARANTINED
    assert "factor of 8" in (report.message or "")
    assert {offer.price_per_instance for offer in stored(database)} == {Decimal(20), Decimal(21)}
    assert [place.tried_at for place in status(database).places if place.region] == [SEEN]
    assert [poll.state for poll in rows(database, PollRow)] == ["ok", "quarantined"]

    accepted = ingest(database, jumped, accept_jump=True)

    assert (accepted.state, accepted.changes) == (ReadingState.OK, 2)
    assert {offer.price_per_instance for offer in stored(database)} == {
        Decimal(160),
        Decimal(168),
    }


def test_a_jump_out_of_all_bands_is_named_as_a_factor_too(database: Database) -> None:
    ingest(database, a_reading(an_offer("32")))

    report = ingest(database, a_reading(an_offer("3200"), at=SEEN + QUARTER))

    assert report.state is ReadingState.QUARANTINED
    assert "factor of 100" in (report.message or "")


def test_a_real_rise_is_taken_in(database: Database) -> None:
    ingest(database, a_reading(an_offer("32")))

    report = ingest(database, a_reading(an_offer("54"), at=SEEN + QUARTER))

    assert (report.state, report.changes) == (ReadingState.OK, 1)


def test_a_price_that_its_gpu_cannot_have_is_left_out_and_said(database: Database) -> None:
    skip = Skip(native_id="cpu.1x", reason=SkipReason.NO_GPU)

    report = ingest(
        database,
        a_reading(an_offer(), an_offer("900", native_id="wrong"), answer={"skips": (skip, skip)}),
    )

    assert [offer.native_id for offer in stored(database)] == ["gpu.8x"]
    assert report.skips == 3
    assert {(row.native_id, row.reason) for row in rows(database, PollSkipRow)} == {
        ("wrong", "implausible"),
        ("cpu.1x", "no_gpu"),
    }
    assert dict(status(database).skips) == {"implausible": 1, "no_gpu": 1}

    ingest(database, a_reading(an_offer(), at=SEEN + QUARTER))

    assert count(database, PollSkipRow) == 0


def test_an_offer_that_comes_twice_is_kept_once_with_a_warning(database: Database) -> None:
    report = ingest(database, a_reading(an_offer("32"), an_offer("33")))

    assert [offer.price_per_instance for offer in stored(database)] == [Decimal(32)]
    assert len(report.warnings) == 1
    assert "came twice" in report.warnings[0]


@pytest.mark.parametrize(
    ("state", "place"),
    [
        (ReadingState.FAILED, "failed"),
        (ReadingState.TIMED_OUT, "failed"),
        (ReadingState.NOT_CONFIGURED, "ok"),
    ],
)
def test_a_supplier_that_says_nothing_keeps_its_offers(
    database: Database, state: ReadingState, place: str
) -> None:
    ingest(database, a_reading(an_offer()))
    silent = a_reading(
        at=SEEN + QUARTER, state=state, places=(), missing=("TONNAGE_NORTHWIND_API_KEY",)
    )

    report = ingest(database, silent)

    (found,) = stored(database)
    assert (report.state, report.missing) == (state, ("TONNAGE_NORTHWIND_API_KEY",))
    assert (found.seen_at, found.is_stale) == (SEEN, place == "failed")
    assert status(database).state == state.value
    assert status(database).last_ok_at == SEEN


def test_a_reading_older_than_the_books_changes_nothing(database: Database) -> None:
    ingest(database, a_reading(an_offer("36"), at=SEEN + QUARTER))

    ingest(database, a_reading(an_offer("32"), an_offer(native_id="other")))

    assert [offer.price_per_instance for offer in stored(database)] == [Decimal(36)]
    assert count(database, OfferChangeRow) == 1


def a_holding(resource_id: str = "cr-1", **changes: Any) -> Holding:
    defaults: dict[str, Any] = {
        "supplier": "northwind",
        "resource_id": resource_id,
        "kind": HoldingKind.RESERVATION,
        "region": "us-east",
        "native_type": "gpu.8x",
        "gpu": an_offer().gpu,
        "gpus_per_unit": 8,
        "quantity": 4,
        "unit": StockUnit.INSTANCE,
        "used": 3,
        "start_at": SEEN - timedelta(days=30),
        "end_at": SEEN + timedelta(days=30),
        "state": HoldingState.ACTIVE,
        "provider_state": "active",
        "price_per_gpu_hour": Money(Decimal("2.5")),
        "observed_at": SEEN,
        "source": "describe-capacity-reservations",
    }
    return Holding(**{**defaults, **changes})


def test_holdings_are_updated_and_gone_when_a_whole_answer_names_others(
    database: Database,
) -> None:
    first = {"holdings": (a_holding(), a_holding("cr-2"))}
    ingest(database, a_reading(an_offer(), answer=first))

    second = {"holdings": (a_holding(used=4),)}
    ingest(database, a_reading(an_offer(), at=SEEN + QUARTER, answer=second))

    found = {row.resource_id: row for row in rows(database, HoldingRow)}
    assert (found["cr-1"].used, found["cr-1"].seen_at) == (4, SEEN + QUARTER)
    assert (found["cr-1"].gone_at, found["cr-2"].gone_at) == (None, SEEN + QUARTER)


def test_an_answer_without_any_holding_takes_only_those_that_were_over(
    database: Database,
) -> None:
    over = a_holding("cr-2", end_at=SEEN + timedelta(minutes=1))
    ingest(database, a_reading(an_offer(), answer={"holdings": (a_holding(), over)}))

    report = ingest(database, a_reading(an_offer(), at=SEEN + QUARTER))

    gone = {row.resource_id for row in rows(database, HoldingRow) if row.gone_at}
    assert gone == {"cr-2"}
    assert any("none of the 1 reservations" in warning for warning in report.warnings)


def test_quotas_are_replaced_and_spot_prices_kept_once(database: Database) -> None:
    spot = SpotPrice(
        native_id="gpu.8x", region="us-east", zone=None, at=SEEN, per_instance=Money(Decimal(9))
    )
    quota = Quota(name="gpus", region=None, unit=QuotaUnit.GPU, limit=Decimal(64))
    old = {"spot_prices": (spot, spot), "quotas": (quota, replace(quota, name="old"))}
    ingest(database, a_reading(an_offer(), answer=old))

    raised = replace(quota, limit=Decimal(128), used=Decimal(8))
    new = {"spot_prices": (spot,), "quotas": (raised,)}
    ingest(database, a_reading(an_offer(), at=SEEN + QUARTER, answer=new))

    assert count(database, SpotPriceRow) == 1
    assert [(row.name, row.limit, row.used) for row in rows(database, QuotaRow)] == [
        ("gpus", Decimal(128), Decimal(8))
    ]


MACHINES = ("a", "b", "c")
PLACES = ("us-east", "us-west")
ONE_OFFER = st.builds(
    lambda price, stock: an_offer(price, stock=stock),
    price=st.sampled_from([None, "30", "31", "32.5"]),
    stock=st.sampled_from([IN_STOCK, SOLD_OUT, Stock(state=StockState.UNKNOWN)]),
)
LISTS = st.dictionaries(
    st.tuples(st.sampled_from(MACHINES), st.sampled_from(PLACES)), ONE_OFFER, max_size=6
)
Books = dict[tuple[str, str], tuple[Decimal | None, str]]


def named(offers: Mapping[tuple[str, str], Offer]) -> list[Offer]:
    return [
        replace(offer, native_id=name, region=region) for (name, region), offer in offers.items()
    ]


def as_told(offers: Mapping[tuple[str, str], Offer]) -> Books:
    return {
        key: (offer.price.per_instance.amount if offer.price else None, offer.stock.state.value)
        for key, offer in offers.items()
    }


def replayed(database: Database, at: datetime) -> Books:
    """The offers as the history alone says that they stood at an instant."""
    with database.reading() as session:
        query = (
            select(OfferRow.native_id, OfferRow.region, OfferChangeRow)
            .join(OfferChangeRow)
            .where(col(OfferChangeRow.at) <= at)
            .order_by(col(OfferChangeRow.at))
        )
        last = {(name, region or ""): change for name, region, change in session.exec(query)}
    return {
        key: (change.price_per_instance, change.stock_state)
        for key, change in last.items()
        if change.is_present
    }


@settings(max_examples=40)
@given(polls=st.lists(LISTS, min_size=1, max_size=5))
def test_the_history_of_changes_rebuilds_what_every_poll_saw(
    sqlite_template: Path, polls: list[dict[tuple[str, str], Offer]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(sqlite_database(sqlite_template, Path(folder)))
        expected: list[Books] = []
        for number, told in enumerate(polls):
            ingest(database, a_reading(*named(told), at=SEEN + number * QUARTER))
            # An answer without any offer is not believed where there were some.
            expected.append(as_told(told) if told or not expected else expected[-1])

        seen = [replayed(database, SEEN + number * QUARTER) for number in range(len(polls))]
        standing = {
            (offer.native_id, offer.region or ""): (offer.price_per_instance, offer.stock_state)
            for offer in stored(database)
        }
        database.close()

    assert seen == expected
    assert standing == expected[-1]


@settings(max_examples=25)
@given(told=LISTS, order=st.randoms(use_true_random=False))
def test_twice_and_in_any_order_is_once(
    sqlite_template: Path, told: dict[tuple[str, str], Offer], order: Any
) -> None:
    shuffled = named(told)
    order.shuffle(shuffled)
    with tempfile.TemporaryDirectory() as folder:
        database = Database(sqlite_database(sqlite_template, Path(folder)))
        ingest(database, a_reading(*named(told)))
        before = (stored(database), rows(database, OfferChangeRow))

        again = ingest(database, a_reading(*named(told)))
        later = ingest(database, a_reading(*shuffled, at=SEEN + QUARTER))
        unseen = [replace(offer, seen_at=SEEN) for offer in stored(database)]
        after = (unseen, rows(database, OfferChangeRow))
        database.close()

    assert (again.changes, later.changes, later.prices) == (0, 0, 0)
    assert after == before


@settings(max_examples=25)
@given(told=LISTS, part=LISTS, failed=st.sampled_from([None, *PLACES]))
def test_an_answer_in_part_never_loses_an_offer(
    sqlite_template: Path,
    told: dict[tuple[str, str], Offer],
    part: dict[tuple[str, str], Offer],
    failed: str | None,
) -> None:
    places = tuple(
        Place(region=region, state=PlaceState.FAILED if region == failed else PlaceState.PARTIAL)
        for region in PLACES
    )
    with tempfile.TemporaryDirectory() as folder:
        database = Database(sqlite_database(sqlite_template, Path(folder)))
        ingest(database, a_reading(*named(told)))
        in_part = a_reading(
            *named(part), at=SEEN + QUARTER, places=places, state=ReadingState.PARTIAL
        )
        report = ingest(database, in_part)
        standing = {(offer.native_id, offer.region) for offer in stored(database)}
        database.close()

    came = {key for key in part if key[1] != failed}
    assert report.gone == 0
    assert standing == told.keys() | came


def test_terms_and_dates_tell_offers_apart(database: Database) -> None:
    terms = (Terms.ON_DEMAND, Terms.SPOT, Terms.RESERVED)

    ingest(database, a_reading(*(an_offer(terms=each) for each in terms)))

    assert {offer.terms for offer in stored(database)} == set(terms)
    spot = stored(database, terms=frozenset({Terms.SPOT}))
    assert [offer.terms for offer in spot] == [Terms.SPOT]
