"""What suppliers say we own, beside the ledger, and taken into it."""

from datetime import date
from decimal import Decimal

import pytest

from broker.alerts.alert import RuleName
from broker.alerts.inbox import AlertState
from broker.capacity.reconciliation import Difference
from broker.contracts.state import ContractState
from broker.errors import BadInputError, NotFoundError, RefusedError
from broker.flows.adopt_holding import Adopted, Adoption, adopt_holding
from broker.flows.check_ledger import check_ledger
from broker.flows.evaluate_alerts import evaluate_alerts
from broker.flows.reconcile_capacity import reconcile
from broker.store.alerts import AlertFilter, list_alerts
from broker.store.contracts import contract_by_id
from broker.store.engine import Database
from broker.store.ledger import count
from pricing.money import USD, Money
from tests.broker.flows.ledger_book import HARBOR, keep_books
from tests.broker.holdings_shown import show
from tests.builders import ACTOR, MAY_15, NOON

PRICE = Money(Decimal("4.35"), USD)


def adopt(database: Database, resource_id: str, **stated: object) -> Adopted:
    adoption = Adoption(**{"ref": "NEW-1", **stated})  # type: ignore[arg-type]
    return adopt_holding(
        database,
        "harbor-compute",
        resource_id,
        adoption=adoption,
        actor=ACTOR,
        clock=lambda: NOON,
    )


def found(database: Database) -> list[tuple[Difference, str | None]]:
    result = reconcile(database, on=MAY_15)
    return [(each.difference, each.contract_ref) for each in result.findings]


def test_a_reservation_that_is_smaller_than_its_contract_is_found(database: Database) -> None:
    keep_books(database)
    show(database, quantity=1000)

    assert (Difference.QUANTITY, HARBOR) in found(database)


def test_a_supplier_whose_last_poll_failed_is_not_said_to_lack_anything(
    database: Database,
) -> None:
    keep_books(database)
    show(database, gpu=None, poll_state="failed")

    assert Difference.NOT_AT_SUPPLIER not in {difference for difference, _ in found(database)}


def test_reconciling_writes_nothing(database: Database) -> None:
    keep_books(database)
    show(database, quantity=1000)
    with database.reading() as session:
        before = count(session)
    reconcile(database, on=MAY_15)
    with database.reading() as session:
        assert count(session) == before


def test_a_holding_becomes_a_draft_contract_and_is_then_accounted_for(database: Database) -> None:
    resource_id = show(database, quantity=64, price_per_gpu_hour=PRICE)

    adopted = adopt(database, resource_id)

    with database.reading() as session:
        contract = contract_by_id(session, adopted.contract_id)
    (line,) = contract.lines
    assert contract.state is ContractState.DRAFT
    assert (line.gpu_model, line.gpu_count, line.start_on) == ("B200", 64, date(2025, 10, 1))
    assert line.last_day_of_service == date(2026, 9, 30)
    assert line.terms.price_per_gpu_hour == PRICE.amount
    assert "res-1" in line.source
    assert check_ledger(database).ok


def test_a_price_that_the_supplier_does_not_state_must_be_stated(database: Database) -> None:
    resource_id = show(database)

    with pytest.raises(BadInputError, match="--price"):
        adopt(database, resource_id)
    assert adopt(database, resource_id, price_per_gpu_hour=PRICE).gpu_count == 1024


def test_nothing_is_adopted_twice(database: Database) -> None:
    resource_id = show(database, price_per_gpu_hour=PRICE)
    adopt(database, resource_id)

    with pytest.raises(RefusedError, match="adopted before"):
        adopt(database, resource_id, ref="NEW-2")


def test_a_reference_that_is_taken_is_refused_whole(database: Database) -> None:
    keep_books(database)
    resource_id = show(database, price_per_gpu_hour=PRICE)

    with pytest.raises(RefusedError, match="on record already"):
        adopt(database, resource_id, ref=HARBOR)
    assert adopt(database, resource_id).ref == "NEW-1"


def test_what_nobody_shows_cannot_be_adopted(database: Database) -> None:
    with pytest.raises(NotFoundError, match="tonnage holdings list"):
        adopt(database, "no-such-thing")


def mismatches(database: Database, *, on: date = MAY_15) -> list[tuple[str, str]]:
    evaluate_alerts(database, as_of=on, channels=(), actor=ACTOR, clock=lambda: NOON)
    with database.reading() as session:
        rows = list_alerts(session, AlertFilter(rule=RuleName.CAPACITY_MISMATCH))
    return [
        (row.step, row.state)
        for row in rows
        if row.object_id.startswith(f"harbor-compute/{HARBOR}")
    ]


def test_a_mismatch_is_said_once_and_cleared_when_the_books_agree(database: Database) -> None:
    keep_books(database)
    show(database, quantity=1000)
    step = "quantity: 1000 GPUs / 1024 GPUs"

    assert mismatches(database) == [(step, AlertState.OPEN)]
    assert mismatches(database) == [(step, AlertState.OPEN)]

    show(database)
    assert mismatches(database) == [(step, AlertState.RESOLVED)]
