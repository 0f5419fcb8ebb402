"""Lists what the market offers, cheapest first, with who sells it, and beside it what we own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from sqlmodel import Session, col, select

from broker.clock import Clock
from broker.contracts.contract import Contract
from broker.contracts.line import Line
from broker.contracts.sheets.suppliers import supplier_slug
from broker.contracts.state import IN_FORCE
from broker.contracts.supplier import MARKET_CLASS, Supplier, TierFact
from broker.errors import NotFoundError
from broker.store.contracts import all_suppliers, contract_by_id
from broker.store.engine import Database
from broker.store.offers import (
    ANY_OFFER,
    FoundOffer,
    OfferChange,
    OfferFilter,
    find_offers,
    offer_history,
)
from broker.store.tables import ContractLineRow, HoldingRow
from pricing.holding import HoldingState
from pricing.money import Currency, Money
from pricing.offer import StockUnit
from providers import registry
from providers.supplier import Sharing

TIER_SCHEME = "clustermax"
"""The published rating of suppliers that is shown beside an offer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedOffer:
    """An offer, how old its figures are, and what is said of its supplier."""

    offer: FoundOffer
    age_seconds: int
    supplier_name: str
    tier: TierFact | None
    market_class: TierFact | None
    sharing: Sharing  # what the supplier's terms allow


class OwnedSource(StrEnum):
    """Who says that it is ours."""

    CONTRACT = "contract"  # our own ledger
    HOLDING = "holding"  # the supplier's books


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedCapacity:
    """GPUs that are ours now. `used` and `free` are None where nobody says.

    `price_per_gpu_hour` is a contract price: whoever shows it asks first who is looking. `end_on`
    is the first day without service, None while there is no end.
    """

    source: OwnedSource
    supplier: str
    name: str  # a contract's reference and line, or the supplier's id
    contract_id: str | None
    gpu_model: str
    region: str | None
    state: str
    gpus: int | None
    used: int | None
    free: int | None
    start_on: date | None
    end_on: date | None
    price_per_gpu_hour: Money | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OffersView:
    """The market and what we own of the same GPU, as of an instant."""

    as_of: datetime
    offers: list[ListedOffer]
    owned: list[OwnedCapacity]


def list_offers(database: Database, wanted: OfferFilter = ANY_OFFER, *, clock: Clock) -> OffersView:
    """Return the offers that a filter means, and all that is ours of the GPU it names.

    A holding that was adopted as a contract is shown once, as the contract, with what the supplier
    says is used of it.
    """
    now = clock()
    with database.reading() as session:
        suppliers = _by_name(all_suppliers(session))
        offers = [_listed(offer, suppliers, now=now) for offer in find_offers(session, wanted)]
        owned = _owned(session, wanted, today=now.date())
    return OffersView(as_of=now, offers=offers, owned=owned)


def offer_past(database: Database, offer_id: str) -> list[OfferChange]:
    """Return what became of an offer, oldest first; raise NotFoundError for an unknown one."""
    with database.reading() as session:
        changes = offer_history(session, offer_id)
    if not changes:
        raise NotFoundError(f"there is no offer {offer_id}; its id is in: tonnage offers --json")
    return changes


def _by_name(suppliers: Iterable[Supplier]) -> dict[str, Supplier]:
    """Return suppliers by every name: the ledger and an adapter may key the same one unalike."""
    found: dict[str, Supplier] = {}
    for supplier in suppliers:
        for name in (supplier.key, supplier.legal_name, *supplier.aliases):
            found.setdefault(supplier_slug(name), supplier)
    return found


def _listed(offer: FoundOffer, suppliers: Mapping[str, Supplier], *, now: datetime) -> ListedOffer:
    known = suppliers.get(supplier_slug(offer.supplier))
    on = now.date()
    return ListedOffer(
        offer=offer,
        age_seconds=max(0, int((now - offer.seen_at).total_seconds())),
        supplier_name=known.legal_name if known else offer.supplier,
        tier=known.tier_in(TIER_SCHEME, on) if known else None,
        market_class=known.tier_in(MARKET_CLASS, on) if known else None,
        sharing=_sharing(offer.supplier),
    )


def _sharing(supplier: str) -> Sharing:
    """Return what a supplier's terms allow; of one that is no longer polled, our own use."""
    if supplier not in registry.SUPPLIERS:
        return Sharing.OWN_USE
    return registry.supplier(supplier).profile.sharing


