"""The audit log: entries that are chained by hash, so that none can be changed unnoticed.

An entry's hash is the SHA-256 of its content as canonical JSON (RFC 8785), its number and the hash
of the entry before it included. Only losing the end of the chain leaves no trace in what is left:
against that a hash that was kept elsewhere is looked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

import rfc8785

from broker.errors import BadInputError

GENESIS: Final = "0" * 64
"""What the first entry points at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a change came from; nothing of it is known at the command line."""

    key_id: str | None = None
    request_id: str | None = None
    address: str | None = None


LOCALLY: Final = Origin()
"""Of whatever does not come over HTTP."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditDraft:
    """Something that was done: by whom, what, to what.

    The hashes are of the object's state, as `state_hash` makes them: they prove a state that is
    shown later without repeating it here. `status` is that of an HTTP answer.
    """

    actor: str
    action: str  # "key.rotated", "POST /v1/alert-rules/{rule}"
    object_id: str
    origin: Origin = LOCALLY
    status: int | None = None
    before_hash: str | None = None
    after_hash: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """A draft in its place in the chain."""

    seq: int
    at: datetime
    draft: AuditDraft
    prev_hash: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFault:
    """The first entry that does not fit, and why."""

    seq: int
    what: str


def state_hash(state: Mapping[str, Any] | None) -> str | None:
    """Return the hash of an object's state, written as canonical JSON; None of no state."""
    return None if state is None else hashlib.sha256(rfc8785.dumps(dict(state))).hexdigest()


def sealed(draft: AuditDraft, *, at: datetime, before: AuditEntry | None) -> AuditEntry:
    """Return a draft as the entry behind another one; time never runs back in the chain."""
    seq = 1 if before is None else before.seq + 1
    prev_hash = GENESIS if before is None else before.hash
    moment = at if before is None else max(at, before.at)
    try:
        digest = _digest(draft, seq=seq, at=moment, prev_hash=prev_hash)
    except rfc8785.CanonicalizationError as unwritable:
        raise BadInputError(
            "this holds bytes that are no UTF-8 text; write it anew"
        ) from unwritable
    return AuditEntry(seq=seq, at=moment, draft=draft, prev_hash=prev_hash, hash=digest)


class ChainReader:
    """Reads a chain entry by entry, in order, and remembers the first fault; keeps no entry."""

    def __init__(self, kept_hash: str | None = None) -> None:
        self.count = 0
        self.head = GENESIS
        self.fault: AuditFault | None = None
        self._kept_hash = kept_hash
        self._kept_is_there = kept_hash in (None, GENESIS)

    def read(self, entry: AuditEntry) -> bool:
        """Take the next entry; say whether the chain is whole up to it."""
        what = self._fault_of(entry)
        if what is not None:
            self.fault = AuditFault(seq=entry.seq, what=what)
            return False
        self.count, self.head = self.count + 1, entry.hash
        self._kept_is_there = self._kept_is_there or entry.hash == self._kept_hash
        return True

    def end(self) -> AuditFault | None:
        """Return the first fault of a chain that has been read, or None when it verifies."""
        if self.fault is None and not self._kept_is_there:
            self.fault = AuditFault(
                seq=self.count + 1,
                what="the hash that was kept is not in the chain: its end was lost or rewritten",
            )
        return self.fault

    def _fault_of(self, entry: AuditEntry) -> str | None:
        if entry.seq != self.count + 1:
            return f"expected entry {self.count + 1}: one is missing or out of order"
        if entry.prev_hash != self.head:
            return "it does not point at the entry before it"
        try:
            digest = _digest(entry.draft, seq=entry.seq, at=entry.at, prev_hash=entry.prev_hash)
        except rfc8785.CanonicalizationError:
            return "its content cannot be hashed, so it was changed"
        return None if digest == entry.hash else "its content does not match its hash"


def first_fault(
    entries: Iterable[AuditEntry], *, kept_hash: str | None = None
) -> AuditFault | None:
    """Return the first entry that breaks the chain, or None when it verifies."""
    reader = ChainReader(kept_hash)
    all(reader.read(entry) for entry in entries)
    return reader.end()


def _digest(draft: AuditDraft, *, seq: int, at: datetime, prev_hash: str) -> str:
    content = {**asdict(draft), "seq": seq, "at": at.isoformat(), "prev_hash": prev_hash}
    return hashlib.sha256(rfc8785.dumps(content)).hexdigest()
