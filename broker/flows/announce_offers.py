"""An offer to renew is worth an alert in the minute it arrives, not at the next evaluation."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date

from broker.clock import Clock
from broker.contracts.quote import Quote, QuoteKind
from broker.flows.evaluate_alerts import EvaluationReport, evaluate_alerts
from broker.store.engine import Database


def announce_offers(
    database: Database,
    quotes: Iterable[Quote],
    *,
    as_of: date,
    channels: Collection[str],
    actor: str,
    clock: Clock,
) -> EvaluationReport | None:
    """Evaluate the alert rules if one of the quotes just recorded is an offer to renew.

    The messages are queued; delivering them is the caller's next step. None: nothing to announce.
    """
    if not any(quote.kind is QuoteKind.RENEWAL_OFFER for quote in quotes):
        return None
    return evaluate_alerts(database, as_of=as_of, channels=channels, actor=actor, clock=clock)
