"""Pools: look, cordon, drain, keep spares back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from broker.access.scope import Scope
from broker.api.preconditions import ETAG, RequiredIfMatch, etag
from broker.api.problems import described
from broker.api.wire.pools import PoolChange, PoolList, PoolOut
from broker.api.wiring import Caller, WiringDep, requires
from broker.flows.manage_pools import list_pools, patch_pool, show_pool

router = APIRouter(prefix="/v1", tags=["pools"])

Reader = Annotated[Caller, requires(Scope.CAPACITY_READ)]
Administrator = Annotated[Caller, requires(Scope.CAPACITY_ADMIN)]
PoolId = Annotated[str, Path(max_length=64, description="the id of a pool")]


@router.get("/pools")
def pools(
    wiring: WiringDep,
    caller: Reader,
    gpu_model: Annotated[
        list[Annotated[str, Query(max_length=100)]] | None, Query(max_length=20)
    ] = None,
) -> PoolList:
    """List pools by id, with where their GPUs stand."""
    found = list_pools(wiring.database, gpu_models=gpu_model)
    with_prices = Scope.CONTRACTS_READ in caller.scopes
    return PoolList(items=[PoolOut.of(each, with_prices=with_prices) for each in found])


@router.get("/pools/{pool_id}", responses={200: {"headers": ETAG}})
def one(wiring: WiringDep, caller: Reader, pool_id: PoolId, response: Response) -> PoolOut:
    """Return a pool; its generation is the ETag."""
    found = show_pool(wiring.database, pool_id)
    response.headers.update(etag(found.pool.gen))
    return PoolOut.of(found, with_prices=Scope.CONTRACTS_READ in caller.scopes)


@router.patch("/pools/{pool_id}", responses={200: {"headers": ETAG}, **described(412, 428)})
def change(
    wiring: WiringDep,
    caller: Administrator,
    pool_id: PoolId,
    if_match: RequiredIfMatch,
    body: PoolChange,
    response: Response,
) -> PoolOut:
    """Cordon or drain a pool, end that, or keep spares back. Needs If-Match."""
    known = show_pool(wiring.database, pool_id)
    found = patch_pool(
        wiring.database,
        pool_id,
        body.patch(known.standing),
        if_gen=known.pool.gen if if_match is None else if_match,
        actor=caller.actor,
        clock=wiring.clock,
    )
    response.headers.update(etag(found.pool.gen))
    return PoolOut.of(found, with_prices=Scope.CONTRACTS_READ in caller.scopes)
