"""What people do to pools is on the audit log, in the transaction that did it."""

from datetime import UTC, datetime

import pytest
from sqlmodel import Session

from broker.access.audit import AuditEntry, Origin
from broker.capacity.pool import PoolKind
from broker.capacity.standing import Standing
from broker.errors import ConflictError
from broker.flows.keep_audit import list_audit
from broker.flows.manage_pools import PoolPatch, patch_pool
from broker.flows.set_on_demand import set_on_demand
from broker.store.audit import AuditFilter
from broker.store.engine import Database
from broker.store.pool_changes import PoolTerms, offer_source, open_pool, pool_id_of
from broker.store.tables import OfferRow

NOON = datetime(2026, 5, 15, 12, tzinfo=UTC)
HTTP = Origin(key_id="dana0001", request_id="r1", address="203.0.113.7")


def a_pool(session: Session) -> str:
    source = "line/l1"
    terms = PoolTerms(gpu_model="H100", node_size=8)
    open_pool(session, source, PoolKind.CONTRACT, "harbor-compute", terms, at=NOON)
    return pool_id_of(source)


def an_offer(session: Session) -> str:
    session.add(
        OfferRow(
            id="offer-1",
            supplier="harbor-compute",
            native_id="h100x8",
            region="eu-1",
            terms="on-demand",
            gpu_model="H100",
            gpu_as_quoted="H100",
            gpu_count=8,
            is_listed=True,
            stock_state="in-stock",
            stock_at_least=False,
            min_units=1,
            unit_step=1,
            flags="[]",
            source="a test",
            digest="d",
            first_seen_at=NOON,
            changed_at=NOON,
        )
    )
    return "offer-1"


def told(database: Database) -> list[AuditEntry]:
    return list_audit(database, AuditFilter(), limit=10)[::-1]


def patched(
    database: Database, pool_id: str, patch: PoolPatch, *, if_gen: int | None = None
) -> None:
    patch_pool(
        database,
        pool_id,
        patch,
        if_gen=if_gen,
        actor="dana",
        clock=lambda: NOON,
        origin=HTTP,
    )


def test_a_pool_that_is_cordoned_is_on_record_with_its_state_before_and_after(
    database: Database,
) -> None:
    with database.writing() as session:
        pool_id = a_pool(session)

    patched(database, pool_id, PoolPatch(standing=Standing.CORDONED))
    patched(database, pool_id, PoolPatch(standing=Standing.OPEN))

    first, second = told(database)
    assert (first.draft.action, first.draft.object_id) == ("pool.changed", pool_id)
    assert (first.draft.actor, first.draft.origin) == ("dana", HTTP)
    assert first.draft.before_hash != first.draft.after_hash == second.draft.before_hash


def test_a_patch_that_changes_nothing_or_comes_too_late_is_not_on_record(
    database: Database,
) -> None:
    with database.writing() as session:
        pool_id = a_pool(session)

    patched(database, pool_id, PoolPatch(standing=Standing.OPEN))
    with pytest.raises(ConflictError):
        patched(database, pool_id, PoolPatch(standing=Standing.CORDONED), if_gen=7)

    assert told(database) == []


def test_a_limit_that_is_set_is_on_record(database: Database) -> None:
    with database.writing() as session:
        offer_id = an_offer(session)

    for limit in (16, 16, 8):
        set_on_demand(database, offer_id, limit, actor="dana", clock=lambda: NOON, origin=HTTP)

    first, second = told(database)
    assert {entry.draft.action for entry in (first, second)} == {"pool.limited"}
    assert first.draft.object_id == pool_id_of(offer_source(offer_id))
    assert first.draft.before_hash is None
    assert second.draft.before_hash == first.draft.after_hash
