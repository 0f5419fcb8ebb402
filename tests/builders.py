"""Words of the domain with sane defaults; a test writes only what matters to it."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from broker.contracts.event import Event, EventDraft, EventKind, seal
from broker.contracts.line_terms import TERM_FIELDS, LineTerms, RenewalType, terms_to_json
from broker.contracts.quote import Quote, QuoteKind, QuoteState
from broker.contracts.quote_terms import quote_to_json
from broker.identity import new_id
from pricing.commitment import PriceBasis
from pricing.money import USD, Currency

MAY_15 = date(2026, 5, 15)
NOON = datetime(2026, 5, 15, 12, tzinfo=UTC)
ACTOR = "dana"


def some_terms(**changes: Any) -> LineTerms:
    """1,024 B200 for a year at 2.63, ending on 30 September 2026, ninety days' notice."""
    defaults: dict[str, Any] = {
        "gpu_model": "B200",
        "form_factor": "SXM",
        "gpu_count": 1024,
        "unit_price": Decimal("2.63"),
        "currency": USD,
        "price_basis": PriceBasis.PER_GPU_HOUR,
        "price_per_gpu_hour": changes.get("unit_price", Decimal("2.63")),
        "start_date": date(2025, 10, 1),
        "end_date": date(2026, 9, 30),
        "renewal_type": RenewalType.NONE,
        "notice_period": "P90D",
        "region": "us-central",
        "term_months": 12,
    }
    defaults = dict.fromkeys(TERM_FIELDS) | {"tranches": ()} | defaults
    return LineTerms(**{**defaults, **changes})


def a_draft(kind: EventKind, payload: dict[str, Any], **changes: Any) -> EventDraft:
    """An event that dana records today."""
    defaults: dict[str, Any] = {"valid_from": MAY_15, "actor": ACTOR, "reason": "as told"}
    return EventDraft(kind=kind, payload=payload, **{**defaults, **changes})


def contract_recorded(
    contract_id: str = "c1",
    *,
    state: str = "active",
    ref: str = "HC-2025-B200-01",
    supplier_key: str = "harbor-compute",
    currency: Currency = USD,
    **changes: Any,
) -> EventDraft:
    """The opening of a contract."""
    payload = {
        "contract_id": contract_id,
        "supplier_key": supplier_key,
        "ref": ref,
        "currency": currency,
        "state": state,
        "timezone": "UTC",
    }
    return a_draft(EventKind.CONTRACT_RECORDED, payload, **changes)


def line_recorded(
    terms: LineTerms | None = None, *, line_no: int = 1, **changes: Any
) -> EventDraft:
    """A line of that contract."""
    payload = {
        "line_id": f"line-{new_id()}",
        "line_no": line_no,
        "terms": terms_to_json(terms or some_terms()),
        "owner": "capacity",
        "notes": None,
        "source": "contracts.csv:2",
    }
    return a_draft(EventKind.LINE_RECORDED, payload, **changes)


def state_changed(to: str, *, evidence: str | None = None, **changes: Any) -> EventDraft:
    """A move along the graph of states."""
    return a_draft(EventKind.STATE_CHANGED, {"to": to, "evidence": evidence}, **changes)


def a_quote(**changes: Any) -> Quote:
    """5.10 for twelve months more, received on 15 May 2026."""
    defaults: dict[str, Any] = {
        "id": new_id(),
        "supplier_key": "harbor-compute",
        "kind": QuoteKind.RENEWAL_OFFER,
        "state": QuoteState.OPEN,
        "gpu_model": "B200",
        "form_factor": "SXM",
        "gpu_count": 1024,
        "region": "us-central",
        "term_months": 12,
        "unit_price": Decimal("5.10"),
        "price_basis": "per_gpu_hour",
        "price_per_gpu_hour": changes.get("unit_price", Decimal("5.10")),
        "currency": USD,
        "prepay_pct": None,
        "delivery_on": None,
        "lead_time_days": None,
        "received_on": MAY_15,
        "valid_until": date(2026, 6, 14),
        "renews_line_no": 1,
    }
    return Quote(**{**defaults, **changes})


def quote_recorded(quote: Quote | None = None, **changes: Any) -> EventDraft:
    """A quote put on record."""
    payload = {"quote": quote_to_json(quote or a_quote())}
    return a_draft(EventKind.QUOTE_RECORDED, payload, **changes)


def chained(*drafts: EventDraft, stream: str = "contract/c1", at: datetime = NOON) -> list[Event]:
    """The drafts as a chain of events, all recorded at one moment."""
    events: list[Event] = []
    for draft in drafts:
        before = events[-1] if events else None
        events.append(seal(draft, stream=stream, recorded_at=at, before=before))
    return events


def supplier_recorded(key: str = "harbor-compute", country: str | None = "US") -> EventDraft:
    """A supplier put on record."""
    payload: dict[str, Any] = {
        "key": key,
        "legal_name": key.title(),
        "aliases": [],
        "country": country,
    }
    return a_draft(EventKind.SUPPLIER_RECORDED, payload)
