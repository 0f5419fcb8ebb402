"""Putting quotes on record: all or nothing, twice is once, a dead quote is not accepted."""

from datetime import date
from typing import Any

import pytest

from broker.contracts.quote import Quote, QuoteState
from broker.errors import BadInputError, NotFoundError, RefusedError
from broker.flows.record_quote import (
    import_quotes,
    list_quotes,
    move_quote,
    record_quote,
)
from broker.flows.sheet_import import SheetImport
from broker.store import ledger
from broker.store.contracts import supplier_by_key
from broker.store.engine import Database
from broker.store.renewals import KnownQuote
from tests.broker import story
from tests.builders import ACTOR, MAY_15, NOON

OFFER = {
    "supplier": "Sagebrush Compute",
    "kind": "offer",
    "gpu_model": "B200",
    "gpu_count": "1024",
    "unit_price": "4.40",
    "currency": "USD",
    "price_basis": "per_gpu_hour",
    "received_on": "2026-05-06",
    "valid_until": "2026-06-30",
}
RENEWAL = OFFER | {
    "supplier": "Harbor Compute",
    "kind": "renewal_offer",
    "renews": story.HARBOR,
    "unit_price": "5.10",
}


def record(database: Database, cells: dict[str, str] = OFFER) -> KnownQuote:
    return record_quote(database, cells, source="form", actor=ACTOR, clock=lambda: NOON)


def load(database: Database, content: bytes, *, dry_run: bool = False) -> SheetImport[Quote]:
    return import_quotes(
        database, content, file="q.csv", actor=ACTOR, clock=lambda: NOON, dry_run=dry_run
    )


def move(database: Database, known: KnownQuote, to: QuoteState, **changes: Any) -> KnownQuote:
    defaults: dict[str, Any] = {"on": MAY_15, "reason": "decided", "actor": ACTOR}
    return move_quote(database, known.quote.id, to, clock=lambda: NOON, **{**defaults, **changes})


def count(database: Database) -> int:
    with database.reading() as session:
        return ledger.count(session)


def test_a_quote_of_a_new_supplier_records_the_supplier_first(database: Database) -> None:
    known = record(database)

    with database.reading() as session:
        supplier = supplier_by_key(session, "sagebrush-compute")
        assert ledger.verify(session) is None
        assert ledger.drift(session) == []
    assert supplier.legal_name == "Sagebrush Compute"
    assert supplier.quotes == (known.quote,)


def test_a_renewal_offer_goes_to_the_contract_it_renews(database: Database) -> None:
    story.load_contracts(database)

    known = record(database, RENEWAL)

    assert known.renews == story.HARBOR
    assert known.quote.renews_line_no == 1


def test_the_same_quote_twice_is_one_quote(database: Database) -> None:
    first = record(database)
    events = count(database)

    again = record(database, OFFER | {"unit_price": "4.4", "gpu_model": "NVIDIA B200"})

    assert again.quote.id == first.quote.id
    assert count(database) == events


def test_the_same_terms_for_two_contracts_are_two_offers(sqlite: Database) -> None:
    story.load_contracts(sqlite)
    cascadia = RENEWAL | {"supplier": "Cascadia Compute", "renews": "CC-100/1"}

    one, two = record(sqlite, RENEWAL), record(sqlite, cascadia)

    assert one.quote.id != two.quote.id


def test_importing_a_sheet_twice_changes_nothing(database: Database) -> None:
    content = story.QUOTES.read_bytes()

    first = load(database, content)
    events = count(database)
    second = load(database, content)

    assert (len(first.recorded), first.unchanged) == (7, 0)
    assert (len(second.recorded), second.unchanged) == (0, 7)
    assert count(database) == events


def test_a_dry_run_writes_nothing_and_tells_the_same(database: Database) -> None:
    content = story.QUOTES.read_bytes()

    report = load(database, content, dry_run=True)

    assert len(report.recorded) == 7
    assert count(database) == 0


def test_one_faulty_row_keeps_the_whole_sheet_out(sqlite: Database) -> None:
    content = story.QUOTES.read_bytes().replace(b"5.30,USD", b"free,USD")

    report = load(sqlite, content)

    assert [(fault.line, fault.field) for fault in report.faults] == [(8, "unit_price")]
    assert report.recorded == ()
    assert count(sqlite) == 0


