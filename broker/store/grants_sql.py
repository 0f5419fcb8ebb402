"""The database functions of the hot path, as text: `grants.sql`, beside this file."""

from __future__ import annotations

from importlib.resources import files

GRANT_FUNCTIONS = (
    "lease_batch",
    "lease_grant",
    "lease_known",
    "lease_choose",
    "lease_write",
    "lease_renew",
    "lease_peak",
    "lease_sweep",
    "lease_begin",
    "lease_finish",
    "lease_welcome",
    "lease_guard",
)
"""Each name belongs to one function."""

_BETWEEN = "\n\n---- "


def grant_functions() -> list[str]:
    """Return the statements that create the functions, in the order in which they are needed."""
    whole = files("broker.store").joinpath("grants.sql").read_text(encoding="utf-8")
    _, *statements = whole.split(_BETWEEN)
    return [f"-- {statement}" for statement in statements]
