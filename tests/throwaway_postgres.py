"""A throwaway PostgreSQL server from the system's own binaries, gone when the tests are."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

START_TRIES = 400
TRY_EVERY_SECONDS = 0.05

OUTLIVES_A_POWER_CUT: tuple[str, ...] = ()
OUTLIVES_A_CRASH = ("-c", "fsync=off")
"""What was committed is there after a crash of its processes, which is all that a test can make."""
OUTLIVES_NOTHING = (*OUTLIVES_A_CRASH, "-c", "synchronous_commit=off", "-c", "full_page_writes=off")


def find_binaries() -> Path | None:
    """Return the folder of initdb and postgres, newest version first, or None."""
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -float(path.parent.name)
    )
    for folder in folders:
        if (folder / "initdb").exists():
            return folder
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


class Cluster:
    """A server of its own, that may be crashed and started again on the same port."""

    def __init__(self, settings: Sequence[str]) -> None:
        binaries = find_binaries()
        if binaries is None:
            raise RuntimeError("no PostgreSQL binaries; ask find_binaries() first")
        self._binaries = binaries
        self._folder = Path(tempfile.mkdtemp(prefix="tonnage-pg-"))
        self._who = _unprivileged(self._folder)
        home = str(self._folder)
        self._environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "HOME": home, "TZ": "UTC"}
        self._settings = settings
        self._port = _free_port()
        self._server: subprocess.Popen[bytes] | None = None
        self._initialise()

    @property
    def url(self) -> str:
        """Return the URL it answers at, without a database name."""
        return f"postgresql+psycopg://test@127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """Return the id of the process that all others of the server descend from."""
        if self._server is None:
            raise RuntimeError("the server does not run")
        return self._server.pid

    def start(self) -> None:
        """Start it and wait until it answers; after a crash it first reads its log."""
        folder = str(self._folder)
        command = [str(self._binaries / "postgres"), "-D", f"{folder}/data", "-k", folder]
        command += ["-h", "127.0.0.1", "-p", str(self._port), "-c", "max_connections=300"]
        with (self._folder / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [*command, *self._settings],
                env=self._environment,
                cwd=self._folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                **self._who,
            )
        _wait_until_ready(self._server, self._folder)

    def crash(self) -> None:
        """Stop it at once, as `pg_ctl stop -m immediate` does: nothing is written any more."""
        if self._server is not None:
            self._server.send_signal(signal.SIGQUIT)
            self._server.wait(30)
            self._server = None
        (self._folder / "data" / "postmaster.pid").unlink(missing_ok=True)

    def remove(self) -> None:
        """Stop it and delete all of it."""
        self.crash()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _initialise(self) -> None:
        # Under LC_ALL=C initdb would choose SQL_ASCII, and text would come back as bytes.
        initdb = [str(self._binaries / "initdb"), "-D", str(self._folder / "data"), "-A", "trust"]
        initdb += ["-U", "test", "-E", "UTF8", "--locale=C", "--no-sync"]
        subprocess.run(
            initdb,
            check=True,
            capture_output=True,
            env=self._environment,
            cwd=self._folder,
            **self._who,
        )


@contextmanager
def running() -> Iterator[str]:
    """Start a server and yield the URL it answers at, without a database name."""
    cluster = Cluster(OUTLIVES_NOTHING)
    try:
        cluster.start()
        yield cluster.url
    finally:
        cluster.remove()


def _unprivileged(folder: Path) -> dict[str, Any]:
    """PostgreSQL refuses to run as root: name an existing user to drop to."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_ready(server: subprocess.Popen[bytes], folder: Path) -> None:
    status = folder / "data" / "postmaster.pid"
    for _ in range(START_TRIES):
        if status.exists() and "ready" in status.read_text():
            return
        if server.poll() is not None:
            raise RuntimeError((folder / "log").read_text())
        time.sleep(TRY_EVERY_SECONDS)
    raise RuntimeError("PostgreSQL did not become ready: " + (folder / "log").read_text())
