"""Importing contract sheets into the books: all or nothing, twice is once, dry run is the same."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from broker.contracts.contract import Contract
from broker.contracts.event import EventKind, contract_stream
from broker.contracts.import_outcome import ImportPlan
from broker.contracts.state import ContractState
from broker.errors import BadInputError
from broker.flows.change_contract import Decision, move_contract
from broker.flows.import_contracts import import_contracts
from broker.flows.roll_ledger import roll_ledger
from broker.store import ledger
from broker.store.contracts import all_contracts, find_contract
from broker.store.engine import Database
from broker.store.tables import EventRow, ImportBatchRow, SupplierRow
from pricing.money import Money
from tests.builders import ACTOR, MAY_15, NOON

FIXTURES = Path(__file__).parents[3] / "fixtures" / "contracts"
CLEAN = (FIXTURES / "contracts_clean.csv").read_bytes()
TRANCHES = (FIXTURES / "contracts_clean_tranches.csv").read_bytes()


def run(
    database: Database, content: bytes, *, dry_run: bool = False, correction: str | None = None
) -> ImportPlan:
    plan, _ = import_contracts(
        database,
        content,
        file="sheet.csv",
        actor=ACTOR,
        clock=lambda: NOON,
        dry_run=dry_run,
        correction=correction,
    )
    return plan


def contracts(database: Database) -> dict[str, Contract]:
    with database.reading() as session:
        return {contract.ref: contract for contract in all_contracts(session)}


def event_count(database: Database) -> int:
    with database.reading() as session:
        return len(session.exec(select(EventRow)).all())


def expected(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FIXTURES / name).read_text())
    return loaded


def test_the_clean_template_ends_in_its_expected_state(database: Database) -> None:
    plan = run(database, CLEAN)
    held = contracts(database)

    assert plan.summary["create"] == 10
    for row in expected("contracts_clean.expected.json")["rows"]:
        contract = held[row["contract_ref"]]
        line = contract.line(row["line_no"])
        price = line.price_on(line.start_on)
        assert price is not None
        assert {
            "supplier_key": contract.supplier_key,
            "contract_ref": contract.ref,
            "line_no": line.line_no,
            "gpu_model": line.gpu_model,
            "gpu_count": line.gpu_count,
            "currency": contract.currency,
            "start_date": line.start_on.isoformat(),
            "end_date": str(line.last_day_of_service),
            "renewal_type": line.renewal.renewal_type,
            "notice_period": line.renewal.notice_period,
            "status": contract.state,
            "price_per_gpu_hour": price.amount,
            "price_basis": line.live_prices[0].price_basis,
        } == {**row, "price_per_gpu_hour": Decimal(row["price_per_gpu_hour"])}
    total = sum(line.gpu_count for contract in held.values() for line in contract.lines)
    assert total == expected("contracts_clean.expected.json")["summary"]["gpus_total"]


def test_the_tranche_sheet_ends_in_its_expected_state(database: Database) -> None:
    run(database, TRANCHES)
    held = contracts(database)

    for row in expected("contracts_clean_tranches.expected.json")["lines"]:
        line = held[row["contract_ref"]].line(row["line_no"])
        assert line.gpu_count == row["gpu_count"]
        assert (line.start_on.isoformat(), str(line.last_day_of_service)) == (
            row["start_date"],
            row["end_date"],
        )
        for number, gpus, delivery, price in row["tranches"]:
            tranche = line.tranches[number - 1]
            period = line.base_price_of(number, tranche.delivery_on)
            assert period is not None
            assert (tranche.gpu_count, tranche.delivery_on.isoformat()) == (gpus, delivery)
            assert period.price_per_gpu_hour == Decimal(price)
        for day, gpus in row["delivered_by"].items():
            assert line.delivered_on(date.fromisoformat(day)) == gpus
        last = line.last_day_of_service
        assert last is not None
        blend = line.price_on(last)
        assert blend is not None
        assert blend.amount == Decimal(row["blended_price_per_gpu_hour_at_full_ramp"])


def test_an_active_line_without_tranches_is_delivered_from_its_first_day(sqlite: Database) -> None:
    run(sqlite, CLEAN)
    line = contracts(sqlite)["HC-2025-B200-01"].line(1)

    assert line.accepted_by(date(2025, 9, 30)) == 0
    assert line.accepted_by(date(2025, 10, 1)) == 1024
    assert line.accepted_by(date(2026, 9, 30)) == 1024
    assert line.accepted_by(date(2026, 10, 1)) == 0


def test_a_signed_line_is_not_delivered_yet(sqlite: Database) -> None:
    run(sqlite, CLEAN)

    assert contracts(sqlite)["KC-10"].line(1).accepted_by(date(2027, 1, 1)) == 0


def test_importing_twice_changes_nothing(database: Database) -> None:
    run(database, CLEAN)
    before = event_count(database)
    plan = run(database, CLEAN)

    assert plan.summary["unchanged"] == 10
    assert event_count(database) == before
    with database.reading() as session:
        assert len(session.exec(select(ImportBatchRow)).all()) == 1


def test_a_dry_run_says_the_same_and_writes_nothing(database: Database) -> None:
    dry = run(database, CLEAN, dry_run=True)

    assert event_count(database) == 0
    assert dry.as_json() == run(database, CLEAN).as_json()


def test_one_bad_cell_and_nothing_is_written(database: Database) -> None:
    plan = run(database, CLEAN.replace(b"2.41", b"2,41.0"))

    assert plan.as_json()["status"] == "errors"
    assert event_count(database) == 0


def test_the_books_verify_after_an_import(database: Database) -> None:
    run(database, CLEAN)
    run(database, TRANCHES)

    with database.reading() as session:
        assert ledger.verify(session) is None
        assert ledger.drift(session) == []
        assert len(session.exec(select(SupplierRow)).all()) == 10


def test_the_supplier_keeps_the_name_of_the_sheet(sqlite: Database) -> None:
    run(sqlite, CLEAN)

    with sqlite.reading() as session:
        supplier = session.get(SupplierRow, "blue-mesa-ai")
    assert supplier is not None
    assert supplier.legal_name == "Blue Mesa AI"


def test_another_price_of_a_signed_line_waits_for_approval(database: Database) -> None:
    run(database, CLEAN)
    changed = CLEAN.replace(b",2.41,", b",2.55,")
    plan = run(database, changed)
    contract = contracts(database)["BM-77"]

    assert plan.summary["amend"] == 1
    assert contract.line(1).price_on(date(2026, 6, 1)) is not None
    assert [price.price_per_gpu_hour for price in contract.line(1).live_prices] == [Decimal("2.41")]
    assert contract.amendments[0].changes["price_per_gpu_hour"] == {"from": "2.41", "to": "2.55"}

    before = event_count(database)
    run(database, changed)
    assert event_count(database) == before


def test_another_price_of_a_draft_is_taken_over(database: Database) -> None:
    drafted = CLEAN.replace(b",active,", b",draft,")
    run(database, drafted)
    run(database, drafted.replace(b",2.41,", b",2.55,"))
    contract = contracts(database)["BM-77"]

    assert contract.amendments == ()
    assert [price.price_per_gpu_hour for price in contract.line(1).live_prices] == [Decimal("2.55")]


def test_a_new_owner_is_no_amendment(database: Database) -> None:
    run(database, CLEAN)
    plan = run(database, CLEAN.replace(b"one 12-month option", b"two 12-month options"))

    assert plan.summary["update_note"] == 1
    notes = contracts(database)["BM-77"].line(1).notes
    assert notes is not None
    assert notes.startswith("two")


def test_a_sheet_may_say_that_a_signed_contract_became_active(database: Database) -> None:
    run(database, CLEAN)
    run(database, CLEAN.replace(b",45,signed,", b",45,active,"))
    contract = contracts(database)["KC-10"]

    assert contract.state is ContractState.ACTIVE
    assert contract.line(1).accepted_by(date(2026, 7, 1)) == 256


def test_what_the_books_refuse_is_found_by_a_dry_run_too(database: Database) -> None:
    run(database, CLEAN)
    backwards = CLEAN.replace(b",45,signed,", b",45,draft,")
    before = event_count(database)

    for dry_run in (True, False):
        plan = run(database, backwards, dry_run=dry_run)
        issue = plan.issues[-1].as_json()
        assert (issue["line"], issue["code"]) == (5, "refused_by_books")
        assert "cannot become draft" in str(issue["message"])
    assert event_count(database) == before


def test_a_line_that_is_gone_from_the_file_is_reported_and_kept(database: Database) -> None:
    run(database, CLEAN)
    shorter = b"\n".join(line for line in CLEAN.splitlines() if not line.startswith(b"CC-100,2"))
    plan = run(database, shorter)

    assert plan.as_json()["absent_keys"] == [["cascadia-compute", "CC-100", 2]]
    assert len(contracts(database)["CC-100"].lines) == 2


def test_a_contract_is_found_however_its_reference_is_spelt(database: Database) -> None:
    run(database, CLEAN)

    with database.reading() as session:
        assert find_contract(session, "hc-2025-b200-01").ref == "HC-2025-B200-01"
        assert find_contract(session, "harbor-compute:HC-2025-B200-01").state == "active"


# What was typed wrongly

CHEAP, DEAR = b",2.41,", b",2.55,"
TYPED = "typed 2.41 for 2.55"


def test_a_price_that_was_typed_wrongly_is_corrected_from_the_start(database: Database) -> None:
    run(database, CLEAN)
    plan = run(database, CLEAN.replace(CHEAP, DEAR), correction=TYPED)
    contract = contracts(database)["BM-77"]

    assert plan.status == "ok"
    assert contract.amendments == ()
    assert contract.line(1).price_on(date(2026, 3, 1)) == Money(Decimal("2.55"))
    with database.reading() as session:
        last = ledger.events_of(session, contract_stream(contract.id))[-1]
        assert ledger.drift(session) == []
    assert (last.kind, last.reason) == (EventKind.LINE_CORRECTED, TYPED)
    assert last.valid_from == date(2026, 3, 1)


def test_a_correction_settles_the_amendment_that_it_should_have_been(sqlite: Database) -> None:
    run(sqlite, CLEAN)
    run(sqlite, CLEAN.replace(CHEAP, DEAR))
    run(sqlite, CLEAN.replace(CHEAP, DEAR), correction=TYPED)

    assert contracts(sqlite)["BM-77"].amendments == ()


def test_correcting_twice_changes_nothing(sqlite: Database) -> None:
    run(sqlite, CLEAN)
    run(sqlite, CLEAN.replace(CHEAP, DEAR), correction=TYPED)
    before = event_count(sqlite)

    assert run(sqlite, CLEAN.replace(CHEAP, DEAR), correction=TYPED).summary["unchanged"] == 10
    assert event_count(sqlite) == before


def test_what_is_over_can_only_have_been_typed_wrongly(sqlite: Database) -> None:
    over = CLEAN.replace(b",active,", b",expired,")
    run(sqlite, over)
    amended = run(sqlite, over.replace(CHEAP, DEAR))
    corrected = run(sqlite, over.replace(CHEAP, DEAR), correction=TYPED)

    assert "import a correction" in amended.issues[-1].message
    assert corrected.status == "ok"
    assert contracts(sqlite)["BM-77"].line(1).price_on(date(2026, 3, 1)) == Money(Decimal("2.55"))


def test_a_correction_needs_a_reason(sqlite: Database) -> None:
    with pytest.raises(BadInputError, match="needs a reason"):
        run(sqlite, CLEAN, correction="  ")


# States that a sheet states


def test_a_sheet_does_not_take_a_notice_back(database: Database) -> None:
    run(database, CLEAN)
    give_notice(database, "HC-2026-H100-02")
    before = event_count(database)

    plan = run(database, CLEAN)

    assert plan.status == "errors"
    (issue,) = plan.issues
    assert (issue.line, "cannot take it back" in issue.message) == (3, True)
    assert event_count(database) == before


def test_a_draft_that_a_sheet_calls_active_was_signed_and_delivered(database: Database) -> None:
    run(database, CLEAN.replace(b",active,", b",draft,"))
    run(database, CLEAN.replace(CHEAP, DEAR))
    contract = contracts(database)["BM-77"]

    assert (contract.state, contract.stated_state) == (ContractState.ACTIVE, ContractState.SIGNED)
    assert contract.line(1).accepted_by(date(2026, 3, 1)) == 2048
    assert contract.line(1).price_on(date(2026, 3, 1)) == Money(Decimal("2.55"))
    before = event_count(database)
    assert run(database, CLEAN.replace(CHEAP, DEAR)).summary["unchanged"] == 10
    assert event_count(database) == before


def test_a_line_that_comes_with_the_delivery_is_delivered_too(sqlite: Database) -> None:
    header, *rows = CLEAN.splitlines()
    kestrel = next(row for row in rows if row.startswith(b"KC-10,1"))
    run(sqlite, header + b"\n" + kestrel)
    started = kestrel.replace(b",signed,", b",active,")
    run(sqlite, b"\n".join([header, started, started.replace(b"KC-10,1", b"KC-10,2")]))

    held = contracts(sqlite)["KC-10"]
    assert [line.accepted_by(date(2026, 7, 1)) for line in held.lines] == [256, 256]


def test_a_sheet_cannot_say_which_tranche_was_delivered(sqlite: Database) -> None:
    run(sqlite, TRANCHES)
    plan = run(sqlite, TRANCHES.replace(b",signed", b",active"))

    assert plan.status == "errors"
    assert "tonnage contracts accept" in plan.issues[0].message


def test_a_notice_period_beyond_the_calendar_is_a_complaint_about_its_line(
    sqlite: Database,
) -> None:
    plan = run(sqlite, CLEAN.replace(b"P180D", b"P3000Y"))

    assert plan.status == "errors"
    (issue,) = plan.issues
    assert (issue.line, "outside the calendar" in issue.message) == (4, True)
    assert event_count(sqlite) == 0


def test_a_sheet_that_is_older_than_a_tacit_renewal_changes_nothing(database: Database) -> None:
    run(database, CLEAN)
    roll_ledger(database, as_of=date(2027, 1, 15), clock=lambda: NOON)
    renewed = contracts(database)["HC-2026-H100-02"].line(1)
    before = event_count(database)

    plan = run(database, CLEAN)

    assert renewed.last_day_of_service == date(2028, 1, 14)
    assert plan.summary["unchanged"] == 10
    assert event_count(database) == before


def give_notice(database: Database, name: str) -> None:
    move_contract(
        database,
        name,
        ContractState.IN_NOTICE,
        evidence="registered letter",
        decision=Decision(actor=ACTOR, reason="too dear", valid_from=MAY_15),
        clock=lambda: NOON,
    )
