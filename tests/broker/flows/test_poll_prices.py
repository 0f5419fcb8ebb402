"""All suppliers are asked at once, and none of them can stop the others."""

from collections.abc import Callable
from datetime import timedelta
from threading import Barrier, Event
from typing import Any

from sqlmodel import select

from broker.flows.ingest_reading import PollReport
from broker.flows.poll_prices import PollProgress, PollStep, poll_suppliers
from broker.store.engine import Database
from broker.store.offers import find_offers
from broker.store.polls import provider_status
from broker.store.tables import PollRow
from providers.access import Access
from providers.errors import ErrorKind, NotAllowed
from providers.reading import ReadingState
from providers.supplier import Ask, Supplier
from tests.builders import ACTOR
from tests.readings import SEEN, RecordedSupplier, an_offer

AT_ONCE = timedelta(0)
LONG = timedelta(minutes=5)
SECRET = "key-that-nobody-may-see"


def an_access(_key: str) -> Access:
    return Access(now=lambda: SEEN, environment={"TONNAGE_KEY": SECRET})


def poll(database: Database, *suppliers: Supplier, **options: Any) -> list[PollReport]:
    arguments: dict[str, Any] = {"actor": ACTOR, "clock": lambda: SEEN, **options}
    return poll_suppliers(database, suppliers, Ask(), an_access, **arguments)


def a_supplier(
    key: str, before: Callable[[Access], None] = lambda _access: None, **changes: Any
) -> RecordedSupplier:
    settings: dict[str, Any] = {"time_out": LONG, **changes}
    return RecordedSupplier(key, an_offer(supplier=key), before=before, **settings)


def test_suppliers_are_asked_at_once_and_reported_in_their_order(database: Database) -> None:
    together = Barrier(3, timeout=60)

    def meet(_access: Access) -> None:
        together.wait()

    reports = poll(database, *(a_supplier(key, meet) for key in ("b", "a", "c")))

    assert [(report.supplier, report.state, report.new) for report in reports] == [
        ("b", ReadingState.OK, 1),
        ("a", ReadingState.OK, 1),
        ("c", ReadingState.OK, 1),
    ]
    with database.reading() as session:
        assert {offer.supplier for offer in find_offers(session)} == {"a", "b", "c"}


def test_a_supplier_that_hangs_is_timed_out_and_its_late_answer_thrown_away(
    database: Database,
) -> None:
    let_go, said = Event(), Event()

    def hang(_access: Access) -> None:
        let_go.wait(60)
        said.set()

    slow = a_supplier("slow", hang, time_out=AT_ONCE)
    reports = poll(database, slow, a_supplier("quick"), grace=AT_ONCE)
    let_go.set()
    assert said.wait(60)

    assert [report.state for report in reports] == [ReadingState.TIMED_OUT, ReadingState.OK]
    assert "no answer within 0 seconds" in (reports[0].message or "")
    with database.reading() as session:
        assert {offer.supplier for offer in find_offers(session)} == {"quick"}
        assert len(session.exec(select(PollRow)).all()) == 2


def test_an_answer_that_comes_while_another_is_awaited_is_not_taken_for_it(
    sqlite: Database,
) -> None:
    let_go, given_up, handed_over = Event(), Event(), Event()

    def hang(_access: Access) -> None:
        let_go.wait(60)

    def wait_for_the_other(_access: Access) -> None:
        given_up.wait(60)
        let_go.set()

    def on_progress(news: PollProgress) -> None:
        if news.step is PollStep.TIMED_OUT:
            given_up.set()
        if news.supplier == "patient" and news.step is PollStep.OK:
            handed_over.set()

    slow = a_supplier("slow", hang, time_out=AT_ONCE)
    patient = a_supplier("patient", wait_for_the_other)
    reports = poll(sqlite, slow, patient, grace=AT_ONCE, on_progress=on_progress)

    assert handed_over.is_set()
    assert [report.state for report in reports] == [ReadingState.TIMED_OUT, ReadingState.OK]
    with sqlite.reading() as session:
        assert {offer.supplier for offer in find_offers(session)} == {"patient"}


def test_an_adapter_knows_until_when_it_may_ask(sqlite: Database) -> None:
    left: list[float | None] = []

    poll(sqlite, a_supplier("northwind", lambda access: left.append(access.seconds_left())))

    (seconds,) = left
    assert seconds is not None
    assert 0 < seconds <= LONG.total_seconds()


def test_whatever_one_supplier_does_the_others_go_on(database: Database) -> None:
    def refuse(_access: Access) -> None:
        raise NotAllowed(ErrorKind.AUTH, "the key is not valid", supplier="locked")

    def break_down(access: Access) -> None:
        raise ZeroDivisionError(access.value("TONNAGE_KEY"))

    reports = poll(
        database,
        a_supplier("locked", refuse),
        a_supplier("broken", break_down),
        a_supplier("closed", missing=("TONNAGE_CLOSED_API_KEY",)),
        a_supplier("open"),
    )

    assert [(report.state, report.kind) for report in reports] == [
        (ReadingState.FAILED, ErrorKind.AUTH),
        (ReadingState.FAILED, ErrorKind.CONTRACT),
        (ReadingState.NOT_CONFIGURED, None),
        (ReadingState.OK, None),
    ]
    assert "ZeroDivisionError" in (reports[1].message or "")
    assert reports[2].missing == ("TONNAGE_CLOSED_API_KEY",)
    with database.reading() as session:
        told = {status.supplier: status for status in provider_status(session)}
    assert {name: status.state for name, status in told.items()} == {
        "locked": "failed",
        "broken": "failed",
        "closed": "not-configured",
        "open": "ok",
    }
    assert SECRET not in str(told)


def test_an_answer_that_cannot_be_stored_is_a_failure_of_its_supplier_only(
    database: Database,
) -> None:
    unstorable = RecordedSupplier("huge", an_offer(supplier="huge", vcpus=2**80), time_out=LONG)

    reports = poll(database, unstorable, a_supplier("open"))

    assert [report.state for report in reports] == [ReadingState.FAILED, ReadingState.OK]
    assert "could not be taken in" in (reports[0].message or "")


def test_no_transaction_is_open_while_suppliers_are_asked(database: Database) -> None:
    with database.reading() as session:
        session.connection()  # so that the pools are warm, and count
    open_ones: list[str] = []

    def look(_access: Access) -> None:
        for engine in (database.read_engine, database.write_engine):
            open_ones.append(engine.pool.status())

    poll(database, a_supplier("northwind", look))

    assert len(open_ones) == 2
    assert all("checked out connections: 0" in status.lower() for status in open_ones)


def test_who_watches_hears_of_each_step_and_the_rules_are_asked_once(database: Database) -> None:
    news: list[PollProgress] = []
    evaluated: list[str] = []

    poll(
        database,
        a_supplier("northwind"),
        on_progress=news.append,
        evaluate=lambda: evaluated.append("now"),
    )

    assert [(one.supplier, one.step, one.offers) for one in news] == [
        ("northwind", PollStep.ASKING, 0),
        ("northwind", PollStep.OK, 1),
    ]
    assert evaluated == ["now"]
