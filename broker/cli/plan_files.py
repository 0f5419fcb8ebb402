"""JSON files of plans and snapshots: read whole or refused in words, written whole or not at all."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from broker.errors import BadInputError
from broker.placement.json_text import values_of

STANDARD_INPUT: Final = Path("-")


def read_document(path: Path) -> object:
    """Return the JSON value of a file, `-` for standard input; decimals stay exact.

    Raises BadInputError for a file that cannot be opened or holds no JSON.
    """
    try:
        text = sys.stdin.buffer.read() if path == STANDARD_INPUT else path.read_bytes()
    except OSError as wrong:
        raise BadInputError(f"{path} cannot be read: {wrong.strerror}; name a JSON file") from wrong
    return values_of(text, name=str(path))


def write_document(path: Path, document: Mapping[str, object]) -> None:
    """Write a JSON file, in the place of the one there was; raise BadInputError where it cannot."""
    beside = path.with_name(f".{path.name}.part")
    try:
        beside.write_text(document_text(document) + "\n", encoding="utf-8")
        beside.replace(path)
    except OSError as wrong:
        raise BadInputError(
            f"{path} cannot be written: {wrong.strerror}; name a file in a folder of yours"
        ) from wrong


def document_text(document: Mapping[str, object]) -> str:
    """Return a document as people read it."""
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
