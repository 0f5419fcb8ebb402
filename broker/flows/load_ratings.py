"""Loads published ratings into the ledger, as dated facts of each supplier; twice is once."""

from __future__ import annotations

from dataclasses import dataclass

from broker.clock import Clock
from broker.contracts.supplier import TierFact
from broker.errors import BadInputError, Fault
from broker.flows.describe_supplier import describe_supplier, list_suppliers, rate_supplier
from broker.store.engine import Database
from providers.ratings_csv import Rating, parse


@dataclass(frozen=True, slots=True, kw_only=True)
class RatingsReport:
    """What a sheet of ratings came to."""

    ratings: int
    new: int
    suppliers_recorded: int


def load_ratings(
    database: Database, content: bytes, *, file: str, actor: str, clock: Clock
) -> RatingsReport:
    """Record every rating of a sheet that is not on record, and its supplier if nobody knows it.

    A supplier is known by its key or an alias. Raises BadInputError with every fault of the sheet,
    and then writes nothing.
    """
    sheet = parse(content)
    if sheet.faults:
        raise BadInputError(
            f"{file}: nothing was loaded",
            tuple(
                Fault(code=each.code, message=each.message, line=each.line, field=each.field)
                for each in sheet.faults
            ),
        )
    known = {
        name: supplier
        for supplier in list_suppliers(database)
        for name in (supplier.key, *(alias.lower() for alias in supplier.aliases))
    }
    new, recorded = 0, 0
    for rating in sheet.ratings:
        if rating.supplier not in known:
            known[rating.supplier] = describe_supplier(
                database,
                rating.supplier,
                legal_name=rating.name,
                country=None,
                aliases=(),
                actor=actor,
                clock=clock,
            )
            recorded += 1
        fact, key = _fact(rating), known[rating.supplier].key
        if fact in known[rating.supplier].tiers:
            continue
        known[rating.supplier] = rate_supplier(database, key, fact, actor=actor, clock=clock)
        new += 1
    return RatingsReport(ratings=len(sheet.ratings), new=new, suppliers_recorded=recorded)


def _fact(rating: Rating) -> TierFact:
    return TierFact(
        scheme=rating.scheme,
        edition=rating.edition,
        tier=rating.tier,
        on=rating.published_on,
        source=rating.source,
    )
