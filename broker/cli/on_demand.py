"""Commands that are read in when they are asked for: a plan should not wait for the web server."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from typing import Any

import typer
from typer.main import get_group


class CommandsOnDemand(MutableMapping[str, Any]):
    """Commands by name; `places` says where each is, as `module:attribute`."""

    def __init__(self, places: Mapping[str, str]) -> None:
        self._places = dict(places)
        self._read: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        """Return the command, reading in its module at the first time."""
        if name not in self._read:
            self._read[name] = _command(name, self._places[name])
        return self._read[name]

    def __setitem__(self, name: str, command: Any) -> None:
        """Add a command that is there already."""
        self._places.setdefault(name, "")
        self._read[name] = command

    def __delitem__(self, name: str) -> None:
        """Take a command away."""
        del self._places[name]
        self._read.pop(name, None)

    def __iter__(self) -> Iterator[str]:
        """Go through the names; nothing is read in."""
        return iter(self._places)

    def __len__(self) -> int:
        """Count the commands."""
        return len(self._places)


def _command(name: str, place: str) -> Any:
    module, _, attribute = place.partition(":")
    found = getattr(import_module(module), attribute)
    alone = typer.Typer()
    if isinstance(found, typer.Typer):
        alone.add_typer(found, name=name)
    else:
        alone.command(name)(found)
    return get_group(alone).commands[name]
