"""Polls on record, for tests of what follows from them."""

from datetime import datetime

from broker.identity import new_id
from broker.store.engine import Database
from broker.store.tables import PollPlaceRow, PollRow
from tests.builders import ACTOR


def polled(
    database: Database,
    at: datetime,
    *,
    seen_at: datetime | None,
    supplier: str = "acme",
    region: str = "",
    state: str = "ok",
) -> None:
    """Put on record that a supplier was asked at one instant and last answered at another."""
    with database.writing() as session:
        session.merge(
            PollPlaceRow(
                supplier=supplier,
                region=region,
                state="ok" if state == "ok" else "failed",
                tried_at=at,
                seen_at=seen_at,
                offers=1,
                digest="d",
            )
        )
        session.add(
            PollRow(
                id=new_id(),
                supplier=supplier,
                started_at=at,
                finished_at=at,
                state=state,
                offers=1,
                changes=0,
                skips=0,
                actor=ACTOR,
            )
        )
