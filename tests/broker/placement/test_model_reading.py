"""Model profiles: read whole or refused whole, every fault with its path."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.placement.document import Place
from broker.placement.model_reading import model_document, read_model, read_models
from broker.placement.snapshot import SurvivalScope
from tests.broker.placement.profiles import MODEL, a_config, a_model, a_throughput


def faults_of(*models: object) -> dict[str | None, str]:
    _, faults = read_models({"models": list(models)})
    assert faults
    return {fault.field: fault.message for fault in faults}


def test_a_profile_is_what_plans_are_made_from() -> None:
    (profile,), faults = read_models({"models": [MODEL]})
    model = profile.for_planning()

    assert faults == ()
    assert (model.model, model.priority, model.headroom) == ("chat-70b", 900, 0.1)
    assert (model.survival, model.survival_scope) == (0.6, SurvivalScope.ROOT)
    assert (model.max_spot_share, model.min_gold_share) == (0.1, 0.0)
    assert model.configs[0].tokens_per_second == {"chat": 4418.0}


def test_what_is_written_is_read_again() -> None:
    profile = read_model(Place(value=a_model()))
    assert profile is not None

    document = json.loads(json.dumps(model_document(profile)))

    assert read_model(Place(value=document)) == profile


@pytest.mark.parametrize("missing", ["source", "as_of", "conditions", "basis"])
def test_a_throughput_that_does_not_say_where_it_comes_from_is_refused(missing: str) -> None:
    throughput = a_throughput()
    del throughput[missing]

    told = faults_of(a_model(configs=[a_config(throughput=[throughput])]))

    assert list(told) == [f"models[0].configs[0].throughput[0].{missing}"]


def test_a_configuration_that_cannot_hold_the_model_is_refused_with_the_figures() -> None:
    told = faults_of(a_model(configs=[a_config(), a_config(config="H100-tp1", gpus=1)]))

    (path,) = told
    assert path == "models[0].configs[1].gpus"
    assert "70.6 GB of weights" in told[path]
    assert "72.0 GB of its 80 GB" in told[path]


def test_a_stated_memory_and_checkpoint_count_before_what_is_computed() -> None:
    large = a_config(gpus=1, memory_gb=141)
    small = a_config(config="small", gpus=1, weights_gb="20")

    _, faults = read_models({"models": [a_model(configs=[large, small])]})

    assert faults == ()


def test_every_fault_is_told_at_once_with_its_path() -> None:
    told = faults_of(
        a_model(priority=1001, survival=1.5, surplus=1),
        a_model(
            model="",
            memory={"parameters_billion": 0},
            configs=[a_config(gpu_model="H1000", gpus=0, precision="fp3")],
        ),
        7,
    )

    assert set(told) == {
        "models[0].priority",
        "models[0].survival",
        "models[0].surplus",
        "models[1].model",
        "models[1].memory.parameters_billion",
        "models[1].memory.kv_bytes_per_token",
        "models[1].configs[0].gpu_model",
        "models[1].configs[0].gpus",
        "models[1].configs[0].precision",
        "models[2]",
    }


def test_a_throughput_of_a_class_that_the_model_does_not_have_is_refused() -> None:
    told = faults_of(a_model(configs=[a_config(throughput=[a_throughput(**{"class": "long"})])]))

    assert "add it to its classes" in told["models[0].configs[0].throughput[0].class"]


def test_two_of_one_name_are_refused() -> None:
    told = faults_of(a_model(), a_model(model="b", configs=[a_config(), a_config()]), a_model())

    assert set(told) == {"models", "models[1].configs"}


@pytest.mark.parametrize(
    "wrong", [True, [], {}, "NaN", float("nan"), float("inf"), "1e3", -1, "1,5", "½", 10**20]
)
def test_what_is_no_number_is_refused(wrong: object) -> None:
    assert "models[0].headroom" in faults_of(a_model(headroom=wrong))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    field=st.sampled_from([*MODEL, "counted", "min_gold_share"]), value=JSON, inner=st.booleans()
)
def test_no_document_makes_the_reading_fail(field: str, value: Any, inner: bool) -> None:
    read_models(value)
    if inner:
        read_models({"models": [a_model(configs=[a_config(**{field: value})])]})
    else:
        read_models({"models": [a_model(**{field: value})]})
