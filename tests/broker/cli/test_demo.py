"""The demo: one command from the sheets to the brief and the servers."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from broker.cli.serve import listening

ROOT = Path(__file__).parents[3]
FIXTURES = ROOT / "fixtures"
TRIES = 240
TRY_EVERY_SECONDS = 0.25


def tonnage(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "broker", "demo", "--fixtures", str(FIXTURES), *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TONNAGE_DATABASE_URL": "sqlite:///mine.db"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.fixture(scope="module")
def brief(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("demo")
    ran = tonnage(folder, "--no-serve", "--json")
    assert ran.returncode == 0, ran.stderr
    assert (folder / "tonnage-demo.db").exists()
    assert not (folder / "mine.db").exists()
    loaded: dict[str, Any] = json.loads(ran.stdout)
    return loaded


def test_the_demo_prints_the_brief_as_json(brief: dict[str, Any]) -> None:
    text = json.dumps(brief)

    for figure in ("22156492.80", "6279168.00", "4.6743", "2026-07-02", "2026-09-10"):
        assert figure in text


def test_the_demo_shows_the_market_beside_what_is_ours(brief: dict[str, Any]) -> None:
    offers, owned = brief["offers"]["items"], brief["offers"]["owned"]
    prices = [Decimal(each["usd_per_gpu_hour"]) for each in offers if each["usd_per_gpu_hour"]]

    assert {each["supplier"] for each in offers} > {"lambda", "hyperstack", "shadeform"}
    assert prices == sorted(prices)
    assert {each["gpu_count"] for each in offers} == {8}
    assert "HC-2025-B200-01/1" in {each["name"] for each in owned}
    adoptable = [
        each["supplier"]
        for each in brief["capacity"]["items"]
        if each["difference"] == "not-in-ledger"
    ]
    assert {"crusoe", "hyperstack"} <= set(adoptable)


def test_the_demo_leases_what_there_is_and_says_what_would_have_helped(
    brief: dict[str, Any],
) -> None:
    granted, refused = brief["requests"]

    assert granted["is_granted"]
    assert "granted, 512 of " in granted["answer"]
    assert not refused["is_granted"]
    assert "would have helped" in refused["answer"]


def test_the_demo_plans_placement_and_loses_the_largest_provider(brief: dict[str, Any]) -> None:
    plan = brief["plan"]

    assert plan["figures"]["served_share"] == 1
    assert {each["model"] for each in plan["placements"]} >= {"chat-70b", "small-8b"}
    assert len(plan["why"]) == 2
    assert plan["repair"]["after"]["served_share"] > 0.95
    assert plan["replan"]["after"]["unserved"] <= plan["repair"]["after"]["unserved"]
    assert plan["replan"]["changes"] == [f"{plan['lost']} is lost"]


def test_the_demo_prints_a_page_and_its_alerts(tmp_path: Path) -> None:
    for _ in range(2):  # a fresh database each time
        ran = tonnage(tmp_path, "--no-serve")

        assert ran.returncode == 0, ran.stderr
        assert "Counter at 4.40 USD; walk away above 4.6743 USD." in ran.stdout
        assert "delphi-gpu B200 on-demand: list price up 16 %" in ran.stdout
        assert "chat-70b" in ran.stdout
        assert "keeps what it was promised when any one provider is lost" in ran.stdout
        assert "tonnage plan replan --lost" in ran.stdout


def test_a_folder_without_fixtures_is_named(tmp_path: Path) -> None:
    ran = tonnage(tmp_path, "--no-serve", "--fixtures", str(tmp_path / "nowhere"))

    assert ran.returncode == 2
    assert "--fixtures" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", ["--port", "--dashboard-port"])
def test_a_port_in_use_is_told_before_anything_else(tmp_path: Path, option: str) -> None:
    with listening("127.0.0.1", 0) as taken:
        ran = tonnage(tmp_path, option, str(taken.getsockname()[1]))

    assert ran.returncode == 2
    assert option in ran.stderr
    assert list(tmp_path.iterdir()) == []


def free_ports() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        return one.getsockname()[1], two.getsockname()[1]


def test_the_demo_serves_both_and_stops_both(tmp_path: Path) -> None:
    port, dashboard_port = free_ports()
    command = [sys.executable, "-m", "broker", "demo", "--fixtures", str(FIXTURES)]
    command += ["--port", str(port), "--dashboard-port", str(dashboard_port)]
    log = tmp_path / "log"
    with log.open("w") as stderr:
        running = subprocess.Popen(
            command,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
    try:
        for _ in range(TRIES):
            if "signed in as the demo's admin" in log.read_text() or running.poll() is not None:
                break
            time.sleep(TRY_EVERY_SECONDS)
        assert f"http://127.0.0.1:{port}" in log.read_text()
        assert httpx2.get(f"http://127.0.0.1:{port}/readyz").is_success
        assert httpx2.get(f"http://127.0.0.1:{dashboard_port}/_stcore/health").is_success
        assert httpx2.get(f"http://127.0.0.1:{port}/v1/renewals").status_code == 401
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(30)
    for stopped in (port, dashboard_port):
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(f"http://127.0.0.1:{stopped}/healthz")
