"""Makes the snapshot of a plan from the books: pools, offers, demand, and what runs on leases."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from sqlmodel import Session

from broker.capacity.pool import PoolKind as OwnedKind
from broker.contracts.sheets.suppliers import supplier_slug
from broker.errors import BadInputError, Fault
from broker.flows.offer_query import confidential_suppliers
from broker.flows.placement_offers import (
    ASSUMED_AVAILABILITY,
    LeftOut,
    Places,
    offered_pools,
    wanted_offers,
)
from broker.flows.plan_pools import PoolBooks, read_pool_books
from broker.placement.region_tree import ROOT, RegionTree, region_tree
from broker.placement.snapshot import (
    Demand,
    Model,
    Pool,
    PoolKind,
    Provider,
    Running,
    Snapshot,
    TreeNode,
)
from broker.placement.snapshot_json import snapshot_document
from broker.placement.snapshot_reading import read_snapshot
from broker.store.contracts import all_suppliers
from broker.store.demand import demand_at, models_of
from broker.store.engine import Database
from broker.store.offers import find_offers
from broker.store.placed_leases import PlacedLease, placed_leases
from broker.store.pool_changes import offer_source
from broker.store.pools import StoredPool, stored_pools

GOLD_TIERS: Final = frozenset({"platinum", "gold"})
"""Ratings whose suppliers count as gold providers."""

EXAMPLES: Final = 3
"""So many of what was left out for one reason are named; the rest are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSnapshot:
    """A snapshot of the books, and notes on what is on record but not in it."""

    snapshot: Snapshot
    left_out: tuple[str, ...]


def live_snapshot(
    database: Database, *, as_of: datetime, with_confidential: bool = True
) -> LiveSnapshot:
    """Return the books as a snapshot.

    Without `with_confidential`, offers of suppliers whose terms keep their answers within the team
    that buys are left out. Raises BadInputError, with what to do about each, where demand and
    profiles do not go together.
    """
    hidden = frozenset[str]() if with_confidential else confidential_suppliers()
    with database.reading() as session:
        models, demand = models_of(session), demand_at(session, as_of)
        books = read_pool_books(session, on=as_of.date())
        owned = stored_pools(session)
        leases = list(placed_leases(session))
        offers = find_offers(session, wanted_offers(not_of=hidden))
        names = _supplier_names(session)
    areas = region_tree()
    places = Places(provider_of=lambda name: names.get(supplier_slug(name), name), node_of=_node_of)
    gpu_models = {config.gpu_model for model in models for config in model.configs}
    on_lease = _by_pool(leases)
    pools, left_out = _owned_pools(owned, places, on_lease=on_lease, gpu_models=gpu_models)
    limited = {each.source for each in owned}
    free = [offer for offer in offers if offer_source(offer.id) not in limited]
    bought, not_bought = offered_pools(free, places, gpu_models=gpu_models)
    current, lost = _current(models, owned, pools, on_lease)
    every = [*pools.values(), *bought]
    tree = areas.with_regions(pool.node for pool in every)
    snapshot = Snapshot(
        as_of=as_of,
        tree=tree,
        providers=_providers(every, books),
        pools=tuple(sorted(every, key=lambda pool: pool.pool)),
        models=models,
        demand=_demand(demand, models, areas, tree),
        current=current,
    )
    # Read as any other: what the books hold must keep the rules of snapshots, too.
    checked = read_snapshot(snapshot_document(snapshot))
    notes = (*_summary([*left_out, *not_bought]), *lost)
    return LiveSnapshot(snapshot=checked, left_out=notes)


def _supplier_names(session: Session) -> dict[str, str]:
    """Return the ledger's key of a supplier by each of its names: adapters may key it unalike."""
    found: dict[str, str] = {}
    for supplier in all_suppliers(session):
        for name in (supplier.key, supplier.legal_name, *supplier.aliases):
            found.setdefault(supplier_slug(name), supplier.key)
    return found


def _node_of(region: str | None) -> str:
    return region or ROOT


def _by_pool(leases: Iterable[PlacedLease]) -> dict[str, list[PlacedLease]]:
    found: dict[str, list[PlacedLease]] = defaultdict(list)
    for lease in leases:
        found[lease.pool_id].append(lease)
    return found


def _owned_pools(
    owned: Sequence[StoredPool],
    places: Places,
    *,
    on_lease: Mapping[str, Sequence[PlacedLease]],
    gpu_models: set[str],
) -> tuple[dict[str, Pool], list[LeftOut]]:
    """Return pools of ours by their id, and what was left out."""
    pools: dict[str, Pool] = {}
    left_out = []
    for each in owned:
        pool = each.pool
        if pool.gpu_model not in gpu_models:
            continue
        name = _name_of(each)
        capacity = _capacity(each, on_lease.get(pool.id, ()))
        is_bought = pool.kind is OwnedKind.ON_DEMAND
        if is_bought and pool.usd_marginal is None:
            why = "left out: no price in US dollars"
            left_out.append(LeftOut(supplier=pool.supplier, name=name, why=why))
            continue
        if not is_bought and pool.usd_effective is None:
            # It can carry replicas all the same: only the sum of what is sunk lacks it.
            why = "in the plan, but what it costs is unknown, so what is sunk leaves it out"
            left_out.append(LeftOut(supplier=pool.supplier, name=name, why=why))
        if capacity:
            pools[pool.id] = _owned_pool(each, name, capacity, places)
    return pools, left_out


