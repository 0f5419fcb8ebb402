"""The reckoning after a trial finds what the database has lost, forged or forgotten."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from broker.store.engine import Database
from tests.broker.faults.aftermath import wrong_afterwards
from tests.broker.faults.tally import Known, Tally
from tests.broker.faults.trial import CAPACITY, prepared
from tests.broker.store.capacity_rows import a_wish, granted, on, with_grants

_TOLD_AGAIN = """
    INSERT INTO capacity_event (kind, object_id, at, data)
    SELECT kind, object_id, at, data FROM capacity_event WHERE kind = 'lease.granted'
"""
_MOVED_AGAIN = """
    INSERT INTO capacity_transfer (pool_id, debit, credit, gpu_count, cause, actor, at)
    SELECT pool_id, debit, credit, gpu_count, cause, actor, at FROM capacity_transfer
"""


@pytest.fixture
def book(tmp_path: Path) -> tuple[Database, Tally]:
    """A database with one lease of five GPUs, and the count of whoever has it."""
    url = f"sqlite:///{tmp_path / 'trial.db'}"
    prepared(url)
    database, tally = Database(url), Tally(CAPACITY, stopwatch=lambda: 0.0)
    wish = a_wish(on(("hot", 5)))
    answer = with_grants(database, lambda grants: granted(grants, wish))
    assert answer.lease_id is not None
    assert answer.fence is not None
    known = Known(
        lease_id=answer.lease_id, key=wish.idempotency_key, fence=answer.fence, lines={"hot": 5}
    )
    tally.granted(known, until=60.0)
    return database, tally


def test_books_in_order_are_found_in_order(book: tuple[Database, Tally]) -> None:
    wrong, stored = wrong_afterwards(*book)

    assert wrong == []
    assert stored == {"leases": 1, "live": 1, "unacknowledged": 0}


@pytest.mark.parametrize(
    ("damage", "noticed"),
    [
        ("UPDATE lease SET fence = 9", "was granted as"),
        ("UPDATE lease_line SET gpu_count = 4", "was granted as"),
        ("UPDATE capacity_request SET idempotency_key = 'another'", "was granted as"),
        ("UPDATE capacity_request SET lease_id = NULL", "was granted and is not there"),
        ("UPDATE pool SET held = 4, available = 20 WHERE id = 'hot'", "the imbalance is"),
        ("UPDATE lease SET is_live = 0", "pool hot: leases have 0"),
        (_TOLD_AGAIN, "told 2 times"),
        (_MOVED_AGAIN, "transfers add up to"),
    ],
)
def test_damage_is_noticed(book: tuple[Database, Tally], damage: str, noticed: str) -> None:
    database, tally = book
    with database.writing() as session:
        session.execute(sa.text(damage))

    wrong, _ = wrong_afterwards(database, tally)

    assert any(noticed in each for each in wrong), wrong
