"""What people do with pools: look, cordon, drain, keep spares back, note failed GPUs."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from broker.access.audit import LOCALLY, Origin
from broker.capacity.accounts import Accounts, Transfer
from broker.capacity.pool import Account
from broker.capacity.standing import Standing
from broker.clock import Clock
from broker.errors import BadInputError, RefusedError, StaleError
from broker.store.engine import Database
from broker.store.pool_audit import audit_pool, state_of_pool
from broker.store.pool_changes import PoolChange, lock_pool, write_change
from broker.store.pools import StoredPool, accounts_of, find_pool, stored_pools
from broker.store.tables import PoolRow

LONGEST_SECONDS = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolPatch:
    """What is to become of a pool; None leaves it as it is.

    `kept_back` are spares that no lease gets, `down` the GPUs that do not work. `residency` is the
    ISO 3166 country that the GPUs stand in, which no supplier states: it is never guessed.
    """

    standing: Standing | None = None
    kept_back: int | None = None
    down: int | None = None
    residency: str | None = None
    confirm_seconds: int | None = None
    grace_seconds: int | None = None


def list_pools(
    database: Database, *, gpu_models: Collection[str] | None = None
) -> tuple[StoredPool, ...]:
    """Return all pools by id, or those of some models."""
    with database.reading() as session:
        return stored_pools(session, gpu_models=gpu_models)


def show_pool(database: Database, pool_id: str) -> StoredPool:
    """Return a pool, or raise NotFoundError."""
    with database.reading() as session:
        return find_pool(session, pool_id)


def patch_pool(
    database: Database,
    pool_id: str,
    patch: PoolPatch,
    *,
    if_gen: int | None,
    actor: str,
    clock: Clock,
    origin: Origin = LOCALLY,
) -> StoredPool:
    """Change a pool and return it as it then stands; a patch that changes nothing writes nothing.

    Raises NotFoundError, BadInputError for values that cannot be, StaleError when the pool is no
    longer of generation `if_gen`, and RefusedError where holders are in the way.
    """
    _check(patch)
    with database.writing() as session:
        row = lock_pool(session, pool_id)
        if if_gen is not None and row.gen != if_gen:
            raise StaleError(
                f"pool {pool_id} has changed meanwhile (generation {row.gen}, not {if_gen}); read "
                "it again and repeat the change if it still makes sense"
            )
        change = PoolChange(values=_values(row, patch), transfers=_transfers(row, patch))
        if change:
            before, now = state_of_pool(row), clock()
            write_change(session, row, change, actor=actor, at=now)
            audit_pool(
                session, row, before, action="pool.changed", actor=actor, origin=origin, at=now
            )
        return find_pool(session, pool_id)


def _check(patch: PoolPatch) -> None:
    for name in ("kept_back", "down"):
        count: int | None = getattr(patch, name)
        if count is not None and count < 0:
            raise BadInputError(f"{name} is a number of GPUs, 0 or more")
    for name in ("confirm_seconds", "grace_seconds"):
        seconds: int | None = getattr(patch, name)
        if seconds is not None and not 0 <= seconds <= LONGEST_SECONDS:
            raise BadInputError(f"{name} is 0 to {LONGEST_SECONDS}")
    country = patch.residency
    if country is not None and not (country.isascii() and country.isalpha() and len(country) == 2):
        raise BadInputError("residency is an ISO 3166 country code of two letters, such as DE")


def _values(row: PoolRow, patch: PoolPatch) -> dict[str, Any]:
    standing, residency = patch.standing, patch.residency
    wanted = {
        "standing": None if standing is None else standing.value,
        "kept_back": patch.kept_back,
        "residency": None if residency is None else residency.upper(),
        "confirm_seconds": patch.confirm_seconds,
        "grace_seconds": patch.grace_seconds,
    }
    in_service = accounts_of(row).in_service
    if patch.kept_back is not None and patch.kept_back > max(in_service, row.kept_back):
        raise RefusedError(
            f"pool {row.id} has {in_service} GPUs in service; keep at most so many back"
        )
    return {
        name: value
        for name, value in wanted.items()
        if value is not None and getattr(row, name) != value
    }


def _transfers(row: PoolRow, patch: PoolPatch) -> tuple[Transfer, ...]:
    """Return the move to so many GPUs down; those that holders have are not taken from them."""
    accounts = accounts_of(row)
    failed = 0 if patch.down is None else patch.down - accounts.down
    if failed > accounts.available:
        raise RefusedError(_in_the_way(row, accounts, patch.down or 0))
    if failed > 0:
        return (_move(Account.AVAILABLE, Account.DOWN, failed, "failed"),)
    if failed < 0:
        return (_move(Account.DOWN, Account.AVAILABLE, -failed, "repaired"),)
    return ()


def _move(debit: Account, credit: Account, gpus: int, cause: str) -> Transfer:
    return Transfer(debit=debit, credit=credit, gpu_count=gpus, cause=cause)


def _in_the_way(row: PoolRow, accounts: Accounts, down: int) -> str:
    return (
        f"pool {row.id} cannot have {down} GPUs down: {accounts.in_use} are held or leased and "
        f"{accounts.available} are free; set at most {accounts.down + accounts.available}, drain "
        "the pool, and set the rest when its leases have ended"
    )
