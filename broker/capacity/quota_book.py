"""All quotas beside what is in use: what a holder may have of the models that it asks for.

A quota for "*" is held against the use of all models together, beside that of the model itself.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from broker.capacity.quota import ALL_MODELS, Quota, Verdict, reclaimable, verdict
from broker.capacity.request import Candidate, CapacitySpec, Plan, Refusal

Use = Mapping[str, Mapping[str, int]]
"""GPUs by model and by holder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """What is left of a request within its holder's quotas; None: nothing, as the verdict says."""

    spec: CapacitySpec | None
    verdict: Verdict | None = None

    def refused(self, *, may_queue: bool) -> Plan:
        """Return the plan of a request of which nothing is left.

        One that may wait does so for others to give back what its holder could borrow.
        """
        may_wait = self.verdict is not None and self.verdict.may_wait and may_queue
        return Plan(
            candidates=(),
            failing=(),
            refusal=Refusal.NO_CAPACITY if may_wait else Refusal.OVER_QUOTA,
            helps="" if self.verdict is None else self.verdict.helps,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaBook:
    """Quotas, and of each model who uses how many GPUs, and how many there are in service."""

    quotas: tuple[Quota, ...] = ()
    in_use: Use = field(default_factory=dict)
    capacity: Mapping[str, int] = field(default_factory=dict)

    def admit(self, spec: CapacitySpec) -> Admitted:
        """Return the request without the models that its holder may not have now.

        One that takes as many GPUs as there are takes as many as the quota leaves.
        """
        if not self.quotas:
            return Admitted(spec=spec)
        least = spec.gpu_count if spec.is_gang else spec.node_size or 1
        room = {model: self._room(spec, model) for model in spec.gpu_models}
        models = tuple(model for model in spec.gpu_models if room[model] >= least)
        if not models:
            first = spec.gpu_models[0]
            return Admitted(spec=None, verdict=self.verdict(spec.holder, {first: least}))
        most = max(room[model] for model in models)
        count = spec.gpu_count if spec.is_gang else most - most % (spec.node_size or 1)
        return Admitted(spec=replace(spec, gpu_models=models, gpu_count=count))

    def within(
        self, holder: str, candidates: Iterable[Candidate], model_of: Mapping[str, str]
    ) -> tuple[Candidate, ...]:
        """Return the ways that a holder may go; `model_of` is by pool."""
        if not self.quotas:
            return tuple(candidates)
        return tuple(
            way
            for way in candidates
            if self.verdict(holder, gpus_by_model(way, model_of)).is_allowed
        )

    def verdict(self, holder: str, gpus: Mapping[str, int]) -> Verdict:
        """Return whether a holder may have some GPUs by model more: the first refusal, if any."""
        total = sum(gpus.values())
        found = [self._verdict(holder, model, count) for model, count in gpus.items()]
        found.append(self._verdict(holder, ALL_MODELS, total))
        refusals = [one for one in found if not one.is_allowed]
        if not refusals:
            return max(found, key=lambda one: one.borrowed)
        return replace(refusals[0], may_wait=all(one.may_wait for one in refusals))

    def reclaimable(self, spec: CapacitySpec) -> dict[str, int]:
        """Return what others borrowed that a request has a right to.

        Where it names several models, no more of anybody than was borrowed of each of them.
        """
        taken: dict[str, int] | None = None
        for model in spec.gpu_models:
            found = self._reclaimable(spec, model)
            taken = (
                found
                if taken is None
                else {other: min(gpus, found.get(other, 0)) for other, gpus in taken.items()}
            )
        return {other: gpus for other, gpus in (taken or {}).items() if gpus}

    def with_use(self, holder: str, gpus: Mapping[str, int]) -> QuotaBook:
        """Return the book with some GPUs by model more in use."""
        if not self.quotas:
            return self
        in_use = {model: dict(of_model) for model, of_model in self.in_use.items()}
        for model, count in gpus.items():
            of_model = in_use.setdefault(model, {})
            of_model[holder] = of_model.get(holder, 0) + count
        return replace(self, in_use=in_use)

    def _verdict(self, holder: str, model: str, want: int) -> Verdict:
        return verdict(
            holder,
            model,
            want,
            in_use=self._use_of(model),
            quotas=self.quotas,
            capacity=self._capacity_of(model),
        )

    def _reclaimable(self, spec: CapacitySpec, model: str) -> dict[str, int]:
        has_own = any(one.gpu_model == model for one in self.quotas)
        name = model if has_own else ALL_MODELS
        return reclaimable(
            spec.holder, name, spec.gpu_count, in_use=self._use_of(name), quotas=self.quotas
        )

    def _room(self, spec: CapacitySpec, model: str) -> int:
        """Return how many GPUs of a model a request may have, up to what it asks for."""
        return bisect_right(
            range(1, spec.gpu_count + 1),
            False,
            key=lambda want: not self.verdict(spec.holder, {model: want}).is_allowed,
        )

    def _use_of(self, model: str) -> Mapping[str, int]:
        if model != ALL_MODELS:
            return self.in_use.get(model, {})
        total: dict[str, int] = {}
        for of_model in self.in_use.values():
            for holder, gpus in of_model.items():
                total[holder] = total.get(holder, 0) + gpus
        return total

    def _capacity_of(self, model: str) -> int:
        if model != ALL_MODELS:
            return self.capacity.get(model, 0)
        return sum(self.capacity.values())


def gpus_by_model(way: Candidate, model_of: Mapping[str, str]) -> dict[str, int]:
    """Return how many GPUs of each model a way to serve a request takes."""
    gpus: dict[str, int] = {}
    for line in way:
        model = model_of[line.pool_id]
        gpus[model] = gpus.get(model, 0) + line.gpu_count
    return gpus
