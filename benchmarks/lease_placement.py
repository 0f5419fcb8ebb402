"""OpenStack Placement as a peer: installed, configured as it comes, and asked for allocations.

Placement does more with each call than a lease needs (nested providers, traits, many resource
classes). Two processes of sixteen threads, with database connections for all of them, since with
its default of five its threads wait for one until they fail; its own defaults otherwise.
"""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self
from uuid import uuid4

import sqlalchemy as sa
from lease_load import Talk, a_request
from lease_site import wait_for

PACKAGES = ("openstack-placement", "psycopg2-binary", "gunicorn")
PROCESSES, THREADS = 2, 16
_HEADERS = {"X-Auth-Token": "admin", "OpenStack-API-Version": "placement 1.36"}
_CONFIGURATION = """[api]
auth_strategy = noauth2
[placement_database]
connection = {connection}
max_pool_size = {threads}
"""


class Placement(NamedTuple):
    """A Placement that is served."""

    port: int
    version: str

    @classmethod
    @contextmanager
    def served(cls, folder: Path, url: str) -> Iterator[Self]:
        """Install it in a folder if it is not there yet, and serve it on a database."""
        binaries = _installed(folder)
        with tempfile.TemporaryDirectory(prefix="placement-") as settings:
            connection = sa.make_url(url).set(drivername="postgresql+psycopg2")
            Path(settings, "placement.conf").write_text(
                _CONFIGURATION.format(
                    connection=connection.render_as_string(hide_password=False), threads=2 * THREADS
                )
            )
            environment = {**os.environ, "OS_PLACEMENT_CONFIG_DIR": settings}
            environment.pop("PYTHONPATH", None)
            sync = [binaries / "placement-manage", "--config-dir", settings, "db", "sync"]
            subprocess.run(sync, check=True, env=environment, capture_output=True)
            port = _free_port()
            command = [str(binaries / "gunicorn"), "placement.wsgi.api:application"]
            command += ["--bind", f"127.0.0.1:{port}", "--workers", str(PROCESSES)]
            command += ["--threads", str(THREADS), "--log-level", "error", "--keep-alive", "30"]
            with Path(settings, "log").open("wb") as log:
                process = subprocess.Popen(
                    command, env=environment, cwd=settings, stdout=log, stderr=log
                )
            try:
                wait_for(f"http://127.0.0.1:{port}/", process)
                yield cls(port, _version(binaries))
            finally:
                process.terminate()
                process.wait(30)

    def provider(self, total: int) -> str:
        """Make a resource provider with so many GPUs and return its id."""
        provider = str(uuid4())
        self._do("POST", "/resource_providers", {"name": provider, "uuid": provider})
        inventory = {"resource_provider_generation": 0, "inventories": {"PGPU": {"total": total}}}
        self._do("PUT", f"/resource_providers/{provider}/inventories", inventory)
        return provider

    def allocations(self, provider: str, most: int) -> Talk:
        """Allocate GPUs to a consumer and free them, again and again; a conflict is asked anew."""
        while True:
            consumer = str(uuid4())
            body = {
                "allocations": {provider: {"resources": {"PGPU": random.randint(1, most)}}},
                "project_id": "bench",
                "user_id": "bench",
                "consumer_generation": None,
            }
            status, _ = yield a_request("PUT", f"/allocations/{consumer}", _HEADERS, body)
            while status == 204:
                freed, _ = yield a_request("DELETE", f"/allocations/{consumer}", _HEADERS)
                if freed != 409:
                    break

    def _do(self, method: str, path: str, body: Mapping[str, Any]) -> None:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            data=json.dumps(body).encode(),
            headers={**_HEADERS, "Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=60):  # noqa: S310 - an address of our own
            return


def _installed(folder: Path) -> Path:
    binaries = folder / "bin"
    if not (binaries / "gunicorn").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(binaries / "pip"), "install", "-q", *PACKAGES], check=True)
    return binaries.absolute()


def _version(binaries: Path) -> str:
    code = "import importlib.metadata as m; print(m.version('openstack-placement'))"
    told = subprocess.run(
        [str(binaries / "python"), "-c", code], check=True, capture_output=True, text=True
    )
    return told.stdout.strip()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
