"""What is ours, as a procurement plan counts it: lines in force, deliveries to come, renewals."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, timedelta

from broker.contracts.contract import Contract
from broker.contracts.line import Line
from broker.contracts.line_terms import RenewalType
from broker.contracts.quote import Quote
from broker.contracts.state import ContractState
from broker.flows.procurement_notes import ANYWHERE, USUAL_TERM_MONTHS, Notes, PlanningBooks
from broker.procurement.horizon import months_after
from broker.procurement.procurement_input import HeldContract
from broker.renewals.header_view import deadlines_of


class HoldingsReader:
    """Reads lines of GPU models that can be used; notes what it has to assume."""

    def __init__(self, read: PlanningBooks, notes: Notes, *, usable: Collection[str]) -> None:
        self._read, self._notes, self._usable = read, notes, usable

    def contracts(self) -> tuple[HeldContract, ...]:
        """Return what is ours: every line in force, later deliveries as rows of their own."""
        found: list[HeldContract] = []
        for contract, line in self._read.lines():
            found.extend(self._held_of(contract, line))
        return tuple(found)

    def _held_of(self, contract: Contract, line: Line) -> Iterator[HeldContract]:
        name, end = f"{contract.ref}/{line.line_no}", line.end_on
        if end is None or line.gpu_model not in self._usable:
            return
        end = self._end_after_tacit_renewals(contract, line, end)
        days = {self._read.as_of, *(each.delivery_on for each in line.tranches)}
        steps = sorted(day for day in days if self._read.as_of <= day < end)
        before = 0
        for day in steps:
            gpus = line.delivered_on(day) if day < (line.end_on or end) else before
            if gpus > before:
                price = self._notes.dollars(line.price_on(day), f"the price of {name}")
                if price is not None:
                    yield HeldContract(
                        contract=name if before == 0 else f"{name} from {day}",
                        supplier=contract.supplier_key,
                        gpu_model=line.gpu_model,
                        geo=ANYWHERE,
                        gpus=gpus - before,
                        price_per_gpu_hour=price,
                        end_on=end,
                        notice_by=self.notice_by(contract, line),
                        start_on=None if day == self._read.as_of else day,
                    )
            before = max(before, gpus)
        accepted = contract.accepted_renewal(line)
        if accepted is not None:
            yield from self._renewed(name, line, end, accepted)

    def _end_after_tacit_renewals(self, contract: Contract, line: Line, end: date) -> date:
        """Return the end of a line, moved on where it renews by itself and cannot be stopped."""
        term, due = line.renewal.renewal_term_months, self.notice_by(contract, line)
        is_bound = due is not None and due < self._read.as_of
        if line.renewal.renewal_type is not RenewalType.AUTO or not term or not is_bound:
            return end
        if contract.state is ContractState.IN_NOTICE:
            return end
        moved = months_after(end, term)
        self._notes.assume(
            f"{contract.ref}/{line.line_no} renews by itself until {moved - timedelta(days=1)} at "
            "the present price: its notice date has passed"
        )
        return moved

    def _renewed(self, name: str, line: Line, end: date, accepted: Quote) -> Iterator[HeldContract]:
        price = self._notes.dollars(accepted.money, f"the accepted renewal of {name}")
        if price is None:
            return
        yield HeldContract(
            contract=f"{name} renewed",
            supplier=accepted.supplier_key,
            gpu_model=line.gpu_model,
            geo=ANYWHERE,
            gpus=accepted.gpu_count,
            price_per_gpu_hour=price,
            start_on=end,
            end_on=months_after(end, accepted.term_months or USUAL_TERM_MONTHS),
        )

    def notice_by(self, contract: Contract, line: Line) -> date | None:
        """Return the last day on which a line can be renewed or left; None where there is none."""
        if line.end_on is None:
            return None
        supplier = self._read.books.suppliers.get(contract.supplier_key)
        deadlines = deadlines_of(
            contract,
            line,
            end_on=line.end_on,
            country=None if supplier is None else supplier.country,
            as_of=self._read.as_of,
        )
        return deadlines.notice_due
