"""Whether the server runs and can work."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import BaseModel, Field


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """The database answers too, its schema is as expected, and so is the engine if there is one."""

    status: Literal["ready"] = "ready"
    sweep_age_seconds: float | None = Field(
        description="since leases were last swept; null: never yet"
    )

    @classmethod
    def of(cls, sweep_age: timedelta | None) -> Readiness:
        """Return the answer of a process that is ready."""
        return cls(
            sweep_age_seconds=None if sweep_age is None else round(sweep_age.total_seconds(), 3)
        )
