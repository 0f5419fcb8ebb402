"""What a supplier's books say we own, beside what our contracts say: only the differences.

A difference is a finding for a person; nothing is ever corrected here. Money stays out of the
message, because messages travel: the figures stand in fields of their own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from enum import StrEnum

from broker.capacity.matching import OWNING, OwnedLine, Stated, match
from pricing.holding import Holding, HoldingKind
from pricing.money import Money

PRICE_DECIMALS = 4
"""Suppliers show rounded prices: what is equal to this many decimals is no difference."""

DATES_APART = timedelta(days=1)
"""Ends are written as last day or as first day without service: one day apart is no difference."""


class Difference(StrEnum):
    """In what the two books differ."""

    QUANTITY = "quantity"
    START = "start"
    END = "end"
    PRICE = "price"
    ANNOUNCED_CHANGE = "announced-change"  # the supplier will change the quantity, the contract not
    NOT_IN_LEDGER = "not-in-ledger"  # the supplier says it is ours; no contract line says so
    NOT_AT_SUPPLIER = "not-at-supplier"  # a contract line in force that the supplier does not show


@dataclass(frozen=True, slots=True, kw_only=True)
class CapacityFinding:
    """One difference between a supplier's books and ours.

    `object_id` names what it is about and stays the same while the difference does. `stated` is
    the supplier's figure, `contracted` ours, both as text without money; the prices are apart.
    """

    difference: Difference
    supplier: str
    object_id: str
    resource_ids: tuple[str, ...]
    contract_id: str | None
    contract_ref: str | None
    line_no: int | None
    gpu_model: str | None
    stated: str | None
    contracted: str | None
    stated_price: Money | None = None
    contracted_price: Money | None = None
    gpus_apart: int | None = None  # of a difference in quantity
    message: str


def reconcile_capacity(
    stated: Iterable[Stated],
    lines: Sequence[OwnedLine],
    *,
    readable: Collection[str],
    on: date,
) -> tuple[CapacityFinding, ...]:
    """Return every difference on a day, in a fixed order.

    `readable` names the suppliers whose last answer on holdings was whole: only of these can it be
    said that something is not there.
    """
    owning = [
        each
        for each in stated
        if each.holding.kind in OWNING and each.holding.state.is_live and not _is_over(each, on)
    ]
    by_line = match(owning, lines)
    found: list[CapacityFinding] = [_not_in_ledger(each) for each in by_line[""]]
    for owned in lines:
        held = by_line[owned.line.id]
        if held:
            found += _of_line(owned, held, on)
        elif owned.supplier_names & set(readable) and owned.line.delivered_on(on):
            found.append(_not_at_supplier(owned, on))
    return tuple(sorted(found, key=lambda each: (each.supplier, each.object_id, each.difference)))


def _is_over(stated: Stated, on: date) -> bool:
    return stated.ends_on is not None and stated.ends_on <= on


def _of_line(owned: OwnedLine, held: Sequence[Stated], on: date) -> Iterator[CapacityFinding]:
    yield from _quantity(owned, held, on)
    for each in held:
        yield from _dates(owned, each)
        yield from _price(owned, each, on)
        yield from _announced(owned, held, each)


def _quantity(owned: OwnedLine, held: Sequence[Stated], on: date) -> Iterator[CapacityFinding]:
    running = [each for each in held if each.starts_on is None or each.starts_on <= on]
    gpus = [
        each.holding.gpus for each in running if each.holding.kind is not HoldingKind.COMMITMENT
    ]
    known = [count for count in gpus if count is not None]
    if not known or len(known) < len(gpus):
        return  # a commitment to spend, or a unit whose size nobody knows: nothing to compare
    contracted = owned.line.delivered_on(on)
    if sum(known) != contracted:
        yield _finding(
            Difference.QUANTITY,
            owned,
            running,
            stated=f"{sum(known)} GPUs",
            contracted=f"{contracted} GPUs",
            advice="ask the supplier, or correct the contract",
            gpus_apart=abs(sum(known) - contracted),
        )


def _dates(owned: OwnedLine, each: Stated) -> Iterator[CapacityFinding]:
    line = owned.line
    # A part that came later, as a tranche, starts later and is no difference.
    starts = {line.start_on, *(part.accepted_on or part.delivery_on for part in line.tranches)}
    if each.starts_on is not None and all(
        abs(each.starts_on - day) > DATES_APART for day in starts
    ):
        yield _finding(
            Difference.START,
            owned,
            [each],
            stated=f"from {each.starts_on}",
            contracted=f"from {line.start_on}",
            advice="compare with the signed order",
        )
    if each.ends_on is None or line.end_on is None:
        return
    if abs(each.ends_on - line.end_on) > DATES_APART:
        yield _finding(
            Difference.END,
            owned,
            [each],
            stated=f"first day without it {each.ends_on}",
            contracted=f"first day without it {line.end_on}",
            advice="the notice deadline hangs on this day: settle it in writing",
        )


def _price(owned: OwnedLine, each: Stated, on: date) -> Iterator[CapacityFinding]:
    stated, contracted = each.holding.price_per_gpu_hour, owned.line.price_on(on)
    if stated is None or contracted is None:
        return
    same_currency = stated.currency == contracted.currency
    if same_currency and stated.rounded(PRICE_DECIMALS) == contracted.rounded(PRICE_DECIMALS):
        return
    yield _finding(
        Difference.PRICE,
        owned,
        [each],
        stated="another price" if same_currency else f"a price in {stated.currency}",
        contracted="the contract's price" if same_currency else f"one in {contracted.currency}",
        stated_price=stated,
        contracted_price=contracted,
        advice="dispute it before the next invoice",
    )


def _announced(owned: OwnedLine, held: Sequence[Stated], each: Stated) -> Iterator[CapacityFinding]:
    change = each.holding.next_change
    if change is None or len(held) > 1:
        return  # of several parts only the sum is contracted
    per_unit = 1 if each.holding.gpus_per_unit is None else each.holding.gpus_per_unit
    is_gpus = each.holding.gpus == each.holding.quantity
    gpus = change.to if is_gpus else change.to * per_unit
    day = change.at.astimezone(UTC).date()
    contracted = owned.line.delivered_on(day)
    if gpus != contracted:
        yield _finding(
            Difference.ANNOUNCED_CHANGE,
            owned,
            [each],
            stated=f"{gpus} GPUs from {day}",
            contracted=f"{contracted} GPUs on {day}",
            advice="ask for the change to be taken back, or amend the contract",
        )


def _not_in_ledger(each: Stated) -> CapacityFinding:
    holding = each.holding
    model = None if holding.gpu is None else holding.gpu.model
    what = _amount(holding)
    return CapacityFinding(
        difference=Difference.NOT_IN_LEDGER,
        supplier=holding.supplier,
        object_id=f"{holding.supplier}/{holding.resource_id}",
        resource_ids=(holding.resource_id,),
        contract_id=None,
        contract_ref=None,
        line_no=None,
        gpu_model=model,
        stated=f"{what}, {holding.state.value}",
        contracted=None,
        stated_price=holding.price_per_gpu_hour,
        message=(
            f"{holding.supplier} shows {holding.kind.value} {holding.resource_id} "
            f"({what}) that no contract line accounts for; "
            "adopt it: tonnage holdings adopt"
        ),
    )


def _amount(holding: Holding) -> str:
    if holding.gpus is not None:
        return f"{holding.gpus} {holding.gpu.model if holding.gpu else 'GPUs'}"
    if holding.quantity is not None:
        return f"{holding.quantity} x {holding.native_type or holding.unit.value}"
    return holding.native_type or "a promise to spend"


def _not_at_supplier(owned: OwnedLine, on: date) -> CapacityFinding:
    return _finding(
        Difference.NOT_AT_SUPPLIER,
        owned,
        (),
        stated="nothing",
        contracted=f"{owned.line.delivered_on(on)} GPUs",
        advice="check the account and region that the supplier is asked with",
    )


def _finding(
    difference: Difference,
    owned: OwnedLine,
    held: Sequence[Stated],
    *,
    stated: str,
    contracted: str,
    advice: str,
    stated_price: Money | None = None,
    contracted_price: Money | None = None,
    gpus_apart: int | None = None,
) -> CapacityFinding:
    contract, line = owned.contract, owned.line
    resources = tuple(each.holding.resource_id for each in held)
    about = f"{owned.label}/{resources[0]}" if len(resources) == 1 else owned.label
    return CapacityFinding(
        difference=difference,
        supplier=contract.supplier_key,
        object_id=about,
        resource_ids=resources,
        contract_id=contract.id,
        contract_ref=contract.ref,
        line_no=line.line_no,
        gpu_model=line.gpu_model,
        stated=stated,
        contracted=contracted,
        stated_price=stated_price,
        contracted_price=contracted_price,
        gpus_apart=gpus_apart,
        message=(
            f"{owned.label} {line.gpu_model}: the supplier says {stated}, the contract "
            f"{contracted}; {advice}"
        ),
    )
