"""`tonnage capacity`: GPUs asked for, held, listed and given back through a running API."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.broker.api.lease_world import Stage, World, a_stage
from tests.broker.cli.commands import run
from tests.conftest import sqlite_database


@pytest.fixture(scope="module")
def stage(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with a_stage(sqlite_database(sqlite_template, tmp_path_factory.mktemp("capacity"))) as found:
        yield found


@pytest.fixture
def world(stage: Stage) -> World:
    return stage.world()


def capacity(world: World, *words: str) -> Any:
    """Run a command; the database it would find is none, as it goes through the API."""
    return run(
        "capacity",
        *words,
        database_url="sqlite:////nowhere/at/all.db",
        TONNAGE_API_URL=world.served.url,
        TONNAGE_API_KEY=world.a_key(),
    )


def ask(world: World, *words: str, count: int = 8) -> Any:
    asked = ("--gpu", world.model, "--count", str(count), "--holder", world.holder)
    return capacity(world, "request", *asked, *words)


def test_gpus_are_asked_for_listed_and_given_back(world: World) -> None:
    granted = ask(world, "--json")
    lease = json.loads(granted.stdout)
    listed = json.loads(capacity(world, "leases", "--holder", world.holder, "--json").stdout)
    back = ("release", lease["id"], "--fence", str(lease["fence"]))
    given = [capacity(world, *back), capacity(world, *back)]

    assert granted.exit_code == 0
    assert [(each["id"], each["state"]) for each in listed] == [(lease["id"], "granted")]
    assert [each.exit_code for each in given] == [0, 0]
    assert world.pool() == (16, 0, 0)


def test_a_lease_is_shown_as_a_table_and_what_keeps_it_alive(world: World) -> None:
    granted = ask(world, "--ttl", "30")
    listed = capacity(world, "leases", "--holder", world.holder, "--state", "granted")

    assert f"{world.pool_id}  harbor-compute" in granted.stdout
    assert "2.50 USD" in granted.stdout
    assert "every 10 s; --keep does" in granted.stderr
    assert world.model in listed.stdout


def test_a_refusal_says_what_would_have_helped(world: World) -> None:
    refused = ask(world, count=24)

    assert refused.exit_code == 2
    assert "at most 16 GPUs" in refused.stderr
    assert refused.stdout == ""


def test_an_explanation_tells_the_ways_and_what_fails(world: World) -> None:
    granted = ask(world, "--explain")
    refused = ask(world, "--explain", "--region", "nowhere")
    told = json.loads(ask(world, "--explain", "--json").stdout)

    assert (granted.exit_code, refused.exit_code) == (0, 1)
    assert world.pool_id in granted.stdout
    assert "any region" in refused.stdout
    assert told["candidates"][0]["lines"][0]["gpu_count"] == 8
    assert world.leases() == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--duration", "soon"), "--duration is a whole number and its unit"),
        (("--wait", "1w"), "--wait is a whole number and its unit"),
        (("--max-price", "cheap"), "--max-price is an amount"),
        (("--max-price", "4.50", "--currency", "dollars"), "--currency three letters"),
        (("--max-price", "NaN"), "--max-price is an amount"),
        (("--min-tier", "tin"), "min_tier"),
        (("--ttl", "0"), "ttl_seconds"),
    ],
)
def test_what_cannot_be_meant_is_refused(world: World, words: tuple[str, ...], told: str) -> None:
    refused = ask(world, *words)

    assert refused.exit_code == 2
    assert told in refused.stderr
    assert world.leases() == []


def test_a_cap_a_duration_and_a_priority_reach_the_request(world: World) -> None:
    world.change_pool(usd_effective=Decimal("2.5"))
    ask(world, "--max-price", "2.50", "--duration", "2h", "--priority", "700", "--preemptible")

    (lease,) = world.leases()
    assert lease.ends_at is not None
    assert (lease.ends_at - lease.starts_at).total_seconds() == 7200
    assert (lease.priority, lease.is_preemptible) == (700, True)


def test_pools_are_listed_cordoned_drained_and_opened(world: World) -> None:
    def state() -> str:
        listed = json.loads(capacity(world, "pools", "--json").stdout)
        pool = next(each for each in listed if each["id"] == world.pool_id)
        return f"{pool['cordoned']} {pool['draining']}"

    states = [state()]
    for word in ("cordon", "drain", "uncordon"):
        assert capacity(world, word, world.pool_id).exit_code == 0
        states.append(state())
    table = capacity(world, "pools").stdout

    assert states == ["False False", "True False", "True True", "False False"]
    assert next(line for line in table.splitlines() if world.pool_id in line).split()[-1] == "open"


def test_a_pool_or_a_lease_that_is_not_there_is_told(world: World) -> None:
    assert capacity(world, "cordon", "pool-none").exit_code == 2
    assert "no lease" in capacity(world, "release", "none", "--fence", "1").stderr


def test_without_an_api_the_way_out_is_told(world: World) -> None:
    refused = run(
        "capacity",
        "pools",
        database_url="sqlite://",
        TONNAGE_API_URL="nowhere",
        TONNAGE_API_KEY="",
    )

    assert refused.exit_code == 2
    assert "TONNAGE_API_URL" in refused.stderr


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_what_is_kept_is_given_back_when_it_is_stopped(world: World, stop: signal.Signals) -> None:
    words = ["request", "--gpu", world.model, "--count", "8", "--holder", world.holder]
    keeping = subprocess.Popen(
        [sys.executable, "-m", "broker", "capacity", *words, "--keep", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TONNAGE_API_URL": world.served.url, "TONNAGE_API_KEY": world.a_key()},
    )
    with keeping:
        assert keeping.stderr is not None
        said = keeping.stderr.readline()
        held = world.pool()
        keeping.send_signal(stop)
        told, _ = keeping.communicate(timeout=60)

    assert "Ctrl-C gives it back" in said
    assert held == (8, 0, 8)
    assert json.loads(told)["id"] == world.leases()[0].id
    assert keeping.returncode == 0
    assert world.pool() == (16, 0, 0)
