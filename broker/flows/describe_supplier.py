"""Record who a supplier is and what a rating scheme says of it."""

from __future__ import annotations

from typing import Any

from broker.clock import Clock
from broker.contracts.event import EventDraft, EventKind, supplier_stream
from broker.contracts.sheets.suppliers import supplier_slug
from broker.contracts.supplier import Supplier, TierFact
from broker.errors import BadInputError, NotFoundError
from broker.renewals.notice import working_day_on_or_before
from broker.store import ledger
from broker.store.contracts import all_suppliers, supplier_by_key
from broker.store.engine import Database
from broker.store.tables import SupplierRow


def list_suppliers(database: Database) -> list[Supplier]:
    """Return every supplier by key."""
    with database.reading() as session:
        return all_suppliers(session)


def describe_supplier(
    database: Database,
    key: str,
    *,
    legal_name: str | None,
    country: str | None,
    aliases: tuple[str, ...],
    actor: str,
    clock: Clock,
) -> Supplier:
    """Record a supplier or change its name, country and aliases; what is None stays as it was.

    The country (ISO 3166, "US" or "GB-ENG") decides which days are working days for notices, so
    its contracts' deadlines are computed anew.
    """
    if supplier_slug(key) != key:
        raise BadInputError(f"{key!r} is not a supplier key; write {supplier_slug(key)!r}")
    now = clock()
    if country is not None:
        working_day_on_or_before(now.date(), country=country)  # refuses an unknown country
    with database.writing() as session:
        known = session.get(SupplierRow, key)
        before = supplier_by_key(session, key) if known is not None else None
        payload: dict[str, Any] = {
            "key": key,
            "legal_name": legal_name or (before.legal_name if before else key),
            "aliases": sorted({*(before.aliases if before else ()), *aliases}),
            "country": country or (before.country if before else None),
        }
        draft = EventDraft(
            kind=EventKind.SUPPLIER_RECORDED,
            payload=payload,
            valid_from=now.date(),
            actor=actor,
            reason="described",
        )
        ledger.append(session, supplier_stream(key), [draft], recorded_at=now)
        return supplier_by_key(session, key)


def rate_supplier(
    database: Database, key: str, fact: TierFact, *, actor: str, clock: Clock
) -> Supplier:
    """Record what a rating scheme says of a supplier, with its edition, day and source."""
    if not (fact.scheme.strip() and fact.tier.strip() and fact.source.strip()):
        raise BadInputError("a tier needs its scheme, its name and a source to check it at")
    with database.writing() as session:
        if session.get(SupplierRow, key) is None:
            raise NotFoundError(f"there is no supplier {key}; record it first")
        payload = {
            "scheme": fact.scheme,
            "edition": fact.edition,
            "tier": fact.tier,
            "on": fact.on.isoformat(),
            "source": fact.source,
        }
        draft = EventDraft(
            kind=EventKind.SUPPLIER_TIER_RECORDED,
            payload=payload,
            valid_from=fact.on,
            actor=actor,
            reason=f"rated by {fact.scheme}",
        )
        ledger.append(session, supplier_stream(key), [draft], recorded_at=clock())
        return supplier_by_key(session, key)
