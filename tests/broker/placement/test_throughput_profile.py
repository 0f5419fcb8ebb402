"""Throughput: what plans are made from, whole replicas, and figures that name their source."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.placement.demand_rates import Counted
from broker.placement.document import Place
from broker.placement.model_reading import read_model
from broker.placement.throughput_profile import (
    ModelProfile,
    published,
    reference_gpus,
    replicas_needed,
    tokens_per_gpu_second,
)
from pricing.hardware import canonical_gpu
from tests.broker.placement.profiles import a_config, a_model, a_throughput


def read(**changes: object) -> ModelProfile:
    place = Place(value=a_model(**changes))
    profile = read_model(place)
    assert profile is not None, place.faults
    return profile


def test_a_class_with_a_throughput_of_zero_is_not_servable_and_never_divided_by() -> None:
    throughput = [a_throughput(), a_throughput(**{"class": "long", "tokens_per_second": 0})]
    profile = read(classes=["chat", "long"], configs=[a_config(throughput=throughput)])

    (config,) = profile.for_planning().configs
    assert config.tokens_per_second == {"chat": 4418.0}


def test_a_configuration_that_serves_nothing_is_left_out_of_plans() -> None:
    profile = read(configs=[a_config(throughput=[a_throughput(tokens_per_second=0)])])

    assert profile.for_planning().configs == ()


@pytest.mark.parametrize(
    ("needed", "delivered", "replicas"),
    [(0, 10, 0), (1, 10, 1), (10, 10, 1), (10.1, 10, 2), (3 * 1.1, 1.1, 3), (100, 30, 4)],
)
def test_demand_takes_whole_replicas(needed: float, delivered: float, replicas: int) -> None:
    assert replicas_needed(needed, delivered=delivered) == replicas


@given(
    needed=st.just(0.0) | st.floats(min_value=1e-6, max_value=1e9),
    delivered=st.floats(min_value=0.1, max_value=1e6),
)
def test_replicas_serve_the_demand_and_one_fewer_does_not(needed: float, delivered: float) -> None:
    replicas = replicas_needed(needed, delivered=delivered)

    assert replicas * delivered >= needed * (1 - 1e-8)
    assert replicas == 0 or (replicas - 1) * delivered < needed


def test_a_replica_that_delivers_nothing_serves_no_demand() -> None:
    with pytest.raises(ValueError, match="however many"):
        replicas_needed(100, delivered=0)


def test_demand_is_told_in_b200s_only_where_one_serves_it() -> None:
    b200 = a_config(
        config="B200-tp1-fp4",
        gpu_model="B200",
        gpus=1,
        precision="fp4",
        throughput=[a_throughput(tokens_per_second=6920)],
    )
    with_b200, without = read(configs=[a_config(), b200]), read()

    assert reference_gpus(13_840, with_b200.for_planning(), class_name="chat") == 2
    assert reference_gpus(13_840, without.for_planning(), class_name="chat") is None
    assert tokens_per_gpu_second(without.for_planning(), gpu_model="H100", class_name="chat") == (
        2209
    )


def test_every_published_figure_names_its_source_and_a_gpu_that_is_known() -> None:
    assert len(published()) > 60
    for figure in published():
        assert figure.source
        assert figure.as_of
        assert canonical_gpu(figure.gpu_model).model == figure.gpu_model
        assert figure.tokens_per_second_per_gpu > 0


def test_a_b200_is_ahead_of_an_h100_by_what_the_overview_measured() -> None:
    rates = {
        figure.gpu_model: int(figure.tokens_per_second_per_gpu)
        for figure in published()
        if figure.model == "Llama-3.3-70B"
        and figure.input_tokens == figure.output_tokens == 1000
        and figure.counted is Counted.OUTPUT
    }

    assert (rates["H100"], rates["H200"], rates["B200"]) == (2209, 2587, 6920)
    assert math.isclose(rates["B200"] / rates["H100"], 3.13, abs_tol=0.01)