def _owned_pool(each: StoredPool, name: str, capacity: int, places: Places) -> Pool:
    pool = each.pool
    is_bought = pool.kind is OwnedKind.ON_DEMAND
    zero = Decimal(0)
    ppm = pool.reliability_ppm
    return Pool(
        pool=name,
        provider=places.provider_of(pool.supplier),
        node=places.node_of(pool.region),
        region=pool.region or "anywhere",
        gpu_model=pool.gpu_model,
        kind=PoolKind.ON_DEMAND if is_bought else PoolKind.CONTRACT,
        capacity_gpus=capacity,
        step_gpus=pool.node_size,
        price_per_gpu_hour=(pool.usd_marginal or zero) if is_bought else zero,
        sunk_price_per_gpu_hour=zero if is_bought else (pool.usd_effective or zero),
        availability=ASSUMED_AVAILABILITY if ppm is None else ppm / 1_000_000,
        starts_at=pool.opens_at,
        ends_at=pool.closes_at,
    )


def _name_of(each: StoredPool) -> str:
    pool = each.pool
    where = pool.region or "anywhere"
    if pool.kind is OwnedKind.CONTRACT:
        line = f"{pool.contract_ref}/{pool.line_no}"
        return f"{pool.supplier}/{where}/{pool.gpu_model}/contract/{line}"
    return f"{pool.supplier}/{where}/{pool.gpu_model}/on_demand/{pool.id[-12:]}"


def _capacity(each: StoredPool, leases: Sequence[PlacedLease]) -> int:
    """Return the GPUs that replicas may have: those they have, and what a new lease could get.

    Leases that run something else keep their GPUs, and so do the spares.
    """
    ours = sum(lease.gpus for lease in leases)
    is_open = not each.pool.is_cordoned and not each.pool.is_draining
    return ours + (each.pool.free if is_open else 0)


def _providers(pools: Iterable[Pool], books: PoolBooks) -> tuple[Provider, ...]:
    return tuple(
        Provider(provider=name, is_gold=books.tiers.get(supplier_slug(name)) in GOLD_TIERS)
        for name in sorted({pool.provider for pool in pools})
    )


def _demand(
    rows: Sequence[Demand], models: Sequence[Model], areas: RegionTree, tree: Sequence[TreeNode]
) -> tuple[Demand, ...]:
    """Return the demand, or raise BadInputError with everything that no plan can be made of."""
    known = {model.model: model for model in models}
    nodes = {node.node for node in tree}
    faults = []
    if not rows:
        faults.append(
            _fault("demand", "there is none for this month; add it: tonnage demand import FILE")
        )
    for name in sorted({row.model for row in rows} - known.keys()):
        faults.append(
            _fault(
                "demand.model",
                f"{name} is asked for and has no profile; add it: tonnage demand models import "
                "FILE",
            )
        )
    for name, class_name in sorted({(row.model, row.class_name) for row in rows}):
        if name in known and class_name not in known[name].classes:
            faults.append(
                _fault(
                    "demand.class",
                    f"{name} is asked for in the class {class_name}, which its profile lacks; "
                    "correct one of them: tonnage demand models import FILE, or tonnage demand "
                    "import FILE",
                )
            )
    usual = ", ".join(node.node for node in areas.nodes)
    for node in sorted({row.node for row in rows} - nodes):
        faults.append(
            _fault(
                "demand.node",
                f"{node} is neither an area nor a region where GPUs are; correct it: tonnage "
                f"demand import FILE; areas: {usual}",
            )
        )
    if faults:
        raise BadInputError("the books do not make a snapshot to plan from", tuple(faults))
    return tuple(rows)


def _fault(field: str, message: str) -> Fault:
    return Fault(code="unplannable", field=field, message=message)


def _current(
    models: Sequence[Model],
    owned: Sequence[StoredPool],
    pools: Mapping[str, Pool],
    on_lease: Mapping[str, Sequence[PlacedLease]],
) -> tuple[tuple[Running, ...], list[str]]:
    """Return what runs by the labels of leases, and notes on leases that say what cannot be."""
    configs = {(model.model, config.config): config for model in models for config in model.configs}
    running: Counter[tuple[str, str, str]] = Counter()
    staying: Counter[tuple[str, str, str]] = Counter()
    notes = []
    for each in owned:
        pool = pools.get(each.pool.id)
        for lease in on_lease.get(each.pool.id, ()):
            config = configs.get((lease.model, lease.config))
            if pool is None or config is None or config.gpu_model != pool.gpu_model:
                notes.append(
                    f"lease {lease.lease_id} says it runs {lease.config} of {lease.model}, which "
                    "no profile knows on its GPUs; it is taken for nothing that runs"
                )
                continue
            place = (lease.model, lease.config, pool.pool)
            replicas = lease.gpus // config.gpus
            running[place] += replicas
            staying[place] += replicas if lease.must_stay else 0
    rows = [
        Running(
            model=model, config=config, pool=pool, replicas=replicas,
            must_stay=staying[model, config, pool],
        )
        for (model, config, pool), replicas in sorted(running.items())
        if replicas
    ]  # fmt: skip
    return tuple(rows), notes


def _summary(left_out: Iterable[LeftOut]) -> list[str]:
    """Return a note for each supplier and reason, naming a few and counting the rest."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for each in left_out:
        found[each.supplier, each.why].append(each.name)
    notes = []
    for (supplier, why), names in sorted(found.items()):
        few = ", ".join(sorted(set(names))[:EXAMPLES])
        more = len(names) - min(len(set(names)), EXAMPLES)
        rest = f" and {more} more" if more else ""
        notes.append(f"{supplier}: {few}{rest}: {why}")
    return notes
