"""A draft of a linear or mixed-integer program, written column by column and row by row."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from math import inf

import numpy as np
from scipy.sparse import csc_array

from broker.solver import Program

Entry = tuple[int, float]
"""A column and its coefficient."""


class ProgramDraft:
    """Collects columns and rows; `program` makes the arrays."""

    def __init__(self) -> None:
        self._cost = array("d")
        self._upper = array("d")
        self._whole = array("b")
        self._row_lower = array("d")
        self._row_upper = array("d")
        self._rows = array("l")
        self._columns = array("l")
        self._values = array("d")

    @property
    def columns(self) -> int:
        """Return how many columns there are."""
        return len(self._cost)

    @property
    def rows(self) -> int:
        """Return how many rows there are."""
        return len(self._row_lower)

    def column(self, *, cost: float = 0.0, upper: float = inf, is_whole: bool = False) -> int:
        """Add a column from 0 to `upper` and return its number."""
        self._cost.append(cost)
        self._upper.append(upper)
        self._whole.append(is_whole)
        return len(self._cost) - 1

    def row(self, entries: Iterable[Entry], *, lower: float = -inf, upper: float = inf) -> None:
        """Add a row."""
        number = len(self._row_lower)
        for column, value in entries:
            self._rows.append(number)
            self._columns.append(column)
            self._values.append(value)
        self._row_lower.append(lower)
        self._row_upper.append(upper)

    def program(self) -> Program:
        """Return the program; values of one row and column add up."""
        shape = (self.rows, self.columns)
        places = (np.array(self._rows, dtype=np.int32), np.array(self._columns, dtype=np.int32))
        return Program(
            cost=np.array(self._cost, dtype=np.float64),
            lower=np.zeros(self.columns),
            upper=np.array(self._upper, dtype=np.float64),
            matrix=csc_array((np.array(self._values, dtype=np.float64), places), shape=shape),
            row_lower=np.array(self._row_lower, dtype=np.float64),
            row_upper=np.array(self._row_upper, dtype=np.float64),
            is_integer=np.array(self._whole, dtype=np.bool_),
        )
