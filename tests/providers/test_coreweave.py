"""CoreWeave's traps: no price by API, racks of 18, a footnote in a count, queued nodes."""

import json
from pathlib import Path
from typing import Any

import pytest

from pricing.holding import HoldingKind, HoldingState
from providers import coreweave
from providers.access import Access
from providers.errors import AnswerChanged, ErrorKind
from providers.price_rows import CALL as SHEET
from providers.reading import Reading, ReadingState, read
from providers.supplier import Answer, Ask, Page, PlaceState, Sharing, SkipReason, Source
from tests.providers.counterpart import MARK, NOW
from tests.providers.counterparts.coreweave import COUNTERPART, RECORDING, environment
from tests.providers.counterparts.coreweave import SHEET as SHEET_FILE
from tests.providers.exchanges import serving
from tests.providers.faults import Fault, always, proxied

EVERYTHING = Ask()
HEADER, *ROWS = SHEET_FILE.read_text(encoding="utf-8").splitlines()


def a_sheet(*rows: str, header: str = HEADER) -> Page:
    return Page(
        call=SHEET,
        url="prices.csv",
        body="\n".join((header, *rows)).encode(),
        fetched_at=NOW,
    )


def a_row(name: str, gpu: str, count: int, **more: str) -> str:
    price, terms = more.get("price", "42.00"), more.get("terms", "on-demand")
    return (
        f"coreweave,{name},{gpu},{count},,US-EAST-08A,{terms},,{price},instance,USD,,2026-10-04,x"
    )


def pools(*items: dict[str, Any]) -> Page:
    return Page(
        call=coreweave.POOLS,
        location="US-EAST-08A",
        url="https://cluster.coreweave.com/",
        body=json.dumps({"metadata": {}, "items": list(items)}).encode(),
        fetched_at=NOW,
    )


def a_pool(wanted: dict[str, Any], **reached: int) -> dict[str, Any]:
    spec = {"instanceType": "b200-8x", **wanted}
    return {"metadata": {"name": "p"}, "spec": spec, "status": reached}


def answer_of(*pages: Page) -> Answer:
    return coreweave.SUPPLIER.parse(pages)


def asked(access_to: dict[str, str], **more: str) -> Reading:
    environment = {**access_to, **more}
    return read(coreweave.SUPPLIER, EVERYTHING, Access(environment=environment, now=lambda: NOW))


def test_prices_come_from_a_sheet_that_is_dated_and_are_for_the_customer_only() -> None:
    offers = answer_of(a_sheet(*ROWS)).offers

    assert coreweave.PROFILE.price_source is Source.PRICE_SHEET
    assert coreweave.PROFILE.sharing is Sharing.CONFIDENTIAL
    assert {offer.price_kind for offer in offers} == {"price-sheet 2026-10-04"}


@pytest.mark.parametrize(
    ("name", "gpu", "count", "units"),
    [
        ("gb200-4x", "NVIDIA GB200 NVL72", 4, 18),
        ("gb300-4x-e", "NVIDIA GB300 NVL72", 4, 18),
        ("gd-1xgh200", "NVIDIA GH200", 1, 1),
        ("b200-8x", "NVIDIA HGX B200", 8, 1),
    ],
)
def test_rack_scale_machines_are_sold_by_the_rack_of_eighteen(
    name: str, gpu: str, count: int, units: int
) -> None:
    (offer,) = answer_of(a_sheet(a_row(name, gpu, count))).offers

    assert (offer.min_units, offer.unit_step, offer.gpu_count) == (units, units, count)


def test_a_footnote_glued_to_a_count_is_repaired_and_flagged() -> None:
    (offer,) = answer_of(a_sheet(a_row("gb200-4x", "NVIDIA GB200 NVL72", 41))).offers

    assert offer.gpu_count == 4
    assert offer.flags == (coreweave.REPAIRED,)


def test_another_count_than_the_types_name_says_is_not_believed() -> None:
    answer = answer_of(a_sheet(a_row("b200-8x", "NVIDIA HGX B200", 4)))

    assert answer.offers == ()
    assert [skip.reason for skip in answer.skips] == [SkipReason.IMPLAUSIBLE]


def test_rows_of_other_suppliers_in_the_same_sheet_are_theirs() -> None:
    other = a_row("b200-8x", "NVIDIA HGX B200", 8).replace("coreweave,", "together,", 1)

    assert answer_of(a_sheet(other)) == Answer()


