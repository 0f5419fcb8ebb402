"""`tonnage dashboard`: refusals before Streamlit starts, and options that do not depend on a folder."""

import tomllib
from pathlib import Path
from socket import create_server

import pytest
from typer.testing import CliRunner

from broker.cli import app
from broker.cli.dashboard import streamlit_command


def options() -> dict[str, str]:
    words = streamlit_command(host="127.0.0.1", port=8501)
    flags = words[words.index("run") + 2 :]
    return dict(zip(flags[::2], flags[1::2], strict=True))


def test_a_port_that_is_taken_is_one_clear_error() -> None:
    with create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(app, ["dashboard", "--port", str(port)])

    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: port {port} on 127.0.0.1 is in use")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--browser.gatherUsageStats", "false"),
        ("--server.headless", "true"),
        ("--server.fileWatcherType", "none"),
        ("--client.toolbarMode", "minimal"),
        ("--client.showErrorDetails", "none"),
        ("--server.address", "127.0.0.1"),
    ],
)
def test_streamlit_calls_nobody_and_shows_no_traces_whatever_the_folder_says(
    option: str, value: str
) -> None:
    assert options()[option] == value


def test_the_screens_and_their_look_are_found_from_anywhere() -> None:
    script = Path(streamlit_command(host="127.0.0.1", port=1)[5])
    theme = Path(options()["--theme.base"])

    assert script.is_absolute()
    assert script.name == "app.py"
    assert {"theme"} == tomllib.loads(theme.read_text()).keys()
    assert all((script.parent / name).is_file() for name in ("icon.png", "logo.png"))
