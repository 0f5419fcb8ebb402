"""What a brief is written from, with sane defaults: the story's contract, offer and rivals."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from broker.contracts.contract import Contract
from broker.contracts.fold import fold
from broker.contracts.quote import Quote, QuoteKind
from broker.contracts.supplier import Supplier
from broker.identity import new_id
from broker.renewals.assumptions import Assumption, AssumptionName, Assumptions, Scope, ScopeKind
from broker.renewals.grounds import RenewalFacts
from pricing.fx import FxRate, FxTable
from tests.builders import (
    MAY_15,
    NOON,
    a_quote,
    chained,
    contract_recorded,
    line_recorded,
    quote_recorded,
    some_terms,
)

MOVING = {
    AssumptionName.MIGRATION_WORK_COST: "150000 USD",
    AssumptionName.DOUBLE_RUNNING_DAYS: "21",
    AssumptionName.EGRESS_COST: "40000 USD",
    AssumptionName.EARLY_TERMINATION_FEE: "0 USD",
    AssumptionName.LOST_PREPAYMENT: "0 USD",
}
USE = {
    AssumptionName.BUSY_FRACTION: "0.95",
    AssumptionName.TOKENS_PER_GPU_SECOND: "3000",
    AssumptionName.REVENUE_PER_MILLION_TOKENS: "0.80 USD",
    AssumptionName.DISCOUNT_RATE: "0.1",
    AssumptionName.ANNUAL_GPU_SPEND: "250000000 USD",
    AssumptionName.REPLACEMENT_LEAD_DAYS: "450",
}


def a_contract(*quotes: Quote, **terms: Any) -> Contract:
    """The story's contract, with full take-or-pay and these offers to renew it."""
    line = line_recorded(some_terms(**{"take_or_pay_pct": Decimal(100), **terms}))
    opening = contract_recorded(currency=terms.get("currency", some_terms().currency))
    return fold(chained(opening, line, *(quote_recorded(quote) for quote in quotes)))


def a_rival(**changes: Any) -> Quote:
    """1,152 B200 from another supplier, in time."""
    defaults: dict[str, Any] = {
        "supplier_key": "sagebrush",
        "kind": QuoteKind.OFFER,
        "unit_price": Decimal("4.40"),
        "gpu_count": 1152,
        "delivery_on": date(2026, 8, 31),
        "received_on": date(2026, 5, 6),
        "valid_until": date(2026, 6, 30),
        "renews_line_no": None,
    }
    return a_quote(**{**defaults, **changes})


def rivals(*prices: str) -> list[Quote]:
    """Quotes of as many suppliers, with delivery days unknown."""
    return [
        a_rival(supplier_key=f"rival-{number}", unit_price=Decimal(price), delivery_on=None)
        for number, price in enumerate(prices)
    ]


def assumed(values: dict[AssumptionName, str]) -> Assumptions:
    """Global statements of these values."""
    return Assumptions(
        Assumption(
            id=new_id(),
            name=name,
            scope=Scope(kind=ScopeKind.GLOBAL),
            value=value,
            valid_from=date(2026, 1, 1),
            source="stated for the test",
            actor="dana",
            recorded_at=NOON,
        )
        for name, value in values.items()
    )


def some_facts(
    contract: Contract | None = None,
    *,
    quotes: Iterable[Quote] = (),
    stated: dict[AssumptionName, str] | None = None,
    as_of: date = MAY_15,
    rates: Iterable[FxRate] = (),
    **changes: Any,
) -> RenewalFacts:
    """The facts of the story: an offer of 5.10, everything stated."""
    contract = contract or a_contract(a_quote())
    market = tuple(quotes)
    keys = {contract.supplier_key, *(quote.supplier_key for quote in market)}
    facts = RenewalFacts(
        as_of=as_of,
        contract=contract,
        line=contract.lines[0],
        suppliers={
            key: Supplier(key=key, legal_name=key.title(), aliases=(), country="US") for key in keys
        },
        market_quotes=market,
        listed=(),
        assumptions=assumed(MOVING | USE if stated is None else stated),
        rates=FxTable(rates),
    )
    return replace(facts, **changes)
