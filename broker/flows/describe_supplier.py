"""Record who a supplier is and what a rating scheme says of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from broker.clock import Clock
from broker.contracts.event import EventDraft, EventKind, supplier_stream
from broker.contracts.sheets.suppliers import supplier_slug
from broker.contracts.supplier import Supplier, TierFact
from broker.errors import BadInputError
from broker.renewals.notice import working_day_on_or_before
from broker.store import ledger
from broker.store.contracts import all_suppliers, supplier_by_key
from broker.store.engine import Database

NAMES = "supplier-names"
"""Two descriptions at once could give one name to two suppliers."""


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
    """Record a supplier or change its name and country, or add aliases; None leaves as it was.

    The country (ISO 3166, "US" or "GB-ENG") decides which days are working days for notices, so
    its contracts' deadlines are computed anew. Saying what is on record changes nothing.
    """
    _check_key(key)
    now, name = clock(), (legal_name or "").strip()
    if country is not None:
        country = country.strip().upper()
        working_day_on_or_before(now.date(), country=country)  # refuses an unknown country
    with database.writing() as session:
        ledger.lock(session, NAMES)
        ledger.lock(session, supplier_stream(key))
        known = {supplier.key: supplier for supplier in all_suppliers(session)}
        before = known.get(key, Supplier(key=key, legal_name=key, aliases=(), country=None))
        told = {*before.aliases, *(alias.strip() for alias in aliases)} - {""}
        after = replace(
            before,
            legal_name=name or before.legal_name,
            aliases=tuple(sorted(told)),
            country=country or before.country,
        )
        _check_names(after, known.values())
        if key not in known or after != before:
            draft = _described(after, on=now.date(), actor=actor)
            ledger.append(session, supplier_stream(key), [draft], recorded_at=now)
        return after


def rate_supplier(
    database: Database, key: str, fact: TierFact, *, actor: str, clock: Clock
) -> Supplier:
    """Record what a rating scheme says of a supplier, with its edition, day and source.

    Saying it again changes nothing.
    """
    if not (fact.scheme.strip() and fact.tier.strip() and fact.source.strip()):
        raise BadInputError("a tier needs its scheme, its name and a source to check it at")
    with database.writing() as session:
        ledger.lock(session, supplier_stream(key))
        known = supplier_by_key(session, key)
        if fact in known.tiers:
            return known
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


def _check_key(key: str) -> None:
    slug = supplier_slug(key)
    if slug != key or not key:
        hint = f"write {slug!r}" if slug else "write letters and digits, joined by dashes"
        raise BadInputError(f"{key!r} is not a supplier key; {hint}")


def _check_names(supplier: Supplier, known: Iterable[Supplier]) -> None:
    """Refuse what is no name, or that of another supplier: a sheet could then mean either."""
    for name in (supplier.key, supplier.legal_name, *supplier.aliases):
        if not supplier_slug(name):
            raise BadInputError(f"{name!r} is not a name: it has no letter or digit")
        for other in known:
            theirs = (other.key, other.legal_name, *other.aliases)
            same = supplier_slug(name) in {supplier_slug(one) for one in theirs}
            if same and other.key != supplier.key:
                raise BadInputError(
                    f"{name!r} is already a name of the supplier {other.key}; a sheet that says it "
                    "could mean either, so choose another name"
                )


def _described(supplier: Supplier, *, on: date, actor: str) -> EventDraft:
    return EventDraft(
        kind=EventKind.SUPPLIER_RECORDED,
        payload={
            "key": supplier.key,
            "legal_name": supplier.legal_name,
            "aliases": list(supplier.aliases),
            "country": supplier.country,
        },
        valid_from=on,
        actor=actor,
        reason="described",
    )
