"""Reading a procurement input: every fault at once, each where it stands."""

from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import BadInputError, Fault
from broker.procurement.input_json import input_document
from broker.procurement.input_reading import read_input
from tests.broker.procurement.cases import the_story, the_story_document


def faults_of(document: object) -> dict[str | None, str]:
    with pytest.raises(BadInputError) as refused:
        read_input(document)
    return {fault.field: fault.message for fault in refused.value.faults}


def test_the_story_is_read_with_days_half_open_and_prices_exact() -> None:
    story = the_story()

    assert story.contracts[0].end_on.isoformat() == "2026-10-01"
    assert story.quote("MC-renewal").price_per_gpu_hour == Decimal("5.10")
    assert story.scenarios[2].demand[0].b200_equivalents == (1725.0,) * 18
    assert story.suppliers[0] == "alder-ridge-compute"


def test_what_is_written_reads_back_the_same() -> None:
    assert read_input(input_document(the_story())) == the_story()


def test_every_fault_is_told_at_once_with_its_path() -> None:
    document = the_story_document()
    document["as_of"] = "May"
    document["scenarios"][1]["probability"] = 0.4
    document["scenarios"][2]["demand"][0]["b200_equivalents"] = [1, 2]
    document["contracts"][0]["gpus"] = "512"
    document["contracts"][1]["notice_by"] = "2029-01-01"
    document["quotes"][0]["renews"] = "MC-1"
    document["quotes"][1]["min_gpus"] = 300
    document["quotes"][2]["price_per_gpu_hour"] = "-1"
    document["quotes"][3]["gpu_model"] = "B300"
    document["quotes"][4]["quote"] = "osprey-380"
    document["quotes"][4]["lead_time"] = 3
    document["policy"]["survival"] = 60

    found = faults_of(document)

    assert set(found) == {
        "as_of",
        "scenarios",
        "scenarios[2].demand[0].b200_equivalents",
        "contracts[0].gpus",
        "contracts[1].notice_by",
        "quotes[0].renews",
        "quotes[1].min_gpus",
        "quotes[2].price_per_gpu_hour",
        "quotes[3].gpu_model",
        "quotes[4].quote",
        "quotes[4].lead_time",
        "policy.survival",
    }
    assert "add up to 0.9" in found["scenarios"]


def test_a_renewal_is_of_the_supplier_and_the_gpus_of_its_contract() -> None:
    document = the_story_document()
    document["quotes"][0].update(supplier="another", geo="eu")

    assert set(faults_of(document)) == {"quotes[0].supplier", "quotes[0].geo"}


def test_lots_must_fit_between_the_sizes() -> None:
    document = the_story_document()
    document["quotes"][1].update(min_gpus=130, max_gpus=190, lot_gpus=100)

    assert set(faults_of(document)) == {"quotes[1].lot_gpus"}


@pytest.mark.parametrize("document", [None, 7, "x", [], {}])
def test_what_is_no_input_is_refused(document: object) -> None:
    assert faults_of(document)


paths = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)


@given(
    part=st.sampled_from(
        ["as_of", "months", "factors", "scenarios", "contracts", "quotes", "on_demand", "policy"]
    ),
    junk=paths,
)
def test_junk_in_any_part_is_read_or_refused_with_a_path(part: str, junk: Any) -> None:
    document = deepcopy(the_story_document())
    document[part] = junk

    faults: tuple[Fault, ...] = ()
    try:
        read_input(document)
    except BadInputError as refused:
        faults = refused.faults

    assert all(fault.field for fault in faults)
