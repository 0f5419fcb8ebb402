"""What is measured, for Prometheus: of this process, and of the books as every process sees them.

The books are read at each scrape, so that several processes on one database say the same and a
process that has just started knows what went before it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from prometheus_client import Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from broker.metrics import Meters
from broker.store.engine import Database
from broker.store.grants_check import imbalance
from broker.store.job_runs import RunState, database_now
from broker.store.measures import answered_at, pool_gpus, sweep_lag, swept_at
from broker.store.tables import TallyRow
from broker.store.tallies import Counted, tallies

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """Everything that is measured, as a collector of Prometheus."""

    meters: Meters
    database: Database

    def text(self) -> bytes:
        """Return all of it in the text format of Prometheus."""
        return generate_latest(self)

    def collect(self) -> Iterator[Metric]:
        """Yield what this process counted, then what the books say.

        A database that does not answer leaves the second part out and says so; whoever watches
        must not lose sight of the process because of it.
        """
        for metric in self.meters.collect():
            yield _without_creation_times(metric)
        try:
            with self.database.reading() as session:
                of_books = list(books_measured(session))
        except SQLAlchemyError as failure:
            log.warning("metrics without books", extra={"because": type(failure).__name__})
            of_books = []
        yield _gauge(
            "tonnage_database_up",
            "Whether the database answered what this scrape asked it: 1 or 0.",
            float(bool(of_books)),
        )
        yield from of_books


def books_measured(session: Session) -> Iterator[Metric]:
    """Yield what the books say, as of one moment; a figure that is not known has no value."""
    now = database_now(session)
    yield _pools(session)
    yield _gauge(
        "tonnage_ledger_imbalance",
        "GPUs by which pools' accounts differ from their live leases; anything but 0 is a fault.",
        imbalance(session),
    )
    yield _gauge(
        "tonnage_sweep_lag_seconds",
        "Seconds that the lease overdue the longest has waited for a sweep to end it.",
        sweep_lag(session, now=now).total_seconds(),
    )
    swept = swept_at(session)
    yield _gauge(
        "tonnage_sweep_age_seconds",
        "Seconds since leases were last swept.",
        None if swept is None else (now - swept).total_seconds(),
    )
    runs = tallies(session, Counted.JOB_RUN)
    yield _counter("tonnage_job_run", "Runs of scheduled jobs that ended.", "job outcome", runs)
    yield _last_successes(runs)
    yield _counter(
        "tonnage_provider_polls",
        "Suppliers asked, by how it went.",
        "provider state",
        tallies(session, Counted.POLL),
    )
    yield _counter(
        "tonnage_provider_requests",
        "Requests to suppliers, every attempt, by HTTP status; none: no answer came.",
        "provider code",
        tallies(session, Counted.REQUEST),
    )
    ages = GaugeMetricFamily(
        "tonnage_price_age_seconds",
        "Seconds since a supplier last answered whole, for any of its regions.",
        labels=["provider"],
    )
    for supplier, at in answered_at(session).items():
        ages.add_metric([supplier], max(0.0, (now - at).total_seconds()))
    yield ages


def _pools(session: Session) -> Metric:
    family = GaugeMetricFamily(
        "tonnage_pool_gpus",
        "GPUs of all pools by account; kept_back is a part of available.",
        labels=["supplier", "gpu_model", "state"],
    )
    for each in pool_gpus(session):
        family.add_metric([each.supplier, each.gpu_model, each.state], each.gpus)
    return family


def _last_successes(runs: Iterable[TallyRow]) -> Metric:
    family = GaugeMetricFamily(
        "tonnage_job_last_success_timestamp",
        "When a scheduled job last ended well, in seconds since 1970.",
        labels=["job"],
    )
    for row in runs:
        if row.outcome == RunState.DONE:
            family.add_metric([row.name], row.last_at.timestamp())
    return family


def _counter(name: str, text: str, labels: str, rows: Iterable[TallyRow]) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels.split())
    for row in rows:
        family.add_metric([row.name, row.outcome], row.total)
    return family


def _gauge(name: str, text: str, value: float | None) -> Metric:
    family = GaugeMetricFamily(name, text)
    if value is not None:
        family.add_metric([], value)
    return family


def _without_creation_times(metric: Metric) -> Metric:
    # The library adds to each series a second one with the moment it began: twice as many, for
    # what a restart shows anyway.
    metric.samples = [each for each in metric.samples if not each.name.endswith("_created")]
    return metric
