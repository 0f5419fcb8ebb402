"""What a plan takes of demand: forecast, metered, or the higher of the two."""

from datetime import UTC, datetime

import pytest

from broker.placement.demand_rates import DemandKey, MeteredUse, SizedDemand, size_demand
from broker.placement.demand_sizing import DemandBasis, planned_demand, replicas_for
from broker.placement.snapshot import Config, Model

CHAT, CODE = DemandKey("m", "chat", "us"), DemandKey("m", "code", "us")


def metered(rate: int, key: DemandKey = CHAT) -> SizedDemand:
    use = MeteredUse(
        model=key.model,
        class_name=key.class_name,
        node=key.node,
        started_at=datetime(2026, 5, 1, tzinfo=UTC),
        seconds=60,
        input_tokens=0,
        output_tokens=rate * 60,
    )
    (sized,) = size_demand([use], counted={})
    return sized


@pytest.mark.parametrize(
    ("basis", "rate"),
    [(DemandBasis.FORECAST, 100), (DemandBasis.METERED, 120), (DemandBasis.HIGHER, 120)],
)
def test_a_basis_says_which_of_the_two_counts(basis: DemandBasis, rate: float) -> None:
    (planned,) = planned_demand({CHAT: 100.0}, [metered(120)], basis=basis)

    assert planned.tokens_per_second == rate


def test_what_nobody_forecast_is_unknown_and_not_nothing() -> None:
    (planned,) = planned_demand({}, [metered(120)], basis=DemandBasis.FORECAST)

    assert (planned.forecast, planned.tokens_per_second) == (None, None)
    assert planned.for_planning() is None


def test_demand_that_is_only_forecast_counts_beside_demand_that_is_only_metered() -> None:
    planned = planned_demand({CODE: 5.0}, [metered(120)], basis=DemandBasis.HIGHER)

    assert [(one.key, one.tokens_per_second) for one in planned] == [(CHAT, 120), (CODE, 5)]


def test_replicas_carry_the_headroom_and_the_fewest_gpus_come_first() -> None:
    model = Model(
        model="m",
        headroom=0.5,
        classes=("chat",),
        configs=(
            Config(config="H100-tp8", gpu_model="H100", gpus=8, tokens_per_second={"chat": 50}),
            Config(config="B200-tp1", gpu_model="B200", gpus=1, tokens_per_second={"chat": 40}),
            Config(config="L4", gpu_model="L4", gpus=1, tokens_per_second={"other": 40}),
        ),
    )
    (planned,) = planned_demand({CHAT: 100.0}, [], basis=DemandBasis.HIGHER)

    needs = replicas_for(planned, model)

    assert [(need.config, need.replicas, need.gpus) for need in needs] == [
        ("B200-tp1", 4, 4),
        ("H100-tp8", 3, 24),
    ]
