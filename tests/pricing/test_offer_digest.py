"""Two answers that say the same have one digest; anything that differs shows in it."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.hardware import canonical_gpu
from pricing.money import Currency, Money
from pricing.offer import OfferClass, PriceUnit, QuotedPrice, Stock, StockState, Terms, Window
from pricing.offer_digest import digest_of, offer_text
from tests.readings import SEEN, an_offer

OTHERWISE: dict[str, Any] = {
    "native_id": "gpu.8x.v2",
    "region": None,
    "zone": "a",
    "terms": Terms.SPOT,
    "offer_class": OfferClass.SECURE,
    "gpu": canonical_gpu("H100-PCIE"),
    "gpu_as_quoted": "h100",
    "price": None,
    "is_listed": False,
    "stock": Stock(state=StockState.IN_STOCK, raw="High"),
    "vcpus": 8,
    "memory_gib": Decimal(64),
    "interconnect": "infiniband",
    "upstream": "undisclosed",
    "window": Window(start=SEEN, end=SEEN + timedelta(days=1)),
    "upfront_fee": Money(Decimal(5)),
    "executable_price": Money(Decimal(33)),
    "term_months": 12,
    "min_units": 2,
    "unit_step": 2,
    "price_kind": "price_sheet 2026-10-04",
    "flags": ("beta",),
}


@pytest.mark.parametrize("field", sorted(OTHERWISE))
def test_whatever_a_supplier_says_otherwise_shows(field: str) -> None:
    assert offer_text(replace(an_offer(), **{field: OTHERWISE[field]})) != offer_text(an_offer())


def test_another_price_unit_currency_or_rate_shows() -> None:
    texts = {
        offer_text(an_offer("32")),
        offer_text(an_offer("33")),
        offer_text(an_offer("32", currency=Currency("EUR"))),
        offer_text(an_offer("32"), rate="1.1"),
        offer_text(
            replace(an_offer(), price=QuotedPrice.of(Decimal(32), PriceUnit.GPU, gpu_count=8))
        ),
    }

    assert len(texts) == 5


def test_when_and_where_it_was_read_does_not_show() -> None:
    later = replace(an_offer(), observed_at=SEEN + timedelta(days=1), source="page 2")

    assert offer_text(later) == offer_text(an_offer())


def test_a_region_named_none_is_not_the_lack_of_one() -> None:
    assert offer_text(an_offer(region="None")) != offer_text(an_offer(region=None))


@given(st.lists(st.text(), max_size=6).flatmap(lambda t: st.tuples(st.just(t), st.permutations(t))))
def test_the_order_of_offers_makes_no_difference(texts: tuple[list[str], list[str]]) -> None:
    assert digest_of(texts[0]) == digest_of(texts[1])
