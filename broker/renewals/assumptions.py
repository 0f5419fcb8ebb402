"""Assumptions: figures that a brief rests on and that no contract states.

Each is stated by somebody, with a source, for a scope, from a day on. Nothing here has a default:
a figure that nobody stated is unknown, and so is every figure that needs it. For one line the
narrowest scope wins, and within a scope the newest statement that is already valid.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from broker.contracts.sheets.currencies import ACTIVE_CODES
from broker.errors import BadInputError
from pricing.money import Currency, Money, plain

MAX_WHOLE_DIGITS = 12
YES, NO = "yes", "no"

_NUMBER = re.compile(rf"([0-9]{{1,{MAX_WHOLE_DIGITS}}})(?:\.([0-9]{{1,6}}))?")
_MONEY = re.compile(r"(\S+)\s+([A-Za-z]{3})")


class AssumptionName(StrEnum):
    """What can be assumed."""

    BUSY_FRACTION = "busy_fraction"
    TOKENS_PER_GPU_SECOND = "tokens_per_gpu_second"
    REVENUE_PER_MILLION_TOKENS = "revenue_per_million_tokens"
    DISCOUNT_RATE = "discount_rate"
    ANNUAL_GPU_SPEND = "annual_gpu_spend"
    REPLACEMENT_LEAD_DAYS = "replacement_lead_days"
    MIGRATION_WORK_COST = "migration_work_cost"
    DOUBLE_RUNNING_DAYS = "double_running_days"
    EGRESS_COST = "egress_cost"
    EARLY_TERMINATION_FEE = "early_termination_fee"
    LOST_PREPAYMENT = "lost_prepayment"
    REFERENCE_UPLIFT_CAP = "reference_uplift_cap"
    B200_FACTOR = "b200_factor"
    OTHER_REGIONS_SERVE = "other_regions_serve"


class Unit(StrEnum):
    """What the number of an assumption counts."""

    FRACTION = "fraction"
    MONEY = "money"
    DAYS = "days"
    TOKENS_PER_SECOND = "tokens per second"
    B200_PER_GPU = "B200s per GPU"
    ANSWER = "yes or no"


class ScopeKind(StrEnum):
    """What an assumption is about, narrowest first."""

    LINE = "line"
    CONTRACT = "contract"
    SUPPLIER = "supplier"
    GPU = "gpu"
    GLOBAL = "global"


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """What one assumption means, and which values it can have."""

    unit: Unit
    meaning: str
    example: str
    may_be_zero: bool = True
    scopes: frozenset[ScopeKind] = frozenset(ScopeKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a statement holds for; `key` is an id, a supplier key or a GPU model."""

    kind: ScopeKind
    key: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.key}" if self.key else self.kind.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumption:
    """One statement: a figure, for whom, from when, who says so."""

    id: str
    name: AssumptionName
    scope: Scope
    value: str
    valid_from: date
    source: str
    actor: str
    recorded_at: datetime

    @property
    def is_yes(self) -> bool:
        """Say whether an assumption that is an answer says yes."""
        return self.value == YES

    @property
    def number(self) -> Decimal:
        """Return the bare number, whatever its unit; ValueError for an answer."""
        return Decimal(self.value.split()[0])

    @property
    def money(self) -> Money:
        """Return the amount of an assumption in money; ValueError for another unit."""
        amount, code = self.value.split()
        return Money(Decimal(amount), Currency(code))


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The line that a figure is wanted for, by everything a scope can name."""

    line_id: str
    contract_id: str
    supplier_key: str
    gpu_model: str

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """Return the scopes that speak about this line, narrowest first."""
        return (
            Scope(kind=ScopeKind.LINE, key=self.line_id),
            Scope(kind=ScopeKind.CONTRACT, key=self.contract_id),
            Scope(kind=ScopeKind.SUPPLIER, key=self.supplier_key),
            Scope(kind=ScopeKind.GPU, key=self.gpu_model),
            Scope(kind=ScopeKind.GLOBAL),
        )


class Assumptions:
    """Every statement, ready to be asked for the one that counts."""

    def __init__(self, stated: Iterable[Assumption] = ()) -> None:
        self._by_key: dict[tuple[AssumptionName, Scope], list[Assumption]] = {}
        for each in sorted(stated, key=_age):
            self._by_key.setdefault((each.name, each.scope), []).append(each)

    def find(self, name: AssumptionName, subject: Subject, *, on: date) -> Assumption | None:
        """Return the statement that counts for a line on a day; None when there is none."""
        for scope in subject.scopes:
            found = self.latest(name, scope, on=on)
            if found is not None:
                return found
        return None

    def latest(self, name: AssumptionName, scope: Scope, *, on: date) -> Assumption | None:
        """Return the newest statement of exactly this scope that is valid on a day."""
        valid = [each for each in self._by_key.get((name, scope), ()) if each.valid_from <= on]
        return valid[-1] if valid else None

    def exactly(self, name: AssumptionName, scope: Scope, valid_from: date) -> Assumption | None:
        """Return the newest statement of this scope with exactly this first day."""
        same = [
            each for each in self._by_key.get((name, scope), ()) if each.valid_from == valid_from
        ]
        return same[-1] if same else None


def assumption_name(text: str) -> AssumptionName:
    """Return the assumption that a word names, or raise BadInputError listing them."""
    folded = text.strip().lower().replace("-", "_")
    try:
        return AssumptionName(folded)
    except ValueError as unknown:
        raise BadInputError(
            f"{text[:40]!r} is not an assumption; known are {', '.join(AssumptionName)}"
        ) from unknown


def assumption_value(name: AssumptionName, text: str) -> str:
    """Return the value as it is stored ("0.95", "150000 USD"), or raise BadInputError.

    Money states its currency; a fraction is written as one, so that 95 % cannot be read as 95.
    """
    definition = DEFINITIONS[name]
    currency = ""
    number = text.strip()
    if definition.unit is Unit.ANSWER:
        if number.lower() not in (YES, NO):
            raise _refused(name, f"write {YES} or {NO}")
        return number.lower()
    if definition.unit is Unit.MONEY:
        found = _MONEY.fullmatch(number)
        if found is None or found.group(2).upper() not in ACTIVE_CODES:
            raise _refused(name, "write the amount with its currency")
        number, currency = found.group(1), f" {found.group(2).upper()}"
    if not _NUMBER.fullmatch(number):
        raise _refused(name, "write plain digits, with a dot before at most six decimals")
    value = Decimal(number)
    if value == 0 and not definition.may_be_zero:
        raise _refused(name, "it is above zero")
    if definition.unit is Unit.FRACTION and value > 1:
        raise _refused(name, "it is a fraction from 0 to 1")
    if definition.unit is Unit.DAYS and value != value.to_integral_value():
        raise _refused(name, "it is a whole number of days")
    return plain(value) + currency


def allowed_scope(name: AssumptionName, scope: Scope) -> Scope:
    """Return the scope, or raise BadInputError when the assumption is not stated for such."""
    allowed = DEFINITIONS[name].scopes
    if scope.kind not in allowed:
        choices = ", ".join(kind for kind in ScopeKind if kind in allowed)
        raise BadInputError(f"{name} is not stated for the scope {scope.kind}; use {choices}")
    return scope


def _age(each: Assumption) -> tuple[date, datetime, str]:
    return each.valid_from, each.recorded_at, each.id


def _refused(name: AssumptionName, why: str) -> BadInputError:
    definition = DEFINITIONS[name]
    return BadInputError(f"{name} ({definition.meaning}): {why}, such as {definition.example}")


_NOT_GLOBAL = frozenset(ScopeKind) - {ScopeKind.GLOBAL}

DEFINITIONS: Mapping[AssumptionName, Definition] = {
    AssumptionName.BUSY_FRACTION: Definition(
        unit=Unit.FRACTION,
        meaning="part of the paid GPU-hours that works",
        example="0.95",
        may_be_zero=False,
    ),
    AssumptionName.TOKENS_PER_GPU_SECOND: Definition(
        unit=Unit.TOKENS_PER_SECOND,
        meaning="number of tokens that a busy GPU makes in a second",
        example="3000",
        may_be_zero=False,
    ),
    AssumptionName.REVENUE_PER_MILLION_TOKENS: Definition(
        unit=Unit.MONEY,
        meaning="price at which we sell a million tokens",
        example="'0.80 USD'",
        may_be_zero=False,
    ),
    AssumptionName.DISCOUNT_RATE: Definition(
        unit=Unit.FRACTION, meaning="effective yearly rate of our money", example="0.10"
    ),
    AssumptionName.ANNUAL_GPU_SPEND: Definition(
        unit=Unit.MONEY,
        meaning="yearly spend on GPUs with all suppliers",
        example="'250000000 USD'",
        may_be_zero=False,
    ),
    AssumptionName.REPLACEMENT_LEAD_DAYS: Definition(
        unit=Unit.DAYS, meaning="number of days from an order to as many new GPUs", example="450"
    ),
    AssumptionName.MIGRATION_WORK_COST: Definition(
        unit=Unit.MONEY,
        meaning="cost of the work of moving to another supplier",
        example="'150000 USD'",
    ),
    AssumptionName.DOUBLE_RUNNING_DAYS: Definition(
        unit=Unit.DAYS,
        meaning="number of days on which old and new capacity are both paid",
        example="21",
    ),
    AssumptionName.EGRESS_COST: Definition(
        unit=Unit.MONEY, meaning="cost of taking the data out", example="'40000 USD'"
    ),
    AssumptionName.EARLY_TERMINATION_FEE: Definition(
        unit=Unit.MONEY, meaning="fee for leaving, which is 0 at the regular end", example="'0 USD'"
    ),
    AssumptionName.LOST_PREPAYMENT: Definition(
        unit=Unit.MONEY, meaning="prepayment that is not given back on leaving", example="'0 USD'"
    ),
    AssumptionName.REFERENCE_UPLIFT_CAP: Definition(
        unit=Unit.FRACTION, meaning="uplift cap that we ask for in new contracts", example="0.07"
    ),
    AssumptionName.B200_FACTOR: Definition(
        unit=Unit.B200_PER_GPU,
        meaning="number of B200s that do the work of one such GPU",
        example="0.40",
        may_be_zero=False,
        scopes=_NOT_GLOBAL,
    ),
    AssumptionName.OTHER_REGIONS_SERVE: Definition(
        unit=Unit.ANSWER,
        meaning="answer whether GPUs in another part of the world would do",
        example="yes",
    ),
}
"""Every assumption; the one place for its unit, its bounds and its words."""
