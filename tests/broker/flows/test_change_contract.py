"""What people decide about a contract: with a reason, in one step, or not at all."""

from datetime import date, timedelta

import pytest

from broker.contracts.event import Event
from broker.contracts.state import ContractState
from broker.errors import BadInputError, NotFoundError, RefusedError
from broker.flows.change_contract import (
    Decision,
    accept_tranche,
    close_obligation,
    decide_amendment,
    move_contract,
    name_successor,
)
from broker.flows.check_ledger import check_ledger
from broker.flows.read_contracts import contract_as_believed, contract_events, open_obligations
from broker.flows.roll_ledger import roll_ledger
from broker.renewals.obligations import ObligationState
from broker.store.engine import Database
from tests.broker.flows.ledger_book import AUTO, HARBOR, SIGNED, SMALL, keep_books
from tests.builders import ACTOR, MAY_15, NOON

JULY = date(2026, 7, 1)


def decided(reason: str = "as agreed", valid_from: date = MAY_15) -> Decision:
    return Decision(actor=ACTOR, reason=reason, valid_from=valid_from, document="mail 12")


def give_notice(database: Database, name: str, *, since: date = MAY_15) -> None:
    move_contract(
        database,
        name,
        ContractState.IN_NOTICE,
        evidence="registered letter",
        decision=decided("too dear", since),
        clock=lambda: NOON,
    )


def last_event(database: Database, name: str) -> Event:
    return contract_events(database, name)[-1]


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_decision_needs_a_reason(reason: str) -> None:
    with pytest.raises(BadInputError, match="needs a reason"):
        decided(reason)


def test_a_move_is_on_record_with_who_why_since_when_and_the_paper(database: Database) -> None:
    keep_books(database)
    give_notice(database, HARBOR)

    event = last_event(database, HARBOR)
    assert (event.actor, event.reason, event.valid_from, event.document) == (
        ACTOR,
        "too dear",
        MAY_15,
        "mail 12",
    )
    assert event.payload["evidence"] == "registered letter"
    assert check_ledger(database).ok


def test_a_move_that_is_refused_leaves_nothing(database: Database) -> None:
    keep_books(database)
    before = contract_events(database, HARBOR)

    with pytest.raises(RefusedError):
        move_contract(
            database,
            HARBOR,
            ContractState.SIGNED,
            evidence=None,
            decision=decided(),
            clock=lambda: NOON,
        )
    assert contract_events(database, HARBOR) == before


def test_an_accepted_tranche_starts_a_signed_contract(database: Database) -> None:
    keep_books(database)
    contract = accept_tranche(
        database,
        SIGNED,
        line_no=1,
        tranche_no=1,
        accepted_on=JULY,
        decision=decided(),
        clock=lambda: NOON,
    )

    assert contract.state is ContractState.ACTIVE
    assert contract.line(1).accepted_by(JULY) == 256


def test_a_proposed_amendment_is_approved_or_rejected(database: Database) -> None:
    keep_books(database)
    keep_books(database, SMALL.replace(b",2.63,", b",2.50,").replace(b",1.98,", b",1.80,"))
    for name, approve in ((HARBOR, True), (AUTO, False)):
        (proposed,) = contract_as_believed(database, name, known_at=None).amendments
        decide_amendment(
            database,
            name,
            proposed.id,
            approve=approve,
            decision=decided(valid_from=JULY),
            clock=lambda: NOON,
        )

    approved, rejected = (
        contract_as_believed(database, name, known_at=None) for name in (HARBOR, AUTO)
    )
    assert [price.valid_from for price in approved.line(1).live_prices] == [
        date(2025, 10, 1),
        JULY,
    ]
    assert len(rejected.line(1).live_prices) == 1
    assert (approved.amendments, rejected.amendments) == ((), ())
    assert check_ledger(database).ok


