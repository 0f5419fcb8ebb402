"""What a procurement input was made from, and a record of what it assumes and what it misses.

Everything that nobody has stated is either assumed and said so, or left out and said so, with the
command that would state it. Nothing is guessed in silence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final

from broker.contracts.contract import Contract
from broker.contracts.line import Line
from broker.errors import RefusedError
from broker.procurement.horizon import Horizon
from broker.procurement.procurement_input import ProcurementInput, ProcurementPolicy
from broker.renewals.evidence import RATE_MAX_AGE_DAYS, Unknown
from broker.store.pools import StoredPool
from broker.store.renewals import Books
from pricing.fx import FxTable, NoRateError
from pricing.money import MAX_DECIMALS, USD, Money

ANYWHERE: Final = "anywhere"
"""The one geography of an input made from the books."""

USUAL_TERM_MONTHS: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class GatheredInput:
    """An input, what it assumes, and what is not in it because nobody stated it."""

    given: ProcurementInput
    assumed: tuple[str, ...]
    missing: tuple[Unknown, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """Return in words what was assumed and what is missing."""
        missing = (f"missing: {each.what}: {each.why}; {each.how}" for each in self.missing)
        return (*(f"assumed: {each}" for each in self.assumed), *missing)

    def require(self) -> ProcurementInput:
        """Return the input, or raise RefusedError when there is nothing to plan from."""
        if not any(any(each.b200_equivalents) for s in self.given.scenarios for each in s.demand):
            raise RefusedError(
                "there is no demand to plan for: no forecast is on record and no GPUs are in "
                "service; import a forecast, or contracts: tonnage contracts import FILE"
            )
        return self.given


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanningBooks:
    """What was read for a plan."""

    as_of: date
    months: int
    books: Books
    rates: FxTable
    pools: tuple[StoredPool, ...]
    policy: ProcurementPolicy = field(default_factory=ProcurementPolicy)

    @property
    def horizon(self) -> Horizon:
        """Return the months that are planned."""
        return Horizon(as_of=self.as_of, months=self.months)

    def lines(self) -> Iterator[tuple[Contract, Line]]:
        """Yield every line in force that has not ended."""
        for contract, line in self.books.lines_to_renew():
            if line.end_on is not None and line.end_on > self.as_of:
                yield contract, line


class Notes:
    """Remembers what was assumed and what is missing; converts money, and notes where it cannot."""

    def __init__(self, read: PlanningBooks) -> None:
        self._read = read
        self._assumed: dict[str, None] = {}
        self._missing: dict[str, Unknown] = {}

    @property
    def assumed(self) -> tuple[str, ...]:
        """Return what was assumed, in the order in which it was."""
        return tuple(self._assumed)

    @property
    def missing(self) -> tuple[Unknown, ...]:
        """Return what is missing, in the order in which it was missed."""
        return tuple(self._missing.values())

    def dollars(self, money: Money | None, what: str) -> Decimal | None:
        """Return an amount in US dollars; None, and noted, where it is unknown or has no rate."""
        if money is None:
            self.lack(what, "it has no price on record", "tonnage contracts show REF")
            return None
        try:
            found = self._read.rates.convert(
                money, USD, on=self._read.as_of, max_age_days=RATE_MAX_AGE_DAYS
            )
        except NoRateError:
            self.lack(
                f"exchange rate {money.currency}/{USD}",
                f"so {what} is left out",
                "tonnage prices fx FILE",
            )
            return None
        return found.amount.rounded(MAX_DECIMALS).amount

    def assume(self, what: str) -> None:
        """Note an assumption."""
        self._assumed.setdefault(what)

    def lack(self, what: str, why: str, how: str) -> None:
        """Note something that is missing, what that takes away, and how to state it."""
        self._missing.setdefault(what, Unknown(what=what, why=why, how=how))
