"""Negotiating: solve what a renewal is worth, for each quantity and from several sides.

With the renewal forbidden, the best alternative. With it forced at a quantity at no price but with
its fixed costs, what those GPUs save; that over their hours is the most they may cost. One dual of
one program would not do: lots and whole quotes that drop out make the curve jump.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from functools import cached_property
from itertools import pairwise
from typing import Final

from broker.procurement.horizon import HOURS_PER_MONTH, MONTHS_PER_YEAR
from broker.procurement.negotiation_sheet import (
    BreakEven,
    NegotiationSheet,
    PriceBand,
    QuantityPrice,
    Sensitivity,
    WaitingCost,
)
from broker.procurement.procurement_input import (
    HeldContract,
    ProcurementInput,
    ProcurementQuote,
)
from broker.procurement.procuring import plan_of
from broker.procurement.signing import Choice, Restriction, choices
from broker.procurement.solving import EXACT_GAP, Effort, Solved, solve_input
from broker.procurement.variations import Variation, variations
from broker.procurement.worth import discounted_hours, factors_by_month

SHEET_EFFORT: Final = Effort(gap=EXACT_GAP, max_nodes=5_000)
"""How hard each program of a sheet is searched: prices are differences of two of them."""

FEW_LOTS: Final = 8
"""Up to so many quantities each is priced; of more, the quarters and those that some price buys."""

MAX_BANDS: Final = 12
MAX_WAITING_MONTHS: Final = 12

_PRICE: Final = Decimal("0.0001")
_CENT: Final = Decimal("0.01")
_FREE: Final = Decimal(0)


def negotiation_sheets(
    given: ProcurementInput, *, effort: Effort = SHEET_EFFORT, only: str | None = None
) -> tuple[NegotiationSheet, ...]:
    """Return a sheet for each renewal that is still open, or for those of one contract."""
    waiting = _Waiting(given, effort)
    open_renewals = {
        choice.quote.quote: choice
        for choice in choices(given, Restriction())
        if choice.renewed is not None and only in (None, choice.renewed.contract)
    }
    return tuple(
        _Desk(given, choice, choice.renewed, effort, waiting).sheet()
        for choice in open_renewals.values()
        if choice.renewed is not None
    )


class _Waiting:
    """What each delay costs: the same for every sheet, so solved once."""

    def __init__(self, given: ProcurementInput, effort: Effort) -> None:
        self._given, self._effort = given, effort
        self._solved: dict[int, Solved] = {}

    def until(self, month: int) -> Solved:
        """Return the best plan that signs nothing before a month."""
        if month not in self._solved:
            restriction = Restriction(first_month=month)
            self._solved[month] = solve_input(self._given, restriction, effort=self._effort)
        return self._solved[month]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """What a plan that renews so many GPUs costs: at no price, and for each dollar of it."""

    gpus: int
    at_no_price: float
    hours: float

    def cost_at(self, price: float) -> float:
        return self.at_no_price + price * self.hours


class _Desk:
    """Solves the sheet of one renewal."""

    def __init__(
        self,
        given: ProcurementInput,
        choice: Choice,
        contract: HeldContract,
        effort: Effort,
        waiting: _Waiting,
    ) -> None:
        self._given, self._choice, self._contract = given, choice, contract
        self._quote, self._effort, self._waiting = choice.quote, effort, waiting
        self._hours = discounted_hours(given, choice)  # of one GPU
        self._rivals = frozenset(
            each.quote
            for each in given.quotes
            if each.renews == contract.contract and each.quote != self._quote.quote
        )

    def sheet(self) -> NegotiationSheet:
        """Return the sheet."""
        lines = self._lines_by_price()
        bands = tuple(_bands(lines))
        prices = tuple(self._prices({line.gpus for line in lines if line.gpus}))
        best = max(prices, key=lambda each: each.max_price)
        plan = plan_of(self._given, self._without)
        with_ask = self._waiting.until(0)
        quote, contract = self._quote, self._contract
        return NegotiationSheet(
            contract=contract.contract,
            quote=quote.quote,
            supplier=quote.supplier,
            gpu_model=quote.gpu_model,
            gpus=contract.gpus,
            price_now=contract.price_per_gpu_hour,
            ask=quote.price_per_gpu_hour,
            naive_bill_per_year=self._naive_bill(),
            decide_by=self._choice.sign_by,
            cost_without=_cents(self._without.cost),
            cost_with_ask=_cents(with_ask.cost),
            gpus_renewed_at_ask=with_ask.gpus_of(quote.quote),
            batna=plan.signatures,
            gpus_needed=self._needed(),
            walk_away_price=best.max_price,
            walk_away_gpus=best.gpus,
            prices=prices,
            bands=bands,
            break_even=tuple(self._break_even()),
            waiting=tuple(self._waiting_costs()),
            sensitivity=tuple(self._sensitivity(best.gpus)),
        )

    @cached_property
    def _without(self) -> Solved:
        """Return the best plan that does not renew the contract."""
        return self._solve_without(self._given)

    def _solve_without(self, given: ProcurementInput) -> Solved:
        forbidden = self._rivals | {self._quote.quote}
        return solve_input(given, Restriction(forbidden=forbidden), effort=self._effort)

    def _solve_with(self, given: ProcurementInput, gpus: int) -> Solved:
        """Return the best plan that renews exactly so many GPUs at no price."""
        fixed = replace(
            given.quote(self._quote.quote),
            price_per_gpu_hour=_FREE,
            min_gpus=gpus,
            max_gpus=gpus,
            lot_gpus=gpus,
        )
        return solve_input(
            given.with_quote(fixed),
            Restriction(forbidden=self._rivals, forced=frozenset({fixed.quote})),
            effort=self._effort,
        )

    def _lines_by_price(self) -> list[_Line]:
        """Return every plan that is the best at some price, most GPUs first.

        The least cost is a concave function of the price, made of straight pieces: where two
        pieces would meet, a solve tells whether a third lies below them.
        """
        none = _Line(gpus=0, at_no_price=self._without.cost, hours=0.0)
        found = {0: none}
        most = self._line_of(self._for_nothing, 0.0)
        found[most.gpus] = most
        to_try = [(most, none)]
        while to_try and len(found) < MAX_BANDS:
            more, fewer = to_try.pop(0)
            if more.gpus <= fewer.gpus:
                continue
            price = (fewer.at_no_price - more.at_no_price) / (more.hours - fewer.hours)
            if price <= 0:
                continue
            between = self._line_of(self._solve_at(price), price)
            is_below = between.cost_at(price) < more.cost_at(price) * (1 - 2 * self._effort.gap)
            if is_below and between.gpus not in found:
                found[between.gpus] = between
                to_try += [(more, between), (between, fewer)]
        return sorted(found.values(), key=lambda line: -line.gpus)

    @cached_property
    def _for_nothing(self) -> Solved:
        """Return the best plan if the renewal had no price, of as many GPUs as are of use."""
        return self._solve_at(0.0)

    def _solve_at(self, price: float) -> Solved:
        asked = replace(self._quote, price_per_gpu_hour=Decimal(price))
        return solve_input(
            self._given.with_quote(asked),
            Restriction(forbidden=self._rivals),
            effort=self._effort,
        )

    def _line_of(self, solved: Solved, price: float) -> _Line:
        gpus = solved.gpus_of(self._quote.quote)
        hours = gpus * self._hours
        return _Line(gpus=gpus, at_no_price=solved.cost - price * hours, hours=hours)

    def _prices(self, bought: set[int]) -> Iterator[QuantityPrice]:
        fewer, fewer_cost = 0, self._without.cost
        for gpus in sorted(_quantities(self._quote) | bought):
            solved = self._solve_with(self._given, gpus)
            doubt = _open_part(self._without) + _open_part(solved)
            yield QuantityPrice(
                gpus=gpus,
                max_price=self._limit(self._without.cost - solved.cost, gpus),
                marginal_price=self._price(fewer_cost - solved.cost, gpus - fewer),
                uncertainty=self._price(doubt, gpus),
            )
            fewer, fewer_cost = gpus, solved.cost

    def _limit(self, saved: float, gpus: int) -> Decimal:
        """Return a price that must not be exceeded, so rounded down."""
        return Decimal(saved / (gpus * self._hours)).quantize(_PRICE, rounding=ROUND_FLOOR)

    def _price(self, saved: float, gpus: int) -> Decimal:
        return _rounded(saved / (gpus * self._hours))

    def _naive_bill(self) -> Decimal:
        more = self._quote.price_per_gpu_hour - self._contract.price_per_gpu_hour
        return _cents(more * self._contract.gpus * HOURS_PER_MONTH * MONTHS_PER_YEAR)

    def _needed(self) -> Decimal:
        """Return what is signed elsewhere only because nothing is renewed."""
        worth = sum(
            (gpus * self._worth_of(each.quote) for each, gpus in self._without.signed), _FREE
        )
        for choice, gpus in self._for_nothing.signed:
            if choice.quote.quote != self._quote.quote:
                worth -= gpus * self._worth_of(choice.quote)
        return max(_FREE, worth).quantize(Decimal("0.1"), rounding=ROUND_HALF_EVEN).normalize()

    def _worth_of(self, quote: ProcurementQuote) -> Decimal:
        """Return how many GPUs of the renewed model do the work of one of a quote."""
        month = min(self._given.months - 1, self._given.horizon.month_of(self._choice.start_on))
        factors = factors_by_month(self._given)[month]
        best = {
            model: max(value for (_, each), value in factors.items() if each == model)
            for _, model in factors
        }
        ours, theirs = best.get(self._quote.gpu_model), best.get(quote.gpu_model)
        return Decimal(str(theirs / ours)) if ours and theirs else Decimal(0)

    def _break_even(self) -> Iterator[BreakEven]:
        for quote in self._given.quotes:
            worth = self._worth_of(quote)
            if quote.renews is not None or quote.geo != self._quote.geo or not worth:
                continue
            months = min(quote.term_months, self._quote.term_months)
            saved = self._quote.price_per_gpu_hour - quote.price_per_gpu_hour / worth
            yield BreakEven(
                quote=quote.quote,
                supplier=quote.supplier,
                price_per_gpu_hour=quote.price_per_gpu_hour,
                hours=months * HOURS_PER_MONTH,
                switching_cost_per_gpu=_cents(saved * months * HOURS_PER_MONTH),
            )

    def _waiting_costs(self) -> Iterator[WaitingCost]:
        """Yield the cost of each delay, up to the month in which the renewal itself is lost."""
        lost = min(self._choice.month + 1, self._given.months - 1, MAX_WAITING_MONTHS)
        for month in range(1, lost + 1):
            solved = self._waiting.until(month)
            yield WaitingCost(
                first_month=self._given.horizon.start_of(month),
                extra_cost=_cents(max(0.0, solved.cost - self._waiting.until(0).cost)),
                gpus_renewed=solved.gpus_of(self._quote.quote),
            )

    def _sensitivity(self, gpus: int) -> Iterator[Sensitivity]:
        for variation in variations(self._given, renewal=self._quote.quote):
            yield self._varied(variation, gpus)

    def _varied(self, variation: Variation, gpus: int) -> Sensitivity:
        without = self._solve_without(variation.given)
        saved = without.cost - self._solve_with(variation.given, gpus).cost
        return Sensitivity(
            what=variation.what,
            change=variation.change,
            max_price=self._limit(saved, gpus),
            cost_without=_cents(without.cost),
        )


def _bands(lines: list[_Line]) -> Iterator[PriceBand]:
    """Yield how many GPUs to renew at which price, from the highest price down."""
    up_to: Decimal | None = None
    for fewer, more in pairwise(reversed(lines)):
        meet = _rounded((fewer.at_no_price - more.at_no_price) / (more.hours - fewer.hours))
        yield PriceBand(above=meet, up_to=up_to, gpus=fewer.gpus)
        up_to = meet
    yield PriceBand(above=Decimal(0), up_to=up_to, gpus=lines[0].gpus)


def _quantities(quote: ProcurementQuote) -> set[int]:
    """Return the quantities that are always priced: every one of a few lots, else the quarters."""
    if quote.max_lots - quote.min_lots < FEW_LOTS:
        lots = set(range(quote.min_lots, quote.max_lots + 1))
    else:
        lots = {max(quote.min_lots, quote.max_lots * part // 4) for part in range(1, 5)}
    return {each * quote.lot_gpus for each in lots}


def _open_part(solved: Solved) -> float:
    return max(0.0, solved.cost - solved.solution.bound)


def _rounded(price: float) -> Decimal:
    return Decimal(price).quantize(_PRICE, rounding=ROUND_HALF_EVEN)


def _cents(amount: Decimal | float) -> Decimal:
    return Decimal(amount).quantize(_CENT, rounding=ROUND_HALF_EVEN)
