"""Units become prices exactly; an offer that says two things at once is refused in words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pricing.money import USD, Currency, Money
from pricing.offer import (
    GPUS_OF_A_NODE,
    Offer,
    OfferClass,
    PriceUnit,
    QuotedPrice,
    Stock,
    StockState,
    StockUnit,
    Terms,
    Window,
)
from tests.readings import an_offer

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
AMOUNTS = st.decimals(min_value="0.000001", max_value=10**6, places=6)
COUNTS = st.sampled_from([1, 2, 3, 4, 6, 7, 8, 16, 72])
HALF_A_MILLIONTH = Decimal("0.0000005")


def a_price(amount: str, unit: PriceUnit, gpus: int) -> QuotedPrice:
    return QuotedPrice.of(Decimal(amount), unit, gpu_count=gpus)


# Units

FIGURES = [
    ("32", PriceUnit.INSTANCE, 8, "32", "4"),
    ("5352", PriceUnit.CENTS_PER_INSTANCE, 8, "53.52", "6.69"),
    ("2.49", PriceUnit.GPU, 8, "19.92", "2.49"),
    ("16", PriceUnit.NODE_OF_8, 8, "16", "2"),
    ("16", PriceUnit.NODE_OF_8, 1, "2", "2"),
    ("249000", PriceUnit.TEN_MICROS_PER_GPU, 8, "19.92", "2.49"),
    ("299000000", PriceUnit.NANOS_PER_INSTANCE, 1, "2.99", "2.99"),
    ("10", PriceUnit.COMPONENT_SUM, 3, "10", "3.333333"),
]
"""Amount, unit, GPUs; what the instance costs and what each GPU, worked out by hand."""


@pytest.mark.parametrize(
    ("amount", "unit", "gpus", "per_instance", "per_gpu"),
    FIGURES,
)
def test_each_unit_is_what_a_person_would_reckon(
    amount: str, unit: PriceUnit, gpus: int, per_instance: str, per_gpu: str
) -> None:
    price = a_price(amount, unit, gpus)

    assert price.per_instance == Money(Decimal(per_instance))
    assert price.per_gpu == Money(Decimal(per_gpu))


def test_there_is_no_unit_without_a_figure() -> None:
    assert {unit for _, unit, _, _, _ in FIGURES} == set(PriceUnit)


@given(amount=AMOUNTS, unit=st.sampled_from(PriceUnit), gpus=COUNTS)
def test_count_times_per_gpu_is_the_instance_within_half_a_millionth_each(
    amount: Decimal, unit: PriceUnit, gpus: int
) -> None:
    price = QuotedPrice.of(amount, unit, gpu_count=gpus)

    gap = abs(price.per_gpu.amount * gpus - price.per_instance.amount)

    assert gap <= HALF_A_MILLIONTH * gpus


@given(per_gpu=AMOUNTS, gpus=COUNTS)
def test_count_times_per_gpu_is_the_instance_exactly_where_it_divides(
    per_gpu: Decimal, gpus: int
) -> None:
    by_gpu = QuotedPrice.of(per_gpu, PriceUnit.GPU, gpu_count=gpus)
    by_instance = QuotedPrice.of(per_gpu * gpus, PriceUnit.INSTANCE, gpu_count=gpus)

    assert by_gpu.per_instance == by_instance.per_instance
    assert by_gpu.per_gpu.amount == by_instance.per_gpu.amount == per_gpu


@given(dollars=AMOUNTS, gpus=COUNTS)
def test_one_price_is_the_same_in_every_unit(dollars: Decimal, gpus: int) -> None:
    whole = dollars * gpus
    written = {
        PriceUnit.INSTANCE: whole,
        PriceUnit.COMPONENT_SUM: whole,
        PriceUnit.CENTS_PER_INSTANCE: whole * 100,
        PriceUnit.GPU: dollars,
        PriceUnit.NODE_OF_8: dollars * GPUS_OF_A_NODE,
        PriceUnit.TEN_MICROS_PER_GPU: dollars * 10**5,
        PriceUnit.NANOS_PER_INSTANCE: whole * 10**8,
    }

    prices = [QuotedPrice.of(raw, unit, gpu_count=gpus) for unit, raw in written.items()]

    assert set(written) == set(PriceUnit)
    assert {price.per_instance.amount for price in prices} == {whole}
    assert {price.per_gpu.amount for price in prices} == {dollars}


@given(amount=AMOUNTS, unit=st.sampled_from(PriceUnit), gpus=COUNTS)
def test_the_amount_and_the_currency_stay_as_quoted(
    amount: Decimal, unit: PriceUnit, gpus: int
) -> None:
    price = QuotedPrice.of(amount, unit, gpu_count=gpus, currency=Currency("EUR"))

    assert (price.amount, price.unit, price.currency) == (amount, unit, Currency("EUR"))
    assert price.per_gpu.currency == Currency("EUR")


@pytest.mark.parametrize("amount", ["0", "-1", "NaN", "Infinity"])
def test_an_unknown_price_is_none_and_never_a_number(amount: str) -> None:
    with pytest.raises(ValueError, match="an unknown price is None, never 0"):
        a_price(amount, PriceUnit.GPU, 8)


def test_a_price_is_for_at_least_one_gpu() -> None:
    with pytest.raises(ValueError, match="at least one GPU"):
        a_price("1", PriceUnit.GPU, 0)


# Stock


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"count": 3}, "names what it counts"),
        ({"count_unit": StockUnit.GPU}, "names what it counts"),
        ({"count": -1, "count_unit": StockUnit.GPU}, "0 or more"),
        ({"at_least": True}, "needs a count"),
    ],
)
def test_a_stock_that_counts_nothing_is_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Stock(state=StockState.IN_STOCK, **changes)


@pytest.mark.parametrize(
    ("state", "is_obtainable"),
    [
        (StockState.IN_STOCK, True),
        (StockState.CONSTRAINED, True),
        (StockState.OUT_OF_STOCK, False),
        (StockState.NOT_OFFERED, False),
        (StockState.RESTRICTED, False),
        (StockState.UNKNOWN, None),
    ],
)
def test_what_nobody_knows_is_neither_in_stock_nor_sold_out(
    state: StockState, is_obtainable: bool | None
) -> None:
    assert Stock(state=state).is_obtainable is is_obtainable


def test_a_level_stays_a_word_and_ten_or_more_at_least_ten() -> None:
    assert Stock(state=StockState.CONSTRAINED, raw="LOW").count is None
    many = Stock(state=StockState.IN_STOCK, count=10, count_unit=StockUnit.GPU, at_least=True)
    assert (many.count, many.at_least) == (10, True)


# Windows and offers


@pytest.mark.parametrize("hours", [0, -1])
def test_a_window_ends_after_it_starts(hours: int) -> None:
    with pytest.raises(ValueError, match="ends after it starts"):
        Window(start=NOON, end=NOON + timedelta(hours=hours))


@pytest.mark.parametrize("which", ["start", "end"])
def test_a_window_needs_the_offset_of_both_its_instants(which: str) -> None:
    instants = {"start": NOON, "end": NOON + timedelta(days=1)}
    instants[which] = instants[which].replace(tzinfo=None)

    with pytest.raises(ValueError, match="offset"):
        Window(**instants)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"observed_at": NOON.replace(tzinfo=None)}, "offset"),
        ({"gpu_count": 0, "price": None}, "counted from one"),
        ({"min_units": 0}, "counted from one"),
        ({"unit_step": 0}, "counted from one"),
        ({"price": a_price("3", PriceUnit.GPU, 4)}, "another number of GPUs"),
    ],
)
def test_an_offer_that_cannot_be_is_refused_in_words(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        replace(an_offer(), **changes)


@pytest.mark.parametrize(
    "change",
    [
        {"supplier": "harbor"},
        {"native_id": "gpu.8x.other"},
        {"region": "eu-west"},
        {"region": None},
        {"zone": "us-east-1a"},
        {"terms": Terms.SPOT},
        {"offer_class": OfferClass.COMMUNITY},
        {"term_months": 12},
        {"gpu_count": 1},
        {"window": Window(start=NOON, end=NOON + timedelta(days=7))},
    ],
    ids=lambda change: next(iter(change)),
)
def test_offers_that_differ_in_what_is_bought_have_different_keys(change: dict[str, Any]) -> None:
    assert an_offer(**change).key != an_offer().key


@pytest.mark.parametrize(
    "change",
    [
        {"price": "40"},
        {"stock": Stock(state=StockState.OUT_OF_STOCK)},
        {"observed_at": NOON},
        {"source": "elsewhere"},
        {"flags": ("old_sheet",)},
        {"upfront_fee": Money(Decimal(5), USD)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_changes_from_day_to_day_leaves_the_key_alone(change: dict[str, Any]) -> None:
    offer: Offer = an_offer(**change)

    assert offer.key == an_offer().key
    assert offer != an_offer()
