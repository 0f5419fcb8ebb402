"""The state of the book of record as it crosses the network."""

from __future__ import annotations

from pydantic import BaseModel, Field

from broker.flows.check_ledger import LedgerCheck


class BrokenEvent(BaseModel):
    """The first event that does not fit its chain."""

    stream: str
    seq: int
    what: str


class LedgerReport(BaseModel):
    """Whether every chain verifies and every table agrees with its events."""

    ok: bool
    events: int
    root: str = Field(description="one hash over all chain heads: keep a copy elsewhere")
    broken: BrokenEvent | None
    drift: list[str] = Field(description="stream: table, where a table differs from its events")
    unguarded: list[str] = Field(description="append-only triggers that are gone")

    @classmethod
    def of(cls, check: LedgerCheck) -> LedgerReport:
        """Return a check as it is shown."""
        broken = check.broken
        return cls(
            ok=check.ok,
            events=check.events,
            root=check.root,
            broken=None
            if broken is None
            else BrokenEvent(stream=broken.stream, seq=broken.seq, what=broken.what),
            drift=list(check.drift),
            unguarded=list(check.unguarded),
        )
