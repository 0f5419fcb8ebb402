"""The schedule: what runs, how often, and what each run does."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlmodel import select

from broker.flows.import_prices import import_prices
from broker.jobs import is_worth_asking, poll_supplier, schedule, suppliers_at_hand
from broker.runner import Runner, Task, run_if_due
from broker.settings import Settings
from broker.store.engine import Database
from broker.store.tables import AlertRow, JobRunRow, OutboxRow, PollRow
from providers.access import Access
from providers.supplier import Answer, Ask, Fetched, Page, Profile, Supplier
from tests.broker.flows.polls import polled
from tests.broker.flows.price_sheets import days_at, price_sheet
from tests.builders import ACTOR, MAY_15, NOON

SECRET = "TONNAGE_ACME_API_KEY"


@dataclass(frozen=True)
class QuietCloud:
    """A supplier that is never really asked."""

    profile: Profile

    def missing(self, access: Access) -> tuple[str, ...]:
        return () if access.has(*self.profile.secrets) else self.profile.secrets

    def fetch(self, ask: Ask, access: Access) -> Fetched:
        raise NotImplementedError

    def parse(self, pages: Sequence[Page]) -> Answer:
        raise NotImplementedError


def a_cloud(key: str = "acme", every: timedelta = timedelta(minutes=5)) -> Supplier:
    return QuietCloud(
        Profile(
            key=key,
            name=key.title(),
            hosts=(),
            url="https://example.com",
            units=(),
            golden=(),
            capabilities=frozenset(),
            secrets=(SECRET,),
            licence="none",
            poll_every=every,
        )
    )


def nothing_to_poll(_: Supplier, __: Task) -> None:
    """Ask nobody."""


def a_runner(database: Database) -> Runner:
    settings = Settings(database_url="sqlite://", as_of=MAY_15)
    return Runner(database=database, settings=settings, actor=ACTOR, clock=lambda: NOON)


def test_every_supplier_is_polled_as_often_as_it_says() -> None:
    clouds = [a_cloud("acme"), a_cloud("bolt", every=timedelta(hours=1))]

    every = {job.name: job.every for job in schedule(clouds, nothing_to_poll)}

    assert every == {
        "poll:acme": timedelta(minutes=5),
        "poll:bolt": timedelta(hours=1),
        "roll ledger": timedelta(days=1),
        "sync pools": timedelta(minutes=1),
        "evaluate alerts": timedelta(hours=1),
        "deliver alerts": timedelta(minutes=1),
        "deliver capacity webhooks": timedelta(seconds=15),
        "forget old runs": timedelta(days=1),
    }


def test_a_poll_asks_its_own_supplier(sqlite: Database) -> None:
    asked: list[str] = []
    clouds = [a_cloud("acme"), a_cloud("bolt")]

    def poll(supplier: Supplier, _: Task) -> None:
        asked.append(supplier.profile.key)

    for job in schedule(clouds, poll):
        run_if_due(a_runner(sqlite), job)

    assert asked == ["acme", "bolt"]


def test_a_day_of_jobs_raises_an_alert_and_sends_it(database: Database) -> None:
    sheet = price_sheet(days_at(MAY_15 - timedelta(days=15), ("2.99", 14), ("4.41", 2)))
    assert import_prices(database, sheet, file="p.csv", actor=ACTOR, clock=lambda: NOON).is_ok

    for job in schedule([], nothing_to_poll):
        run_if_due(a_runner(database), job)

    with database.reading() as session:
        assert {row.state for row in session.exec(select(JobRunRow))} == {"done"}
        assert [row.rule for row in session.exec(select(AlertRow))] == ["list_price_jump"]
        assert [row.delivered_at for row in session.exec(select(OutboxRow))] == [NOON]


def test_a_supplier_that_is_not_configured_is_put_on_record_once_and_left_alone(
    database: Database,
) -> None:
    without, with_key = Access(), Access(environment={SECRET: "hunter2"})

    assert is_worth_asking(database, a_cloud(), without)
    polled(database, NOON, seen_at=None, state="not-configured")

    assert not is_worth_asking(database, a_cloud(), without)
    assert is_worth_asking(database, a_cloud(), with_key)
    polled(database, NOON + timedelta(hours=1), seen_at=NOON)
    assert is_worth_asking(database, a_cloud(), without)  # its key was taken away: say so, once


def test_however_often_it_is_due_a_supplier_without_a_key_is_on_record_once(
    database: Database,
) -> None:
    for part in (1, 2**20):  # two slots, the second of a shorter period
        cloud = a_cloud(every=timedelta(days=36_500) / part)
        job = schedule([cloud], poll_supplier)[0]
        assert run_if_due(a_runner(database), job) is not None

    with database.reading() as session:
        assert [row.state for row in session.exec(select(PollRow))] == ["not-configured"]
        assert {row.state for row in session.exec(select(JobRunRow))} == {"done"}


def test_the_suppliers_of_the_registry_are_scheduled_under_different_names() -> None:
    names = [job.name for job in schedule(suppliers_at_hand(), nothing_to_poll)]

    assert len(names) == len(set(names))
