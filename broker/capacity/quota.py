"""How many GPUs of a model a holder is sure of, and how many it may have.

Up to its guarantee a holder may always ask. Beyond it, up to `most`, it borrows: GPUs that nobody
is guaranteed, and guarantees of others that they do not use. Whoever asks within its guarantee
while others borrow has a right to what they borrowed: `reclaimable` says how much of whom, and
`broker.capacity.preemption` takes it from those first, whatever their band below production.

A quota for "*" is for all models together: it is asked about with the use of all models. A model
that nobody has a quota of is nobody's: everything is allowed, and the pools decide.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

ALL_MODELS = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What a holder is guaranteed of a model, and the most it may have; None: all it can borrow."""

    holder: str
    gpu_model: str
    guaranteed: int
    most: int | None = None

    def __post_init__(self) -> None:
        if self.guaranteed < 0:
            raise ValueError("a guarantee is 0 GPUs or more")
        if self.most is not None and self.most < self.guaranteed:
            raise ValueError("a holder may have at least what it is guaranteed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a holder may have GPUs. A refusal is over quota, and says what would help.

    `borrowed` of the GPUs go beyond the guarantee. `may_wait`: others may give back what this
    holder could borrow, so a request that queues need not be refused for good.
    """

    is_allowed: bool
    borrowed: int
    may_wait: bool = False
    helps: str = ""


def verdict(
    holder: str,
    model: str,
    want: int,
    *,
    in_use: Mapping[str, int],
    quotas: Sequence[Quota],
    capacity: int,
) -> Verdict:
    """Return whether a holder may have `want` GPUs more than it uses.

    `in_use` by holder and `capacity`, both in GPUs, are of the model, or of all for "*".
    """
    of_model = _of_model(quotas, model)
    if not of_model:
        return Verdict(is_allowed=True, borrowed=0)
    own = of_model.get(holder, Quota(holder=holder, gpu_model=model, guaranteed=0))
    used = in_use.get(holder, 0)
    sure = max(own.guaranteed, used)
    borrowed = max(0, used + want - sure)
    others = sum(gpus for name, gpus in in_use.items() if name != holder)
    lendable = max(0, capacity - others - sure)
    left = sure - used + lendable
    if own.most is not None and used + want > own.most:
        return Verdict(
            is_allowed=False,
            borrowed=borrowed,
            helps=f"{_at_most(min(left, max(0, own.most - used)), model)}: {holder} has {used} of "
            f"the {own.most} it may have; or a higher quota",
        )
    if borrowed > lendable:
        return Verdict(
            is_allowed=False,
            borrowed=borrowed,
            may_wait=True,
            helps=f"{_at_most(left, model)}: {holder} is guaranteed {own.guaranteed}, has {used}, "
            f"and others leave {lendable} to borrow; or wait until they give some back",
        )
    return Verdict(is_allowed=True, borrowed=borrowed)


def reclaimable(
    holder: str,
    model: str,
    want: int,
    *,
    in_use: Mapping[str, int],
    quotas: Sequence[Quota],
) -> dict[str, int]:
    """Return what each other holder borrowed, if this one asks within its own guarantee.

    Empty for a request that goes beyond it: nobody borrows at the cost of another borrower.
    """
    of_model = _of_model(quotas, model)
    own = of_model.get(holder)
    if own is None or in_use.get(holder, 0) + want > own.guaranteed:
        return {}
    found = {}
    for other, used in sorted(in_use.items()):
        sure = of_model[other].guaranteed if other in of_model else 0
        if other != holder and used > sure:
            found[other] = used - sure
    return found


def _of_model(quotas: Iterable[Quota], model: str) -> dict[str, Quota]:
    return {quota.holder: quota for quota in quotas if quota.gpu_model == model}


def _at_most(gpus: int, model: str) -> str:
    what = "GPUs" if model == ALL_MODELS else model
    return f"at most {gpus} more {what}" if gpus else f"no more {what} for now"
