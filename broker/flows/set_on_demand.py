"""On-demand pools: an offer, up to a number of GPUs that a person sets.

The pool follows the offer: its price, and whether anything can be started there. When the offer
goes or is sold out the pool is cordoned, and opens again when it comes back.
"""

from __future__ import annotations

from decimal import Decimal

from sqlmodel import Session

from broker.access.audit import LOCALLY, Origin
from broker.capacity.pool import PoolKind
from broker.capacity.supply import Supply
from broker.clock import Clock
from broker.contracts.sheets.suppliers import supplier_slug
from broker.errors import BadInputError, NotFoundError, RefusedError
from broker.flows.plan_pools import PoolBooks, WantedPool, change_to, read_pool_books
from broker.store.engine import Database
from broker.store.pool_audit import audit_pool, state_of_pool
from broker.store.pool_changes import (
    PoolTerms,
    lock_pools,
    offer_source,
    open_pool,
    pool_id_of,
    write_change,
)
from broker.store.pools import StoredPool, find_pool
from broker.store.tables import OfferRow
from pricing.money import MAX_DECIMALS, Currency, Money
from pricing.offer import StockState, Terms

LARGEST_LIMIT = 100_000

_CANNOT_START = frozenset(
    {
        StockState.OUT_OF_STOCK.value,
        StockState.NOT_OFFERED.value,
        StockState.RESTRICTED.value,
    }
)


def set_on_demand(
    database: Database,
    offer_id: str,
    limit: int,
    *,
    actor: str,
    clock: Clock,
    origin: Origin = LOCALLY,
) -> StoredPool:
    """Set how many GPUs of an offer may be used on demand; return its pool as it then stands.

    Below what holders have, the pool drains down to the limit; 0 ends it. Raises NotFoundError,
    BadInputError for a limit that is not so many whole machines, and RefusedError for an offer
    that is not on demand or, unless its limit is lowered, gone.
    """
    if not 0 <= limit <= LARGEST_LIMIT:
        raise BadInputError(f"a limit is 0 to {LARGEST_LIMIT} GPUs")
    now = clock()
    pool_id = pool_id_of(offer_source(offer_id))
    with database.writing() as session:
        offer = _offer(session, offer_id, limit)
        row = lock_pools(session, [pool_id]).get(pool_id)
        before = None if row is None else state_of_pool(row)
        if offer.gone_at is not None and (row is None or limit > (row.gpu_limit or 0)):
            raise RefusedError(
                f"offer {offer_id} is gone since {offer.gone_at:%Y-%m-%d %H:%M} UTC; take one that "
                "is there: tonnage offers"
            )
        wanted = pool_of_offer(offer, limit, read_pool_books(session, on=now.date()))
        if row is None:
            open_pool(session, wanted.source, wanted.kind, wanted.supplier, wanted.terms, at=now)
            row = lock_pools(session, [pool_id])[pool_id]
        planned = change_to(row, wanted)
        if planned.change:
            write_change(session, row, planned.change, actor=actor, at=now)
            audit_pool(
                session, row, before, action="pool.limited", actor=actor, origin=origin, at=now
            )
        return find_pool(session, pool_id)


def pool_of_offer(offer: OfferRow, limit: int, books: PoolBooks) -> WantedPool:
    """Return the pool of an offer, up to a number of GPUs."""
    price = _price_of_offer(offer)
    return WantedPool(
        source=offer_source(offer.id),
        name=f"{offer.supplier} {offer.native_id}",
        kind=PoolKind.ON_DEMAND,
        supplier=offer.supplier,
        terms=PoolTerms(
            gpu_model=offer.gpu_model,
            form_factor=offer.form_factor,
            region=offer.region,
            tier=books.tiers.get(supplier_slug(offer.supplier)),
            node_size=offer.gpu_count,
            marginal_price=price,  # nothing of it was paid before
            effective_price=price,
            currency=None if price is None else offer.currency,
            usd_marginal=offer.usd_per_gpu_hour,
            usd_effective=offer.usd_per_gpu_hour,
        ),
        supply=Supply(contracted=limit, delivered=limit),
        gpu_limit=limit,
        is_gone=cannot_start(offer),
    )


def cannot_start(offer: OfferRow) -> bool:
    """Say whether an offer is gone or sold out; one whose stock nobody knows may be tried."""
    return offer.gone_at is not None or not offer.is_listed or offer.stock_state in _CANNOT_START


def _offer(session: Session, offer_id: str, limit: int) -> OfferRow:
    offer = session.get(OfferRow, offer_id)
    if offer is None:
        raise NotFoundError(
            f"there is no offer {offer_id[:64]}; its id is in: tonnage offers --json"
        )
    if offer.terms != Terms.ON_DEMAND.value:
        raise RefusedError(
            f"offer {offer_id} is {offer.terms}; only what is sold on demand can be used up to a "
            "limit, the rest is bought as a contract"
        )
    if limit % offer.gpu_count:
        raise BadInputError(
            f"offer {offer_id} is a machine of {offer.gpu_count} GPUs; set a multiple of that"
        )
    return offer


def _price_of_offer(offer: OfferRow) -> Decimal | None:
    """Return the price per GPU-hour that the offer lists, rounded half-even as it is stored."""
    if offer.price_per_instance is None or offer.currency is None:
        return None
    price = Money(offer.price_per_instance, Currency(offer.currency)) / offer.gpu_count
    return price.rounded(MAX_DECIMALS).amount
