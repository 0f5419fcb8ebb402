"""Scheduled jobs: what runs how often. Each of them may run twice, or late, without harm."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial

from broker.flows.deliver_alerts import deliver_alerts
from broker.flows.deliver_capacity_webhooks import deliver_capacity_webhooks, posting
from broker.flows.evaluate_alerts import evaluate_alerts
from broker.flows.poll_prices import poll_suppliers
from broker.flows.roll_ledger import roll_ledger
from broker.flows.sync_pools import sync_pools
from broker.notify.channels import channels_set, senders
from broker.runner import Job, Task
from broker.store.engine import Database
from broker.store.job_runs import forget_old_runs
from broker.store.last_answers import last_poll_state
from providers import registry
from providers.access import Access, of_process
from providers.reading import ReadingState
from providers.supplier import Ask, Supplier

SPREAD = timedelta(seconds=10)
"""Polls begin within so long of each other, rather than all in the same second."""

WEBHOOKS_EVERY = timedelta(seconds=15)
"""A capacity event is on its way within so long; whoever needs it sooner follows the stream."""

log = logging.getLogger(__name__)

Poll = Callable[[Supplier, Task], None]
"""Asks one supplier for its prices and stores what it says."""


def schedule(suppliers: Iterable[Supplier], poll: Poll) -> tuple[Job, ...]:
    """Return every job. In this order each is run when all are to run once."""
    return (
        *(
            Job(
                name=f"poll:{each.profile.key}",
                every=each.profile.poll_every,
                do=partial(poll, each),
                spread=SPREAD,
            )
            for each in suppliers
        ),
        Job(name="roll ledger", every=timedelta(days=1), do=_roll),
        Job(name="sync pools", every=timedelta(minutes=1), do=_sync_pools),
        Job(name="evaluate alerts", every=timedelta(hours=1), do=_evaluate),
        Job(name="deliver alerts", every=timedelta(minutes=1), do=_deliver),
        Job(name="deliver capacity webhooks", every=WEBHOOKS_EVERY, do=_deliver_capacity),
        Job(name="forget old runs", every=timedelta(days=1), do=_forget),
    )


def poll_supplier(supplier: Supplier, task: Task) -> None:
    """Ask one supplier for its prices and store what it says; how that went is in the poll."""
    runner, access = task.runner, of_process()
    if not is_worth_asking(runner.database, supplier, access):
        return
    poll_suppliers(
        runner.database,
        [supplier],
        Ask(),
        lambda _key: access,
        actor=runner.actor,
        clock=runner.clock,
    )


def is_worth_asking(database: Database, supplier: Supplier, access: Access) -> bool:
    """Say whether to poll: a supplier that is not configured is put on record as such, once."""
    if not supplier.missing(access):
        return True
    with database.reading() as session:
        return last_poll_state(session, supplier.profile.key) != ReadingState.NOT_CONFIGURED


def _roll(task: Task) -> None:
    roll_ledger(task.runner.database, as_of=task.today, clock=task.runner.clock)


def _sync_pools(task: Task) -> None:
    sync_pools(task.runner.database, on=task.today, clock=task.runner.clock)


def _evaluate(task: Task) -> None:
    runner = task.runner
    evaluate_alerts(
        runner.database,
        as_of=task.today,
        channels=channels_set(runner.settings),
        actor=runner.actor,
        clock=runner.clock,
    )


def _deliver(task: Task) -> None:
    runner = task.runner
    deliver_alerts(runner.database, senders(runner.settings), clock=runner.clock)


def _deliver_capacity(task: Task) -> None:
    runner = task.runner
    post_to = posting(allow_loopback=runner.settings.webhook_allow_loopback, clock=runner.clock)
    deliver_capacity_webhooks(runner.database, post_to, clock=runner.clock)


def _forget(task: Task) -> None:
    with task.runner.database.writing() as session:
        forget_old_runs(session)


def suppliers_at_hand() -> tuple[Supplier, ...]:
    """Return the suppliers of the registry, without those whose optional packages are missing."""
    found = []
    for key in registry.SUPPLIERS:
        try:
            found.append(registry.supplier(key))
        except ImportError as absent:
            log.info("supplier left out", extra={"supplier": key, "missing": absent.name})
    return tuple(found)
