"""Begins an adapter: files that pass the conformance suite on an invented answer, to be replaced.

The templates stand in `templates/`. What is written is green at once, so that every step from the
invented answer to the real one is a small one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Template
from typing import Final
from urllib.parse import urlsplit

_KEY: Final = re.compile(r"[a-z][a-z0-9_]{1,30}")
_REGISTRY: Final = Path("providers/registry.py")
_ALIASES: Final = Path("pricing/gpu_aliases.csv")
_END_OF_LIST: Final = "}\n"
_ALIAS_ROWS: Final = (
    "{key},gpu_type,H100_80GB,H100-SXM,H100,nvidia,80,,,H100,map,by_form,invented: replace\n"
)


class ScaffoldError(ValueError):
    """An adapter cannot be begun here, or not under that name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """The supplier's key and where its API answers."""

    key: str
    url: str

    @property
    def class_name(self) -> str:
        """Return the key as a class is named: "acme_cloud" is AcmeCloud."""
        return "".join(part.capitalize() for part in self.key.split("_"))


def scaffold(wish: Wish, checkout: Path) -> list[Path]:
    """Write the files of an adapter into a checkout and return their paths, or raise.

    Nothing is written unless all of it can be.
    """
    host = urlsplit(wish.url).hostname
    if not _KEY.fullmatch(wish.key):
        raise ScaffoldError(
            f"{wish.key!r} is no key: small letters, digits and underscores, beginning with a letter"
        )
    if not host or not wish.url.startswith("https://"):
        raise ScaffoldError(f"{wish.url} is not an address such as https://api.example.com/v1")
    registry, aliases = checkout / _REGISTRY, checkout / _ALIASES
    if not (registry.is_file() and aliases.is_file()):
        raise ScaffoldError(f"{checkout.resolve()} is no checkout of this project; run it in one")
    files = _files(wish, host)
    taken = [path for path in files if (checkout / path).exists()]
    listing = registry.read_text(encoding="utf-8")
    if taken or f'"{wish.key}":' in listing:
        raise ScaffoldError(
            f"{wish.key} exists already: {', '.join(map(str, taken or [_REGISTRY]))}"
        )
    for path, text in files.items():
        (checkout / path).parent.mkdir(parents=True, exist_ok=True)
        (checkout / path).write_text(text, encoding="utf-8")
    registry.write_text(_with_line(listing, wish.key), encoding="utf-8")
    with aliases.open("a", encoding="utf-8") as table:
        table.write(_ALIAS_ROWS.format(key=wish.key))
    return [*files, _REGISTRY, _ALIASES]


def _files(wish: Wish, host: str) -> dict[Path, str]:
    words = {
        "key": wish.key,
        "KEY": wish.key.upper(),
        "Class": wish.class_name,
        "url": wish.url,
        "host": host,
    }
    return {
        Path(f"providers/{wish.key}.py"): _filled("adapter.py.txt", words),
        Path(f"fixtures/suppliers/{wish.key}/exchanges.json"): _filled("exchanges.json.txt", words),
        Path(f"tests/providers/counterparts/{wish.key}.py"): _filled("counterpart.py.txt", words),
    }


def _filled(name: str, words: dict[str, str]) -> str:
    text = resources.files("providers").joinpath("templates", name).read_text(encoding="utf-8")
    return Template(text).substitute(words)


def _with_line(listing: str, key: str) -> str:
    start = listing.index("SUPPLIERS")
    end = listing.index(_END_OF_LIST, start)
    return f'{listing[:end]}    "{key}": "providers.{key}",\n{listing[end:]}'
