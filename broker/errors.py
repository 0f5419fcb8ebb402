"""Everything that Tonnage refuses or cannot do, as a tree.

    TonnageError
    ├── BadInputError       the caller sent something that cannot be read     HTTP 400
    │   ├── MissingPreconditionError  a change that must say what it saw      HTTP 428
    │   └── MediaTypeError  a body of another kind than the route reads       HTTP 415
    ├── NotFoundError       no such thing                                     HTTP 404
    ├── RefusedError        well understood, but the books do not allow it    HTTP 409
    │   ├── ConflictError   somebody else was first; read again and retry
    │   │   └── StaleError  what the caller saw is no longer so               HTTP 412
    │   ├── InsufficientCapacityError  no pool serves the request; says what would help
    │   ├── ReusedKeyError  an Idempotency-Key came with another request      HTTP 422
    │   ├── LeaseLostError  the lease ended before, or a newer fence is out
    │   └── BrokenLedgerError  the event chain or a projection is not what it was
    ├── NotAllowedError     signed in, but without the right                  HTTP 403
    ├── NotSignedInError    no key, or one that is unknown, expired, revoked  HTTP 401
    └── UnreachableError    something outside did not answer                  HTTP 503

Messages say what happened and what would help. They never hold secrets or contract prices.
"""

from __future__ import annotations

from dataclasses import dataclass


class TonnageError(Exception):
    """The root: anything this product raises on purpose."""


class BadInputError(TonnageError):
    """The input cannot be read; `faults` lists every one of them."""

    def __init__(self, message: str, faults: tuple[Fault, ...] = ()) -> None:
        super().__init__(message)
        self.faults = faults


class MissingPreconditionError(BadInputError):
    """A change that must say which state of the thing it was made for, and does not."""


class MediaTypeError(BadInputError):
    """The body is of another kind than what is read here."""


class NotFoundError(TonnageError):
    """There is no such thing."""


class RefusedError(TonnageError):
    """The request is clear, but a rule of the books stands against it."""


class ConflictError(RefusedError):
    """Somebody else changed the same thing first; read it again and retry."""


class StaleError(ConflictError):
    """The state that the caller saw is no longer the one there is."""


class InsufficientCapacityError(RefusedError):
    """No pool serves the request; the message says what would have helped."""


class ReusedKeyError(RefusedError):
    """The Idempotency-Key was used before, for another request."""


class LeaseLostError(RefusedError):
    """The lease is not the caller's any more: it ended, or the fence is not its own."""


class BrokenLedgerError(RefusedError):
    """An event chain does not verify, or a projection differs from its events."""


class NotAllowedError(TonnageError):
    """The caller is known but lacks the scope."""


class NotSignedInError(TonnageError):
    """There is no valid key with the request."""


class UnreachableError(TonnageError):
    """Something outside did not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing wrong with an input: where it stands and what to do about it."""

    code: str
    message: str
    line: int | None = None
    field: str | None = None
