"""What a contract line supplies on a day: the GPUs, from when until when, in which nodes.

In service is what was accepted and neither given back nor ended. A delivery that was promised and
not accepted is no capacity, whatever its day. A contract that is not in force supplies nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

from broker.contracts.contract import Contract
from broker.contracts.line import Line
from broker.contracts.sheets.prices import default_node_size
from broker.contracts.state import IN_FORCE, ContractState
from pricing.hardware import UnknownGpuError, canonical_gpu

PPM_PER_PERCENT = 10_000

_NEVER_SIGNED = frozenset(
    {
        ContractState.DRAFT,
        ContractState.QUOTED,
        ContractState.WITHDRAWN,
        ContractState.LAPSED,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """The GPUs that a pool should have: delivered, still to come, and given back.

    `opens_at` and `closes_at` are the instants at which the first day begins and the first day
    without service does; None where there is none.
    """

    contracted: int
    delivered: int
    returned: int = 0
    has_ended: bool = False
    opens_at: datetime | None = None
    closes_at: datetime | None = None

    def __post_init__(self) -> None:
        if min(self.contracted, self.delivered, self.returned, self.undelivered) < 0:
            raise ValueError("delivered and returned GPUs are parts of the contracted ones")

    @property
    def undelivered(self) -> int:
        """Return the GPUs that are still to come."""
        return self.contracted - self.delivered - self.returned


def supply_of(contract: Contract, line: Line, *, on: date) -> Supply:
    """Return what a line supplies on a contract day.

    All that an amendment gave back stays counted as contracted and returned; at the end everything
    is returned, also what never came. A contract that was never signed has nothing contracted.
    """
    if contract.state in _NEVER_SIGNED:
        return Supply(contracted=0, delivered=0)
    given_back = [(part.gpu_count, part.returned_on) for part in line.returned]
    contracted = line.gpu_count + sum(gpus for gpus, _ in given_back)
    is_past_end = line.end_on is not None and on >= line.end_on
    has_ended = is_past_end or contract.state not in IN_FORCE
    zone = ZoneInfo(contract.timezone)
    return Supply(
        contracted=contracted,
        delivered=0 if has_ended else line.accepted_by(on),
        returned=contracted
        if has_ended
        else sum(gpus for gpus, returned_on in given_back if returned_on <= on),
        has_ended=has_ended,
        opens_at=_midnight(line.start_on, zone),
        closes_at=None if line.end_on is None else _midnight(line.end_on, zone),
    )


def node_size_of(line: Line) -> int:
    """Return how many GPUs of a line go together.

    As the contract states. Where it does not: 8 for SXM boards, by the form factor or because the
    GPU comes in no other, if the line is a multiple of that; else 1.
    """
    if line.gpus_per_node is not None:
        return line.gpus_per_node
    size = default_node_size(line.form_factor or _only_form_of(line.gpu_model))
    return size if size is not None and line.gpu_count % size == 0 else 1


def reliability_of(line: Line) -> int | None:
    """Return the availability that the contract promises, as parts per million, rounded down."""
    return None if line.sla_pct is None else int(line.sla_pct * Decimal(PPM_PER_PERCENT))


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)


def _only_form_of(gpu_model: str) -> str | None:
    try:
        return canonical_gpu(gpu_model).form_factor
    except UnknownGpuError:
        return None
