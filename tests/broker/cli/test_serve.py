"""A real server in a process of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import httpx2
import pytest

from broker.cli.serve import listening
from broker.errors import RefusedError
from tests.broker.cli.commands import run


@pytest.fixture
def server(sqlite_url: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run a server on a free port; yield it and where it answers."""
    process = subprocess.Popen(
        [sys.executable, "-m", "broker", "serve", "--port", "0"],
        env={**os.environ, "TONNAGE_DATABASE_URL": sqlite_url},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    announced = process.stderr.readline()  # comes after the socket listens
    yield process, announced.removeprefix("Tonnage API on ").partition(" ")[0]
    process.kill()
    process.communicate()


def test_a_server_answers_and_stops_when_told(server: tuple[subprocess.Popen[str], str]) -> None:
    process, url = server

    assert httpx2.get(f"{url}/healthz").json() == {"status": "ok"}
    assert httpx2.get(f"{url}/readyz?key=hunter2").json()["status"] == "ready"
    process.send_signal(signal.SIGINT)
    _, log = process.communicate(timeout=30)

    assert process.returncode == 0
    assert "Traceback" not in log
    assert '"path": "/readyz"' in log
    assert "hunter2" not in log


def test_a_port_in_use_gives_one_clear_error(sqlite_url: str) -> None:
    with listening("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        result = run("serve", "--port", str(port), database_url=sqlite_url)

    assert result.exit_code == 2
    [complaint] = result.stderr.splitlines()
    assert f"port {port} on 127.0.0.1 is in use" in complaint
    assert "--port" in complaint


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(RefusedError, match="--host"):
        listening("192.0.2.1", 0)
