"""What can be wrong with a plan, and how far two counts of the same may lie apart."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

TOKENS_APART = 0.01
"""Tokens per second, so that a plan may round what it shows."""

SHARE_APART = 1e-6
"""As a part of the greater of the two, for what many floating-point additions lose."""


class Wrong(StrEnum):
    """What can be wrong with a plan."""

    UNKNOWN_NAME = "unknown_name"
    NOT_POSITIVE = "not_positive"
    WRONG_GPU_MODEL = "wrong_gpu_model"
    OVER_CAPACITY = "over_capacity"
    OUTSIDE_PERIOD = "outside_period"
    LEASE_DROPPED = "lease_dropped"
    SPOT_SHARE = "spot_share"
    BROKEN_STEP = "broken_step"
    PURCHASE_SHORT = "purchase_short"
    PURCHASE_UNNEEDED = "purchase_unneeded"
    PURCHASE_OVER_CAPACITY = "purchase_over_capacity"
    PURCHASE_OF_CONTRACT = "purchase_of_contract"
    WRONG_PRICE = "wrong_price"
    SERVED_FROM_OUTSIDE = "served_from_outside"
    REPLICAS_OVERWORKED = "replicas_overworked"
    ROW_UNBALANCED = "row_unbalanced"
    WRONG_UNSERVED = "wrong_unserved"
    WRONG_SURVIVAL = "wrong_survival"
    WRONG_GOLD = "wrong_gold"
    WRONG_COST = "wrong_cost"
    WRONG_BOUND = "wrong_bound"
    WRONG_GAP = "wrong_gap"
    WRONG_STATUS = "wrong_status"
    WRONG_MOVES = "wrong_moves"


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """One thing that does not hold, and where in the plan to look."""

    code: Wrong
    where: str
    message: str


def agree(one: float, other: float) -> bool:
    """Say whether two counts of tokens per second are the same but for rounding."""
    return math.isclose(one, other, rel_tol=SHARE_APART, abs_tol=TOKENS_APART)
