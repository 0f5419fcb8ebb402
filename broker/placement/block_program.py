"""The whole-replica program of a few models, all others standing still.

Columns: replicas of the picked columns, replicas that run already (so that keeping them costs no
start), steps to buy, and the models' other columns. GPU rows hold what others have left over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import block_diag, coo_array, csc_array, hstack, vstack

from broker.placement.blocks import Block
from broker.placement.charges import Charges
from broker.placement.problem import Problem
from broker.solver import Program

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picked:
    """A model's block, the columns to look at, and where they are in the block."""

    block: Block
    columns: Ints
    in_block: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class _Room:
    """Sites of the program: what others leave there, and what more can be bought."""

    of_column: Ints
    bought: Ints  # which of the sites sell
    step: Ints
    step_price: Floats
    left: Floats
    steps_left: Floats


def block_program(
    problem: Problem,
    charges: Charges,
    picked: Sequence[Picked],
    *,
    others: Ints,
    rent_share: float,
    may_lack: bool,
) -> tuple[Program, Ints]:
    """Return the program, and which column each of its first ones stands for."""
    chosen = np.concatenate([pick.columns for pick in picked])
    again = np.flatnonzero(charges.running[chosen] > 0)
    columns = np.concatenate([chosen, chosen[again]])
    room = _room(problem, charges, columns, others)
    cost = charges.each(columns, rent_share)
    cost[len(chosen) :] -= charges.start_cost[chosen[again]]
    lower, upper = _limits(problem, chosen, again)
    blocks = [pick.block for pick in picked]
    other_cost = np.concatenate([block.other_cost for block in blocks])
    other_upper = np.concatenate([block.other_upper for block in blocks])
    if not may_lack:
        lacking = np.concatenate([block.is_shortfall for block in blocks])
        other_upper = np.where(lacking, 0.0, other_upper)
    steps, rest = len(room.bought), len(other_upper)
    program = Program(
        cost=np.concatenate([cost, room.step_price, other_cost]),
        lower=np.concatenate([lower, np.zeros(steps + rest)]),
        upper=np.concatenate([upper, room.steps_left, other_upper]),
        matrix=_matrix(charges, picked, columns, again, room),
        row_lower=np.concatenate(
            [*(block.row_lower for block in blocks), np.full(len(room.left), -np.inf)]
        ),
        row_upper=np.concatenate([*(block.row_upper for block in blocks), room.left]),
        is_integer=np.arange(len(columns) + steps + rest) < len(columns) + steps,
    )
    return program, columns


def _room(problem: Problem, charges: Charges, columns: Ints, others: Ints) -> _Room:
    sites, of_column = np.unique(charges.site[columns], return_inverse=True)
    bought = np.flatnonzero(charges.is_bought[sites])
    step, gpus = charges.step[sites], problem.sites.gpus[sites]
    have = np.where(charges.is_bought[sites], -(-others[sites] // step) * step, gpus)
    return _Room(
        of_column=of_column,
        bought=bought,
        step=step[bought],
        step_price=charges.price[sites[bought]] * step[bought],
        left=(have - others[sites]).astype(np.float64),
        steps_left=((gpus - have) / step)[bought],
    )


def _limits(problem: Problem, chosen: Ints, again: Ints) -> tuple[Floats, Floats]:
    """Return the limits of replicas; those that must stay are among those that run already."""
    columns = problem.columns
    least, most = columns.staying[chosen], columns.most[chosen]
    kept_most = np.minimum(most[again], columns.running[chosen[again]])
    kept_least = np.minimum(least[again], kept_most)
    new_least = least.copy()
    new_least[again] -= kept_least
    return (
        np.concatenate([new_least, kept_least]).astype(np.float64),
        np.concatenate([most, kept_most]).astype(np.float64),
    )


def _matrix(
    charges: Charges, picked: Sequence[Picked], columns: Ints, again: Ints, room: _Room
) -> csc_array:
    of_replicas = block_diag(
        [pick.block.of_replicas[:, pick.in_block] for pick in picked], format="csc"
    )
    of_others = block_diag([pick.block.of_others for pick in picked], format="csc")
    rows, count, steps = of_replicas.shape[0], len(columns), len(room.bought)
    models = hstack(
        [of_replicas, of_replicas[:, again], csc_array((rows, steps)), of_others], format="csc"
    )
    gpus = coo_array(
        (
            np.concatenate([charges.gpus[columns], -room.step]).astype(np.float64),
            (np.concatenate([room.of_column, room.bought]), np.arange(count + steps)),
        ),
        shape=(len(room.left), models.shape[1]),
    )
    return csc_array(vstack([models, gpus], format="csc"))
