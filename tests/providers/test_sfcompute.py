"""SF Compute: windows of nodes at the price of the last trade, and what our orders bought."""

import json
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pricing.holding import HoldingState
from pricing.offer import Stock, StockState, StockUnit, Terms
from providers.errors import ErrorKind
from providers.reading import ReadingState, read
from providers.sfcompute import FILLS, FREE, SUPPLIER, TRADES_OF
from providers.sfcompute_orders import ORDERS
from providers.supplier import Answer, Ask, Capability, Page, SkipReason
from tests.providers.counterpart import NOW
from tests.providers.counterparts.sfcompute import COUNTERPART
from tests.providers.faults import Asked, Fault, proxied

DAY = 86400
TOMORROW = int(NOW.timestamp()) + DAY


def a_page(call: str, *rows: dict[str, Any]) -> Page:
    body = json.dumps({"object": "list", "data": rows}).encode()
    return Page(call=call, url="u", body=body, fetched_at=NOW)


def free(alias: str = "sea-3-h100", *, nodes: int = 6, start: int = TOMORROW) -> dict[str, Any]:
    schedule = [{"start_at": start, "end_at": start + DAY, "node_count": nodes}]
    return {"instance_sku": {"id": "isku_1", "alias": alias}, "schedule": schedule}


def a_fill(price: str) -> dict[str, Any]:
    return {"dollars_per_node_hour": price, "node_count": 1, "filled_at": TOMORROW - 2 * DAY}


def an_order(name: str = "ordr_1", **changes: Any) -> dict[str, Any]:
    return {
        "id": name,
        "capacity": "cap_inference",
        "side": "buy",
        "zones": ["sea-3"],
        "node_count": 2,
        "start_at": TOMORROW,
        "end_at": TOMORROW + DAY,
        "status": "filled",
        "filled_price_dollars_per_node_hour": "16.320000",
    } | changes


def parsed(*pages: Page) -> Answer:
    return SUPPLIER.parse(pages)


def test_a_window_is_an_offer_of_nodes_at_the_price_of_the_last_trade() -> None:
    (offer,) = parsed(a_page(FREE, free()), a_page(f"{FILLS}h100", a_fill("16.32"))).offers

    assert (offer.terms, offer.region, offer.gpu_count) == (Terms.AUCTION, "sea-3", 8)
    assert offer.window is not None
    assert offer.window.start.timestamp() == TOMORROW
    assert offer.price is not None
    assert offer.price.per_gpu.amount == Decimal("2.04")
    assert offer.price_kind == "last_fill"
    assert offer.stock == Stock(state=StockState.IN_STOCK, count=6, count_unit=StockUnit.NODE)


def test_two_windows_of_one_sku_are_two_offers() -> None:
    answer = parsed(a_page(FREE, free(), free(start=TOMORROW + DAY, nodes=2)))

    assert [offer.stock.count for offer in answer.offers] == [6, 2]
    assert answer.warnings == ()


def test_a_trade_of_another_gpu_is_no_price() -> None:
    (offer,) = parsed(a_page(FREE, free()), a_page(f"{FILLS}h200", a_fill("20.0"))).offers

    assert offer.price is None
    assert offer.price_kind is None
    assert offer.flags == ("no_recent_fill",)
    assert offer.stock.count == 6


def test_no_free_node_is_sold_out_and_still_told() -> None:
    (offer,) = parsed(a_page(FREE, free(nodes=0))).offers

    assert offer.stock.state is StockState.OUT_OF_STOCK
    assert offer.stock.count == 0


def test_a_window_that_ends_before_it_starts_is_left_out() -> None:
    row = free()
    row["schedule"][0]["end_at"] = TOMORROW

    answer = parsed(a_page(FREE, row))

    assert answer.offers == ()
    assert [skip.reason for skip in answer.skips] == [SkipReason.MALFORMED]


