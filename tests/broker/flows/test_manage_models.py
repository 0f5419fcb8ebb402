"""Profiles of models: imported, replaced, ended; what cannot hold a model never enters."""

import pytest

from broker.errors import BadInputError, NotFoundError
from broker.flows.manage_models import end_model, import_models, list_models, set_model
from broker.store.engine import Database
from tests.broker.demand_sheets import clock, load_model
from tests.broker.placement.profiles import a_config, a_model


def test_the_same_profile_twice_is_one_revision(database: Database) -> None:
    first, second = load_model(database), load_model(database)
    third = load_model(database, priority=10)

    assert [len(report.recorded) for report in (first, second, third)] == [1, 0, 1]
    (stored,) = list_models(database)
    assert (stored.revision, stored.profile.priority) == (2, 10)
    assert (stored.stamp.file, stored.stamp.actor) == ("models.json", "dana")


def test_a_configuration_that_cannot_hold_the_model_keeps_the_whole_file_out(
    database: Database,
) -> None:
    report = load_model(database, configs=[a_config(gpus=1)])

    assert [fault.field for fault in report.faults] == ["models[0].configs[0].gpus"]
    assert list_models(database) == []


def test_a_dry_run_writes_nothing(database: Database) -> None:
    report = load_model(database, dry_run=True)

    assert (len(report.recorded), list_models(database)) == (1, [])


@pytest.mark.parametrize(
    ("spelt", "name", "memory"),
    [
        ("NVIDIA H200 141GB", "H200", None),
        ("h100", "H100", None),
        ("H100 PCIe", "H100-PCIE", None),
        ("A100 80GB", "A100", 80),
    ],
)
def test_a_gpu_is_named_as_pools_name_it_and_keeps_its_memory(
    database: Database, spelt: str, name: str, memory: int | None
) -> None:
    load_model(database, configs=[a_config(gpu_model=spelt, gpus=4)])

    (stored,) = list_models(database, model="chat-70b")
    (config,) = stored.profile.configs
    assert (config.gpu_model, config.memory_gb) == (name, memory)


def test_a_model_that_ended_can_be_served_again(database: Database) -> None:
    load_model(database)
    end_model(database, "chat-70b", actor="dana", clock=clock)

    assert list_models(database) == []
    with pytest.raises(NotFoundError, match="models list"):
        end_model(database, "chat-70b", actor="dana", clock=clock)
    again = set_model(database, a_model(), actor="dana", clock=clock)
    assert again.revision == 3


def test_a_profile_that_is_set_is_refused_with_every_fault(database: Database) -> None:
    with pytest.raises(BadInputError, match="nothing was changed") as refused:
        set_model(database, a_model(priority=-1, headroom="much"), actor="dana", clock=clock)

    assert {fault.field for fault in refused.value.faults} == {"priority", "headroom"}


@pytest.mark.parametrize(
    ("content", "codes"),
    [
        (b"{", ["bad_quoting"]),
        (b"[" * 100_000, ["bad_quoting"]),
        (b"{}", ["missing_required"]),
        (b"", ["no_header"]),
        (b"model,config\n", ["no_rows"]),
    ],
)
def test_a_file_that_holds_no_profile_says_why(
    sqlite: Database, content: bytes, codes: list[str]
) -> None:
    report = import_models(sqlite, content, file="m", actor="dana", clock=clock)

    assert [fault.code for fault in report.faults] == codes
