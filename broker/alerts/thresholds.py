"""At which point each rule speaks, and who may set it otherwise.

Every rule has one frozen class of defaults. An override changes some fields within one scope, and
the narrowest scope that fits wins, field by field: global, supplier, contract, GPU model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from enum import IntEnum
from typing import Any, TypeVar

from broker.alerts.alert import RuleName, Severity
from broker.errors import BadInputError, Fault
from pricing.jump import JumpThresholds

PASSED = -1
"""The step of the day after the deadline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineThresholds:
    """Steps in days before a deadline, and the fewest days left of each severity."""

    steps: tuple[int, ...] = (180, 120, 90, 60, 30, 14, 7, 3, 1, 0, PASSED)
    info_from_days: int = 90
    warn_from_days: int = 30
    high_from_days: int = 8  # fewer is critical
    lead_until_days: int = 30  # the lead is told from here on
    head_until_days: int = 7  # and the head of infrastructure from here on
    big_share: Decimal = Decimal("0.02")  # of the fleet's B200-equivalents; above it is graver

    def __post_init__(self) -> None:
        if not self.steps or min(self.steps) < PASSED:
            raise ValueError("a deadline needs steps of 0 days or more, or PASSED")
        if not self.info_from_days >= self.warn_from_days >= self.high_from_days:
            raise ValueError("severity may not fall as the deadline nears")
        if self.lead_until_days < self.head_until_days:
            raise ValueError("the lead hears before the head of infrastructure")

    def severity(self, days_left: int) -> Severity:
        """Return how grave it is to have so many days left; negative is past the deadline."""
        if days_left >= self.info_from_days:
            return Severity.INFO
        if days_left >= self.warn_from_days:
            return Severity.WARN
        return Severity.HIGH if days_left >= self.high_from_days else Severity.CRITICAL


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteThresholds:
    """Steps in days before a quote lapses; `warn` and `high` hold from so many days on."""

    steps: tuple[int, ...] = (14, 7, 3, 1)
    warn_until_days: int = 7
    high_until_days: int = 3

    def __post_init__(self) -> None:
        if not self.steps or min(self.steps) < 0:
            raise ValueError("a quote needs steps of 0 days or more; a lapsed quote is silent")
        if self.warn_until_days < self.high_until_days:
            raise ValueError("severity may not fall as the quote runs out")

    def severity(self, days_left: int) -> Severity:
        """Return how grave it is to have so many days left."""
        if days_left <= self.high_until_days:
            return Severity.HIGH
        return Severity.WARN if days_left <= self.warn_until_days else Severity.INFO


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A raise level and, below it, the level at which it clears, so that noise does not flap."""

    raise_above: Decimal
    clear_at: Decimal  # at this level or below

    def __post_init__(self) -> None:
        if not self.clear_at < self.raise_above:
            raise ValueError("a level clears below the point where it is raised")


@dataclass(frozen=True, slots=True, kw_only=True)
class HikeThresholds:
    """Fractions over the current price (`warn`, `high`, `critical`) and over the benchmark."""

    warn: Band = Band(raise_above=Decimal("0.10"), clear_at=Decimal("0.08"))
    benchmark: Band = Band(raise_above=Decimal("0.10"), clear_at=Decimal("0.08"))
    high: Band = Band(raise_above=Decimal("0.25"), clear_at=Decimal("0.22"))
    critical: Band = Band(raise_above=Decimal("0.50"), clear_at=Decimal("0.45"))

    def __post_init__(self) -> None:
        bands = (self.warn, self.high, self.critical)
        for level in ("raise_above", "clear_at"):
            values = [getattr(band, level) for band in bands]
            if values != sorted(values):
                raise ValueError("warn, high and critical rise in this order")


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleThresholds:
    """How many polls a supplier may miss: its data are stale when older than so many intervals."""

    intervals: int = 2

    def __post_init__(self) -> None:
        if self.intervals < 1:
            raise ValueError("data are at least one interval old before they can be stale")


@dataclass(frozen=True, slots=True, kw_only=True)
class MismatchThresholds:
    """How many GPUs a quantity must be apart before anybody is told."""

    from_gpus: int = 1

    def __post_init__(self) -> None:
        if self.from_gpus < 1:
            raise ValueError("quantities that are no GPU apart are equal")


class Scope(IntEnum):
    """How wide an override reaches; a greater number is narrower."""

    GLOBAL = 0
    SUPPLIER = 1
    CONTRACT = 2
    GPU_MODEL = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """Other values for some fields of one rule's thresholds, within one scope."""

    rule: RuleName
    scope: Scope
    key: str | None = None  # the supplier, contract or GPU model; None for global
    values: Mapping[str, Any]

    def __post_init__(self) -> None:
        if (self.scope is Scope.GLOBAL) != (self.key is None):
            raise BadInputError("a global override names nothing, every other one names its scope")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What the object of a rule belongs to; None where that is unknown or does not apply."""

    supplier: str | None = None
    contract: str | None = None
    gpu_model: str | None = None

    def holds(self, override: Override) -> bool:
        """Say whether the override reaches this object."""
        keys = {
            Scope.SUPPLIER: self.supplier,
            Scope.CONTRACT: self.contract,
            Scope.GPU_MODEL: self.gpu_model,
        }
        return override.scope is Scope.GLOBAL or keys[override.scope] == override.key


AnyThresholds = (
    DeadlineThresholds
    | QuoteThresholds
    | HikeThresholds
    | JumpThresholds
    | StaleThresholds
    | MismatchThresholds
)
Thresholds = TypeVar("Thresholds", bound=AnyThresholds)


def resolve(
    defaults: Thresholds, overrides: Iterable[Override], *, rule: RuleName, reach: Reach
) -> Thresholds:
    """Return the thresholds that hold for one object. Of two equals in scope the later wins.

    Raises BadInputError when an override names an unknown field, or values that do not fit.
    """
    fitting = [each for each in overrides if each.rule is rule and reach.holds(each)]
    merged: dict[str, Any] = {}
    for override in sorted(fitting, key=lambda each: each.scope):
        merged |= override.values
    _refuse_misfits(defaults, merged, rule)
    try:
        return replace(defaults, **merged)
    except ValueError as misfit:
        raise BadInputError(
            f"the thresholds of {rule.value} do not fit together: {misfit}"
        ) from None


def _refuse_misfits(defaults: Thresholds, values: Mapping[str, Any], rule: RuleName) -> None:
    types = {each.name: type(getattr(defaults, each.name)) for each in fields(defaults)}
    faults = tuple(
        Fault(
            code="bad_threshold",
            field=name,
            message=f"{rule.value} has no threshold {name}; it has {', '.join(types)}"
            if name not in types
            else f"{name} takes {types[name].__name__}, not {type(value).__name__}",
        )
        for name, value in sorted(values.items())
        if type(value) is not types.get(name)
    )
    if faults:
        raise BadInputError(f"{len(faults)} thresholds of {rule.value} cannot be used", faults)
