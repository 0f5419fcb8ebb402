"""Asks every alert rule what it has to say on a day. Reads, decides, writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from sqlmodel import Session, col, select

from broker.alerts.alert import Finding, RuleName, Severity
from broker.alerts.capacity import mismatch_finding
from broker.alerts.contract_ends import contract_ends, contract_scope_key
from broker.alerts.deadlines import Deadline, deadline_finding
from broker.alerts.hike import hike_finding, hike_severity
from broker.alerts.inbox import AlertState
from broker.alerts.prices import LISTED_KINDS, jump_finding
from broker.alerts.quotes import expiring_finding
from broker.alerts.stale_data import Sighting, stale_finding
from broker.alerts.thresholds import (
    DeadlineThresholds,
    HikeThresholds,
    MismatchThresholds,
    Override,
    QuoteThresholds,
    Reach,
    StaleThresholds,
    resolve,
)
from broker.flows.reconcile_capacity import reconcile_books
from broker.flows.review_renewals import quote_validities, renewal_offers
from broker.renewals.assumptions import AssumptionName, ScopeKind
from broker.renewals.assumptions import Scope as AboutGpu
from broker.store.alert_rules import overrides
from broker.store.alerts import alerts_by_fingerprint, details_of
from broker.store.evaluations import last_day_evaluated, price_imports_not_evaluated
from broker.store.last_answers import last_answers
from broker.store.prices import listed_prices, price_days
from broker.store.renewals import Books, read_books
from broker.store.tables import ContractRow, QuoteRow
from pricing.jump import JumpThresholds, find_jumps
from providers import registry
from providers.reading import ReadingState

ONE_DAY = timedelta(days=1)

PollInterval = Callable[[str], timedelta | None]
"""How often the supplier of a key is asked; None when it is not asked any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The days that an evaluation looks at."""

    first: date
    first_price: date  # earlier than `first` when prices have come late
    until: date
    import_ids: tuple[str, ...]  # price imports that count as seen once this is written down


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What the rules have to say, and every deadline that still matters."""

    window: Window
    findings: tuple[Finding, ...]
    live: frozenset[Deadline]


def declared_interval(key: str) -> timedelta | None:
    """Return how often a supplier says that it is to be asked; None when there is none of the key."""
    try:
        return registry.supplier(key).profile.poll_every
    except (registry.UnknownSupplierError, ImportError):
        return None


def gather_findings(
    session: Session,
    *,
    as_of: date,
    since: date | None,
    now: datetime,
    poll_interval: PollInterval = declared_interval,
) -> Gathered:
    """Return what every rule has to say on `as_of`, looking back to the last evaluated day.

    What changes within a day is judged at `now`, or at the end of a day that is over.
    """
    window = _window(session, as_of=as_of, since=since)
    stored = overrides(session)
    ends, live_ends = _of_contracts(session, window, stored)
    quotes, live_quotes = _of_quotes(session, window, stored)
    findings = (
        *_of_prices(session, window, stored),
        *ends,
        *quotes,
        *_of_offers(session, window, stored),
        *_of_capacity(session, window, stored),
        *_of_suppliers(session, stored, at=min(now, _end_of(as_of)), poll_interval=poll_interval),
    )
    return Gathered(window=window, findings=findings, live=live_ends | live_quotes)


def _end_of(day: date) -> datetime:
    return datetime.combine(day + ONE_DAY, time(), tzinfo=UTC)


def _window(session: Session, *, as_of: date, since: date | None) -> Window:
    """Return the days to look at.

    From the day after the last one, or from the first price. A later `since` skips no day that
    would never be looked at again.
    """
    last = last_day_evaluated(session)
    # Before any price is read: an import that ends meanwhile is looked at twice rather than never.
    unseen = price_imports_not_evaluated(session)
    prices = price_days(session)
    if last is not None:
        first = min(last + ONE_DAY, since or date.max)
    else:
        first = since or (prices[0] if prices else as_of)
    first = min(first, as_of)
    late = [] if last is None else [day for day in unseen.values() if day is not None]
    return Window(
        first=first,
        first_price=min(first, *late) if late else first,
        until=as_of,
        # Looking back at a day before the last one leaves the days in between to the next time.
        import_ids=tuple(unseen) if last is None or as_of >= last else (),
    )


def _of_prices(session: Session, window: Window, stored: list[Override]) -> Iterable[Finding]:
    for series, days in listed_prices(session, until=window.until).items():
        if series.kind not in LISTED_KINDS:
            continue
        thresholds = resolve(
            JumpThresholds(),
            stored,
            rule=RuleName.LIST_PRICE_JUMP,
            reach=Reach(supplier=series.provider, gpu_model=series.gpu_model),
        )
        jumps = find_jumps(
            days, thresholds=thresholds, since=window.first_price, until=window.until
        )
        for jump in jumps:
            yield jump_finding(series, jump)


