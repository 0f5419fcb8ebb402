"""Resellers' names for the clouds behind them → the names that we use.

So that the same machines are not counted twice: the name is the key of our own supplier where
there is one.
"""

from __future__ import annotations

from typing import Final

UNDISCLOSED: Final = "undisclosed"

_OURS: Final = {
    "datacrunch": "verda",
    "excesssupply": UNDISCLOSED,
    "foundry": "mithril",
    "lambdalabs": "lambda",
    "nexgen": "hyperstack",
    "oracle": "oci",
}


def upstream(name: str) -> str:
    """Return the cloud that a reseller's name means, "undisclosed" when the reseller hides it."""
    folded = name.strip().lower()
    return _OURS.get(folded, folded) or UNDISCLOSED
