"""`tonnage dashboard`: the screens, run by Streamlit.

Every option goes on the command line, which outranks whatever Streamlit finds in the folder it is
started from or in the user's home.
"""

from __future__ import annotations

import os
import sys
from importlib.resources import files
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final

import typer

from broker.cli.console import read_settings
from broker.cli.serve import listening

DEFAULT_HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8501
UPLOAD_MEGABYTES: Final = 1
"""The screens take no files; this is the least that Streamlit accepts."""


def dashboard(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = DEFAULT_HOST,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes any free one.")
    ] = DEFAULT_PORT,
) -> None:
    """Show the screens in a browser until stopped by Ctrl-C or SIGTERM.

    They ask the API at TONNAGE_API_URL, with TONNAGE_API_KEY or with a key typed into the page.
    """
    settings = read_settings()
    with listening(host, port) as probe:  # one clear refusal before Streamlit starts
        free: int = probe.getsockname()[1]
    if settings.api_key and not _is_loopback(host):
        typer.echo(
            f"note: everybody who reaches {host} sees what TONNAGE_API_KEY may see; "
            "unset it to have the page ask each reader for a key",
            err=True,
        )
    shown = f"[{host}]" if ":" in host else host
    typer.echo(f"Tonnage dashboard on http://{shown}:{free} (Ctrl-C stops it)", err=True)
    command = streamlit_command(host=host, port=free)
    os.execv(command[0], command)  # noqa: S606 - our own interpreter, so that signals reach it


def streamlit_command(*, host: str, port: int) -> list[str]:
    """Return the command that serves the screens, from whatever folder it is started."""
    folder = Path(str(files("dashboards")))
    options = {
        "server.address": host,
        "server.port": str(port),
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "server.runOnSave": "false",
        "server.maxUploadSize": str(UPLOAD_MEGABYTES),
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "client.showErrorLinks": "false",
        "logger.hideWelcomeMessage": "true",
        "runner.magicEnabled": "false",
        "theme.base": str(folder / "theme.toml"),
    }
    flags = [part for name, value in options.items() for part in (f"--{name}", value)]
    # -P: the folder it is started from must not stand in for an installed package.
    return [sys.executable, "-P", "-m", "streamlit", "run", str(folder / "app.py"), *flags]


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
