"""Check the book of record: do the chains verify, and are the tables what the events tell."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from broker.contracts.event import ChainFault
from broker.errors import RefusedError
from broker.store import ledger
from broker.store.engine import Database
from broker.store.triggers import missing

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerCheck:
    """What a check found. `root` is one hash over all heads, to be kept outside the database.

    `unguarded` names triggers that are gone: nothing may be wrong yet, but nothing prevents it.
    """

    events: int
    root: str
    broken: ChainFault | None
    drift: tuple[str, ...]
    unguarded: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Say whether nothing is wrong."""
        return self.broken is None and not self.drift and not self.unguarded


def check_ledger(database: Database) -> LedgerCheck:
    """Verify every chain and compare every projection with a rebuild. Logs the root.

    Raises RefusedError where there is no book at all.
    """
    with database.reading() as session:
        if not ledger.exists(session):
            raise RefusedError("this database holds no book yet; run: tonnage db upgrade")
        broken = ledger.verify(session)
        check = LedgerCheck(
            events=ledger.count(session),
            root=ledger.root(session),
            broken=broken,
            drift=() if broken is not None else tuple(ledger.drift(session)),
            unguarded=tuple(missing(session.connection())),
        )
    log.info("ledger checked", extra={"ok": check.ok, "events": check.events, "root": check.root})
    return check


def rebuild_ledger(database: Database) -> int:
    """Make every projection anew from the events, and return how many streams there are.

    Raises BrokenLedgerError, and changes nothing, when a chain does not verify.
    """
    with database.writing() as session:
        return ledger.rebuild(session)
