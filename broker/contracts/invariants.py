"""What must hold of a contract after every event; a change that would break one is refused.

The names I1, I6, I7, I10 and I16 are those of the ledger's list of invariants, which the tests use
too. I10 (state moves) and I16 (dead quotes) are checked where the move is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from broker.contracts.contract import Contract
from broker.contracts.line import Line, PriceKind, PricePeriod
from broker.errors import RefusedError


def check(contract: Contract) -> None:
    """Raise RefusedError naming everything that does not hold."""
    broken = [
        f"line {line.line_no}: it is in {line.terms.currency}, the contract in {contract.currency}"
        for line in contract.lines
        if line.terms.currency != contract.currency
    ]
    broken += [f"line {line.line_no}: {what}" for line in contract.lines for what in faults(line)]
    if broken:
        raise RefusedError(
            f"contract {contract.ref} of {contract.supplier_key} would not add up: "
            + "; ".join(broken)
        )


def faults(line: Line) -> Iterator[str]:
    """Yield what does not hold of a line."""
    yield from _shape(line)
    total = sum(tranche.gpu_count for tranche in line.tranches)
    if total != line.gpu_count:  # I1
        yield f"its tranches add up to {total} GPUs, but the line has {line.gpu_count}"
    for tranche in line.tranches:
        periods = sorted(_base_periods(line, tranche.tranche_no), key=lambda p: p.valid_from)
        yield from _gaps(line, periods, tranche.accepted_on or tranche.delivery_on)


def _shape(line: Line) -> Iterator[str]:
    """I7: ranges run forward, counts are above zero, prices are not negative."""
    if line.gpu_count <= 0 or any(tranche.gpu_count <= 0 for tranche in line.tranches):
        yield "a GPU count is not above zero"
    if line.end_on is not None and line.end_on <= line.start_on:
        yield "it ends before it starts"
    numbers = [tranche.tranche_no for tranche in line.tranches]
    if len(set(numbers)) != len(numbers):
        yield "two tranches bear the same number"
    for price in line.live_prices:
        if price.valid_to is not None and price.valid_to <= price.valid_from:
            yield f"a price period from {price.valid_from} ends before it starts"
        if price.unit_price < 0 or price.price_per_gpu_hour < 0:
            yield f"the price from {price.valid_from} is negative"


def _base_periods(line: Line, tranche_no: int) -> Iterator[PricePeriod]:
    for price in line.live_prices:
        if price.kind is PriceKind.BASE and price.tranche_no in (None, tranche_no):
            yield price


def _gaps(line: Line, periods: list[PricePeriod], service_from: date) -> Iterator[str]:
    """I6: base prices cover every delivered day once, up to the end of the line."""
    if line.end_on is not None and service_from >= line.end_on:
        yield f"a tranche is delivered on {service_from}, after the last day of service"
        return
    covered_to: date | None = service_from
    for period in periods:
        if period.valid_to is not None and period.valid_to <= service_from:
            continue
        if covered_to is None or (period.valid_from < covered_to and covered_to != service_from):
            yield f"two base prices hold on {period.valid_from}"
            return
        if period.valid_from > covered_to:
            yield f"no base price holds from {covered_to} to {period.valid_from}"
            return
        covered_to = period.valid_to
    if covered_to is not None and (line.end_on is None or covered_to < line.end_on):
        yield f"no base price holds from {covered_to} to the end"
    if covered_to is not None and line.end_on is not None and covered_to > line.end_on:
        yield f"a base price runs past the last day of service, to {covered_to}"
