"""The audit log as it crosses the network."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel, Field

from broker.access.audit import AuditEntry, AuditFault
from broker.store.audit import AuditCheck


class AuditEntryOut(BaseModel):
    """Something that was done, and its place in the chain."""

    seq: int
    at: datetime
    actor: str
    action: str = Field(description="a change, such as key.revoked, or a method and its route")
    object_id: str
    status: int | None = Field(description="of the answer, where this was a request")
    key_id: str | None = Field(description="the key, or the principal of a token")
    request_id: str | None
    address: str | None
    before_hash: str | None = Field(description="SHA-256 of the object's state before")
    after_hash: str | None
    prev_hash: str
    hash: str

    @classmethod
    def of(cls, entry: AuditEntry) -> AuditEntryOut:
        """Return an entry as it is shown."""
        draft = entry.draft
        return cls(
            seq=entry.seq,
            at=entry.at,
            actor=draft.actor,
            action=draft.action,
            object_id=draft.object_id,
            status=draft.status,
            key_id=draft.origin.key_id,
            request_id=draft.origin.request_id,
            address=draft.origin.address,
            before_hash=draft.before_hash,
            after_hash=draft.after_hash,
            prev_hash=entry.prev_hash,
            hash=entry.hash,
        )


class AuditList(BaseModel):
    """Entries, the newest first."""

    items: list[AuditEntryOut]
    next_before: int | None = Field(description="give it as before to read on; null at the end")

    @classmethod
    def of(cls, entries: Sequence[AuditEntry], *, limit: int) -> AuditList:
        """Return entries of which at most `limit` were asked for."""
        is_more = len(entries) == limit and entries[-1].seq > 1
        return cls(
            items=[AuditEntryOut.of(entry) for entry in entries],
            next_before=entries[-1].seq if is_more else None,
        )


class BrokenEntry(BaseModel):
    """The first entry that does not fit."""

    seq: int
    what: str

    @classmethod
    def of(cls, fault: AuditFault) -> BrokenEntry:
        """Return a fault as it is shown."""
        return cls(seq=fault.seq, what=fault.what)


class AuditReport(BaseModel):
    """Whether the chain of the audit log verifies."""

    ok: bool
    entries: int
    head: str = Field(description="hash of the last entry: keep a copy elsewhere")
    broken: BrokenEntry | None

    @classmethod
    def of(cls, check: AuditCheck) -> AuditReport:
        """Return a check as it is shown."""
        return cls(
            ok=check.ok,
            entries=check.entries,
            head=check.head,
            broken=None if check.broken is None else BrokenEntry.of(check.broken),
        )
