"""Pools follow the ledger: signed, accepted, given back, over; and what leases keep from going."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import select

from broker.capacity.accounts import Accounts
from broker.capacity.lease import LeaseState
from broker.capacity.standing import Closing, Standing
from broker.contracts.event import EventDraft, EventKind
from broker.contracts.line_terms import LineTerms, RenewalType, terms_to_json
from broker.contracts.supplier import TierFact
from broker.errors import BrokenLedgerError
from broker.flows.describe_supplier import rate_supplier
from broker.flows.import_contracts import import_contracts
from broker.flows.manage_pools import PoolPatch, list_pools, patch_pool
from broker.flows.roll_ledger import roll_ledger
from broker.flows.sync_pools import ACTOR as SYNC
from broker.flows.sync_pools import OwedBack
from broker.store.engine import Database
from broker.store.pools import StoredPool
from broker.store.tables import CapacityEventRow, CapacityTransferRow
from pricing.money import USD, Money
from tests.broker.capacity.test_supply import in_two
from tests.broker.flows.ledger_book import SHEET, keep_books
from tests.broker.flows.pool_books import (
    SUPPLIER,
    accept,
    accounts,
    amend,
    check,
    only_pool,
    sign,
    sync,
    tell,
    written,
)
from tests.broker.lease_rows import give_back, take
from tests.builders import ACTOR, MAY_15, NOON, a_draft, some_terms, state_changed

END = date(2026, 10, 1)


def test_an_active_line_becomes_a_pool_with_all_its_gpus(database: Database) -> None:
    sign(database)

    report = sync(database)

    pool = only_pool(database).pool
    assert report.opened == ("HC-c1/1",)
    assert (pool.available, pool.contracted, pool.node_size, pool.gen) == (1024, 1024, 8, 1)
    assert (pool.supplier, pool.contract_ref, pool.line_no) == (SUPPLIER, "HC-c1", 1)
    assert (pool.gpu_model, pool.form_factor, pool.region) == ("B200", "SXM", "us-central")
    assert pool.closes_at == datetime(2026, 10, 1, tzinfo=UTC)
    assert pool.effective == pool.marginal == Money(Decimal("2.63"), USD)
    assert pool.usd_effective == Decimal("2.63")
    assert check(database) == []


def test_every_move_is_in_the_journal_with_its_cause_and_no_price(database: Database) -> None:
    sign(database)
    sync(database)

    with database.reading() as session:
        moved = [
            (row.debit, row.credit, row.gpu_count, row.cause, row.actor)
            for row in session.exec(select(CapacityTransferRow).order_by("seq"))
        ]
        (event,) = session.exec(select(CapacityEventRow))
    assert moved == [
        ("supplier", "undelivered", 1024, "contracted", SYNC),
        ("undelivered", "available", 1024, "delivered", SYNC),
    ]
    assert (event.kind, json.loads(event.data)["accounts"]["available"]) == ("pool.opened", 1024)
    assert "2.63" not in event.data


def test_a_second_sync_writes_nothing(database: Database) -> None:
    sign(database)
    sync(database)
    before = written(database), only_pool(database)

    report = sync(database)

    assert (report.pools, report.opened, report.changed) == (1, (), ())
    assert (written(database), only_pool(database)) == before


def test_a_tranche_is_available_from_the_sync_after_its_acceptance(database: Database) -> None:
    sign(database, some_terms(**in_two()), state="signed")
    sync(database)
    assert accounts(database) == Accounts(undelivered=1024)

    accept(database, 1, date(2026, 5, 4))
    report = sync(database)

    assert report.changed == ("HC-c1/1",)
    assert accounts(database) == Accounts(undelivered=512, available=512)
    assert check(database) == []


def test_what_nobody_signed_and_what_was_over_before_has_no_pool(database: Database) -> None:
    sign(database, contract_id="c1", state="draft")
    sign(database, contract_id="c2", state="expired")

    assert sync(database).pools == 0
    assert list_pools(database) == ()


def test_an_amendment_gives_gpus_back_on_its_day(database: Database) -> None:
    sign(database)
    amend(database, date(2026, 6, 1), some_terms(gpu_count=512))

    sync(database, on=date(2026, 5, 31))
    assert accounts(database) == Accounts(available=1024)
    sync(database, on=date(2026, 6, 1))

    assert accounts(database) == Accounts(available=512, returned=512)
    assert check(database) == []


def test_gpus_on_lease_go_back_when_their_leases_end_and_are_not_leased_anew(
    database: Database,
) -> None:
    sign(database)
    sync(database)
    pool_id = only_pool(database).pool.id
    first, second = take(database, pool_id, 600), take(database, pool_id, 200)
    amend(database, date(2026, 6, 1), some_terms(gpu_count=512))

    report = sync(database, on=date(2026, 6, 1))

    drained = only_pool(database)
    assert report.owed == (OwedBack(pool_id=pool_id, name="HC-c1/1", gpu_count=288),)
    assert drained.accounts == Accounts(leased=800, returned=224)
    assert drained.pool.is_cordoned
    assert drained.pool.is_draining
    assert drained.closing is Closing.OWED_BACK

    give_back(database, second)
    assert sync(database, on=date(2026, 6, 1)).owed[0].gpu_count == 88
    give_back(database, first)
    assert sync(database, on=date(2026, 6, 1)).owed == ()

    settled = only_pool(database)
    assert settled.accounts == Accounts(available=512, returned=512)
    assert not settled.pool.is_cordoned
    assert not settled.pool.is_draining
    assert check(database) == []


def test_a_pool_that_a_person_cordoned_stays_so_when_nothing_is_owed_any_more(
    sqlite: Database,
) -> None:
    sign(sqlite)
    sync(sqlite)
    pool_id = only_pool(sqlite).pool.id
    lease = take(sqlite, pool_id, 1024)
    patch = PoolPatch(standing=Standing.CORDONED)
    patch_pool(sqlite, pool_id, patch, if_gen=None, actor=ACTOR, clock=lambda: NOON)
    amend(sqlite, MAY_15, some_terms(gpu_count=512))
    sync(sqlite)
    assert only_pool(sqlite).pool.is_draining

    give_back(sqlite, lease)
    sync(sqlite)

    assert only_pool(sqlite).pool.is_cordoned
    assert not only_pool(sqlite).pool.is_draining


def test_a_person_does_not_open_what_is_owed_back(sqlite: Database) -> None:
    sign(sqlite)
    sync(sqlite)
    pool_id = only_pool(sqlite).pool.id
    take(sqlite, pool_id, 1024)
    amend(sqlite, MAY_15, some_terms(gpu_count=512))
    sync(sqlite)

    patch = PoolPatch(standing=Standing.OPEN)
    patch_pool(sqlite, pool_id, patch, if_gen=None, actor=ACTOR, clock=lambda: NOON)

    assert only_pool(sqlite).pool.is_cordoned


def test_held_gpus_are_in_the_way_like_leased_ones(sqlite: Database) -> None:
    sign(sqlite)
    sync(sqlite)
    take(sqlite, only_pool(sqlite).pool.id, 8, state=LeaseState.GRANTED)

    report = sync(sqlite, on=END)

    assert accounts(sqlite) == Accounts(held=8, returned=1016)
    assert [each.gpu_count for each in report.owed] == [8]


def test_at_the_end_all_goes_back_and_the_pool_is_left_alone_from_then_on(
    database: Database,
) -> None:
    sign(database)
    sync(database)

    sync(database, on=END)
    roll_ledger(database, as_of=END, clock=lambda: NOON)

    assert accounts(database) == Accounts(returned=1024)
    assert sync(database, on=END).pools == 0
    assert check(database) == []


def test_a_terminated_contract_gives_everything_back_at_once(sqlite: Database) -> None:
    sign(sqlite)
    sync(sqlite)
    tell(sqlite, "c1", state_changed("terminated"))

    sync(sqlite)

    assert accounts(sqlite) == Accounts(returned=1024)


def renewing(**changes: Any) -> dict[str, Any]:
    return {
        "renewal_type": RenewalType.AUTO,
        "renewal_term_months": 12,
        "notice_period": "P90D",
        **changes,
    }


def closes_on(database: Database) -> date:
    closes_at = only_pool(database).pool.closes_at
    assert closes_at is not None
    return closes_at.date()


def test_a_line_that_renews_by_itself_goes_on_once_notice_can_no_longer_be_given(
    database: Database,
) -> None:
    sign(database, some_terms(**renewing()))

    sync(database, on=date(2026, 7, 1))
    assert closes_on(database) == END
    sync(database, on=date(2026, 7, 10))
    assert closes_on(database) == date(2027, 10, 1)

    sync(database, on=END)  # the calendar has not rolled it yet
    assert accounts(database) == Accounts(available=1024)
    roll_ledger(database, as_of=END, clock=lambda: NOON)
    assert sync(database, on=END).changed == ()


def test_a_line_under_notice_ends_as_it_says(sqlite: Database) -> None:
    sign(sqlite, some_terms(**renewing()))
    tell(sqlite, "c1", state_changed("in_notice", evidence="letter of 1 June"))

    sync(sqlite, on=date(2026, 7, 10))

    assert closes_on(sqlite) == END


def test_without_a_notice_period_nobody_knows_before_the_end_that_a_line_goes_on(
    sqlite: Database,
) -> None:
    sign(sqlite, some_terms(**renewing(notice_period=None)))

    sync(sqlite, on=date(2026, 9, 30))
    assert closes_on(sqlite) == END
    sync(sqlite, on=END)
    assert closes_on(sqlite) == date(2027, 10, 1)


def test_an_end_that_is_renewed_late_brings_the_gpus_back(sqlite: Database) -> None:
    sign(sqlite)
    sync(sqlite)
    roll_ledger(sqlite, as_of=END, clock=lambda: NOON)
    sync(sqlite, on=END)

    amend(sqlite, END, some_terms(end_date=date(2027, 9, 30)))
    sync(sqlite, on=END)

    assert accounts(sqlite) == Accounts(available=1024)
    assert check(sqlite) == []


def test_a_correction_of_the_number_of_gpus_is_a_correction_of_the_pool(sqlite: Database) -> None:
    sign(sqlite)
    sync(sqlite)
    terms = some_terms(gpu_count=1000)
    tell(sqlite, "c1", correction(terms))

    sync(sqlite)

    assert accounts(sqlite) == Accounts(available=1000)
    assert only_pool(sqlite).pool.contracted == 1000
    assert check(sqlite) == []


def correction(terms: LineTerms) -> EventDraft:
    payload = {"line_no": 1, "terms": terms_to_json(terms), "source": "contracts.csv:2"}
    return a_draft(EventKind.LINE_CORRECTED, payload)


def test_lines_of_a_contract_are_pools_of_their_own(database: Database) -> None:
    sign(database, some_terms(), some_terms(gpu_model="H200", gpu_count=64))

    assert sync(database).opened == ("HC-c1/1", "HC-c1/2")
    assert {each.pool.gpu_model: each.pool.available for each in list_pools(database)} == {
        "B200": 1024,
        "H200": 64,
    }
    assert len(list_pools(database, gpu_models={"H200"})) == 1


def test_the_latest_rating_that_is_one_is_the_tier_of_a_pool(sqlite: Database) -> None:
    sign(sqlite)
    fact = TierFact(scheme="clustermax", edition="2", tier="Gold", on=MAY_15, source="page 3")
    rate_supplier(sqlite, SUPPLIER, fact, actor=ACTOR, clock=lambda: NOON)
    sync(sqlite, on=MAY_15 - timedelta(days=1))
    assert only_pool(sqlite).pool.tier is None

    sync(sqlite)

    assert only_pool(sqlite).pool.tier == "gold"


def test_a_line_whose_price_is_not_known_is_named(sqlite: Database) -> None:
    sign(sqlite, some_terms(prepay_pct=Decimal(20)))

    report = sync(sqlite)

    assert report.unpriced == ("HC-c1/1",)
    assert only_pool(sqlite).pool.effective is None


def test_a_contract_with_a_broken_chain_does_not_hold_up_the_others(database: Database) -> None:
    sign(database, contract_id="c1")
    sign(database, contract_id="c2")
    on = " ON event" if database.dialect == "postgresql" else ""
    with database.migrating() as connection:
        connection.execute(text(f"DROP TRIGGER event_no_update{on}"))
    with database.writing() as session:
        session.execute(text("UPDATE event SET payload = '{' WHERE stream = 'contract/c1'"))

    with pytest.raises(BrokenLedgerError):
        sync(database)

    assert only_pool(database).pool.contract_id == "c2"


def pool_sizes(pools: tuple[StoredPool, ...]) -> dict[str, tuple[int, int]]:
    return {
        f"{each.pool.contract_ref}/{each.pool.line_no}": (
            each.accounts.available,
            each.accounts.undelivered,
        )
        for each in pools
    }


def test_the_books_of_the_story_become_pools(sqlite: Database) -> None:
    keep_books(sqlite, SHEET.read_bytes())
    plan, _ = import_contracts(
        sqlite,
        SHEET.with_name("contracts_clean_tranches.csv").read_bytes(),
        file="tranches.csv",
        actor=ACTOR,
        clock=lambda: NOON,
        dry_run=False,
    )
    assert not [issue for issue in plan.issues if issue.is_error]

    sync(sqlite)

    sizes = pool_sizes(list_pools(sqlite))
    assert sizes["HC-2025-B200-01/1"] == (1024, 0)
    assert sizes["KC-10/1"] == (0, 256)
    assert sizes["VX-2026-01/1"] == (0, 2048)
    assert check(sqlite) == []
