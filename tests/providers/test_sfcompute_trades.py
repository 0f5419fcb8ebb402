"""SF Compute's trades and quotes come to dollars per GPU-hour, exactly as recorded."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.errors import AnswerChanged
from providers.sfcompute_trades import block_quote, last_trade, trades
from providers.supplier import Page
from tests.providers.counterpart import NOW
from tests.providers.exchanges import Recording

RECORDING = Recording.of("sfcompute")


def a_page(content: Any) -> Page:
    body = json.dumps(content).encode()
    return Page(call="quote", url="u", body=body, fetched_at=NOW)


def recorded(name: str) -> Page:
    (answer,) = [each.response["json"] for each in RECORDING.exchanges if each.name == name]
    return a_page(answer)


def a_quote(**changes: Any) -> Page:
    quote = {
        "price": 78336,
        "quantity": 2,
        "start_at": "2026-12-01T00:00:00Z",
        "end_at": "2026-12-02T00:00:00Z",
        "instance_type": "h100i",
    }
    return a_page({"quote": quote | changes})


def a_fill(price: str, *, at: int, nodes: int = 1) -> dict[str, Any]:
    return {"dollars_per_node_hour": price, "node_count": nodes, "filled_at": at}


def test_the_recorded_quotes_are_cents_for_the_whole_block() -> None:
    expected = RECORDING.content["expected_quotes"]
    quotes = [block_quote(recorded(name)) for name in ("legacy quote", "no quote")]

    assert len(expected) == len(quotes)
    for quote, wanted in zip(quotes, expected, strict=True):
        if wanted["price_per_gpu_hour"] is None:
            assert quote is None
            continue
        assert quote is not None
        assert quote.instance_type == wanted["instance_type"]
        assert quote.nodes == wanted["nodes"]
        assert quote.window.end - quote.window.start == (
            datetime(2026, 12, 2, tzinfo=UTC) - datetime(2026, 12, 1, tzinfo=UTC)
        )
        assert quote.price.amount == Decimal("783.36")
        assert quote.price_per_gpu_hour.amount == Decimal(wanted["price_per_gpu_hour"])


def test_the_recorded_trades_are_dollars_of_a_node_of_eight() -> None:
    told = [
        (trade.price_per_gpu_hour.amount, trade.nodes) for trade in trades(recorded("recent fills"))
    ]

    assert told == [
        (Decimal(each["price_per_gpu_hour"]), each["nodes"])
        for each in RECORDING.content["expected_trades"]
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"price": 0},
        {"quantity": 0},
        {"end_at": "2026-12-01T00:00:00Z"},
        {"price": "soon"},
    ],
    ids=["free", "nothing", "no time", "no number"],
)
def test_a_quote_that_makes_no_sense_is_an_answer_that_changed(changes: dict[str, Any]) -> None:
    with pytest.raises(AnswerChanged, match="quote"):
        block_quote(a_quote(**changes))


def test_an_answer_that_names_no_quote_at_all_is_not_taken_for_no_sellers() -> None:
    with pytest.raises(AnswerChanged, match="quote"):
        block_quote(a_page({}))


@given(
    cents=st.integers(1, 10**9),
    nodes=st.integers(1, 500),
    hours=st.integers(1, 24 * 365),
)
def test_a_quote_per_gpu_hour_adds_up_to_the_block(cents: int, nodes: int, hours: int) -> None:
    start = 1796083200
    quote = block_quote(
        a_quote(price=cents, quantity=nodes, start_at=start, end_at=start + hours * 3600)
    )

    assert quote is not None
    gpu_hours = nodes * 8 * hours
    gap = abs(quote.price_per_gpu_hour.amount * gpu_hours - Decimal(cents) / 100)
    assert gap <= Decimal("0.0000005") * gpu_hours


def test_the_last_trade_is_the_latest_and_the_dearest_of_one_instant() -> None:
    made = trades(
        a_page({"data": [a_fill("15.0", at=20), a_fill("16.0", at=20), a_fill("90.0", at=10)]})
    )

    last = last_trade(made)

    assert last is not None
    assert last.per_node.amount == Decimal("16.0")
    assert last_trade(()) is None


def test_a_trade_without_a_price_says_nothing() -> None:
    assert trades(a_page({"data": [a_fill("0.000000", at=20)]})) == ()


@given(
    fills=st.lists(
        st.tuples(st.decimals("0.01", "500", places=6), st.integers(0, 2 * 10**9)), max_size=8
    ),
    seed=st.randoms(),
)
def test_the_order_of_a_page_changes_nothing(fills: list[tuple[Decimal, int]], seed: Any) -> None:
    rows = [a_fill(str(price), at=at) for price, at in fills]
    shuffled = seed.sample(rows, len(rows))

    assert trades(a_page({"data": rows})) == trades(a_page({"data": shuffled}))
