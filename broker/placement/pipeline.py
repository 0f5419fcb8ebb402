"""The pipeline for problems too large to be solved whole: prices, a plan, a bound, polish."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from broker.placement.answer import Solution, written
from broker.placement.blocks import blocks_of
from broker.placement.completion import complete
from broker.placement.formulation import Formulation, formulate
from broker.placement.goals import Merit, merit_of
from broker.placement.making_room import served_first
from broker.placement.merging import Merged, merged
from broker.placement.money_bound import money_bound
from broker.placement.penalties import penalties_of
from broker.placement.plan import Plan, Seconds
from broker.placement.polish import Polisher
from broker.placement.polishing import LANES, Allowance, lacking_in, polished
from broker.placement.pricing_rounds import Prices, refined_prices, rough_prices
from broker.placement.problem_building import Stage
from broker.placement.reasons import shortfall_reasons
from broker.placement.unpacking import unpacked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

OVERTIME = 2.5
"""Multiples of the budget after which no further step is begun."""


_SECONDS_PER_ENTRY = 1.25e-5
"""Seconds that finding prices takes, for each entry of the program."""

_LANE_USE = 0.85
_LEAST_POLISHING = 0.5


class Pipeline:
    """One run: it keeps the best plan so far and tells of each that is better."""

    def __init__(
        self,
        stage: Stage,
        *,
        budget_seconds: float,
        elapsed: Callable[[], float],
        on_better: Callable[[Plan], None] | None,
        known: Ints | None = None,
        known_bound: float = -np.inf,
    ) -> None:
        """Set out; `known` is a plan at hand, and `known_bound` holds at what that plan lacks."""
        self._stage = stage
        self._budget = budget_seconds
        self._elapsed = elapsed
        self._on_better = on_better
        self._replicas: Ints = stage.problem.columns.staying.copy()
        self._merit: Merit = merit_of(stage.problem, self._replicas)
        self._gpu_values: Floats = np.zeros(len(stage.problem.sites))
        if known is not None:
            self._take(known)
        self._known_merit, self._known_bound = self._merit, known_bound
        self._bound = -np.inf
        self._was_cut = False
        self._built = self._first_plan = self._bounded = 0.0

    def run(self, *, built: float) -> Plan:
        """Return the plan."""
        return self.run_with_replicas(built=built)[0]

    def run_with_replicas(self, *, built: float) -> tuple[Plan, Ints]:
        """Return the plan and its replicas by column."""
        self._built = built
        problem = self._stage.problem
        merging = merged(problem)
        rough = rough_prices(merging.problem)
        self._gpu_values = rough.gpu_values[merging.site_of]
        start = unpacked(problem, merging, rough.values)
        self._take(complete(problem, start, self._gpu_values))
        self._first_plan = self._elapsed()
        self._tell()
        form = formulate(merging.problem)
        penalties = penalties_of(merging.problem)
        prices, duals = refined_prices(merging.problem, form, penalties, rough)
        self._gpu_values = prices.gpu_values[merging.site_of]
        start = unpacked(problem, merging, prices.values)
        self._take(complete(problem, start, self._gpu_values))
        if self._merit.is_short:
            self._take(served_first(problem, self._replicas, self._gpu_values))
        self._bound = self._proven(merging, form, prices, duals)
        self._bounded = self._elapsed()
        self._tell()
        allowance = Allowance(seconds=self._polishing_seconds(form), is_over=self._is_over)
        polisher = Polisher(problem, merging, blocks_of(problem, merging, form, penalties), prices)
        goals = self._merit.goals
        for better in polished(
            problem,
            merging,
            prices,
            polisher,
            start=self._replicas,
            lacking=lacking_in(merging.problem, form, prices.values),
            allowance=allowance,
        ):
            if self._take(better):
                self._tell()
        if self._merit.is_short:
            self._take(served_first(problem, self._replicas, self._gpu_values))
        if self._merit.goals != goals:
            self._bound = self._proven(merging, form, prices, duals)
        self._was_cut = allowance.was_cut
        return self._plan(), self._replicas

    def _proven(
        self, merging: Merged, form: Formulation, prices: Prices, duals: Sequence[Floats]
    ) -> float:
        count = len(merging.problem.columns)
        used = np.bincount(merging.column_of, self._replicas, minlength=count) > 0
        bound = money_bound(merging.problem, form, prices, duals, self._merit.goals, used=used)
        # A bound proven for plans that lack more, of any goal, says nothing of those that lack less
        # of one and more of another: it holds only where no goal is worse.
        if self._merit.lacks_no_more_than(self._known_merit):
            bound = max(bound, self._known_bound)
        return bound

    def _polishing_seconds(self, form: Formulation) -> float:
        """Return the work that polishing may take: what the budget leaves, in all lanes."""
        left = self._budget - _SECONDS_PER_ENTRY * form.matrix.nnz
        return LANES * max(_LEAST_POLISHING, _LANE_USE * left)

    def _is_over(self) -> bool:
        return self._elapsed() > OVERTIME * max(1.0, self._budget)

    def _take(self, replicas: Ints) -> bool:
        merit = merit_of(self._stage.problem, replicas)
        if not merit.beats(self._merit):
            return False
        self._replicas, self._merit = replicas, merit
        return True

    def _tell(self) -> None:
        if self._on_better is not None:
            self._on_better(self._plan())

    def _plan(self) -> Plan:
        total = self._elapsed()
        reasons = shortfall_reasons(self._stage, self._replicas, is_proven=False)
        if self._was_cut:
            reasons = (*reasons, f"polishing was stopped by the clock after {total:.0f} seconds")
        return written(
            self._stage,
            Solution(
                replicas=self._replicas,
                bound=self._bound,
                gpu_values=self._gpu_values,
                reasons=reasons,
            ),
            Seconds(
                build=self._built,
                bound=self._bounded or total,
                first_plan=self._first_plan,
                total=total,
            ),
        )
