"""A lease in the hands of its holder: whether its GPUs may be used, and what happened to it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from broker.api.heartbeat import (
    SECOND,
    Beaten,
    Hold,
    renewed,
)
from broker.api.wire.leases import Lease, RenewalResult
from broker.api.wire.leases import LeaseLine as WireLine
from broker.capacity.lease import LeaseLine, LeaseState
from broker.clock import Ticks
from broker.errors import LeaseLostError
from pricing.money import Currency, Money

log = logging.getLogger(__name__)


class LeaseEventKind(StrEnum):
    """What a holder is told of while it holds a lease."""

    LOST = "lease.lost"  # stop using the GPUs now
    PREEMPTING = "lease.preempting"  # give them back by the end of the lease


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseEvent:
    """Something that happened to a lease that is held."""

    kind: LeaseEventKind
    lease_id: str
    fence: int
    because: str


Listener = Callable[[LeaseEvent], None]
"""Told from where the heartbeats run: a thread, or the event loop. Be quick."""


class Flag(Protocol):
    """Something to wait for: `threading.Event` or `asyncio.Event`."""

    def set(self) -> object:
        """Let those go on who wait for it."""

    def is_set(self) -> bool:
        """Say whether it has happened."""


AnyFlag = TypeVar("AnyFlag", bound=Flag)


class HeldLease(Generic[AnyFlag]):
    """GPUs that are ours while `is_safe()`. Pass `fence` to whatever is started on them.

    `lost` is set, once and for all, when they are ours no more: the server said so, or no heartbeat
    got through in time.
    """

    def __init__(
        self,
        lease: Lease,
        *,
        hold: Hold,
        lost: AnyFlag,
        ticks: Ticks,
        listener: Listener | None = None,
    ) -> None:
        self.id = lease.id
        self.request_id = lease.request_id
        self.fence = lease.fence
        self.ttl_seconds = lease.ttl_seconds
        self.lines = tuple(_line(line) for line in lease.lines)
        self.lost = lost
        self.state = lease.state
        self.loss: str | None = None
        self.hold = hold
        self._ticks = ticks
        self._listener = listener

    def __repr__(self) -> str:
        return f"<lease {self.id}, fence {self.fence}, {self.gpu_count} GPUs, {self.state}>"

    @property
    def gpu_count(self) -> int:
        """Return how many GPUs these are."""
        return sum(line.gpu_count for line in self.lines)

    def is_safe(self) -> bool:
        """Say whether the GPUs may be used at this moment."""
        return not self.lost.is_set() and self.hold.is_safe(self._ticks())

    def seconds_left(self) -> float:
        """Return for how long they may be used if no further heartbeat gets through."""
        if self.lost.is_set():
            return 0.0
        return max(0, self.hold.stop_at - self._ticks()) / SECOND

    def check(self) -> None:
        """Raise LeaseLostError unless the GPUs may be used: call it before anything that counts."""
        if not self.is_safe():
            self.lose("no heartbeat got through in time")
            raise self.loss_error()

    def lose(self, because: str) -> None:
        """Note that the lease is lost; what comes first counts."""
        if self.lost.is_set():
            return
        trouble = f" ({self.hold.trouble})" if self.hold.trouble else ""
        self.loss = because + trouble
        self.lost.set()
        log.warning("lease lost", extra={"lease_id": self.id, "because": self.loss})
        self._tell(LeaseEventKind.LOST, self.loss)

    def loss_error(self) -> LeaseLostError:
        """Return the error for a lease that is lost."""
        return LeaseLostError(
            f"lease {self.id} is lost: {self.loss}; stop what runs on its GPUs, and ask for new ones"
        )

    def heard(self, result: RenewalResult, *, sent_at: int, heard_at: int) -> None:
        """Note the answer to a heartbeat."""
        if result.is_lost or result.state is None or result.expires_at is None:
            self.lose("the server has ended it; `tonnage capacity leases` tells why")
            return
        beaten = Beaten(sent_at=sent_at, heard_at=heard_at, expires_at=result.expires_at)
        self.hold = renewed(self.hold, beaten)
        before, self.state = self.state, result.state
        if result.state is LeaseState.PREEMPTING and before is not LeaseState.PREEMPTING:
            self._tell(
                LeaseEventKind.PREEMPTING,
                f"a request of higher priority needs the GPUs; {self.seconds_left():.0f} s are left",
            )

    def _tell(self, kind: LeaseEventKind, because: str) -> None:
        if self._listener is None:
            return
        event = LeaseEvent(kind=kind, lease_id=self.id, fence=self.fence, because=because)
        try:
            self._listener(event)
        except Exception:
            log.exception("a listener to lease events failed", extra={"lease_id": self.id})


def _line(line: WireLine) -> LeaseLine:
    return LeaseLine(
        pool_id=line.pool_id,
        supplier=line.supplier,
        contract_ref=line.contract_ref,
        region=line.region,
        gpu_model=line.gpu_model,
        gpu_count=line.gpu_count,
        marginal=_money(line.marginal_price_per_gpu_hour, line.currency),
        effective=_money(line.effective_price_per_gpu_hour, line.currency),
    )


def _money(amount: str | None, currency: str | None) -> Money | None:
    if amount is None or currency is None:
        return None
    return Money(Decimal(amount), Currency(currency))
