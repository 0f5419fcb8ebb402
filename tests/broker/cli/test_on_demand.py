"""Commands are read in when they are asked for, and none is missing from the help."""

from __future__ import annotations

import pytest
from typer.main import get_command

from broker.cli import COMMANDS, app
from broker.cli.on_demand import CommandsOnDemand


def test_naming_the_commands_reads_none_of_them_in() -> None:
    commands = CommandsOnDemand({"nowhere": "broker.cli.no_such_module:app"})

    assert list(commands) == ["nowhere"]
    assert len(commands) == 1
    with pytest.raises(ModuleNotFoundError):
        commands["nowhere"]


def test_a_group_and_a_single_command_are_both_found_under_their_names() -> None:
    commands = CommandsOnDemand(COMMANDS)

    assert "show" in commands["plan"].commands
    assert commands["work"].name == "work"
    assert commands.get("nothing of the kind") is None


def test_every_command_of_the_product_can_be_read_in() -> None:
    commands = get_command(app).commands  # type: ignore[attr-defined]  # a group, for typer a command

    assert {name: commands[name].name for name in commands} == {name: name for name in COMMANDS}