def _owned(session: Session, wanted: OfferFilter, *, today: date) -> list[OwnedCapacity]:
    holdings = _live_holdings(session, wanted)
    lines = [
        (contract, line)
        for contract in _contracts_of(session, wanted)
        if contract.state in IN_FORCE
        for line in contract.lines
        if _is_wanted(line, wanted) and (line.end_on is None or today < line.end_on)
    ]
    adopted = {contract.id for contract, _ in lines}
    owned = [
        _of_line(
            contract,
            line,
            [row for row in holdings if row.contract_id == contract.id],
            today=today,
            is_only=sum(other.id == contract.id for other, _ in lines) == 1,
        )
        for contract, line in lines
    ]
    owned += [_of_holding(row) for row in holdings if row.contract_id not in adopted]
    return sorted(owned, key=lambda one: (one.supplier, one.source, one.name))


def _contracts_of(session: Session, wanted: OfferFilter) -> Iterator[Contract]:
    """Yield the contracts that may hold such a GPU: reading all of a large book takes long."""
    query = select(ContractLineRow.contract_id).distinct()
    if wanted.gpu_model is not None:
        query = query.where(ContractLineRow.gpu_model == wanted.gpu_model)
    for contract_id in session.exec(query).all():
        yield contract_by_id(session, contract_id)


def _live_holdings(session: Session, wanted: OfferFilter) -> Sequence[HoldingRow]:
    live = [state.value for state in HoldingState if state.is_live]
    query = select(HoldingRow).where(
        col(HoldingRow.gone_at).is_(None),
        col(HoldingRow.state).in_(live),
        col(HoldingRow.gpu_model).is_not(None),
    )
    if wanted.gpu_model is not None:
        query = query.where(HoldingRow.gpu_model == wanted.gpu_model)
    if wanted.part is not None:
        query = query.where(HoldingRow.part == wanted.part)
    return session.exec(query).all()


def _is_wanted(line: Line, wanted: OfferFilter) -> bool:
    if wanted.gpu_model is not None and line.gpu_model != wanted.gpu_model:
        return False
    if wanted.part is None:
        return True
    spelled = "-".join(filter(None, (line.gpu_model, line.form_factor)))
    return wanted.part == spelled or wanted.part.startswith(f"{spelled}-")


def _of_line(
    contract: Contract, line: Line, holdings: Sequence[HoldingRow], *, today: date, is_only: bool
) -> OwnedCapacity:
    gpus = line.delivered_on(today)
    # Of several lines nobody says which of them a holding is.
    used = _sum_of([_gpus(row, row.used) for row in holdings]) if is_only and holdings else None
    return OwnedCapacity(
        source=OwnedSource.CONTRACT,
        supplier=contract.supplier_key,
        name=f"{contract.ref}/{line.line_no}",
        contract_id=contract.id,
        gpu_model=line.gpu_model,
        region=line.region,
        state=contract.state.value,
        gpus=gpus,
        used=used,
        free=None if used is None else max(0, gpus - used),
        start_on=line.start_on,
        end_on=line.end_on,
        price_per_gpu_hour=line.price_on(today),
    )


def _of_holding(row: HoldingRow) -> OwnedCapacity:
    gpus, used = _gpus(row, row.quantity), _gpus(row, row.used)
    return OwnedCapacity(
        source=OwnedSource.HOLDING,
        supplier=row.supplier,
        name=row.resource_id,
        contract_id=row.contract_id,
        gpu_model=row.gpu_model or "",
        region=row.region,
        state=row.state,
        gpus=gpus,
        used=used,
        free=None if gpus is None or used is None else max(0, gpus - used),
        start_on=row.start_at.date() if row.start_at else None,
        end_on=row.end_at.date() if row.end_at else None,
        price_per_gpu_hour=_price(row.price_per_gpu_hour, row.currency),
    )


def _gpus(row: HoldingRow, count: int | None) -> int | None:
    if count is None or row.unit == StockUnit.GPU:
        return count
    return None if row.gpus_per_unit is None else count * row.gpus_per_unit


def _price(amount: Decimal | None, currency: str | None) -> Money | None:
    return None if amount is None or currency is None else Money(amount, Currency(currency))


def _sum_of(counts: Iterable[int | None]) -> int | None:
    """Return the sum, unknown as soon as one of the counts is."""
    known = list(counts)
    return None if None in known else sum(count for count in known if count is not None)
