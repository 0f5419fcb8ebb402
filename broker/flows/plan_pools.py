"""What the books want of pools, and what is to change in one for that.

Reads and plans; `sync_pools` and `set_on_demand` write.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from dateutil.relativedelta import relativedelta
from sqlmodel import Session

from broker.capacity.accounts import moves, owed
from broker.capacity.pool import TIERS, PoolKind
from broker.capacity.standing import Closing
from broker.capacity.supply import Supply, node_size_of, reliability_of, supply_of
from broker.capacity.supply_price import GpuHourPrices, in_dollars, prices_of
from broker.contracts.contract import Contract
from broker.contracts.line import Line
from broker.contracts.sheets.suppliers import supplier_slug
from broker.flows.list_offers import TIER_SCHEME
from broker.renewals.assumptions import AssumptionName, Assumptions, Subject
from broker.renewals.evidence import RATE_MAX_AGE_DAYS
from broker.renewals.obligations import ObligationKind, ObligationState, obligations_of
from broker.renewals.roll import renews_tacitly
from broker.store.contracts import all_suppliers
from broker.store.pool_changes import (
    PoolChange,
    PoolTerms,
    line_source,
    terms_values,
)
from broker.store.pools import accounts_of
from broker.store.prices import fx_table
from broker.store.renewals import all_assumptions
from broker.store.tables import PoolRow
from pricing.fx import FxTable
from pricing.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolBooks:
    """What pools rest on beside contracts and offers, read once for a day."""

    on: date
    assumptions: Assumptions
    rates: FxTable
    tiers: dict[str, str]  # latest rating by every name of a supplier, folded
    countries: dict[str, str | None]  # by key of the supplier


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedPool:
    """A pool as the books want it."""

    source: str
    name: str
    kind: PoolKind
    supplier: str
    terms: PoolTerms
    supply: Supply
    gpu_limit: int | None = None
    is_gone: bool = False  # on demand: nothing can be started there now


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedChange:
    """What is to change in a pool, and the GPUs that its holders owe back after it."""

    change: PoolChange
    owed: int


def read_pool_books(session: Session, *, on: date) -> PoolBooks:
    """Return the books as they stand."""
    suppliers = all_suppliers(session)
    tiers: dict[str, str] = {}
    for supplier in suppliers:
        fact = supplier.tier_in(TIER_SCHEME, on)
        tier = fact.tier.lower() if fact else None
        if tier not in TIERS or tier is None:
            continue
        for name in (supplier.key, supplier.legal_name, *supplier.aliases):
            tiers.setdefault(supplier_slug(name), tier)
    return PoolBooks(
        on=on,
        assumptions=Assumptions(all_assumptions(session)),
        rates=fx_table(session),
        tiers=tiers,
        countries={supplier.key: supplier.country for supplier in suppliers},
    )


def pools_of_contract(contract: Contract, books: PoolBooks) -> Iterator[WantedPool]:
    """Yield the pool of each line, in the order of the lines."""
    for line in contract.lines:
        supply = supply_of(contract, _as_it_goes_on(contract, line, books), on=books.on)
        yield WantedPool(
            source=line_source(line.id),
            name=f"{contract.ref}/{line.line_no}",
            kind=PoolKind.CONTRACT,
            supplier=contract.supplier_key,
            terms=_terms_of_line(contract, line, supply, books),
            supply=supply,
        )


def change_to(row: PoolRow, wanted: WantedPool) -> PlannedChange:
    """Return what makes a pool what the books want, as far as its holders are not in the way.

    While GPUs are owed back the pool gives none and lets no lease go on past its end, so that what
    comes free can go back.
    """
    accounts = accounts_of(row)
    transfers = moves(accounts, wanted.supply)
    owing = owed(accounts.after(transfers), wanted.supply)
    closing = Closing.OFFER_GONE if wanted.is_gone else None
    if owing:
        closing = Closing.OWED_BACK
    values = {
        **terms_values(wanted.terms),
        "supplier": wanted.supplier,
        "gpu_limit": wanted.gpu_limit,
        "closing": None if closing is None else closing.value,
    }
    changed = {name: value for name, value in values.items() if getattr(row, name) != value}
    return PlannedChange(change=PoolChange(values=changed, transfers=transfers), owed=owing)


def _terms_of_line(contract: Contract, line: Line, supply: Supply, books: PoolBooks) -> PoolTerms:
    prices = prices_of(line, on=books.on, annual_rate=_annual_rate(contract, line, books))
    return PoolTerms(
        contract_id=contract.id,
        contract_ref=contract.ref,
        line_no=line.line_no,
        gpu_model=line.gpu_model,
        form_factor=line.form_factor,
        region=line.region,
        tier=books.tiers.get(supplier_slug(contract.supplier_key)),
        reliability_ppm=reliability_of(line),
        node_size=node_size_of(line),
        opens_at=supply.opens_at,
        closes_at=supply.closes_at,
        marginal_price=_amount(prices.marginal),
        effective_price=_amount(prices.effective),
        currency=_currency(prices),
        usd_marginal=_dollars(prices.marginal, books),
        usd_effective=_dollars(prices.effective, books),
    )


def _as_it_goes_on(contract: Contract, line: Line, books: PoolBooks) -> Line:
    """Return the line with the end it will have once the calendar renews it, where that is certain.

    It is certain when it renews by itself and the last day to give notice has passed. Without this,
    leases would break off at an end that is none, and a line would be empty until it is rolled.
    """
    end_on, months = line.end_on, line.renewal.renewal_term_months or 0
    if end_on is None or not months:  # holidays are costly to look up
        return line
    obligations = obligations_of(contract, country=books.countries.get(contract.supplier_key))
    if not renews_tacitly(contract, line, obligations):
        return line
    may_give_notice = any(
        each.line_no == line.line_no
        and each.kind is ObligationKind.NOTICE_DEADLINE
        and each.state is ObligationState.OPEN
        and each.due_on >= books.on
        for each in obligations
    )
    if may_give_notice or (line.renewal.notice_period is None and books.on < end_on):
        return line
    end_on += relativedelta(months=months)
    while end_on <= books.on:
        end_on += relativedelta(months=months)
    return replace(line, end_on=end_on)


def _annual_rate(contract: Contract, line: Line, books: PoolBooks) -> Decimal | None:
    subject = Subject(
        line_id=line.id,
        contract_id=contract.id,
        supplier_key=contract.supplier_key,
        gpu_model=line.gpu_model,
    )
    found = books.assumptions.find(AssumptionName.DISCOUNT_RATE, subject, on=books.on)
    return None if found is None else found.number


def _dollars(price: Money | None, books: PoolBooks) -> Decimal | None:
    return in_dollars(price, books.rates, on=books.on, max_age_days=RATE_MAX_AGE_DAYS)


def _amount(price: Money | None) -> Decimal | None:
    return None if price is None else price.amount


def _currency(prices: GpuHourPrices) -> str | None:
    known = prices.marginal or prices.effective
    return None if known is None else str(known.currency)
