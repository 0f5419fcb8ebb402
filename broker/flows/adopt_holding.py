"""Takes what a supplier says is ours into the ledger: as a draft contract that a person signs off.

A holding seldom says all that a contract needs. What it does not say must be stated here, and what
it says stands: the draft is proof of what the supplier claims, not of what was agreed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlmodel import Session

from broker.capacity.matching import Stated
from broker.clock import Clock
from broker.contracts.event import EventDraft, EventKind, contract_stream, supplier_stream
from broker.contracts.line_terms import LineTerms, terms_to_json
from broker.contracts.opening import TIMEZONE
from broker.contracts.state import ContractState
from broker.errors import BadInputError, RefusedError
from broker.identity import new_id
from broker.store import ledger
from broker.store.contracts import contract_id_of
from broker.store.engine import Database
from broker.store.holdings import find_holding, note_adoption, stated
from broker.store.tables import SupplierRow
from pricing.commitment import PriceBasis
from pricing.money import MAX_DECIMALS, Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Adoption:
    """What a person states beside the holding; None leaves it to the holding."""

    ref: str | None = None
    supplier_key: str | None = None  # in the ledger, where it goes by another name
    start_on: date | None = None
    last_day: date | None = None
    price_per_gpu_hour: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """The draft contract that came of it."""

    contract_id: str
    supplier_key: str
    ref: str
    gpu_model: str
    gpu_count: int
    start_on: date
    last_day: date | None


def adopt_holding(
    database: Database,
    supplier: str,
    resource_id: str,
    *,
    adoption: Adoption,
    actor: str,
    clock: Clock,
) -> Adopted:
    """Record a holding as a draft contract of one line.

    Raises NotFoundError for a holding that no supplier shows, BadInputError when the draft lacks a
    figure that must be stated, RefusedError when the contract exists or it was adopted before.
    """
    now = clock()
    with database.writing() as session:
        row = find_holding(session, supplier, resource_id)
        if row.contract_id is not None:
            raise RefusedError(
                f"{resource_id} was adopted before; see: tonnage contracts show {row.contract_id}"
            )
        if row.gone_at is not None:
            raise RefusedError(f"{supplier} no longer shows {resource_id}; nothing to adopt")
        held = stated(row)
        key = adoption.supplier_key or supplier
        ref = adoption.ref or row.name or resource_id
        terms = _terms(held, adoption)
        _require_new(session, key, ref)
        contract_id = new_id()
        _record(
            session,
            _drafts(held, terms, contract_id=contract_id, key=key, ref=ref, actor=actor),
            key=key,
            contract_id=contract_id,
            at=now,
        )
        note_adoption(session, [row], contract_id)
    return Adopted(
        contract_id=contract_id,
        supplier_key=key,
        ref=ref,
        gpu_model=terms.gpu_model,
        gpu_count=terms.gpu_count,
        start_on=terms.start_date,
        last_day=terms.end_date,
    )


def _terms(held: Stated, adoption: Adoption) -> LineTerms:
    holding = held.holding
    price = adoption.price_per_gpu_hour or holding.price_per_gpu_hour
    start = adoption.start_on or held.starts_on
    missing = [
        what
        for what, known in (
            ("--price and --currency: the supplier states none", price),
            ("--start: the supplier states none", start),
            ("a GPU: the holding names none that is known", holding.gpu),
            ("a number of GPUs: the holding states none", holding.gpus),
        )
        if not known
    ]
    if missing or price is None or start is None or holding.gpu is None or not holding.gpus:
        raise BadInputError(
            f"{holding.resource_id} cannot be adopted without " + "; ".join(missing)
        )
    last_day = adoption.last_day
    if last_day is None and held.ends_on is not None:
        last_day = held.ends_on - timedelta(days=1)
    return LineTerms(
        gpu_model=holding.gpu.model,
        form_factor=holding.gpu.form_factor,
        gpu_count=holding.gpus,
        gpus_per_node=holding.gpus_per_unit,
        region=holding.region,
        site=None,
        interconnect=None,
        unit_price=price.amount,
        price_per_gpu_hour=price.rounded(MAX_DECIMALS).amount,
        currency=price.currency,
        price_basis=PriceBasis.PER_GPU_HOUR,
        start_date=start,
        end_date=last_day,
        term_months=None,
        renewal_type=None,
        renewal_term_months=None,
        notice_period=None,
        uplift_cap_pct=None,
        prepay_pct=None,
        take_or_pay_pct=None,
        sla_pct=None,
        payment_terms_days=None,
    )


def _require_new(session: Session, key: str, ref: str) -> None:
    if contract_id_of(session, key, ref) is not None:
        raise RefusedError(
            f"contract {ref} of {key} is on record already; give the draft another --ref, or amend "
            "that contract"
        )


def _drafts(
    held: Stated, terms: LineTerms, *, contract_id: str, key: str, ref: str, actor: str
) -> list[EventDraft]:
    holding = held.holding
    source = f"{holding.supplier} {holding.kind.value} {holding.resource_id}"
    reason = f"adopted from {source}, seen {holding.observed_at.astimezone(UTC):%Y-%m-%d %H:%M}Z"
    opening = {
        "contract_id": contract_id,
        "supplier_key": key,
        "ref": ref,
        "currency": terms.currency,
        "state": ContractState.DRAFT.value,
        "timezone": TIMEZONE,
    }
    line = {
        "line_id": new_id(),
        "line_no": 1,
        "terms": terms_to_json(terms),
        "owner": None,
        "notes": None,
        "source": source,
    }
    return [
        EventDraft(
            kind=kind,
            payload=payload,
            valid_from=terms.start_date,
            actor=actor,
            reason=reason,
        )
        for kind, payload in (
            (EventKind.CONTRACT_RECORDED, opening),
            (EventKind.LINE_RECORDED, line),
        )
    ]


def _record(
    session: Session, drafts: list[EventDraft], *, key: str, contract_id: str, at: datetime
) -> None:
    if session.get(SupplierRow, key) is None:
        ledger.lock(session, supplier_stream(key))
        first = drafts[0]
        opening = EventDraft(
            kind=EventKind.SUPPLIER_RECORDED,
            payload={"key": key, "legal_name": key, "aliases": [], "country": None},
            valid_from=first.valid_from,
            actor=first.actor,
            reason=first.reason,
        )
        ledger.append(session, supplier_stream(key), [opening], recorded_at=at)
    ledger.append(session, contract_stream(contract_id), drafts, recorded_at=at)