def deadline(database: Database, name: str) -> str:
    found = open_obligations(database, on=MAY_15, within_days=None)
    return next(each.id for each, contract in found if contract.ref == name)


def close(
    database: Database,
    obligation_id: str,
    outcome: ObligationState,
    evidence: str | None = "registered letter",
) -> None:
    close_obligation(
        database,
        obligation_id,
        outcome,
        evidence=evidence,
        decision=decided(),
        clock=lambda: NOON,
    )


def test_a_duty_that_was_met_needs_its_evidence(sqlite: Database) -> None:
    keep_books(sqlite)
    duty = deadline(sqlite, HARBOR)

    for evidence in (None, " "):
        with pytest.raises(BadInputError, match="done with evidence"):
            close(sqlite, duty, ObligationState.DONE, evidence)
    with pytest.raises(BadInputError, match="done, waived or missed"):
        close(sqlite, duty, ObligationState.OPEN)
    with pytest.raises(NotFoundError, match="no obligation nothing"):
        close(sqlite, "nothing", ObligationState.DONE)


def test_a_duty_is_closed_once_and_the_next_one_opens(database: Database) -> None:
    keep_books(database)
    duty = deadline(database, HARBOR)
    close(database, duty, ObligationState.DONE)

    assert deadline(database, HARBOR) != duty
    with pytest.raises(RefusedError, match="already closed"):
        close(database, duty, ObligationState.WAIVED)


def test_a_notice_that_was_given_as_a_duty_stops_the_tacit_renewal(database: Database) -> None:
    keep_books(database)
    close(database, deadline(database, AUTO), ObligationState.DONE)
    roll_ledger(database, as_of=date(2027, 1, 15), clock=lambda: NOON)

    contract = contract_as_believed(database, AUTO, known_at=None)
    assert contract.state is ContractState.EXPIRED
    assert contract.line(1).last_day_of_service == date(2027, 1, 14)


def test_a_notice_that_is_entered_after_the_roll_takes_it_back(database: Database) -> None:
    keep_books(database)
    roll_ledger(database, as_of=date(2027, 1, 15), clock=lambda: NOON)
    give_notice(database, AUTO, since=date(2026, 11, 2))
    roll_ledger(database, as_of=date(2027, 1, 16), clock=lambda: NOON + timedelta(days=1))

    contract = contract_as_believed(database, AUTO, known_at=None)
    assert contract.state is ContractState.EXPIRED
    assert contract.line(1).last_day_of_service == date(2027, 1, 14)
    assert check_ledger(database).ok


def test_a_signed_contract_that_outlasts_another_is_its_successor(database: Database) -> None:
    keep_books(database)
    succeeded = name_successor(
        database, HARBOR, SIGNED, decision=decided("moves on"), clock=lambda: NOON
    )

    assert succeeded.successor_id == contract_as_believed(database, SIGNED, known_at=None).id
    assert check_ledger(database).ok


def test_a_contract_does_not_succeed_itself(sqlite: Database) -> None:
    keep_books(sqlite)

    with pytest.raises(RefusedError, match="does not"):
        name_successor(sqlite, HARBOR, HARBOR, decision=decided(), clock=lambda: NOON)


def test_a_contract_that_ends_sooner_is_no_successor(sqlite: Database) -> None:
    keep_books(sqlite)

    with pytest.raises(RefusedError, match="does not outlast"):
        name_successor(sqlite, SIGNED, HARBOR, decision=decided(), clock=lambda: NOON)


def test_a_contract_that_is_over_is_no_successor(sqlite: Database) -> None:
    keep_books(sqlite)
    move_contract(
        sqlite,
        SIGNED,
        ContractState.TERMINATED,
        evidence=None,
        decision=decided("never delivered"),
        clock=lambda: NOON,
    )

    with pytest.raises(RefusedError, match="is terminated, not signed"):
        name_successor(sqlite, HARBOR, SIGNED, decision=decided(), clock=lambda: NOON)
