"""Contracts a page at a time, as they were believed, and what must be done."""

from contextlib import suppress
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.clock import Clock
from broker.contracts.contract import Contract
from broker.contracts.state import ContractState
from broker.errors import BadInputError, NotFoundError, RefusedError
from broker.flows.change_contract import Decision, decide_amendment, move_contract
from broker.flows.import_contracts import import_contracts
from broker.flows.read_contracts import (
    contract_as_believed,
    contract_events,
    contract_page,
    every_contract,
    open_obligations,
)
from broker.flows.roll_ledger import roll_ledger
from broker.identity import new_id
from broker.store.engine import Database
from tests.broker.flows.ledger_book import AUTO, HARBOR, NAMES, SIGNED, SMALL, keep_books, sheet_of
from tests.builders import ACTOR, MAY_15, NOON

LONG_REF = "A" * 200


def at_hour(hours: float) -> Clock:
    return lambda: NOON + timedelta(hours=hours)


def test_pages_together_are_the_whole_list(database: Database) -> None:
    keep_books(database)

    first = contract_page(database, page_size=2, page_token=None)
    second = contract_page(database, page_size=2, page_token=first.next_page_token)

    assert [each.ref for each in (*first.contracts, *second.contracts)] == sorted(NAMES)
    assert second.next_page_token is None
    assert [each.ref for each in every_contract(database)] == sorted(NAMES)


def test_a_page_that_holds_the_last_contract_is_the_last(sqlite: Database) -> None:
    keep_books(sqlite)

    assert contract_page(sqlite, page_size=3, page_token=None).next_page_token is None


def test_the_longest_reference_can_be_read_on_from(sqlite: Database) -> None:
    keep_books(sqlite, SMALL.replace(HARBOR.encode(), LONG_REF.encode()))

    token = contract_page(sqlite, page_size=1, page_token=None).next_page_token
    assert token is not None
    assert len(token) <= 200
    assert contract_page(sqlite, page_size=1, page_token=token).contracts[0].ref == AUTO


@pytest.mark.parametrize("token", ["", "x", "§", "YQpi", "a\nb"])
def test_a_token_of_somebody_else_is_refused(database: Database, token: str) -> None:
    with pytest.raises(BadInputError, match="page_token"):
        contract_page(database, page_size=2, page_token=token)


def test_a_naive_moment_is_no_moment(sqlite: Database) -> None:
    with pytest.raises(BadInputError, match="needs its offset"):
        contract_as_believed(sqlite, HARBOR, known_at=NOON.replace(tzinfo=None))


def test_before_it_was_recorded_nothing_was_believed(database: Database) -> None:
    keep_books(database)

    with pytest.raises(NotFoundError, match="nothing was known of contract"):
        contract_as_believed(database, HARBOR, known_at=NOON - timedelta(microseconds=1))
    assert contract_as_believed(database, HARBOR, known_at=NOON).ref == HARBOR


def test_what_was_believed_of_october_in_may_stays_what_was_believed(database: Database) -> None:
    keep_books(database)
    dearer = SMALL.replace(b",1.98,", b",2.20,")
    import_contracts(database, dearer, file="s.csv", actor=ACTOR, clock=at_hour(1), dry_run=False)
    (proposed,) = contract_as_believed(database, AUTO, known_at=None).amendments
    decide_amendment(
        database,
        AUTO,
        proposed.id,
        approve=True,
        decision=a_decision(date(2026, 8, 1)),
        clock=at_hour(2),
    )

    october = date(2026, 10, 1)
    assert (
        price_on(contract_as_believed(database, AUTO, known_at=at_hour(1.5)()), october) == "1.98"
    )
    assert price_on(contract_as_believed(database, AUTO, known_at=None), october) == "2.2"
    assert price_on(contract_as_believed(database, AUTO, known_at=None), date(2026, 7, 31)) == (
        "1.98"
    )


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(moves=st.lists(st.sampled_from(["in_notice", "active", "terminated"]), max_size=5))
def test_later_knowledge_never_changes_an_earlier_belief(
    sqlite: Database, moves: list[str]
) -> None:
    ref = new_id()
    keep_books(sqlite, sheet_of(HARBOR).replace(HARBOR.encode(), ref.encode()))
    beliefs = {NOON: contract_as_believed(sqlite, ref, known_at=None)}
    for hours, to in enumerate(moves, start=1):
        with suppress(RefusedError):
            beliefs[at_hour(hours)()] = move_contract(
                sqlite,
                ref,
                ContractState(to),
                evidence="letter",
                decision=a_decision(MAY_15),
                clock=at_hour(hours),
            )

    for moment, belief in beliefs.items():
        assert contract_as_believed(sqlite, ref, known_at=moment) == belief


def test_events_are_told_from_the_first_on(database: Database) -> None:
    keep_books(database)

    events = contract_events(database, HARBOR.lower())
    assert [event.kind.value for event in events] == ["contract_recorded", "line_recorded"]
    with pytest.raises(NotFoundError):
        contract_events(database, "nothing")


def test_duties_are_told_the_nearest_first_and_only_while_they_are_open(
    database: Database,
) -> None:
    keep_books(database)

    found = duties(database)
    assert found == [
        (date(2026, 7, 2), HARBOR),
        (date(2026, 11, 13), AUTO),
        (date(2027, 4, 1), SIGNED),
    ]
    assert duties(database, within_days=48) == found[:1]
    assert duties(database, within_days=47) == []
    roll_ledger(database, as_of=date(2026, 7, 3), clock=at_hour(1))
    assert duties(database) == [(date(2026, 9, 30), HARBOR), *found[1:]]


def duties(database: Database, *, within_days: int | None = None) -> list[tuple[date, str]]:
    found = open_obligations(database, on=MAY_15, within_days=within_days)
    return [(each.due_on, contract.ref) for each, contract in found]


def a_decision(valid_from: date) -> Decision:
    return Decision(actor=ACTOR, reason="agreed", valid_from=valid_from)


def price_on(contract: Contract, day: date) -> str:
    price = contract.line(1).price_on(day)
    assert price is not None
    return f"{price.amount.normalize():f}"
