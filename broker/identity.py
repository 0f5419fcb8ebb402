"""Identifiers: UUIDv7 text, so that ids sort by the moment they were made."""

from __future__ import annotations

from uuid_utils import uuid7


def new_id() -> str:
    """Return a fresh identifier."""
    return str(uuid7())