def test_a_gpu_that_nobody_knows_is_reported_by_its_sku() -> None:
    answer = parsed(a_page(FREE, free("sea-3-zorblax")))

    assert answer.offers == ()
    assert [(skip.native_id, skip.reason) for skip in answer.skips] == [
        ("sea-3-zorblax", SkipReason.UNKNOWN_GPU)
    ]


def test_trades_are_asked_for_each_gpu_up_to_now() -> None:
    with COUNTERPART.serve() as upstream, proxied(upstream) as proxy:
        read(SUPPLIER, Ask(), COUNTERPART.access(proxy.url))

    (asked,) = [each.target for each in proxy.asked if "orderbook/fills" in each.target]
    query = parse_qs(urlsplit(asked).query)
    assert query["requirements"] == ["gpu_type:h100"]
    assert query["end_at"] == [str(int(NOW.timestamp()))]
    assert query["start_at"] == [str(int((NOW - TRADES_OF).timestamp()))]


def test_a_quote_is_never_asked_for_in_a_poll() -> None:
    with COUNTERPART.serve() as upstream, proxied(upstream) as proxy:
        read(SUPPLIER, Ask(), COUNTERPART.access(proxy.url))

    assert not [asked for asked in proxy.asked if "quote" in asked.target]


def test_without_trades_the_nodes_are_told_without_a_price() -> None:
    def plan(asked: Asked) -> Fault | None:
        return Fault(status=404, body=b"{}") if "fills" in asked.target else None

    with COUNTERPART.serve() as upstream, proxied(upstream, plan) as proxy:
        reading = read(SUPPLIER, Ask(), COUNTERPART.access(proxy.url))

    assert reading.state is ReadingState.PARTIAL
    assert reading.kind is ErrorKind.NOT_FOUND
    assert [offer.price for offer in reading.answer.offers] == [None, None]
    assert reading.answer.holdings


def test_only_what_is_wanted_is_asked() -> None:
    with COUNTERPART.serve() as upstream, proxied(upstream) as proxy:
        for capability in (Capability.HOLDINGS, Capability.QUOTAS):
            read(SUPPLIER, Ask(wanted=frozenset({capability})), COUNTERPART.access(proxy.url))

    assert {asked.target.split("?")[0] for asked in proxy.asked} == {"/v2/orders"}


def test_only_a_filled_order_has_brought_nodes() -> None:
    statuses = ("pending", "standing", "filled", "rejected", "cancelled")
    orders = [an_order(f"ordr_{status}", status=status) for status in statuses]

    (holding,) = parsed(a_page(ORDERS, *orders)).holdings

    assert holding.resource_id == "ordr_filled"
    assert (holding.quantity, holding.gpus, holding.unit) == (2, 16, StockUnit.NODE)
    assert holding.price_per_gpu_hour is not None
    assert holding.price_per_gpu_hour.amount == Decimal("2.04")


def test_a_block_is_scheduled_then_active_then_expired() -> None:
    now = int(NOW.timestamp())
    orders = [
        an_order("a", start_at=now + 1),
        an_order("b", start_at=now),
        an_order("c", start_at=now - DAY, end_at=now),
    ]

    states = [holding.state for holding in parsed(a_page(ORDERS, *orders)).holdings]

    assert states == [HoldingState.SCHEDULED, HoldingState.ACTIVE, HoldingState.EXPIRED]


def test_an_order_that_may_fill_in_several_zones_is_in_none_of_them() -> None:
    (holding,) = parsed(a_page(ORDERS, an_order(zones=["sea-3", "lax-1"]))).holdings

    assert holding.region is None


def test_what_was_sold_back_is_a_warning_and_no_holding() -> None:
    answer = parsed(a_page(ORDERS, an_order(), an_order("ordr_2", side="sell", node_count=1)))

    assert [holding.resource_id for holding in answer.holdings] == ["ordr_1"]
    (warning,) = answer.warnings
    assert warning.startswith("ordr_2 sold back 1 x 8 GPUs of cap_inference from 2026-11-21")
