from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from broker.errors import BadInputError
from broker.flows.import_demand import import_forecasts
from broker.flows.load_ratings import load_ratings
from broker.flows.manage_models import import_models
from broker.flows.placement_offers import ASSUMED_AVAILABILITY
from broker.flows.placement_snapshot import LiveSnapshot, live_snapshot
from broker.flows.plan_placement import Asking, plan_live
from broker.flows.set_on_demand import set_on_demand
from broker.placement.plan import PlanStatus
from broker.placement.snapshot import Pool, PoolKind, Provider, Running
from broker.store.engine import Database
from broker.store.tables import CapacityRequestRow
from tests.broker.flows.pool_books import an_offer
from tests.broker.lease_rows import take
from tests.broker.store.capacity_rows import add_pools, change_pool, pool_row
from tests.builders import ACTOR, NOON

MODEL = {
    "model": "small",
    "classes": ["chat"],
    "memory": {"parameters_billion": 8, "kv_bytes_per_token": 131072, "kv_shards": 8},
    "configs": [
        {
            "config": "H100-tp1",
            "gpu_model": "H100",
            "gpus": 1,
            "precision": "fp8",
            "weights_gb": 9.1,
            "throughput": [
                {
                    "class": "chat",
                    "tokens_per_second": 1000,
                    "basis": "measured",
                    "source": "our own bench",
                    "as_of": "2026-05-04",
                    "conditions": "1000 in, 1000 out",
                }
            ],
        }
    ],
}


def ask(database: Database, *, node: str = "us", model: str = "small", rate: int = 6000) -> None:
    """State this month's demand."""
    sheet = (
        "model,class,node,month,workload_class,p50_tokens_per_second,p90_tokens_per_second,"
        f"version,source\n{model},chat,{node},2026-05,chat,{rate},{rate},1,invented\n"
    )
    report = import_forecasts(
        database, sheet.encode(), file="f.csv", actor=ACTOR, clock=lambda: NOON
    )
    assert report.faults == ()


def serve(database: Database) -> None:
    """Put the profile of the model on record."""
    content = json.dumps({"models": [MODEL]}).encode()
    report = import_models(database, content, file="m.json", actor=ACTOR, clock=lambda: NOON)
    assert report.faults == ()


@pytest.fixture
def books(sqlite: Database) -> Database:
    """Books with a model, its demand in the US, and 16 H100 of a contract."""
    serve(sqlite)
    ask(sqlite)
    row = pool_row(
        "p1",
        16,
        region="us-east",
        contract_ref="HC-1",
        line_no=1,
        tier="gold",
        reliability_ppm=995_000,
        usd_marginal=Decimal("0.25"),
        usd_effective=Decimal("2.5"),
    )
    add_pools(sqlite, row)
    return sqlite


def live(database: Database, **more: Any) -> LiveSnapshot:
    return live_snapshot(database, as_of=NOON, **more)


def pools(database: Database, **more: Any) -> dict[str, Pool]:
    return {pool.pool: pool for pool in live(database, **more).snapshot.pools}


OWNED = "harbor-compute/us-east/H100/contract/HC-1/1"


def test_what_is_contracted_is_a_pool_that_is_paid_anyway(books: Database) -> None:
    pool = pools(books)[OWNED]

    assert (pool.kind, pool.capacity_gpus, pool.step_gpus) == (PoolKind.CONTRACT, 16, 8)
    assert pool.marginal_price_per_gpu_hour == 0
    assert pool.sunk_price_per_gpu_hour == Decimal("2.5")
    assert pool.availability == 0.995
    assert (pool.node, pool.region) == ("us-east", "us-east")


def test_spares_and_leases_of_others_take_no_replicas_and_ours_do(books: Database) -> None:
    change_pool(books, "p1", kept_back=2)
    take(books, "p1", 4)
    labelled(books, take(books, "p1", 3), model="small", config="H100-tp1")

    snapshot = live(books).snapshot

    assert snapshot.pools[0].capacity_gpus == 16 - 2 - 4
    assert snapshot.current == (Running(model="small", config="H100-tp1", pool=OWNED, replicas=3),)


def test_a_cordoned_pool_keeps_what_runs_and_takes_nothing_new(books: Database) -> None:
    labelled(books, take(books, "p1", 3), model="small", config="H100-tp1", must_stay="true")
    change_pool(books, "p1", is_cordoned=True)

    snapshot = live(books).snapshot

    assert snapshot.pools[0].capacity_gpus == 3
    assert snapshot.current[0].must_stay == 3


def test_a_lease_that_says_what_no_profile_knows_is_told(books: Database) -> None:
    lease_id = take(books, "p1", 3)
    labelled(books, lease_id, model="small", config="H200-tp1")

    found = live(books)

    assert found.snapshot.current == ()
    assert any(lease_id in note for note in found.left_out)


def test_a_contract_without_a_price_serves_all_the_same_and_is_told(books: Database) -> None:
    change_pool(books, "p1", usd_effective=None)

    found = live(books)

    assert found.snapshot.pools[0].sunk_price_per_gpu_hour == 0
    assert any(OWNED in note and "unknown" in note for note in found.left_out)


