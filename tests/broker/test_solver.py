"""The solver: programs from arrays."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csc_array

from broker.solver import Outcome, Program, solve


def knapsack(*, whole: bool, most: float = 10.0) -> Program:
    """Two goods of worth 5 and 4 and weight 6 and 4, of which `most` can be carried."""
    return Program(
        cost=np.array([-5.0, -4.0]),
        lower=np.zeros(2),
        upper=np.array([np.inf, 1.0]),
        matrix=csc_array(np.array([[6.0, 4.0]])),
        row_lower=np.array([-np.inf]),
        row_upper=np.array([most]),
        is_integer=np.array([True, True]) if whole else None,
    )


def test_parts_of_goods_are_worth_at_least_as_much_as_whole_ones() -> None:
    """The linear answer is a bound on the whole one."""
    parts, whole = solve(knapsack(whole=False, most=9)), solve(knapsack(whole=True, most=9))
    assert parts.objective == pytest.approx(-(4 + 5 * 5 / 6))
    assert whole.objective == pytest.approx(-5.0)
    assert parts.outcome is whole.outcome is Outcome.OPTIMAL
    assert whole.bound == pytest.approx(-5.0)


def test_the_price_of_a_row_is_what_one_more_of_it_saves() -> None:
    """Duals are those of the minimum: negative where more room lowers the cost."""
    here, more = solve(knapsack(whole=False)), solve(knapsack(whole=False, most=11))
    assert here.row_duals[0] == pytest.approx(more.objective - here.objective)


def test_a_program_without_an_answer_says_so() -> None:
    """No room at all for what must be carried."""
    program = knapsack(whole=False, most=-1)
    assert solve(program).outcome is Outcome.INFEASIBLE
