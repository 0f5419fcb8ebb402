"""Quotas as they cross the network."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from broker.api.wire.capacity import Name
from broker.capacity.quota import Quota
from broker.capacity.request import MOST_GPUS
from broker.flows.manage_quotas import quota_of
from broker.store.quotas import StoredQuota

Gpus = Annotated[int, Field(ge=0, le=MOST_GPUS)]


class QuotaIn(BaseModel):
    """The quota that is to be."""

    model_config = ConfigDict(extra="forbid")

    holder: Annotated[Name, Field(description="as requests name it")]
    gpu_model: Annotated[Name, Field(description="* for all models together")]
    guaranteed: Annotated[Gpus, Field(description="GPUs that the holder is sure of")]
    most: Annotated[
        Gpus | None, Field(description="GPUs that it may have; null: whatever it can borrow")
    ] = None

    def quota(self) -> Quota:
        """Return the quota, or raise BadInputError for one that cannot be."""
        return quota_of(self.holder, self.gpu_model, guaranteed=self.guaranteed, most=self.most)


class QuotaEntry(BaseModel):
    """A quota, and who set it when."""

    holder: str
    gpu_model: str
    guaranteed: int
    most: int | None
    actor: str
    recorded_at: datetime

    @classmethod
    def of(cls, stored: StoredQuota) -> QuotaEntry:
        """Return a quota as it is shown."""
        return cls(
            holder=stored.quota.holder,
            gpu_model=stored.quota.gpu_model,
            guaranteed=stored.quota.guaranteed,
            most=stored.quota.most,
            actor=stored.actor,
            recorded_at=stored.recorded_at,
        )


class QuotaList(BaseModel):
    """All quotas, by holder and model."""

    items: list[QuotaEntry]
