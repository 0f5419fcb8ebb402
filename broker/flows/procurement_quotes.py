"""What can be signed, as a procurement plan sees it: offers to renew, and quotes of the market."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, timedelta
from decimal import Decimal
from math import ceil
from typing import Final

from broker.contracts.contract import Contract
from broker.contracts.line import Line
from broker.contracts.line_terms import RenewalType
from broker.contracts.quote import Quote
from broker.flows.procurement_holdings import HoldingsReader
from broker.flows.procurement_notes import ANYWHERE, USUAL_TERM_MONTHS, Notes, PlanningBooks
from broker.procurement.horizon import months_after
from broker.procurement.procurement_input import ProcurementQuote
from broker.renewals.assumptions import AssumptionName, Subject
from broker.renewals.comparables import OPEN_MARKET

LOT_GPUS: Final = 8
"""A machine: what is assumed that suppliers sell by."""

DAYS_PER_MONTH: Final = 30
_CENT: Final = Decimal("0.01")


class QuotesReader:
    """Reads open offers for GPU models that can be used; notes what it has to assume."""

    def __init__(
        self,
        read: PlanningBooks,
        notes: Notes,
        *,
        usable: Collection[str],
        holdings: HoldingsReader,
    ) -> None:
        self._read, self._notes, self._usable = read, notes, usable
        self._holdings = holdings

    def quotes(self) -> Iterator[ProcurementQuote]:
        """Yield every offer that is open: to renew a line, or for new GPUs."""
        for contract, line in self._read.lines():
            if line.gpu_model in self._usable and contract.accepted_renewal(line) is None:
                yield from self._renewals(contract, line)
        for quote in self._read.books.quotes_received_by(self._read.as_of):
            is_open = quote.kind in OPEN_MARKET and quote.is_open_on(self._read.as_of)
            if is_open and quote.gpu_model in self._usable:
                found = self._new(quote)
                if found is not None:
                    yield found

    def _renewals(self, contract: Contract, line: Line) -> Iterator[ProcurementQuote]:
        name = f"{contract.ref}/{line.line_no}"
        offers = list(contract.open_renewal_offers(line.line_no, self._read.as_of))
        for offer in offers:
            price = self._notes.dollars(offer.money, f"the offer to renew {name}")
            if price is not None:
                yield self._priced(offer, price, renews=name)
        due = self._holdings.notice_by(contract, line)
        term = line.renewal.renewal_term_months
        renews_itself = line.renewal.renewal_type is RenewalType.AUTO and term is not None
        is_free = due is not None and due >= self._read.as_of
        if not offers and renews_itself and is_free and line.end_on is not None:
            yield from self._tacit(contract, line, line.end_on, due or line.end_on)

    def _tacit(
        self, contract: Contract, line: Line, end: date, due: date
    ) -> Iterator[ProcurementQuote]:
        """Yield the renewal that happens by itself as an offer: all of it at the present price."""
        name, last_day = f"{contract.ref}/{line.line_no}", end - timedelta(days=1)
        price = self._notes.dollars(line.price_on(last_day), f"the price of {name}")
        gpus = line.delivered_on(last_day)
        if price is None or gpus == 0:
            return
        self._notes.assume(f"{name} would renew by itself at the price of its last day")
        yield ProcurementQuote(
            quote=f"{name} by itself",
            renews=name,
            supplier=contract.supplier_key,
            gpu_model=line.gpu_model,
            geo=ANYWHERE,
            price_per_gpu_hour=price,
            min_gpus=gpus,
            max_gpus=gpus,
            lot_gpus=gpus,
            term_months=line.renewal.renewal_term_months or USUAL_TERM_MONTHS,
            valid_until=due,
        )

    def _new(self, quote: Quote) -> ProcurementQuote | None:
        price = self._notes.dollars(quote.money, f"the quote of {quote.supplier_key}")
        lead = self._lead_months(quote)
        if price is None or (lead is None and quote.delivery_on is None):
            return None
        return self._priced(quote, price, renews=None, lead_months=lead or 0)

    def _priced(
        self, quote: Quote, price: Decimal, *, renews: str | None, lead_months: int = 0
    ) -> ProcurementQuote:
        lot = LOT_GPUS if quote.gpu_count % LOT_GPUS == 0 else 1
        self._notes.assume(
            f"quotes hold for any number of whole machines of {LOT_GPUS} up to what was quoted"
        )
        if quote.term_months is None:
            self._notes.assume(
                f"a quote without a term is for {USUAL_TERM_MONTHS} months ({quote.supplier_key})"
            )
        if quote.prepay_pct:
            self._notes.assume(f"prepayment costs nothing ({quote.supplier_key} asks for some)")
        end_of_month = months_after(self._read.horizon.first_day, 1) - timedelta(days=1)
        if quote.valid_until is None:
            self._notes.assume(f"the quote of {quote.supplier_key} holds until {end_of_month}")
        return ProcurementQuote(
            quote=f"{quote.supplier_key} {quote.id[-8:]}",
            renews=renews,
            supplier=quote.supplier_key,
            gpu_model=quote.gpu_model,
            geo=ANYWHERE,
            price_per_gpu_hour=price,
            min_gpus=lot,
            max_gpus=quote.gpu_count,
            lot_gpus=lot,
            term_months=quote.term_months or USUAL_TERM_MONTHS,
            valid_until=quote.valid_until or end_of_month,
            lead_months=lead_months,
            delivery_on=None if renews else quote.delivery_on,
            switching_cost_per_gpu=Decimal(0) if renews else self._switching(quote.gpu_model),
        )

    def _lead_months(self, quote: Quote) -> int | None:
        if quote.delivery_on is not None:
            return 0
        days = quote.lead_time_days
        if days is None:
            stated = self._read.books.assumptions.find(
                AssumptionName.REPLACEMENT_LEAD_DAYS,
                Subject(
                    line_id="",
                    contract_id="",
                    supplier_key=quote.supplier_key,
                    gpu_model=quote.gpu_model,
                ),
                on=self._read.as_of,
            )
            if stated is None:
                self._notes.lack(
                    f"lead time of {quote.supplier_key}",
                    "so its quote is left out",
                    "tonnage assumptions set replacement_lead_days 120 --scope "
                    f"supplier:{quote.supplier_key} --source TEXT",
                )
                return None
            days = int(stated.number)
            self._notes.assume(f"{quote.supplier_key} delivers in {days} days: {stated.source}")
        return ceil(days / DAYS_PER_MONTH)

    def _switching(self, gpu_model: str) -> Decimal:
        """Return what moving a GPU costs: what is stated for a line of the model, per GPU."""
        for contract, line in self._read.lines():
            if line.gpu_model != gpu_model:
                continue
            subject = Subject(
                line_id=line.id,
                contract_id=contract.id,
                supplier_key=contract.supplier_key,
                gpu_model=gpu_model,
            )
            costs = [
                self._stated_cost(name, subject)
                for name in (AssumptionName.MIGRATION_WORK_COST, AssumptionName.EGRESS_COST)
            ]
            known = [each for each in costs if each is not None]
            if known and line.gpu_count:
                name = f"{contract.ref}/{line.line_no}"
                per_gpu = (sum(known, Decimal(0)) / line.gpu_count).quantize(_CENT)
                self._notes.assume(f"moving a {gpu_model} costs what is stated for {name}, per GPU")
                return per_gpu
        self._notes.lack(
            f"cost of moving {gpu_model}",
            "so moving is taken to cost nothing",
            "tonnage assumptions set migration_work_cost '150000 USD' --scope line:REF/1 "
            "--source TEXT",
        )
        return Decimal(0)

    def _stated_cost(self, name: AssumptionName, subject: Subject) -> Decimal | None:
        found = self._read.books.assumptions.find(name, subject, on=self._read.as_of)
        return None if found is None else self._notes.dollars(found.money, name.value)
