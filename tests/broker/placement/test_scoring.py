import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from benchmarks.placement_site import make_snapshot
from broker.placement.plan import Placement
from broker.placement.scoring import Score, score
from broker.placement.snapshot import Snapshot
from tests.broker.placement.known_plan import CONFIG, OFFERED, PLAN, SNAPSHOT

SAMPLES = Path(__file__).parents[3] / "fixtures" / "planner"


@pytest.fixture(params=[("nano", 1), ("tiny", 2), ("small", 1)], ids=lambda it: f"{it[0]}-{it[1]}")
def sample(request: pytest.FixtureRequest) -> tuple[Snapshot, tuple[Placement, ...], Score]:
    """A snapshot, optimal placements for it, and the value of every stage."""
    size, seed = request.param
    told = json.loads((SAMPLES / f"{size}-{seed}.reference.json").read_text())
    values = dict(told["reference"])
    expected = Score(
        survival_shortfall=values.pop("survival_shortfall"),
        gold_shortfall=values.pop("gold_shortfall"),
        money=Decimal(f"{values.pop('money'):.4f}"),
        new_per_hour=Decimal(f"{values.pop('new_per_hour'):.4f}"),
        unserved=tuple((int(it.removeprefix("unserved_")), values[it]) for it in values),
    )
    placements = tuple(Placement(**line) for line in told["placements"])
    return make_snapshot(size, seed), placements, expected


def test_the_values_of_the_samples_are_counted_alike(
    sample: tuple[Snapshot, tuple[Placement, ...], Score],
) -> None:
    snapshot, placements, expected = sample

    counted = score(snapshot, placements)

    assert counted.money == expected.money
    assert counted.new_per_hour == expected.new_per_hour
    assert [it[0] for it in counted.unserved] == [it[0] for it in expected.unserved]
    assert counted.stages == pytest.approx(expected.stages, abs=1e-6)


def test_a_plan_is_worth_what_it_says() -> None:
    counted = score(SNAPSHOT, PLAN.placements)

    assert counted == Score(
        unserved=((900, 0.0), (100, 550.0)),
        survival_shortfall=750.0,
        gold_shortfall=0.0,
        money=PLAN.cost_per_hour.money,
        new_per_hour=Decimal("32.00"),
    )


def test_nothing_placed_costs_nothing_and_leaves_everything_short() -> None:
    counted = score(SNAPSHOT, ())

    assert counted.unserved == ((900, 6000.0), (100, 550.0))
    assert counted.survival_shortfall == 3 * 3000 + 3 * 250
    assert counted.gold_shortfall == 3000
    assert counted.money == 0


def test_a_started_step_is_paid_whole() -> None:
    line = Placement(model="chat", config=CONFIG, pool=OFFERED, replicas=3)

    counted = score(SNAPSHOT, (line,))

    assert counted.new_per_hour == 16 * 3
    assert counted.money == 16 * 3 + 3 * Decimal("0.50") + 12 * Decimal("0.02")


def test_serving_comes_before_survival_and_survival_before_money() -> None:
    counted = score(SNAPSHOT, PLAN.placements)

    assert replace(counted, money=Decimal(0)).stages < counted.stages
    assert (
        counted.stages
        < replace(counted, money=Decimal(0), survival_shortfall=751).stages
        < replace(counted, survival_shortfall=0, unserved=((900, 0.0), (100, 551.0))).stages
        < replace(counted, survival_shortfall=0, unserved=((900, 1.0), (100, 0.0))).stages
    )