def _of_contracts(
    session: Session, window: Window, stored: list[Override]
) -> tuple[list[Finding], frozenset[Deadline]]:
    books = read_books(session)
    ends = contract_ends(
        books.contracts,
        countries={key: supplier.country for key, supplier in books.suppliers.items()},
        b200_factors=_b200_factors(books, on=window.until),
    )
    found = []
    for end in ends:
        for deadline in end.deadlines():
            thresholds = resolve(DeadlineThresholds(), stored, rule=deadline.rule, reach=end.reach)
            found.append(
                deadline_finding(
                    end,
                    deadline,
                    first=window.first,
                    until=window.until,
                    thresholds=thresholds,
                )
            )
    live = frozenset(deadline for end in ends for deadline in end.deadlines())
    return [finding for finding in found if finding is not None], live


def _b200_factors(books: Books, *, on: date) -> dict[str, Decimal]:
    """Return how many B200 one GPU of a model is worth, where somebody has stated it."""
    models = {line.gpu_model for contract in books.contracts for line in contract.lines}
    stated = {
        model: books.assumptions.latest(
            AssumptionName.B200_FACTOR, AboutGpu(kind=ScopeKind.GPU, key=model), on=on
        )
        for model in models
    }
    return {model: found.number for model, found in stated.items() if found is not None}


def _of_quotes(
    session: Session, window: Window, stored: list[Override]
) -> tuple[list[Finding], frozenset[Deadline]]:
    reaches = _quote_reaches(session)
    rule = RuleName.QUOTE_EXPIRING
    findings, live = [], set()
    for quote in quote_validities(session, on=window.until):
        if not quote.is_open or quote.valid_until < window.until:
            continue
        live.add(Deadline(rule=rule, object_id=quote.object_id, due_on=quote.valid_until))
        thresholds = resolve(
            QuoteThresholds(), stored, rule=rule, reach=reaches.get(quote.object_id, Reach())
        )
        finding = expiring_finding(
            quote, first=window.first, until=window.until, thresholds=thresholds
        )
        if finding is not None:
            findings.append(finding)
    return findings, frozenset(live)


def _of_offers(session: Session, window: Window, stored: list[Override]) -> Iterable[Finding]:
    reaches, standing = _quote_reaches(session), _standing_hikes(session)
    for offer in renewal_offers(session, on=window.until):
        thresholds = resolve(
            HikeThresholds(),
            stored,
            rule=RuleName.RENEWAL_HIKE,
            reach=reaches.get(offer.quote_id, Reach()),
        )
        severity = hike_severity(
            offer, standing=standing.get(offer.quote_id), thresholds=thresholds
        )
        if severity is not None:
            yield hike_finding(offer, severity=severity, on=window.until, thresholds=thresholds)


def _standing_hikes(session: Session) -> dict[str, Severity]:
    """Return the gravest open alert of each renewal offer, by quote."""
    standing: dict[str, Severity] = {}
    for row in alerts_by_fingerprint(session).values():
        if row.rule == RuleName.RENEWAL_HIKE and row.state != AlertState.RESOLVED:
            quote_id, severity = details_of(row)["quote_id"], Severity(row.severity)
            standing[quote_id] = max(severity, standing.get(quote_id, severity))
    return standing


def _of_suppliers(
    session: Session, stored: list[Override], *, at: datetime, poll_interval: PollInterval
) -> Iterable[Finding]:
    for answer in last_answers(session):
        every = poll_interval(answer.supplier)
        if every is None or answer.last_poll == ReadingState.NOT_CONFIGURED:
            continue  # nobody asks it: that its prices age is no news
        thresholds = resolve(
            StaleThresholds(),
            stored,
            rule=RuleName.STALE_DATA,
            reach=Reach(supplier=answer.supplier),
        )
        sighting = Sighting(
            supplier=answer.supplier,
            seen_at=answer.seen_at,
            every=every,
            last_poll=answer.last_poll,
        )
        finding = stale_finding(sighting, now=at, thresholds=thresholds)
        if finding is not None:
            yield finding


def _of_capacity(session: Session, window: Window, stored: list[Override]) -> Iterable[Finding]:
    for difference in reconcile_books(session, on=window.until).findings:
        thresholds = resolve(
            MismatchThresholds(),
            stored,
            rule=RuleName.CAPACITY_MISMATCH,
            reach=Reach(supplier=difference.supplier, gpu_model=difference.gpu_model),
        )
        finding = mismatch_finding(difference, on=window.until, thresholds=thresholds)
        if finding is not None:
            yield finding


def _quote_reaches(session: Session) -> dict[str, Reach]:
    """Return which thresholds each quote falls under, by quote."""
    rows = session.exec(
        select(QuoteRow.id, QuoteRow.supplier_key, QuoteRow.gpu_model, ContractRow.ref).join(
            ContractRow, col(QuoteRow.contract_id) == ContractRow.id, isouter=True
        )
    )
    return {
        quote_id: Reach(
            supplier=supplier,
            gpu_model=gpu_model,
            contract=None if ref is None else contract_scope_key(supplier, ref),
        )
        for quote_id, supplier, gpu_model, ref in rows
    }
