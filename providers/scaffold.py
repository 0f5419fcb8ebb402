"""Begins an adapter: files that pass the conformance suite on an invented answer, to be replaced.

The templates stand in `templates/`. What is written is green at once, so that every step from the
invented answer to the real one is a small one.
"""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from string import Template
from typing import Final
from urllib.parse import urlsplit

EXAMPLE_URL: Final = "https://api.example.com/v1"

_KEY: Final = re.compile(r"[a-z][a-z0-9_]{1,30}")
_ADDRESS: Final = re.compile(r"https://[a-z0-9][a-z0-9.-]*(?::\d+)?(?:/[\w.~/-]*)?")
"""No user, query or quotation mark: it becomes a line of code, and must hold no secret."""

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
    host = _checked_host(wish)
    registry, aliases = checkout / _REGISTRY, checkout / _ALIASES
    if not (registry.is_file() and aliases.is_file()):
        raise ScaffoldError(
            f"{checkout.resolve()} is not the root of a checkout of this project, which has "
            f"{_REGISTRY} and {_ALIASES}; go there, or name it with --in"
        )
    listing, table = (path.read_text(encoding="utf-8") for path in (registry, aliases))
    files = _files(wish, host)
    taken = [path for path in files if (checkout / path).exists()]
    if taken or f'"{wish.key}":' in listing:
        raise ScaffoldError(
            f"{wish.key} exists already: {', '.join(map(str, taken or [_REGISTRY]))}; "
            "choose another key, or remove what an earlier try has left"
        )
    changed = {
        _REGISTRY: _with_line(listing, wish.key),
        _ALIASES: table.rstrip("\n") + "\n" + _ALIAS_ROWS.format(key=wish.key),
    }
    for path, text in {**files, **changed}.items():
        (checkout / path).parent.mkdir(parents=True, exist_ok=True)
        (checkout / path).write_text(text, encoding="utf-8")
    return [*files, *changed]


def _checked_host(wish: Wish) -> str:
    """Return the host of an address, or refuse the address or the key."""
    if not _KEY.fullmatch(wish.key) or keyword.iskeyword(wish.key):
        raise ScaffoldError(
            f"{wish.key!r} is no key: 2 to 31 small letters, digits and underscores, beginning with "
            "a letter, and no word of Python's, since it names a module"
        )
    host = urlsplit(wish.url).hostname if _ADDRESS.fullmatch(wish.url) else None
    if not host:
        raise ScaffoldError(
            f"{wish.url} is not an address such as {EXAMPLE_URL}: https, a host and a path, "
            "without user, query or blank"
        )
    return host


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
    start = listing.find("SUPPLIERS")
    end = listing.find(_END_OF_LIST, start)
    if min(start, end) < 0:
        raise ScaffoldError(f"{_REGISTRY} has no list SUPPLIERS that ends with a line of its own")
    return f'{listing[:end]}    "{key}": "providers.{key}",\n{listing[end:]}'
