"""What must hold on the ground: pools are not overfilled, leases stay, purchases cover the use."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from broker.placement.plan import Plan
from broker.placement.recount import (
    Site,
    must_stay,
    replicas_of,
    spot_strengths,
    used_gpus,
)
from broker.placement.scoring import steps_needed
from broker.placement.snapshot import Pool, PoolKind
from broker.placement.violations import SHARE_APART, Violation, Wrong


def check_capacity(site: Site, plan: Plan) -> Iterator[Violation]:
    """Check that replicas stand on GPUs of their kind, and on no more than there are."""
    for at, line in enumerate(plan.placements):
        config, pool = site.configs[line.model, line.config], site.pools[line.pool]
        if config.gpu_model != pool.gpu_model:
            yield Violation(
                code=Wrong.WRONG_GPU_MODEL,
                where=f"placements[{at}]",
                message=f"{line.config} runs on {config.gpu_model}, {line.pool} has "
                f"{pool.gpu_model}",
            )
    stays = used_gpus(site, must_stay(site.snapshot))
    for name, gpus in used_gpus(site, replicas_of(plan.placements)).items():
        room = max(site.pools[name].capacity_gpus, stays.get(name, 0))
        if gpus > room:
            yield Violation(
                code=Wrong.OVER_CAPACITY,
                where=f"pool {name}",
                message=f"{gpus} GPUs are used of {room}",
            )


def check_period(site: Site, plan: Plan) -> Iterator[Violation]:
    """Check that a pool which is not there all the time holds no more than what must stay."""
    stays = must_stay(site.snapshot)
    for place, replicas in replicas_of(plan.placements).items():
        if not site.lasts(site.pools[place[2]]) and replicas > stays.get(place, 0):
            yield Violation(
                code=Wrong.OUTSIDE_PERIOD,
                where=f"pool {place[2]}",
                message=f"{replicas} replicas of {place[0]} on a pool that is not there for the "
                f"whole period; {stays.get(place, 0)} must stay",
            )


def check_leases(site: Site, plan: Plan) -> Iterator[Violation]:
    """Check that replicas with leases that may not be given back are still there."""
    replicas = replicas_of(plan.placements)
    for place, count in must_stay(site.snapshot).items():
        if replicas.get(place, 0) < count:
            yield Violation(
                code=Wrong.LEASE_DROPPED,
                where=f"pool {place[2]}",
                message=f"{replicas.get(place, 0)} replicas of {place[0]} in {place[1]} are left "
                f"of {count} that must stay",
            )


def check_spot(site: Site, plan: Plan) -> Iterator[Violation]:
    """Check that no model relies on spot for more than its share, leases that stay aside."""
    stays = spot_strengths(site, must_stay(site.snapshot))
    for name, strength in spot_strengths(site, replicas_of(plan.placements)).items():
        share = site.models[name].max_spot_share * site.raw_demand(name)
        most = max(share, stays.get(name, 0.0))
        if strength > most * (1 + SHARE_APART) + SHARE_APART:
            yield Violation(
                code=Wrong.SPOT_SHARE,
                where=f"model {name}",
                message=f"{strength:.2f} tokens per second on spot, {most:.2f} are allowed",
            )


def check_purchases(site: Site, plan: Plan) -> Iterator[Violation]:
    """Check that what is used is bought, in whole steps, at its price, and nothing else is."""
    bought = defaultdict[str, int](int)
    for at, line in enumerate(plan.purchases):
        bought[line.pool] += line.gpus
        if line.price_per_gpu_hour != site.pools[line.pool].price_per_gpu_hour:
            yield Violation(
                code=Wrong.WRONG_PRICE,
                where=f"purchases[{at}]",
                message=f"{line.pool} is offered at another price",
            )
    needed = steps_needed(site, replicas_of(plan.placements))
    for name in sorted({*needed, *bought}):
        fault = _fault_of_purchase(
            site.pools[name], gpus=bought.get(name, 0), needed=needed.get(name, 0)
        )
        if fault is not None:
            code, message = fault
            yield Violation(code=code, where=f"pool {name}", message=message)


def _fault_of_purchase(pool: Pool, *, gpus: int, needed: int) -> tuple[Wrong, str] | None:
    if pool.kind is PoolKind.CONTRACT:
        return Wrong.PURCHASE_OF_CONTRACT, "a contract is paid already; nothing is bought from it"
    if gpus % pool.step_gpus:
        return Wrong.BROKEN_STEP, f"{gpus} GPUs are no whole number of steps of {pool.step_gpus}"
    if gpus < needed:
        return Wrong.PURCHASE_SHORT, f"{gpus} GPUs are bought, {needed} are needed"
    if gpus > pool.capacity_gpus:
        return Wrong.PURCHASE_OVER_CAPACITY, f"{gpus} GPUs are bought of {pool.capacity_gpus}"
    if gpus > needed:
        return Wrong.PURCHASE_UNNEEDED, f"{gpus} GPUs are bought where {needed} would do"
    return None
