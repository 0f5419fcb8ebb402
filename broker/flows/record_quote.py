"""Put quotes on record, and say what became of them.

A renewal offer goes into the stream of the contract that it renews, any other quote into the
stream of its supplier, who is recorded first if the books do not know them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlmodel import Session

from broker.clock import Clock
from broker.contracts.event import EventDraft, EventKind, contract_stream, supplier_stream
from broker.contracts.named_rows import RowReading
from broker.contracts.quote import Quote, QuoteKind, QuoteState
from broker.contracts.quote_rows import StatedQuote, read_quote_sheet, stated_quote
from broker.contracts.quote_terms import quote_to_json
from broker.contracts.sheets.issue import Code
from broker.contracts.sheets.suppliers import KnownSupplier, supplier_names
from broker.errors import BadInputError, Fault, NotFoundError, RefusedError
from broker.flows.sheet_import import SheetImport
from broker.identity import new_id
from broker.store import ledger
from broker.store.contracts import all_contracts, all_suppliers, find_line, stream_of_quote
from broker.store.engine import Database
from broker.store.renewals import KnownQuote, all_quotes, quote_by_id, quote_id_of
from broker.store.tables import SupplierRow

ONE_AT_A_TIME = "quotes"
"""Whether a quote is on record already is only known while nobody else records any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed:
    """A quote and where it belongs."""

    stated: StatedQuote
    quote: Quote
    stream: str


_Content = tuple[str, Quote]
"""A stream and what a quote in it says, leaving out what the books added."""


def import_quotes(
    database: Database,
    content: bytes,
    *,
    file: str,
    actor: str,
    clock: Clock,
    dry_run: bool = False,
) -> SheetImport[Quote]:
    """Record every quote of a sheet, or none when any row has a fault; twice changes nothing."""
    with database.trying() if dry_run else database.writing() as session:
        ledger.lock(session, ONE_AT_A_TIME)
        stated, faults = read_quote_sheet(content, supplier_key=_supplier_key(session))
        placed, misplaced = _place(session, stated)
        faults = sorted([*faults, *misplaced], key=lambda fault: fault.line or 0)
        fresh = _not_yet_known(session, placed)
        if not faults:
            _write(session, fresh, source=file, actor=actor, at=clock())
    return SheetImport(
        file=file,
        recorded=() if faults else tuple(each.quote for each in fresh),
        unchanged=len(placed) - len(fresh),
        faults=tuple(faults),
        dry_run=dry_run,
    )


def list_quotes(database: Database, *, on: date) -> list[KnownQuote]:
    """Return every quote received by a day, newest first."""
    with database.reading() as session:
        return all_quotes(session, on=on)


def record_quote(
    database: Database, cells: Mapping[str, str], *, source: str, actor: str, clock: Clock
) -> KnownQuote:
    """Record one quote and return it; the same quote again returns the one on record.

    `cells` holds the columns of a quote sheet by name. Raises BadInputError with every fault.
    """
    with database.writing() as session:
        ledger.lock(session, ONE_AT_A_TIME)
        row = RowReading(cells=cells)
        stated = stated_quote(row, supplier_key=_supplier_key(session))
        placed, faults = _place(session, [stated] if stated is not None else [])
        faults = [*row.faults, *faults]
        if faults:
            reasons = "; ".join(fault.message for fault in faults)
            raise BadInputError(reasons, faults=tuple(faults))
        (wanted,) = placed
        known = _known_quotes(session).get(_content(wanted.stream, wanted.quote))
        if known is None:
            _write(session, placed, source=source, actor=actor, at=clock())
        return quote_by_id(session, (known or wanted.quote).id)


def move_quote(
    database: Database,
    name: str,
    to: QuoteState,
    *,
    on: date,
    reason: str,
    actor: str,
    clock: Clock,
    override_reason: str | None = None,
) -> KnownQuote:
    """Note what became of a quote on a day, and why; return the quote as it then stands.

    `override_reason` is why a quote that has lapsed or was withdrawn is accepted all the same.
    Raises RefusedError when the quote cannot move there.
    """
    if not reason.strip():
        raise BadInputError("say why, so that the next reader of the books knows; give a reason")
    with database.writing() as session:
        quote_id = quote_id_of(session, name)
        received_on = quote_by_id(session, quote_id).quote.received_on
        if on < received_on:
            raise RefusedError(
                f"the quote was received on {received_on}; nothing became of it before that"
            )
        draft = EventDraft(
            kind=EventKind.QUOTE_MOVED,
            payload={
                "quote_id": quote_id,
                "to": to.value,
                "override_reason": (override_reason or "").strip() or None,
            },
            valid_from=on,
            actor=actor,
            reason=reason.strip(),
        )
        stream = stream_of_quote(session, quote_id)
        ledger.append(session, stream, [draft], recorded_at=clock())
        return quote_by_id(session, quote_id)


