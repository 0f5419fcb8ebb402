"""Random contracts synced over their life, with leases on their GPUs, on both databases.

Whatever is accepted, amended, terminated or leased on which day: no account is below zero, what is
in service is what the ledger says was accepted, the views of capacity agree, a second sync writes
nothing, and once all leases have ended everything is returned.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.capacity.accounts import Accounts
from broker.contracts.line import Line
from broker.contracts.line_terms import LineTerms, TrancheTerms
from broker.contracts.state import IN_FORCE
from broker.errors import RefusedError
from broker.store.contracts import contract_by_id
from broker.store.engine import Database
from tests.broker.capacity.test_supply import tranche
from tests.broker.flows.pool_books import (
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
from tests.builders import some_terms, state_changed
from tests.conftest import postgres_database, sqlite_database

START = date(2026, 6, 1)
TERM_DAYS = 9
END = START + timedelta(days=TERM_DAYS)
ACTIONS = ("wait", "accept", "amend", "amend", "take", "take", "give back", "terminate")

sizes = st.integers(min_value=1, max_value=24)

Make = Callable[[], Database]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Return what makes a fresh database, for each example one."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        return lambda: Database(sqlite_database(template, tmp_path))
    base: str = request.getfixturevalue("postgres_server")
    return lambda: Database(postgres_database(base))


def signed(gpus: list[int]) -> LineTerms:
    """A line in one delivery, or in several a day apart."""
    terms = some_terms(
        gpu_count=sum(gpus), start_date=START, end_date=END - timedelta(days=1), term_months=None
    )
    if len(gpus) == 1:
        return terms
    parts = tuple(
        tranche(number, count, START + timedelta(days=number - 1))
        for number, count in enumerate(gpus, start=1)
    )
    return replace(terms, tranches=parts)


class Life:
    """One contract, its pool and its leases, from day to day."""

    def __init__(self, database: Database, gpus: list[int]) -> None:
        self.database = database
        self.day = START
        self.leases: list[str] = []
        sign(database, signed(gpus), state="active" if len(gpus) == 1 else "signed")

    def line(self) -> Line:
        with self.database.reading() as session:
            return contract_by_id(session, "c1").line(1)

    def is_in_force(self) -> bool:
        with self.database.reading() as session:
            return contract_by_id(session, "c1").state in IN_FORCE

    def act(self, action: str, draw: st.DataObject) -> None:
        """Let something happen; what the ledger refuses does not."""
        with suppress(RefusedError):
            match action:
                case "accept":
                    self.accept()
                case "amend":
                    self.amend(draw)
                case "take":
                    self.take(draw)
                case "give back" if self.leases:
                    give_back(self.database, self.leases.pop())
                case "terminate" if draw.draw(st.integers(0, 4)) == 0:
                    tell(self.database, "c1", state_changed("terminated"))

    def accept(self) -> None:
        due = [each.tranche_no for each in self.line().tranches if each.accepted_on is None]
        if due:
            accept(self.database, due[0], self.day)

    def amend(self, draw: st.DataObject) -> None:
        """Agree on more or fewer GPUs, from today or from a day to come."""
        terms = self.line().terms
        since = self.day + timedelta(days=draw.draw(st.integers(0, 3)))
        if not terms.tranches:
            amend(self.database, since, replace(terms, gpu_count=draw.draw(sizes)))
            return
        parts = tuple(self.resized(part, draw) for part in terms.tranches)
        count = sum(part.gpu_count for part in parts)
        amend(self.database, since, replace(terms, gpu_count=count, tranches=parts))

    def resized(self, part: TrancheTerms, draw: st.DataObject) -> TrancheTerms:
        return replace(part, gpu_count=draw.draw(sizes), unit_price=Decimal("2.63"))

    def take(self, draw: st.DataObject) -> None:
        stored = only_pool(self.database)
        if stored.pool.free and not stored.pool.is_cordoned:
            gpus = draw.draw(st.integers(1, stored.pool.free))
            self.leases.append(take(self.database, stored.pool.id, gpus))

    def sync(self) -> None:
        sync(self.database, on=self.day)
        before = written(self.database)
        assert sync(self.database, on=self.day).changed == ()
        assert written(self.database) == before

    def hold_true(self) -> None:
        line, stands = self.line(), accounts(self.database)
        in_service = line.accepted_by(self.day) if self.is_in_force() else 0
        assert stands.in_service == max(in_service, stands.in_use)
        if stands.in_use <= in_service:
            given_back = sum(part.gpu_count for part in line.returned)
            assert stands.contracted == line.gpu_count + given_back
            assert not only_pool(self.database).pool.is_cordoned
        else:
            assert only_pool(self.database).pool.is_draining
        assert check(self.database) == []


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    gpus=st.lists(sizes, min_size=1, max_size=3),
    actions=st.lists(st.sampled_from(ACTIONS), min_size=4, max_size=TERM_DAYS),
    draw=st.data(),
)
def test_a_pool_follows_its_contract_from_the_first_day_to_the_last_gpu(
    make: Make, gpus: list[int], actions: list[str], draw: st.DataObject
) -> None:
    database = make()
    life = Life(database, gpus)
    life.sync()
    for action in actions:
        life.act(action, draw)
        life.sync()
        life.hold_true()
        life.day += timedelta(days=1)

    life.day = END
    life.sync()
    life.hold_true()
    for lease in life.leases:
        give_back(database, lease)
    life.sync()

    stands = accounts(database)
    assert stands == Accounts(returned=stands.contracted)
    assert check(database) == []
    database.close()
