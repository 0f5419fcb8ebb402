"""Changes of a what-if out of JSON values: all that is wrong with them is told at once."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from broker.placement.json_faults import FaultCode, Faults
from broker.placement.json_fields import Fields
from broker.placement.snapshot_reading import read_pool
from broker.placement.what_if import (
    AddPool,
    Change,
    ClosePool,
    LoseProvider,
    ScaleDemand,
    ScalePrices,
)

MAX_FACTOR: Final = 1000
MOST_CHANGES: Final = 100


class ChangeKind(StrEnum):
    """What may be changed."""

    LOSE_PROVIDER = "lose-provider"
    CLOSE_POOL = "close-pool"
    SCALE_PRICES = "scale-prices"
    SCALE_DEMAND = "scale-demand"
    ADD_POOL = "add-pool"


_FIELDS: Final = {
    ChangeKind.LOSE_PROVIDER: ("kind", "provider"),
    ChangeKind.CLOSE_POOL: ("kind", "pool"),
    ChangeKind.SCALE_PRICES: ("kind", "factor", "provider"),
    ChangeKind.SCALE_DEMAND: ("kind", "factor", "model"),
    ChangeKind.ADD_POOL: ("kind", "pool"),
}
_EVERY_FIELD: Final = tuple(dict.fromkeys(name for names in _FIELDS.values() for name in names))


def read_changes(fields: Fields) -> tuple[Change, ...]:
    """Return what the list `changes` of a document asks for, in its order.

    Faults are noted with `fields`, whoever reads the document refuses it. Whether a plan has what
    they speak of is seen when they are made.
    """
    changes = tuple(_change(fields.faults, row, path) for path, row in fields.rows("changes"))
    at = fields.at("changes")
    if not changes and not fields.faults.has(at):
        message = "nothing is changed; name at least one change"
        fields.faults.add(FaultCode.BAD_VALUE, at, message)
    if len(changes) > MOST_CHANGES:
        message = f"{len(changes)} changes are too many; up to {MOST_CHANGES} go together"
        fields.faults.add(FaultCode.OUT_OF_RANGE, at, message)
    return changes


def _change(faults: Faults, row: object, path: str) -> Change:
    # Read twice: which fields there may be is known once the kind is.
    tried = Fields(Faults(), row, path, _EVERY_FIELD)
    kind = tried.choice("kind", ChangeKind)
    is_known = not tried.faults.has(tried.at("kind"))
    fields = Fields(faults, row, path, _FIELDS[kind] if is_known else _EVERY_FIELD)
    if not is_known:
        fields.choice("kind", ChangeKind)
        return LoseProvider(provider="")
    match kind:
        case ChangeKind.LOSE_PROVIDER:
            return LoseProvider(provider=fields.name("provider"))
        case ChangeKind.CLOSE_POOL:
            return ClosePool(pool=fields.name("pool"))
        case ChangeKind.SCALE_PRICES:
            factor = fields.decimal("factor", least=0, most=MAX_FACTOR)
            return ScalePrices(factor=factor, provider=fields.name_or_none("provider"))
        case ChangeKind.SCALE_DEMAND:
            return ScaleDemand(
                factor=fields.number("factor", least=0, most=MAX_FACTOR),
                model=fields.name_or_none("model"),
            )
        case ChangeKind.ADD_POOL:
            return AddPool(pool=read_pool(faults, fields.required("pool"), fields.at("pool")))
