"""Suppliers: names, tiers by scheme and day, quotes on the open market."""

from datetime import date
from typing import Any

import pytest

from broker.contracts.event import EventDraft, EventKind
from broker.contracts.quote import QuoteKind, QuoteState
from broker.contracts.supplier import MARKET_CLASS, Supplier, TierFact, fold_supplier
from broker.errors import BrokenLedgerError, NotFoundError, RefusedError
from tests.builders import a_draft, a_quote, chained, line_recorded, quote_recorded
from tests.builders import supplier_recorded as recorded

APRIL, MAY = date(2026, 4, 1), date(2026, 5, 1)


def rated(tier: str, on: date, *, scheme: str = MARKET_CLASS, edition: str = "1") -> EventDraft:
    payload = {"scheme": scheme, "edition": edition, "tier": tier, "on": on.isoformat()}
    return a_draft(EventKind.SUPPLIER_TIER_RECORDED, {**payload, "source": "report, page 3"})


def supplier(*drafts: EventDraft) -> Supplier:
    return fold_supplier(chained(recorded(), *drafts, stream="supplier/harbor-compute"))


def tier_on(found: Supplier, on: date, scheme: str = MARKET_CLASS) -> str | None:
    fact = found.tier_in(scheme, on)
    return None if fact is None else fact.tier


def test_a_tier_holds_from_its_day_on_until_the_next_of_its_scheme() -> None:
    found = supplier(rated("neocloud", APRIL), rated("hyperscaler", MAY))

    assert tier_on(found, date(2026, 3, 31)) is None
    assert tier_on(found, APRIL) == "neocloud"
    assert tier_on(found, date(2026, 4, 30)) == "neocloud"
    assert tier_on(found, MAY) == "hyperscaler"


def test_a_tier_that_is_recorded_late_does_not_overtake_a_newer_one() -> None:
    found = supplier(rated("hyperscaler", MAY), rated("neocloud", APRIL))

    assert tier_on(found, MAY) == "hyperscaler"


def test_of_two_tiers_of_one_day_the_last_recorded_counts() -> None:
    found = supplier(rated("neocloud", MAY), rated("marketplace", MAY))

    assert tier_on(found, MAY) == "marketplace"


def test_what_two_schemes_say_is_never_merged() -> None:
    found = supplier(rated("neocloud", APRIL), rated("gold", MAY, scheme="other-ratings"))

    assert tier_on(found, MAY) == "neocloud"
    assert tier_on(found, MAY, "other-ratings") == "gold"
    assert tier_on(found, MAY, "a third") is None


def test_every_tier_keeps_its_edition_and_source() -> None:
    found = supplier(rated("gold", APRIL, edition="1"), rated("silver", APRIL, edition="2"))

    assert [(fact.edition, fact.tier, fact.source) for fact in found.tiers] == [
        ("1", "gold", "report, page 3"),
        ("2", "silver", "report, page 3"),
    ]
    assert found.tiers[0] == TierFact(
        scheme=MARKET_CLASS, edition="1", tier="gold", on=APRIL, source="report, page 3"
    )


def test_a_new_description_keeps_tiers_and_quotes() -> None:
    quote = a_quote(kind=QuoteKind.OFFER, renews_line_no=None)
    found = supplier(rated("neocloud", APRIL), quote_recorded(quote), recorded(country="FI"))

    assert (found.country, len(found.tiers), found.quotes) == ("FI", 1, (quote,))


def test_a_market_quote_moves_in_the_stream_of_its_supplier() -> None:
    quote = a_quote(kind=QuoteKind.OFFER, renews_line_no=None)
    found = supplier(quote_recorded(quote), quote_moved(quote.id, "declined"))

    assert found.quotes[0].state is QuoteState.DECLINED


def test_one_quote_is_recorded_once() -> None:
    quote = a_quote(kind=QuoteKind.OFFER, renews_line_no=None)

    with pytest.raises(RefusedError, match="already on record"):
        supplier(quote_recorded(quote), quote_recorded(quote))


def test_a_quote_that_nobody_recorded_does_not_move() -> None:
    with pytest.raises(NotFoundError, match="no quote q9"):
        supplier(quote_moved("q9", "declined"))


def test_a_supplier_begins_with_its_description() -> None:
    with pytest.raises(BrokenLedgerError, match="cannot begin with"):
        fold_supplier(chained(rated("neocloud", APRIL)))
    with pytest.raises(BrokenLedgerError, match="no events"):
        fold_supplier([])


def test_what_belongs_to_a_contract_does_not_belong_to_a_supplier() -> None:
    with pytest.raises(BrokenLedgerError, match="does not belong"):
        supplier(line_recorded())


def quote_moved(quote_id: str, to: str) -> EventDraft:
    payload: dict[str, Any] = {"quote_id": quote_id, "to": to, "override_reason": None}
    return a_draft(EventKind.QUOTE_MOVED, payload)
