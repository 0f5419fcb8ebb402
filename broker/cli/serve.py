"""`tonnage serve`: the API over HTTP, one process."""

from __future__ import annotations

import errno
import socket
from contextlib import suppress
from typing import Annotated

import typer

from broker.api.app import create_app
from broker.api.serving import run
from broker.cli.console import opened, read_settings
from broker.errors import RefusedError
from broker.logs import log_to_stderr

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8440
BACKLOG = 2048
GRACE_SECONDS = 10
"""How long requests in flight may take to finish after a signal to stop."""


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = DEFAULT_HOST,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes any free one.")
    ] = DEFAULT_PORT,
) -> None:
    """Serve the API until stopped by Ctrl-C or SIGTERM."""
    settings = read_settings()
    with listening(host, port) as listener, opened(settings) as database:
        log_to_stderr(settings.log_level)
        app = create_app(settings, database=database)
        actual = listener.getsockname()[1]
        typer.echo(f"Tonnage API on http://{_bracketed(host)}:{actual} (Ctrl-C stops it)", err=True)
        with suppress(KeyboardInterrupt):  # raised again by uvicorn after a graceful stop
            run(app, listener, timeout_graceful_shutdown=GRACE_SECONDS)


def listening(host: str, port: int, *, option: str = "--port") -> socket.socket:
    """Return a socket that listens; raise RefusedError, naming the option to change, if not."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except socket.gaierror as unknown:
        raise RefusedError(
            f"{host} is no address of this machine; choose one with --host"
        ) from unknown
    except OSError as failure:
        if failure.errno == errno.EADDRINUSE:
            raise RefusedError(
                f"port {port} on {host} is in use; choose another one with {option}, "
                "or stop what uses it"
            ) from failure
        raise RefusedError(
            f"cannot listen on port {port} of {host} ({failure.strerror}); "
            f"choose another one with {option}, or another --host"
        ) from failure


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