def test_a_sheet_with_a_renamed_column_or_a_bad_price_is_refused_whole() -> None:
    with pytest.raises(AnswerChanged, match="price"):
        answer_of(a_sheet(*ROWS, header=HEADER.replace("price", "rate")))
    with pytest.raises(AnswerChanged, match="line 3, price"):
        answer_of(a_sheet(ROWS[0], a_row("b200-8x", "NVIDIA HGX B200", 8, price="quote")))


def test_a_renamed_field_of_a_pool_is_named() -> None:
    renamed = {"metadata": {"name": "p"}, "spec": {"type": "b200-8x"}, "status": {}}

    with pytest.raises(AnswerChanged, match="instanceType"):
        answer_of(pools(renamed))


def test_nodes_that_are_queued_are_not_ours_and_are_told_as_demand_not_met() -> None:
    wanted = {"targetNodes": 4, "computeClass": "spot"}
    answer = answer_of(pools(a_pool(wanted, currentNodes=1, queuedNodes=3)))

    (pool,) = answer.holdings
    assert pool.kind is HoldingKind.NODE_POOL
    assert (pool.quantity, pool.gpus, pool.state) == (1, 8, HoldingState.DELAYED)
    assert pool.provider_state == "spot: 4 wanted, 1 current, 0 in progress, 3 queued"
    assert answer.warnings == ("p: 3 of 4 nodes are queued, not met",)


def test_a_rack_that_is_wanted_counts_as_eighteen_nodes() -> None:
    wanted = {"instanceType": "gb200-4x", "targetRacks": 2}
    (pool,) = answer_of(pools(a_pool(wanted, currentNodes=18, inProgress=18))).holdings

    assert pool.gpus == 72
    assert "36 wanted" in pool.provider_state


def test_without_a_sheet_listed_types_are_unpriced_and_pools_are_told_all_the_same() -> None:
    with serving(RECORDING) as url:
        without = {**environment(url), coreweave.PRICE_SHEET: "", coreweave.API_ACCESS: MARK}
        reading = asked(without)

    assert reading.state is ReadingState.OK
    assert reading.answer.offers == ()
    unpriced = {s.native_id for s in reading.answer.skips if s.reason is SkipReason.UNPRICED}
    assert unpriced == {"b200-8x", "gb200-4x", "gb300-4x"}
    assert len(reading.answer.holdings) == 3


def test_a_sheet_alone_needs_no_token_and_asks_nobody() -> None:
    reading = asked({coreweave.PRICE_SHEET: str(SHEET_FILE)})

    assert reading.state is ReadingState.OK
    assert len(reading.answer.offers) == 7
    assert reading.answer.holdings == ()


def test_a_sheet_that_is_not_there_is_told_by_its_name(tmp_path: Path) -> None:
    reading = asked({coreweave.PRICE_SHEET: str(tmp_path / "gone.csv")})

    assert reading.state is ReadingState.FAILED
    assert reading.message is not None
    assert "gone.csv" in reading.message


def test_a_cluster_that_is_down_leaves_prices_and_the_other_cluster() -> None:
    with serving(RECORDING) as up, proxied(up, always(Fault(status=503, body=b"{}"))) as down:
        both = f"US-EAST-13A={up}, US-WEST-09B={down.url}"
        changed = {**environment(up), coreweave.CLUSTERS: both, coreweave.API_ACCESS: MARK}
        access = Access(environment=changed, now=lambda: NOW, sleep=lambda _seconds: None)
        reading = read(coreweave.SUPPLIER, EVERYTHING, access)

    assert reading.state is ReadingState.PARTIAL
    assert {place.region: place.state for place in reading.places} == {
        None: PlaceState.OK,
        "US-EAST-13A": PlaceState.OK,
        "US-WEST-09B": PlaceState.FAILED,
    }
    assert len(reading.answer.offers) == 7
    assert {holding.region for holding in reading.answer.holdings} == {"US-EAST-13A"}


def test_clusters_that_cannot_be_read_are_told_with_the_form_that_can() -> None:
    reading = asked({coreweave.API_ACCESS: MARK, coreweave.CLUSTERS: "https://x.coreweave.com"})

    assert reading.kind is ErrorKind.INVALID_REQUEST
    assert reading.message is not None
    assert "ZONE=https://" in reading.message


def test_a_cluster_elsewhere_never_gets_the_token() -> None:
    with serving(RECORDING) as url:
        elsewhere = {**environment(url), coreweave.CLUSTERS: "EU=https://k8s.example.com"}
        reading = asked(elsewhere, **COUNTERPART.credentials)

    (place,) = [place for place in reading.places if place.region == "EU"]
    assert place.state is PlaceState.FAILED
    assert place.kind is ErrorKind.CONTRACT
