"""The words of the hot path: what is asked of the engine that grants leases, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from broker.capacity.lease import LeaseState
from broker.capacity.request import Candidate, Refusal, RequestState
from broker.errors import UnreachableError

UNKNOWN_OUTCOME = "outcome unknown: retry with the same Idempotency-Key"


class BusyError(UnreachableError):
    """More is waiting already than may wait; nothing was done, and a second later there is room."""


class Outcome(StrEnum):
    """What became of a wish."""

    GRANTED = "granted"
    REPLAYED = "replayed"  # the key is known: this is what became of it the first time
    PENDING = "pending"
    REFUSED = "refused"  # nothing was written; the same key may ask again
    MISMATCH = "mismatch"  # the key is known, with another body


class ReturnOutcome(StrEnum):
    """What became of a return."""

    RELEASED = "released"
    ALREADY = "already"  # by this very fence
    LOST = "lost"  # ended otherwise, or the fence is not that of the lease
    UNKNOWN = "unknown"  # there is no such lease, or it is somebody else's


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A capacity request with the ways to serve it, the best first, to be tried under lock.

    `refusal` is the planner's, and the answer where none of them fits; None stands for no capacity.
    With `is_waiting` the request is in the queue already and is granted if possible; `claimed` are
    the GPUs that are counted in their pools as claimed for it.
    """

    request_id: str
    principal: str
    idempotency_key: str
    fingerprint: str
    spec: str  # JSON
    holder: str
    gpu_count: int
    priority: int
    is_preemptible: bool
    is_gang: bool
    ttl_seconds: int
    duration_seconds: int | None
    starts_at: datetime | None
    may_queue: bool
    deadline_at: datetime | None
    candidates: tuple[Candidate, ...]
    refusal: Refusal | None = None
    detail: str = ""
    is_waiting: bool = False
    claimed: Candidate = ()

    def __post_init__(self) -> None:
        for candidate in self.candidates:
            if len({line.pool_id for line in candidate}) != len(candidate):
                raise ValueError("a candidate has one line a pool")
            if not candidate or min(line.gpu_count for line in candidate) < 1:
                raise ValueError("a candidate has lines of at least one GPU each")

    @property
    def reason(self) -> Refusal:
        """Return why it is refused where no candidate fits."""
        return self.refusal or Refusal.NO_CAPACITY

    @property
    def would_wait(self) -> bool:
        """Say whether waiting may help: nobody waits for what waiting does not change."""
        return self.may_queue and self.reason is Refusal.NO_CAPACITY

    @property
    def one_thing(self) -> tuple[str, ...]:
        """Return what no two entries of one batch may share."""
        return (self.principal, self.idempotency_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a wish, once it is committed."""

    outcome: Outcome
    request_id: str
    lease_id: str | None = None
    fence: int | None = None
    expires_at: datetime | None = None
    lines: Candidate = ()
    reason: str | None = None
    detail: str | None = None
    request_state: RequestState | None = None
    lease_state: LeaseState | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Return:
    """A lease given back. `principal` None: whoever asks may."""

    lease_id: str
    fence: int
    principal: str | None = None

    @property
    def one_thing(self) -> tuple[str, ...]:
        """Return what no two entries of one batch may share."""
        return (self.lease_id,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """A heartbeat. `ttl_seconds` None: as before. `principal` None: whoever asks may."""

    lease_id: str
    fence: int
    ttl_seconds: int | None = None
    principal: str | None = None

    @property
    def one_thing(self) -> tuple[str, ...]:
        """Return what no two entries of one batch may share."""
        return (self.lease_id,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """Until when a lease now lives; nothing where it is lost."""

    expires_at: datetime | None = None
    state: LeaseState | None = None

    @property
    def is_lost(self) -> bool:
        """Say whether the holder must stop using the GPUs."""
        return self.expires_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Swept:
    """What a sweep ended and began. `lag_seconds`: for how long the oldest had been due."""

    expired: int = 0
    unconfirmed: int = 0
    preempted: int = 0
    started: int = 0
    lag_seconds: float = 0.0
    paused: bool = False  # the clock has leapt: nothing is ended for a while


Entry = Wish | Return | Beat
Reply = Answer | ReturnOutcome | Renewal