def _supplier_key(session: Session) -> Callable[[str], str]:
    return supplier_names(
        [
            KnownSupplier(key=each.key, aliases=(each.legal_name, *each.aliases))
            for each in all_suppliers(session)
        ]
    )


def _place(session: Session, stated: Iterable[StatedQuote]) -> tuple[list[_Placed], list[Fault]]:
    placed, faults = [], []
    for each in stated:
        if each.kind is not QuoteKind.RENEWAL_OFFER:
            quote = each.as_quote(new_id(), renews_line_no=None)
            stream = supplier_stream(each.supplier_key)
            placed.append(_Placed(stated=each, quote=quote, stream=stream))
            continue
        found = _place_renewal(session, each)
        if isinstance(found, Fault):
            faults.append(found)
        else:
            placed.append(found)
    return placed, faults


def _place_renewal(session: Session, stated: StatedQuote) -> _Placed | Fault:
    try:
        contract, line = find_line(session, stated.renews or "")
    except (NotFoundError, BadInputError) as unknown:
        return _misplaced(stated, "renews", str(unknown))
    if contract.supplier_key != stated.supplier_key:
        return _misplaced(
            stated,
            "supplier",
            f"{stated.renews} is a contract with {contract.supplier_key}; only that supplier can "
            "offer to renew it, so correct the supplier or record an offer",
        )
    if line.gpu_model != stated.gpu_model:
        return _misplaced(
            stated,
            "gpu_model",
            f"{stated.renews} is for {line.gpu_model}; record other GPUs as an offer",
        )
    return _Placed(
        stated=stated,
        quote=stated.as_quote(new_id(), renews_line_no=line.line_no),
        stream=contract_stream(contract.id),
    )


def _misplaced(stated: StatedQuote, name: str, message: str) -> Fault:
    return Fault(code=Code.UNKNOWN_VALUE.value, message=message, line=stated.line, field=name)


def _not_yet_known(session: Session, placed: Iterable[_Placed]) -> list[_Placed]:
    seen = set(_known_quotes(session))
    fresh = []
    for each in placed:
        content = _content(each.stream, each.quote)
        if content not in seen:
            seen.add(content)
            fresh.append(each)
    return fresh


def _known_quotes(session: Session) -> dict[_Content, Quote]:
    """Return every quote on record by its content."""
    places = [(supplier_stream(each.key), each.quotes) for each in all_suppliers(session)]
    places += [(contract_stream(each.id), each.quotes) for each in all_contracts(session)]
    return {_content(stream, quote): quote for stream, quotes in places for quote in quotes}


def _content(stream: str, quote: Quote) -> _Content:
    """Return a quote without what the books added: two of one stream and content are one quote."""
    return stream, replace(quote, id="", state=QuoteState.OPEN, supersedes=None)


def _write(
    session: Session, placed: Iterable[_Placed], *, source: str, actor: str, at: datetime
) -> None:
    by_stream: dict[str, list[_Placed]] = {}
    for each in placed:
        by_stream.setdefault(each.stream, []).append(each)
    for stream, group in by_stream.items():
        drafts = [_recorded(each, source=source, actor=actor) for each in group]
        first = group[0].stated
        if stream == supplier_stream(first.supplier_key) and not _is_known(session, first):
            drafts.insert(0, _new_supplier(first, source=source, actor=actor))
        ledger.append(session, stream, drafts, recorded_at=at)


def _is_known(session: Session, stated: StatedQuote) -> bool:
    return session.get(SupplierRow, stated.supplier_key) is not None


def _new_supplier(stated: StatedQuote, *, source: str, actor: str) -> EventDraft:
    return EventDraft(
        kind=EventKind.SUPPLIER_RECORDED,
        payload={
            "key": stated.supplier_key,
            "legal_name": stated.supplier_name,
            "aliases": [],
            "country": None,
        },
        valid_from=stated.received_on,
        actor=actor,
        reason=f"first quote, {_place_in(source, stated)}",
    )


def _recorded(placed: _Placed, *, source: str, actor: str) -> EventDraft:
    return EventDraft(
        kind=EventKind.QUOTE_RECORDED,
        payload={"quote": quote_to_json(placed.quote)},
        valid_from=placed.quote.received_on,
        actor=actor,
        reason=_place_in(source, placed.stated),
        document=placed.quote.document,
    )


def _place_in(source: str, stated: StatedQuote) -> str:
    return source if stated.line is None else f"{source}:{stated.line}"
