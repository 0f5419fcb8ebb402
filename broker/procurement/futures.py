"""Futures: what may come, each with its probability: a demand, and which deliveries are late."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from broker.procurement.procurement_input import ProcurementInput, Scenario

_NEVER = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One way in which deliveries may turn out: how many months each quote is late."""

    probability: float
    late_months: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Future:
    """A scenario together with one outcome of the deliveries, by its number."""

    scenario: Scenario
    delivery: int
    probability: float


def deliveries(given: ProcurementInput) -> tuple[Delivery, ...]:
    """Return the outcomes of the deliveries, the worst first.

    Slips come together, as when one maker is late for all: of two quotes the likelier slip happens
    whenever the less likely one does. Each quote is late with exactly its own probability, and the
    outcomes are one more than there are distinct probabilities.
    """
    slips = {each.quote: each.slip for each in given.quotes if each.slip is not None}
    limits = sorted({slip.probability for slip in slips.values()} | {0.0, 1.0})
    found = []
    for below, limit in pairwise(limits):
        late = {name: slip.months for name, slip in slips.items() if slip.probability >= limit}
        if limit - below > _NEVER:
            found.append(Delivery(probability=limit - below, late_months=late))
    return tuple(found)


def futures(given: ProcurementInput) -> Iterator[Future]:
    """Yield every scenario with every outcome of the deliveries."""
    for scenario in given.scenarios:
        for number, delivery in enumerate(deliveries(given)):
            yield Future(
                scenario=scenario,
                delivery=number,
                probability=scenario.probability * delivery.probability,
            )
