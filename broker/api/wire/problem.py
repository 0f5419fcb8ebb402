"""Problem details (RFC 9457): the one shape of every answer that is not a success."""

from __future__ import annotations

from pydantic import BaseModel, Field

MEDIA_TYPE = "application/problem+json"


class ProblemFault(BaseModel):
    """One thing wrong with an input, and where it stands."""

    line: int | None = Field(default=None, description="line of the file, when it was one")
    field: str | None = Field(default=None, description="column or parameter")
    code: str = Field(description="stable, for programs")
    message: str = Field(description="for people: what is wrong and what would help")


class Problem(BaseModel):
    """What went wrong and what would help."""

    type: str = Field(description="urn:tonnage:problem: followed by the code")
    title: str
    status: int
    detail: str
    code: str = Field(description="stable, for programs")
    errors: list[ProblemFault] = Field(default=[], description="every fault found, not the first")
    request_id: str = Field(description="also in the header X-Request-Id and in the server's log")
