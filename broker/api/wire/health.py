"""Whether the server runs and can work."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """The database answers too, and its schema is as expected."""

    status: Literal["ready"] = "ready"
