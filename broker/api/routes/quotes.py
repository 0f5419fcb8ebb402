"""Quotes: put on record, listed, and what became of them."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import APIRouter, BackgroundTasks, Path, Query, status

from broker.access.scope import Scope
from broker.api.wire.quotes import (
    QuoteAcceptance,
    QuoteList,
    QuoteMove,
    QuoteOut,
    QuoteRequest,
)
from broker.api.wiring import Caller, Wiring, WiringDep, requires
from broker.contracts.quote import QuoteState
from broker.flows.announce_offers import announce_offers
from broker.flows.deliver_alerts import deliver_alerts
from broker.flows.record_quote import list_quotes, move_quote, record_quote
from broker.notify.channels import channels_set, senders

router = APIRouter(prefix="/v1", tags=["quotes"])

Reader = Annotated[Caller, requires(Scope.RENEWALS_READ)]
Writer = Annotated[Caller, requires(Scope.RENEWALS_WRITE)]
QuoteId = Annotated[str, Path(max_length=100, description="the id of a quote")]


@router.get("/quotes")
def quotes(
    wiring: WiringDep,
    _: Reader,
    as_of: Annotated[date | None, Query(description="received by; default: today")] = None,
    state: Annotated[QuoteState | None, Query(description="one state only")] = None,
) -> QuoteList:
    """List quotes, newest first."""
    on = as_of or wiring.today()
    found = [
        QuoteOut.of(known, on=on)
        for known in list_quotes(wiring.database, on=on)
        if state in (None, known.quote.state)
    ]
    return QuoteList(as_of=on, items=found)


@router.post("/quotes", status_code=status.HTTP_201_CREATED)
def record(
    wiring: WiringDep, caller: Writer, body: QuoteRequest, later: BackgroundTasks
) -> QuoteOut:
    """Put a quote on record; the same quote again answers with the one on record.

    An offer to renew is evaluated at once, and its alerts are sent after the answer.
    """
    known = record_quote(
        wiring.database,
        body.cells(),
        source="HTTP",
        actor=caller.actor,
        clock=wiring.clock,
    )
    told = announce_offers(
        wiring.database,
        [known.quote],
        as_of=wiring.today(),
        channels=channels_set(wiring.settings),
        actor=caller.actor,
        clock=wiring.clock,
    )
    if told is not None:
        ways = senders(wiring.settings)
        later.add_task(deliver_alerts, wiring.database, ways, clock=wiring.clock)
    return QuoteOut.of(known, on=wiring.today())


@router.post("/quotes/{quote_id}/accept")
def accept(wiring: WiringDep, caller: Writer, quote_id: QuoteId, body: QuoteAcceptance) -> QuoteOut:
    """Accept a quote. One that has lapsed or was withdrawn needs an override reason."""
    return _moved(
        wiring, caller, quote_id, QuoteState.ACCEPTED, body, override=body.override_reason
    )


@router.post("/quotes/{quote_id}/decline")
def decline(wiring: WiringDep, caller: Writer, quote_id: QuoteId, body: QuoteMove) -> QuoteOut:
    """Decline a quote."""
    return _moved(wiring, caller, quote_id, QuoteState.DECLINED, body)


@router.post("/quotes/{quote_id}/counter")
def counter(wiring: WiringDep, caller: Writer, quote_id: QuoteId, body: QuoteMove) -> QuoteOut:
    """Note that we answered with a counter-offer; it can still be accepted."""
    return _moved(wiring, caller, quote_id, QuoteState.COUNTERED, body)


@router.post("/quotes/{quote_id}/withdraw")
def withdraw(wiring: WiringDep, caller: Writer, quote_id: QuoteId, body: QuoteMove) -> QuoteOut:
    """Note that the supplier took a quote back; it no longer counts in a benchmark."""
    return _moved(wiring, caller, quote_id, QuoteState.WITHDRAWN, body)


def _moved(
    wiring: Wiring,
    caller: Caller,
    quote_id: str,
    to: QuoteState,
    body: QuoteMove,
    *,
    override: str | None = None,
) -> QuoteOut:
    on = body.on or wiring.today()
    known = move_quote(
        wiring.database,
        quote_id,
        to,
        on=on,
        reason=body.reason,
        override_reason=override,
        actor=caller.actor,
        clock=wiring.clock,
    )
    return QuoteOut.of(known, on=on)
