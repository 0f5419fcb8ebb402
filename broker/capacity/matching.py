"""Which contract line a holding belongs to: the supplier's books beside ours.

A line may be delivered as several reservations, so many holdings may belong to one line, and a
holding to one line at most. A holding fits a line of the same supplier and GPU model whose region
does not contradict it and whose days overlap. Of several lines the best is taken, in this order:
the one it was adopted as, one whose reference is in its name, the same region, the nearest end,
the nearest number of GPUs, and the lowest reference, so that the answer is always the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from broker.contracts.contract import Contract
from broker.contracts.line import Line
from pricing.holding import Holding, HoldingKind

OWNING = frozenset(
    {
        HoldingKind.RESERVATION,
        HoldingKind.FUTURE_RESERVATION,
        HoldingKind.CAPACITY_BLOCK,
        HoldingKind.COMMITMENT,
        HoldingKind.CONTRACT,
    }
)
"""Kinds that are ours by agreement. A node pool is only what we run at the moment."""

_ONE_DAY = timedelta(days=1)
_FAR = 10**6


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedLine:
    """A contract line in force, the names its supplier goes by, and its contract."""

    contract: Contract
    line: Line
    supplier_names: frozenset[str]

    @property
    def label(self) -> str:
        """Return the line as people write it: "supplier/ref/line"."""
        return f"{self.contract.supplier_key}/{self.contract.ref}/{self.line.line_no}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """A holding, and the contract it was adopted as, if any."""

    holding: Holding
    contract_id: str | None = None

    @property
    def starts_on(self) -> date | None:
        """Return the first day with service, in UTC."""
        start = self.holding.start_at
        return None if start is None else start.astimezone(UTC).date()

    @property
    def ends_on(self) -> date | None:
        """Return the first day without service, in UTC: an end within a day still serves it."""
        end = self.holding.end_at
        if end is None:
            return None
        day = end.astimezone(UTC).date()
        midnight = datetime.combine(day, time(), UTC)
        return day if end == midnight else day + _ONE_DAY


def match(stated: Iterable[Stated], lines: Sequence[OwnedLine]) -> dict[str, list[Stated]]:
    """Return the holdings of each line, by the line's id; those of no line are under ""."""
    found: dict[str, list[Stated]] = {owned.line.id: [] for owned in lines}
    found[""] = []
    for each in sorted(stated, key=lambda one: (one.holding.supplier, one.holding.resource_id)):
        fitting = [owned for owned in lines if _fits(each, owned)]
        best = min(fitting, key=lambda owned: _rank(each, owned), default=None)
        found["" if best is None else best.line.id].append(each)
    return found


def _fits(stated: Stated, owned: OwnedLine) -> bool:
    if stated.contract_id is not None:
        return stated.contract_id == owned.contract.id
    holding, line = stated.holding, owned.line
    return (
        holding.supplier in owned.supplier_names
        and holding.gpu is not None
        and holding.gpu.model == line.gpu_model
        and _near(holding.region, line.region)
        and _overlaps(stated, line)
    )


def _near(one: str | None, other: str | None) -> bool:
    if one is None or other is None:
        return True
    short, long = sorted((one.lower(), other.lower()), key=len)
    return long.startswith(short)


def _overlaps(stated: Stated, line: Line) -> bool:
    starts_before_end = (
        stated.starts_on is None or line.end_on is None or stated.starts_on < line.end_on
    )
    ends_after_start = stated.ends_on is None or line.start_on < stated.ends_on
    return starts_before_end and ends_after_start


def _rank(stated: Stated, owned: OwnedLine) -> tuple[bool, bool, int, int, str, int]:
    holding, line = stated.holding, owned.line
    named = owned.contract.ref.lower() in (holding.name or "").lower()
    same_region = bool(holding.region and line.region) and (
        (holding.region or "").lower() == (line.region or "").lower()
    )
    if stated.ends_on is None or line.end_on is None:
        ends_apart = 0 if stated.ends_on is line.end_on else _FAR
    else:
        ends_apart = abs((stated.ends_on - line.end_on).days)
    gpus_apart = _FAR if holding.gpus is None else abs(holding.gpus - line.gpu_count)
    return (
        not named,
        not same_region,
        ends_apart,
        gpus_apart,
        owned.contract.ref,
        line.line_no,
    )
