"""Assumptions as they cross the network: a figure as text with its unit, its scope, its source."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from broker.flows.state_assumption import SOURCE_LENGTH, KnownAssumption
from broker.renewals.assumptions import DEFINITIONS, AssumptionName

Text = Annotated[str, Field(min_length=1, max_length=200)]


class AssumptionRequest(BaseModel):
    """A statement to append."""

    model_config = ConfigDict(extra="forbid")

    name: AssumptionName
    scope: Annotated[
        str,
        Field(
            min_length=1,
            max_length=200,
            description="global, gpu:B200, supplier:KEY, contract:REF or line:REF/1",
        ),
    ]
    value: Annotated[Text, Field(description='"0.95", or "150000 USD" for money')]
    source: Annotated[
        str, Field(min_length=1, max_length=SOURCE_LENGTH, description="who says so, and why")
    ]
    valid_from: Annotated[date | None, Field(description="default: today")] = None

    def cells(self, *, today: date) -> dict[str, str]:
        """Return the statement as the cells of a sheet."""
        return {
            "name": self.name.value,
            "scope": self.scope,
            "value": self.value,
            "source": self.source,
            "valid_from": (self.valid_from or today).isoformat(),
        }


class AssumptionOut(BaseModel):
    """A statement on record."""

    id: str
    name: AssumptionName
    meaning: str
    unit: str
    scope: str
    value: str
    valid_from: date
    in_force: bool = Field(description="the one that counts for its scope on the day asked about")
    source: str
    actor: str
    recorded_at: datetime

    @classmethod
    def of(cls, known: KnownAssumption) -> AssumptionOut:
        """Return a statement as it is shown."""
        stated = known.stated
        definition = DEFINITIONS[stated.name]
        return cls(
            id=stated.id,
            name=stated.name,
            meaning=definition.meaning,
            unit=definition.unit.value,
            scope=known.scope,
            value=stated.value,
            valid_from=stated.valid_from,
            in_force=known.in_force,
            source=stated.source,
            actor=stated.actor,
            recorded_at=stated.recorded_at,
        )


class AssumptionList(BaseModel):
    """Statements by name and scope, the newest of each last."""

    as_of: date
    items: list[AssumptionOut]