@pytest.mark.parametrize(
    ("cells", "field"),
    [
        ({"renews": "NOBODY-1/1"}, "renews"),
        ({"renews": "CC-100"}, "renews"),
        ({"supplier": "Cascadia Compute"}, "supplier"),
        ({"gpu_model": "H100"}, "gpu_model"),
    ],
)
def test_a_renewal_offer_must_fit_the_line_it_renews(
    sqlite: Database, cells: dict[str, str], field: str
) -> None:
    story.load_contracts(sqlite)

    with pytest.raises(BadInputError) as refused:
        record(sqlite, RENEWAL | cells)

    assert [fault.field for fault in refused.value.faults] == [field]


def test_a_quote_can_be_countered_and_then_accepted(database: Database) -> None:
    known = record(database)

    move(database, known, QuoteState.COUNTERED, reason="asked for less")
    accepted = move(database, known, QuoteState.ACCEPTED, reason="they moved")

    assert accepted.quote.state is QuoteState.ACCEPTED


def test_a_lapsed_quote_is_accepted_only_with_a_reason_of_its_own(database: Database) -> None:
    known = record(database)
    too_late = date(2026, 7, 1)

    with pytest.raises(RefusedError, match="override reason"):
        move(database, known, QuoteState.ACCEPTED, on=too_late)
    accepted = move(
        database, known, QuoteState.ACCEPTED, on=too_late, override_reason="held open by mail"
    )

    assert accepted.quote.state is QuoteState.ACCEPTED


def test_a_withdrawn_quote_is_accepted_only_with_a_reason_of_its_own(sqlite: Database) -> None:
    known = record(sqlite)
    move(sqlite, known, QuoteState.WITHDRAWN)

    with pytest.raises(RefusedError, match="override reason"):
        move(sqlite, known, QuoteState.ACCEPTED, override_reason="  ")


def test_a_declined_quote_stays_declined(sqlite: Database) -> None:
    known = record(sqlite)
    move(sqlite, known, QuoteState.DECLINED)

    with pytest.raises(RefusedError, match="cannot become"):
        move(sqlite, known, QuoteState.ACCEPTED, override_reason="changed our mind")


def test_only_one_renewal_offer_of_a_line_is_accepted(sqlite: Database) -> None:
    story.load_contracts(sqlite)
    one, two = record(sqlite, RENEWAL), record(sqlite, RENEWAL | {"unit_price": "4.60"})
    move(sqlite, two, QuoteState.ACCEPTED)

    with pytest.raises(RefusedError, match="already accepted"):
        move(sqlite, one, QuoteState.ACCEPTED)


def test_what_becomes_of_a_quote_needs_a_reason(sqlite: Database) -> None:
    known = record(sqlite)

    with pytest.raises(BadInputError, match="reason"):
        move(sqlite, known, QuoteState.DECLINED, reason=" ")


def test_nothing_becomes_of_a_quote_before_it_came(sqlite: Database) -> None:
    known = record(sqlite)

    with pytest.raises(RefusedError, match="received on 2026-05-06"):
        move(sqlite, known, QuoteState.DECLINED, on=date(2026, 5, 5))


def test_a_quote_is_found_by_the_end_of_its_id(sqlite: Database) -> None:
    known = record(sqlite)

    moved = move_quote(
        sqlite,
        known.quote.id[-8:],
        QuoteState.DECLINED,
        on=MAY_15,
        reason="too late",
        actor=ACTOR,
        clock=lambda: NOON,
    )

    assert moved.quote.id == known.quote.id


@pytest.mark.parametrize("name", ["nothing-like-it", "%", "", "_" * 8])
def test_a_quote_that_is_not_there_is_not_found(sqlite: Database, name: str) -> None:
    record(sqlite)

    with pytest.raises(NotFoundError):
        move_quote(
            sqlite,
            name,
            QuoteState.DECLINED,
            on=MAY_15,
            reason="x",
            actor=ACTOR,
            clock=lambda: NOON,
        )


def test_quotes_are_listed_newest_first_as_of_a_day(sqlite: Database) -> None:
    load(sqlite, story.QUOTES.read_bytes())

    listed = list_quotes(sqlite, on=date(2026, 5, 5))

    received = [known.quote.received_on for known in listed]
    assert received == sorted(received, reverse=True)
    assert len(listed) == 5
