"""What a process that serves does beside answering: it sweeps leases and serves the queue.

Only processes that serve do so. Where none does, holders cannot renew, and whatever ended leases
or gave out GPUs meanwhile would do so behind their backs. Several processes do not disturb each
other: a sweep looks again under lock, and of rounds of the queue that overlap one is written.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from broker.capacity.rounds import RoundTerms
from broker.clock import Clock
from broker.errors import TonnageError
from broker.flows.serve_queue import serve_queue
from broker.settings import Settings
from broker.store.engine import Database
from broker.store.grants import Grants

SWEEP_EVERY_SECONDS: Final = 1.0
SERVE_EVERY_SECONDS: Final = 2.0

log = logging.getLogger(__name__)


@asynccontextmanager
async def keeping_house(
    grants: Grants, database: Database, *, terms: RoundTerms, clock: Clock
) -> AsyncIterator[None]:
    """Sweep and serve the queue for as long as the block lasts; what is begun is finished."""

    async def sweep() -> None:
        await grants.sweep()

    async def serve() -> None:
        # In a thread: it plans for as long as the queue is, and waits for locks.
        await asyncio.to_thread(serve_queue, database, terms=terms, clock=clock)

    over = asyncio.Event()
    tasks = [
        asyncio.create_task(_again_and_again(sweep, SWEEP_EVERY_SECONDS, over)),
        asyncio.create_task(_again_and_again(serve, SERVE_EVERY_SECONDS, over)),
    ]
    try:
        yield
    finally:
        over.set()
        await asyncio.gather(*tasks)


def round_terms(settings: Settings) -> RoundTerms:
    """Return how the queue is served, as it is set."""
    return RoundTerms(
        backfill_for=timedelta(seconds=settings.backfill_seconds),
        budget=settings.preemption_budget_gpus,
    )


async def _again_and_again(
    chore: Callable[[], Awaitable[None]], seconds: float, over: asyncio.Event
) -> None:
    while not over.is_set():
        try:
            await chore()
        except (
            TonnageError,
            SQLAlchemyError,
        ):  # a busy or absent database: the next may get through
            log.warning("chore left undone", extra={"chore": chore.__name__}, exc_info=True)
        except Exception:  # whatever it is, leases must go on being swept
            log.exception("chore failed", extra={"chore": chore.__name__})
        try:
            await asyncio.wait_for(over.wait(), seconds)
        except TimeoutError:
            continue
