"""What a process counts and times of its own work, for whoever watches it; no input or output.

Only what a process alone knows stands here. What every process must say alike, such as how many
GPUs are leased, is read from the database when it is asked for.

Labels are bounded: operations, outcomes, methods, statuses and the routes as they are declared,
never an id, a holder or a path as it was called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric
from prometheus_client.core import GaugeMetricFamily

LEASE_OP_BUCKETS: Final = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)
"""Seconds: from a grant in a warm batch to one that waited for a database that came back."""
BATCH_BUCKETS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)
REQUEST_BUCKETS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Seconds."""


class Meters:
    """Counters and histograms of one process; safe to use from every thread.

    Each application has meters of its own, so that two of them in one process never add up.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        # The library looks for a series under a lock, by texts; these are few, and stay.
        self._lease_op_series = cache(self._find_lease_op_series)
        self._request_series = cache(self._find_request_series)
        self._queue_depth: Callable[[], int] | None = None
        self._lease_ops = Counter(
            "tonnage_lease_ops_total",
            "Grants, renewals, releases and sweeps by how they ended, of this process.",
            ("op", "outcome"),
            registry=self._registry,
        )
        self._lease_op_seconds = Histogram(
            "tonnage_lease_op_seconds",
            "Seconds from asking until the answer was committed, of this process.",
            ("op",),
            buckets=LEASE_OP_BUCKETS,
            registry=self._registry,
        )
        self._batch_size = Histogram(
            "tonnage_batch_size",
            "Operations that went to the database together, of this process.",
            buckets=BATCH_BUCKETS,
            registry=self._registry,
        )
        self._requests = Counter(
            "tonnage_http_requests_total",
            "Requests answered, by route as declared, of this process.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._request_seconds = Histogram(
            "tonnage_http_request_seconds",
            "Seconds until the whole answer was out, of this process.",
            ("method", "route"),
            buckets=REQUEST_BUCKETS,
            registry=self._registry,
        )

    def lease_op(self, op: str, outcome: str, seconds: float) -> None:
        """Note one operation on leases: `op` such as grant or renew, `outcome` how it ended.

        Both come from a short list, never from a caller.
        """
        counted, timed = self._lease_op_series(op, outcome)
        counted.inc()
        timed.observe(seconds)

    def batch(self, size: int) -> None:
        """Note how many operations went to the database together."""
        self._batch_size.observe(size)

    def watch_queue(self, depth: Callable[[], int]) -> None:
        """Ask `depth` how many operations wait, each time that somebody looks."""
        self._queue_depth = depth

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Note one answered request: `route` as declared, with its parameters in braces."""
        counted, timed = self._request_series(method, route, status)
        counted.inc()
        timed.observe(seconds)

    def _find_lease_op_series(self, op: str, outcome: str) -> tuple[Counter, Histogram]:
        return self._lease_ops.labels(op, outcome), self._lease_op_seconds.labels(op)

    def _find_request_series(
        self, method: str, route: str, status: int
    ) -> tuple[Counter, Histogram]:
        counted = self._requests.labels(method, route, str(status))
        return counted, self._request_seconds.labels(method, route)

    def collect(self) -> Iterator[Metric]:
        """Yield everything as it stands; the queue has no value where there is none."""
        yield from self._registry.collect()
        waiting = GaugeMetricFamily(
            "tonnage_queue_depth", "Operations on leases that wait for a batch, of this process."
        )
        if self._queue_depth is not None:
            waiting.add_metric([], self._queue_depth())
        yield waiting
