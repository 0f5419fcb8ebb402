"""Keeps leases alive, and gives them back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from broker.capacity.lease import LeaseState
from broker.errors import LeaseLostError
from broker.store.grants import Beat, Grants, Return, ReturnOutcome
from broker.store.leases import no_lease


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A lease that lives on."""

    state: LeaseState
    expires_at: datetime


async def renew_lease(grants: Grants, beat: Beat) -> Kept:
    """Keep a lease alive; raise LeaseLostError if it is not the holder's any more."""
    found = await grants.renew(beat)
    if found.expires_at is None or found.state is None:
        raise _lost()
    return Kept(state=found.state, expires_at=found.expires_at)


async def release_lease(grants: Grants, back: Return) -> None:
    """Give a lease back; again is as good as once.

    Raises LeaseLostError when it ended otherwise, NotFoundError when there is none of the caller's.
    """
    outcome = await grants.release(back)
    if outcome is ReturnOutcome.LOST:
        raise _lost()
    if outcome is ReturnOutcome.UNKNOWN:
        raise no_lease(back.lease_id)


def _lost() -> LeaseLostError:
    return LeaseLostError(
        "the lease has ended, or its fence is not this one: stop using its GPUs, and ask for new "
        "ones; GET /v1/leases tells why"
    )
