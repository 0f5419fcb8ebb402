"""Model profiles as they cross the network: the document that can be imported, and who set it."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from broker.placement.demand_rates import Counted
from broker.placement.memory_fit import Precision
from broker.placement.model_reading import HIGHEST_PRIORITY, MOST_GPUS, model_document
from broker.placement.snapshot import SurvivalScope
from broker.placement.throughput_profile import Basis
from broker.store.demand import StoredProfile
from pricing.money import plain

Name = Annotated[str, Field(min_length=1, max_length=120)]
Words = Annotated[str, Field(min_length=1, max_length=400)]
Number = Annotated[Decimal, Field(ge=0, max_digits=18, decimal_places=6)]
Share = Annotated[Decimal, Field(ge=0, le=1, max_digits=7, decimal_places=6)]


class Described(BaseModel):
    """A part of a profile: what it does not know it refuses."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class ThroughputModel(Described):
    """What one replica serves of one class, and who says so."""

    class_name: Annotated[Name, Field(alias="class")] = "default"
    tokens_per_second: Annotated[Number, Field(description="0: it does not serve this class")]
    basis: Basis
    source: Words
    as_of: date
    conditions: Annotated[Words, Field(description="lengths, latency, engine")]


class ConfigModel(Described):
    """One way to run a model."""

    config: Name
    gpu_model: Annotated[Name, Field(description="however it is spelt")]
    gpus: Annotated[int, Field(ge=1, le=MOST_GPUS)]
    precision: Precision
    memory_gb: Annotated[Number | None, Field(description="of each GPU; null: by its model")] = None
    weights_gb: Annotated[
        Number | None, Field(description="of the checkpoint; null: from the parameters")
    ] = None
    throughput: Annotated[list[ThroughputModel], Field(min_length=1, max_length=100)]


class MemoryModel(Described):
    """What of a model takes memory."""

    parameters_billion: Number
    kv_bytes_per_token: Annotated[int, Field(ge=0, le=10**9)]
    kv_shards: Annotated[
        int, Field(ge=1, le=MOST_GPUS, description="GPUs over which a token's cache splits")
    ] = 1
    cached_tokens: Annotated[int, Field(ge=1, le=10**9)] = 131_072


class ModelIn(Described):
    """The profile that is to be."""

    model: Name
    priority: Annotated[int, Field(ge=0, le=HIGHEST_PRIORITY)] = 500
    headroom: Number = Decimal(0)
    survival: Annotated[
        Share, Field(description="of demand, to be left when any one provider is lost")
    ] = Decimal(0)
    survival_scope: SurvivalScope = SurvivalScope.PARENT
    max_spot_share: Share = Decimal(0)
    min_gold_share: Share = Decimal(0)
    start_cost: Annotated[Number, Field(description="US dollars per replica and hour")] = Decimal(0)
    classes: Annotated[list[Name], Field(min_length=1, max_length=100)] = ["default"]
    counted: Counted = Counted.OUTPUT
    memory: MemoryModel
    configs: Annotated[list[ConfigModel], Field(min_length=1, max_length=100)]

    def document(self) -> dict[str, Any]:
        """Return the profile as the document that is imported."""
        found: dict[str, Any] = _plain(self.model_dump(by_alias=True))
        return found


class ModelEntry(ModelIn):
    """A profile as it counts now, and who set it."""

    revision: int
    file: str
    actor: str
    recorded_at: datetime

    @classmethod
    def of(cls, stored: StoredProfile) -> ModelEntry:
        """Return a profile as it is shown."""
        return cls.model_validate(
            {
                **model_document(stored.profile),
                "revision": stored.revision,
                "file": stored.stamp.file,
                "actor": stored.stamp.actor,
                "recorded_at": stored.stamp.recorded_at,
            }
        )


class ModelList(BaseModel):
    """Served models, by name."""

    items: list[ModelEntry]


def _plain(value: Any) -> Any:
    """Return a value as JSON has it, amounts as exact text."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, Decimal):
        return plain(value)
    return value.isoformat() if isinstance(value, date) else value
