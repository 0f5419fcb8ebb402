"""Whether a plan is of a snapshot: every name in it is one of the snapshot's."""

from __future__ import annotations

from collections.abc import Iterator

from broker.errors import BadInputError, Fault
from broker.placement.json_faults import FaultCode, shown
from broker.placement.plan import Plan, Serving, Unserved
from broker.placement.recount import Site
from broker.placement.snapshot import Snapshot


def require_fit(snapshot: Snapshot, plan: Plan) -> None:
    """Raise BadInputError, with every name that the snapshot does not know, if there is one."""
    faults = tuple(_unfit(Site.of(snapshot), plan))
    if faults:
        raise BadInputError(
            "the plan is not of this snapshot; give the snapshot that it was made from", faults
        )


def _unfit(site: Site, plan: Plan) -> Iterator[Fault]:
    for number, run in enumerate(plan.placements):
        config, pool = site.configs.get((run.model, run.config)), site.pools.get(run.pool)
        if config is None or pool is None or config.gpu_model != pool.gpu_model:
            where = f"{run.config} of {run.model} on {run.pool}"
            yield _fault(f"placements[{number}]", f"the snapshot cannot run {shown(where)}")
    for number, each in enumerate(plan.purchases):
        if each.pool not in site.pools:
            yield _fault(f"purchases[{number}]", f"there is no pool {shown(each.pool)}")
    rows = {(row.model, row.class_name, row.node) for row in site.snapshot.demand}
    named: tuple[tuple[str, Serving | Unserved], ...] = (
        *((f"serving[{number}]", row) for number, row in enumerate(plan.serving)),
        *((f"unserved[{number}]", row) for number, row in enumerate(plan.unserved)),
    )
    for field, row in named:
        if (row.model, row.class_name, row.node) not in rows:
            what = shown(f"{row.model} in {row.node}")
            yield _fault(field, f"there is no such demand for {what}")
    yield from _unfit_promises(site, plan)


def _unfit_promises(site: Site, plan: Plan) -> Iterator[Fault]:
    for number, loss in enumerate(plan.survival_shortfall):
        if loss.scope not in _scopes(site, loss.model):
            where = f"{loss.model} in {loss.scope}"
            yield _fault(f"survival_shortfall[{number}]", f"nothing is promised to {shown(where)}")
    for number, gold in enumerate(plan.gold_shortfall):
        model = site.models.get(gold.model)
        if model is None or not model.min_gold_share or not site.raw_demand(gold.model):
            what = f"no share on gold providers is promised to {shown(gold.model)}"
            yield _fault(f"gold_shortfall[{number}]", what)


def _scopes(site: Site, name: str) -> set[str]:
    """Return the nodes inside which a model is promised something."""
    model = site.models.get(name)
    if model is None or not model.survival:
        return set()
    return {
        site.scope_of(model, row.node)
        for row in site.demand.get(name, ())
        if row.tokens_per_second > 0
    }


def _fault(field: str, message: str) -> Fault:
    return Fault(code=FaultCode.UNKNOWN_NAME, field=field, message=message)
