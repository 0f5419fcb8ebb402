"""Evidence: what a brief may rest on, and a record of what it did rest on.

A brief is written in the currency of its contract. Each stated figure and each exchange rate is
asked for here, so that the brief can list those it used, with their sources, and those it missed,
with the command that would state them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from broker.renewals.assumptions import (
    DEFINITIONS,
    Assumption,
    AssumptionName,
    Assumptions,
    ScopeKind,
    Subject,
)
from pricing.fx import Converted, FxTable, NoRateError
from pricing.money import USD, Currency, Money

RATE_MAX_AGE_DAYS = 7
"""A rate older than this no longer speaks for the day; central banks skip weekends and holidays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """An assumption that was used, as a reader checks it."""

    name: str
    value: str
    unit: str
    scope: str
    valid_from: date
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """A figure that cannot be given: what is missing, what that takes away, how to state it."""

    what: str
    why: str
    how: str


class Evidence:
    """Hands out figures for one line on one day, and remembers which."""

    def __init__(
        self,
        *,
        subject: Subject,
        line_name: str,
        currency: Currency,
        on: date,
        assumptions: Assumptions,
        rates: FxTable,
    ) -> None:
        self.currency = currency
        self.on = on
        self._subject = subject
        self._line_name = line_name
        self._assumptions = assumptions
        self._rates = rates
        self._used: dict[AssumptionName, Assumption] = {}
        self._unknown: dict[str, Unknown] = {}
        self._conversions: dict[str, None] = {}

    @property
    def used(self) -> tuple[Stated, ...]:
        """Return the assumptions that were used, by name."""
        return tuple(self._stated(self._used[name]) for name in sorted(self._used))

    @property
    def unknown(self) -> tuple[Unknown, ...]:
        """Return what was asked for and is not known, in the order in which it was missed."""
        return tuple(self._unknown.values())

    @property
    def conversions(self) -> tuple[str, ...]:
        """Return the exchange rates that were used, each with its day and source."""
        return tuple(self._conversions)

    def number(self, name: AssumptionName, *, needed_for: str) -> Decimal | None:
        """Return a stated figure that is not money; None, and noted, when nobody stated it."""
        found = self._find(name, needed_for)
        return None if found is None else found.number

    def optional_number(self, name: AssumptionName) -> Decimal | None:
        """Return a stated figure that a brief can do without; nothing is noted when it is absent."""
        found = self._assumptions.find(name, self._subject, on=self.on)
        if found is None:
            return None
        self._used[name] = found
        return found.number

    def answer(self, name: AssumptionName, *, needed_for: str) -> bool | None:
        """Return a stated yes or no; None, and noted, when nobody stated it."""
        found = self._find(name, needed_for)
        return None if found is None else found.is_yes

    def days(self, name: AssumptionName, *, needed_for: str) -> int | None:
        """Return a stated number of days; None, and noted, when nobody stated it."""
        found = self.number(name, needed_for=needed_for)
        return None if found is None else int(found)

    def money(self, name: AssumptionName, *, needed_for: str) -> Money | None:
        """Return a stated amount in the brief's currency; None, and noted, when it is unknown."""
        found = self._find(name, needed_for)
        return None if found is None else self.converted(found.money, needed_for=needed_for)

    def converted(self, money: Money, *, needed_for: str) -> Money | None:
        """Return an amount in the brief's currency; None, and noted, without a dated rate."""
        if money.currency == self.currency:
            return money
        found = self._conversion(money)
        if found is None:
            pair = f"{money.currency}/{self.currency}"
            self.lacks(
                what=f"exchange rate {pair}",
                why=f"no rate of the last {RATE_MAX_AGE_DAYS} days on {self.on}; without it "
                f"{needed_for} stays unknown",
                how="tonnage prices fx FILE",
            )
            return None
        self._conversions[found.statement()] = None
        return found.amount

    def lacks(self, *, what: str, why: str, how: str) -> None:
        """Note something that is not known; the first reason given stays."""
        self._unknown.setdefault(what, Unknown(what=what, why=why, how=how))

    def _find(self, name: AssumptionName, needed_for: str) -> Assumption | None:
        found = self._assumptions.find(name, self._subject, on=self.on)
        if found is None:
            self.lacks(
                what=name.value,
                why=f"nobody has stated the {DEFINITIONS[name].meaning}; without it {needed_for} "
                "stays unknown",
                how=self._how_to_state(name),
            )
            return None
        self._used[name] = found
        return found

    def _how_to_state(self, name: AssumptionName) -> str:
        scope = f"line:{self._line_name}"
        if name is AssumptionName.B200_FACTOR:
            scope = f"gpu:{self._subject.gpu_model}"
        if name in (AssumptionName.ANNUAL_GPU_SPEND, AssumptionName.DISCOUNT_RATE):
            scope = ScopeKind.GLOBAL.value
        example = DEFINITIONS[name].example
        return f"tonnage assumptions set {name} {example} --scope {scope} --source TEXT"

    def _stated(self, used: Assumption) -> Stated:
        unit = DEFINITIONS[used.name].unit
        scope = self._line_name if used.scope.kind is ScopeKind.LINE else str(used.scope)
        if used.scope.kind is ScopeKind.CONTRACT:
            scope = self._line_name.rpartition("/")[0]
        return Stated(
            name=used.name.value,
            value=used.value,
            unit=unit.value,
            scope=scope,
            valid_from=used.valid_from,
            source=used.source,
        )

    def _conversion(self, money: Money) -> Converted | None:
        """Convert by a rate between the two currencies or, where there is none, over the dollar."""
        ways: Sequence[Currency | None] = (
            (None,) if USD in (money.currency, self.currency) else (None, USD)
        )
        for via in ways:
            try:
                return self._rates.convert(
                    money, self.currency, on=self.on, max_age_days=RATE_MAX_AGE_DAYS, via=via
                )
            except NoRateError:
                continue
        return None
