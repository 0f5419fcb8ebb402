"""How ages are told in tables."""

from __future__ import annotations

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def age_text(seconds: int | None) -> str:
    """Return an age in its largest whole unit: 5400 seconds are "1 h"."""
    if seconds is None:
        return "never"
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