def test_an_offer_with_price_and_stock_can_be_bought(books: Database) -> None:
    an_offer(books, stock_count=3, stock_unit="instance")

    (offered,) = [pool for name, pool in pools(books).items() if name != OWNED]

    assert (offered.kind, offered.capacity_gpus, offered.step_gpus) == (PoolKind.ON_DEMAND, 24, 8)
    assert offered.price_per_gpu_hour == Decimal("2.50")
    assert offered.availability == ASSUMED_AVAILABILITY
    assert offered.provider == "acme"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, "nobody says how many"),
        ({"stock_count": 3, "stock_unit": "gpu"}, "fewer GPUs than are sold at once"),
        ({"stock_state": "out-of-stock"}, "not known to be in stock"),
        (
            {
                "stock_count": 3,
                "stock_unit": "node",
                "usd_per_gpu_hour": None,
                "price_per_instance": None,
            },
            "no price in US dollars",
        ),
    ],
)
def test_an_offer_of_which_something_is_unknown_is_left_out_and_told(
    books: Database, changes: dict[str, Any], why: str
) -> None:
    an_offer(books, **changes)

    found = live(books)

    assert [pool.pool for pool in found.snapshot.pools] == [OWNED]
    (note,) = found.left_out
    assert note.startswith("acme: gpu-8x-h100")
    assert why in note


def test_shapes_of_the_same_machines_are_counted_once(books: Database) -> None:
    an_offer(books, "o1", stock_count=2, stock_unit="instance")
    an_offer(
        books, "o2", native_id="gpu-1x-h100", gpu_count=1, stock_count=12, stock_unit="instance"
    )
    an_offer(books, "o3", terms="spot", stock_count=1, stock_unit="instance")

    offered = [pool for name, pool in pools(books).items() if name != OWNED]

    kinds = sorted((pool.kind, pool.capacity_gpus) for pool in offered)
    assert kinds == [(PoolKind.ON_DEMAND, 16), (PoolKind.SPOT, 8)]


def test_an_offer_with_a_limit_counts_up_to_it_and_once(books: Database) -> None:
    an_offer(books, stock_count=30, stock_unit="instance")
    set_on_demand(books, "o1", 24, actor=ACTOR, clock=lambda: NOON)

    (offered,) = [pool for name, pool in pools(books).items() if name != OWNED]

    assert (offered.kind, offered.capacity_gpus) == (PoolKind.ON_DEMAND, 24)
    assert offered.price_per_gpu_hour == Decimal("2.50")


def test_offers_of_other_gpus_are_no_part_of_the_plan(books: Database) -> None:
    an_offer(books, gpu_model="A100", stock_count=3, stock_unit="instance")

    assert live(books).left_out == ()
    assert list(pools(books)) == [OWNED]


def test_offers_for_the_team_that_buys_are_for_that_team(books: Database) -> None:
    an_offer(books, supplier="coreweave", stock_count=3, stock_unit="instance")

    assert len(pools(books)) == 2
    assert len(pools(books, with_confidential=False)) == 1


@pytest.mark.parametrize(
    ("tier", "is_gold"), [("platinum", True), ("gold", True), ("silver", False)]
)
def test_a_supplier_is_gold_by_its_published_rating(
    books: Database, tier: str, is_gold: bool
) -> None:
    an_offer(books, supplier="nebius", stock_count=3, stock_unit="instance")
    rating = f"nebius,Nebius,clustermax,3.0,{tier},2026-04-23,page 1\n"
    sheet = "supplier,name,scheme,edition,tier,published_on,source\n" + rating
    load_ratings(books, sheet.encode(), file="r.csv", actor=ACTOR, clock=lambda: NOON)

    assert live(books).snapshot.providers == (
        Provider(provider="harbor-compute"),  # nobody rated it
        Provider(provider="nebius", is_gold=is_gold),
    )


def test_everything_that_keeps_demand_from_being_planned_is_told_with_its_command(
    books: Database,
) -> None:
    ask(books, model="large", node="moon-1")

    with pytest.raises(BadInputError) as refused:
        live(books)

    messages = [fault.message for fault in refused.value.faults]
    assert len(messages) == 2
    assert "large" in messages[0]
    assert "tonnage demand models import" in messages[0]
    assert "moon-1" in messages[1]
    assert "tonnage demand import" in messages[1]


def test_a_class_that_the_profile_lacks_is_told(sqlite: Database) -> None:
    content = json.dumps({"models": [MODEL]}).replace('"chat"', '"long"').encode()
    import_models(sqlite, content, file="m.json", actor=ACTOR, clock=lambda: NOON)
    ask(sqlite, node="world")

    with pytest.raises(BadInputError) as refused:
        live(sqlite)

    assert "which its profile lacks" in refused.value.faults[0].message


def test_a_plan_from_the_books_is_kept_with_what_was_left_out(books: Database) -> None:
    an_offer(books)

    made = plan_live(books, Asking(actor=ACTOR), clock=lambda: NOON)

    assert made.entry.status is PlanStatus.OPTIMAL
    assert made.entry.kind == "live"
    assert sum(each["replicas"] for each in made.plan["placements"]) == 7  # 6,000 at 0.995
    assert made.plan["reasons"][0].startswith("acme: ")


def test_a_day_that_counts_as_today_is_planned_for(books: Database) -> None:
    later = NOON.replace(year=2027)

    made = plan_live(books, Asking(actor=ACTOR, on=NOON.date()), clock=lambda: later)

    assert made.entry.as_of == NOON
    with pytest.raises(BadInputError, match="do not make a snapshot"):
        plan_live(books, Asking(actor=ACTOR), clock=lambda: later)


def labelled(database: Database, lease_id: str, **labels: str) -> None:
    with database.writing() as session:
        session.execute(
            update(CapacityRequestRow)
            .where(col(CapacityRequestRow.lease_id) == lease_id)
            .values(spec=json.dumps({"labels": labels}))
        )
