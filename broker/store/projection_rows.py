"""The rows that a contract or supplier becomes: values in, rows out, nothing read or written.

Rows come in groups, each of which only points at earlier ones, so that they can be inserted in
order.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from broker.contracts.contract import Contract
from broker.contracts.line import Line
from broker.contracts.quote import Quote
from broker.contracts.row_values import folded_ref
from broker.contracts.supplier import Supplier
from broker.renewals.obligations import RULE_VERSION, obligations_of
from broker.store.tables import (
    AmendmentRow,
    ContractLineRow,
    ContractRow,
    ObligationRow,
    PricePeriodRow,
    QuoteRow,
    RenewalTermRow,
    SupplierRow,
    SupplierTierRow,
    Table,
    TrancheRow,
)


def contract_rows(
    contract: Contract, stream: str, head_hash: str, country: str | None
) -> list[list[Table]]:
    """Return the rows of a contract in groups, each of which only points at earlier ones."""
    obligations: list[Table] = [
        ObligationRow(
            id=each.id,
            contract_id=each.contract_id,
            line_no=each.line_no,
            kind=each.kind.value,
            subject=each.subject,
            due_on=each.due_on,
            computed_from=each.computed_from,
            rule_version=RULE_VERSION,
            state=each.state.value,
            closed_by=each.closed_by,
            evidence=each.evidence,
        )
        for each in obligations_of(contract, country=country)
    ]
    amendments: list[Table] = [
        AmendmentRow(
            id=each.id,
            contract_id=contract.id,
            line_no=each.line_no,
            changes=json.dumps(each.changes, sort_keys=True),
            source=each.source,
            proposed_at=each.proposed_at,
            proposed_by=each.proposed_by,
        )
        for each in contract.amendments
    ]
    quotes = [quote_row(quote, stream, contract.id) for quote in contract.quotes]
    return [
        [_contract_row(contract, head_hash)],
        [_line_row(line, contract.id) for line in contract.lines],
        [row for line in contract.lines for row in _line_children(line)],
        [*obligations, *amendments, *quotes],
    ]


def supplier_rows(supplier: Supplier, stream: str) -> list[list[Table]]:
    """Return the rows of a supplier in groups, each of which only points at earlier ones."""
    tiers: list[Table] = [
        SupplierTierRow(
            supplier_key=supplier.key,
            position=position,
            scheme=fact.scheme,
            edition=fact.edition,
            tier=fact.tier,
            on=fact.on,
            source=fact.source,
        )
        for position, fact in enumerate(supplier.tiers)
    ]
    return [
        [
            SupplierRow(
                key=supplier.key,
                legal_name=supplier.legal_name,
                aliases=json.dumps(supplier.aliases),
                country=supplier.country,
            )
        ],
        [*tiers, *(quote_row(quote, stream, None) for quote in supplier.quotes)],
    ]


def quote_row(quote: Quote, stream: str, contract_id: str | None) -> QuoteRow:
    """Return a quote's row."""
    return QuoteRow(
        id=quote.id,
        stream=stream,
        supplier_key=quote.supplier_key,
        contract_id=contract_id,
        renews_line_no=quote.renews_line_no,
        kind=quote.kind.value,
        state=quote.state.value,
        gpu_model=quote.gpu_model,
        form_factor=quote.form_factor,
        gpu_count=quote.gpu_count,
        region=quote.region,
        term_months=quote.term_months,
        unit_price=quote.unit_price,
        price_basis=quote.price_basis,
        price_per_gpu_hour=quote.price_per_gpu_hour,
        currency=quote.currency,
        prepay_pct=quote.prepay_pct,
        delivery_on=quote.delivery_on,
        lead_time_days=quote.lead_time_days,
        received_on=quote.received_on,
        valid_until=quote.valid_until,
        supersedes=quote.supersedes,
        document=quote.document,
    )


def _contract_row(contract: Contract, head_hash: str) -> Table:
    return ContractRow(
        id=contract.id,
        supplier_key=contract.supplier_key,
        ref=contract.ref,
        folded_ref=folded_ref(contract.ref),
        currency=contract.currency,
        timezone=contract.timezone,
        state=contract.state.value,
        owner=contract.owner,
        start_on=contract.start_on,
        end_on=contract.end_on,
        head_hash=head_hash,
        recorded_at=contract.recorded_at,
    )


def _line_row(line: Line, contract_id: str) -> Table:
    return ContractLineRow(
        id=line.id,
        contract_id=contract_id,
        line_no=line.line_no,
        gpu_model=line.gpu_model,
        form_factor=line.form_factor,
        gpu_count=line.gpu_count,
        gpus_per_node=line.gpus_per_node,
        region=line.region,
        site=line.site,
        interconnect=line.interconnect,
        start_on=line.start_on,
        end_on=line.end_on,
        term_months=line.term_months,
        prepay_pct=line.prepay_pct,
        take_or_pay_pct=line.take_or_pay_pct,
        sla_pct=line.sla_pct,
        payment_terms_days=line.payment_terms_days,
        owner=line.owner,
        notes=line.notes,
        source=line.source,
    )


def _line_children(line: Line) -> Iterable[Table]:
    for tranche in line.tranches:
        yield TrancheRow(
            line_id=line.id,
            tranche_no=tranche.tranche_no,
            gpu_count=tranche.gpu_count,
            delivery_on=tranche.delivery_on,
            accept_by=tranche.accept_by,
            drop_dead_on=tranche.drop_dead_on,
            late_credit_pct_per_week=tranche.late_credit_pct_per_week,
            site=tranche.site,
            accepted_on=tranche.accepted_on,
        )
    for position, price in enumerate(line.prices):
        yield PricePeriodRow(
            line_id=line.id,
            position=position,
            kind=price.kind.value,
            tranche_no=price.tranche_no,
            valid_from=price.valid_from,
            valid_to=price.valid_to,
            unit_price=price.unit_price,
            price_basis=price.price_basis,
            price_per_gpu_hour=price.price_per_gpu_hour,
            currency=price.currency,
            recorded_at=price.recorded_at,
            superseded_at=price.superseded_at,
            source_event=price.source_event,
        )
    for position, term in enumerate(line.renewals):
        yield RenewalTermRow(
            line_id=line.id,
            position=position,
            renewal_type=None if term.renewal_type is None else term.renewal_type.value,
            renewal_term_months=term.renewal_term_months,
            notice_period=term.notice_period,
            uplift_cap_pct=term.uplift_cap_pct,
            valid_from=term.valid_from,
            recorded_at=term.recorded_at,
            superseded_at=term.superseded_at,
            source_event=term.source_event,
        )
