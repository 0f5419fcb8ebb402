"""Oracle's traps: parts that sound alike, 404 for a policy, 500 for a shortage, signed requests."""

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256
from oci.signer import Signer

from pricing.offer import StockState, Terms
from providers import oci, oci_pages
from providers.access import Access
from providers.errors import ErrorKind
from providers.offer_book import OfferBook
from providers.reading import Reading, ReadingState, read
from providers.supplier import Answer, Ask, Capability, Page, PlaceState, SkipReason
from tests.providers.counterpart import MARK, NOW
from tests.providers.counterparts.oci import (
    COUNTERPART,
    FINGERPRINT,
    RECORDING,
    TENANCY,
    USER,
    config_file,
    environment,
    signing_key,
)
from tests.providers.exchanges import Recording, serving
from tests.providers.faults import Asked, Fault, proxied

EVERYTHING = Ask()


def a_product(part: str, *values: str, metric: str = "GPU Per Hour") -> dict[str, Any]:
    prices = [{"model": "PAY_AS_YOU_GO", "value": value} for value in values]
    return {
        "partNumber": part,
        "metricName": metric,
        "serviceCategory": "Compute - GPU",
        "currencyCodeLocalizations": [{"currencyCode": "USD", "prices": prices}],
    }


def a_shape(name: str, gpus: int, part: str, **more: Any) -> dict[str, Any]:
    billed = {"type": {"value": "ocpu"}, "partNumber": part}
    return {"name": name, "gpuQty": gpus, "products": [billed], **more}


def a_page(call: str, content: Any, location: str | None = None) -> Page:
    return Page(
        call=call,
        location=location,
        url="https://apexapps.oracle.com/",
        body=json.dumps(content).encode(),
        fetched_at=NOW,
    )


def the_answer(*, products: list[Any], shapes: list[Any], more: tuple[Page, ...] = ()) -> Answer:
    pages = (
        a_page(oci_pages.PRODUCTS, {"items": products}),
        a_page(oci_pages.SHAPES, {"items": shapes}),
        *more,
    )
    return oci_pages.read_answer(pages, OfferBook(profile=oci.PROFILE))


def skips_of(answer: Answer) -> dict[str, SkipReason]:
    return {skip.native_id: skip.reason for skip in answer.skips}


def asked_of(url: str, **more: str) -> Reading:
    return read(oci.SUPPLIER, EVERYTHING, COUNTERPART.access(url, **more))


def test_a_shape_is_priced_by_its_part_and_never_by_a_name_that_sounds_like_it() -> None:
    answer = the_answer(
        products=[a_product("B1", "10.0"), a_product("B2", "7.5")],
        shapes=[a_shape("BM.GPU.H100.8", 8, "B1"), a_shape("BM.GPU.H100T.8", 8, "B2")],
    )

    prices = {each.native_id: each.price.amount for each in answer.offers if each.price}
    assert prices == {"BM.GPU.H100.8": Decimal("10.0"), "BM.GPU.H100T.8": Decimal("7.5")}
    assert [each.gpu.part for each in answer.offers] == ["H100-SXM", "H100T"]


def test_a_shape_whose_part_is_not_on_the_list_has_no_price() -> None:
    answer = the_answer(
        products=[a_product("B2", "7.5")], shapes=[a_shape("BM.GPU.H100.8", 8, "B1")]
    )

    assert answer.offers == ()
    assert skips_of(answer) == {
        "BM.GPU.H100.8": SkipReason.UNPRICED,
        "B2": SkipReason.NO_SHAPE,
    }


@pytest.mark.parametrize("values", [(), ("0",), ("10.0", "9.0")])
def test_no_price_a_price_of_zero_or_several_that_differ_are_no_price(
    values: tuple[str, ...],
) -> None:
    answer = the_answer(
        products=[a_product("B1", *values)], shapes=[a_shape("BM.GPU.H100.8", 8, "B1")]
    )

    assert skips_of(answer) == {"BM.GPU.H100.8": SkipReason.UNPRICED}


def test_a_footnote_glued_to_a_count_is_not_believed() -> None:
    answer = the_answer(
        products=[a_product("B1", "16.0")], shapes=[a_shape("BM.GPU.GB200.4", 41, "B1")]
    )

    assert answer.offers == ()
    assert skips_of(answer) == {"BM.GPU.GB200.4": SkipReason.IMPLAUSIBLE}


def test_a_preemptible_machine_costs_half_and_says_where_that_comes_from() -> None:
    answer = the_answer(
        products=[a_product("B1", "2.0")],
        shapes=[a_shape("VM.GPU.A10.2", 2, "B1", allowPreemptible=True)],
    )

    whole = {each.terms: each.price.per_instance.amount for each in answer.offers if each.price}
    assert whole == {Terms.ON_DEMAND: Decimal("4.0"), Terms.SPOT: Decimal("2.00")}
    assert [each.price_kind for each in answer.offers] == [None, "half-of-list"]


def test_a_reservation_of_two_shapes_is_two_holdings_and_fault_domains_add_up() -> None:
    parts = [("BM.GPU.H100.8", 2, 1), ("BM.GPU.H100.8", 3, 3), ("BM.GPU.B200.8", 1, 0)]
    reservation = {
        "id": "r1",
        "availabilityDomain": "Uocm:EU-FRANKFURT-1-AD-2",
        "lifecycleState": "CREATING",
        "instanceReservationConfigs": [
            {"instanceShape": shape, "reservedCount": reserved, "usedCount": used}
            for shape, reserved, used in parts
        ],
    }

    answer = the_answer(
        products=[],
        shapes=[a_shape("BM.GPU.H100.8", 8, "B1")],
        more=(a_page(oci_pages.RESERVATION, reservation, "eu-frankfurt-1"),),
    )

    told = {each.resource_id: (each.quantity, each.used, each.gpus) for each in answer.holdings}
    assert told == {"r1/BM.GPU.B200.8": (1, 0, None), "r1/BM.GPU.H100.8": (5, 4, 40)}
    assert {each.zone for each in answer.holdings} == {"AD-2"}
    assert {each.state.value for each in answer.holdings} == {"requested"}


def test_without_an_account_prices_are_public_and_nothing_is_signed() -> None:
    with serving(RECORDING) as upstream, proxied(upstream) as proxy:
        public = {
            name: value for name, value in environment(proxy.url).items() if name != oci.CONFIG_FILE
        }
        reading = read(oci.SUPPLIER, EVERYTHING, Access(environment=public, now=lambda: NOW))

    assert reading.state is ReadingState.OK
    assert [each.target.split("?")[0] for each in proxy.asked] == ["/shapes.json", "/products/"]
    assert {each.region for each in reading.answer.offers} == {None}
    assert {each.stock.state for each in reading.answer.offers} == {StockState.UNKNOWN}
    assert len(reading.answer.offers) == 5


def test_a_region_that_is_down_leaves_the_others_alone() -> None:
    down, up = "eu-frankfurt-1", "us-ashburn-1"
    with serving(_of_regions(up, down)) as upstream, proxied(upstream, _down(down)) as proxy:
        by_region = {
            oci.IDENTITY_URL: f"{proxy.url}/{{region}}",
            oci.COMPUTE_URL: f"{proxy.url}/{{region}}",
        }
        access = Access(
            environment={**environment(proxy.url), **by_region},
            now=lambda: NOW,
            sleep=lambda _seconds: None,
        )
        reading = read(oci.SUPPLIER, EVERYTHING, access)

    assert reading.state is ReadingState.PARTIAL
    assert {place.region: place.state for place in reading.places} == {
        None: PlaceState.OK,
        down: PlaceState.FAILED,
        up: PlaceState.OK,
    }
    assert {each.region for each in reading.answer.offers} == {up}


def test_a_report_that_is_refused_leaves_prices_of_unknown_stock() -> None:
    refused = Fault(
        status=404,
        headers={"content-type": "application/json"},
        body=b'{"code": "NotAuthorizedOrNotFound", "message": "Authorization failed"}',
    )
    plan = _on("computeCapacityReports", refused)
    with serving(RECORDING) as upstream, proxied(upstream, plan) as proxy:
        reading = asked_of(proxy.url)

    assert reading.state is ReadingState.PARTIAL
    assert reading.kind is ErrorKind.PERMISSION
    assert {each.stock.state for each in reading.answer.offers} == {StockState.UNKNOWN}
    assert {each.region for each in reading.answer.offers} == {"us-ashburn-1"}


def test_without_regions_an_account_has_no_offers_of_no_place() -> None:
    plan = _on("regionSubscriptions", Fault(status=401, body=b'{"code": "NotAuthenticated"}'))
    with serving(RECORDING) as upstream, proxied(upstream, plan) as proxy:
        reading = asked_of(proxy.url)

    assert reading.state is ReadingState.FAILED
    assert reading.kind is ErrorKind.AUTH
    assert reading.answer.offers == ()


def test_only_the_regions_and_questions_that_are_wanted_are_asked() -> None:
    ask = Ask(wanted=frozenset({Capability.OFFERS}), regions=frozenset({"uk-london-1"}))
    with serving(RECORDING) as upstream, proxied(upstream) as proxy:
        read(oci.SUPPLIER, ask, COUNTERPART.access(proxy.url))

    asked = [each.target.split("?")[0].rsplit("/", 1)[-1] for each in proxy.asked]
    assert asked == ["shapes.json", "", "regionSubscriptions"]


def test_a_configuration_that_cannot_be_used_is_told_without_what_is_in_it(tmp_path: Path) -> None:
    broken = tmp_path / "config"
    broken.write_text(f"[DEFAULT]\nuser={USER}\nkey_file={tmp_path}/none.pem\n")
    with serving(RECORDING) as url:
        changed = {**environment(url), oci.CONFIG_FILE: str(broken)}
        reading = read(oci.SUPPLIER, EVERYTHING, Access(environment=changed, now=lambda: NOW))

    assert reading.state is ReadingState.FAILED
    assert reading.kind is ErrorKind.AUTH
    assert reading.message is not None
    assert oci.CONFIG_FILE in reading.message
    assert MARK not in reading.message


@pytest.mark.parametrize("body", [None, {"compartmentId": TENANCY, "shapeAvailabilities": []}])
def test_a_request_is_signed_so_that_the_public_key_proves_it(body: Any) -> None:
    key = signing_key()
    signer = Signer(TENANCY, USER, FINGERPRINT, str(config_file().with_name("key.pem")))
    auth = oci.Signature(signer, now=lambda: datetime(2026, 11, 20, 8, 0, tzinfo=UTC))
    url = "https://iaas.us-ashburn-1.oraclecloud.com/20160918/x?limit=100&page=a%2Bb"
    request = httpx2.Request("GET" if body is None else "POST", url, json=body)

    signed = next(auth.auth_flow(request))

    said = dict(
        part.split("=", 1)
        for part in signed.headers["authorization"].removeprefix("Signature ").split(",")
    )
    names = said["headers"].strip('"').split()
    wanted = ["date", "(request-target)", "host"]
    with_body = ["content-length", "content-type", "x-content-sha256"]
    assert names == (wanted if body is None else [*wanted, *with_body])
    assert said["keyId"] == f'"{TENANCY}/{USER}/{FINGERPRINT}"'
    text = _signing_text(names, signed.method, url, signed.headers)
    signature = base64.b64decode(said["signature"].strip('"'))
    key.public_key().verify(signature, text.encode(), padding.PKCS1v15(), SHA256())
    assert signed.headers["date"] == "Fri, 20 Nov 2026 08:00:00 GMT"
    if body is not None:
        digest = base64.b64encode(hashlib.sha256(signed.content).digest()).decode()
        assert signed.headers["x-content-sha256"] == digest


def _signing_text(names: list[str], method: str, url: str, headers: Mapping[str, str]) -> str:
    target = url.split(".com", 1)[1]
    values = {"(request-target)": f"{method.lower()} {target}"}
    return "\n".join(f"{name}: {values.get(name) or headers[name]}" for name in names)


def _of_regions(*regions: str) -> Recording:
    """Return the recording with every signed answer under the name of its region."""
    subscribed = [{"regionName": region, "status": "READY"} for region in regions]
    exchanges = []
    for each in RECORDING.content["exchanges"]:
        path = each["request"]["path"]
        if not path.startswith("/20160918"):
            exchanges.append(each)
            continue
        answer = each["response"]
        if path.endswith("regionSubscriptions"):
            answer = {**answer, "json": subscribed}
        exchanges += [
            {**each, "response": answer, "request": {**each["request"], "path": f"/{name}{path}"}}
            for name in regions
        ]
    return Recording({**RECORDING.content, "exchanges": exchanges})


def _down(region: str) -> Any:
    return _on(f"/{region}/", Fault(status=503, body=b"{}"))


def _on(text: str, fault: Fault) -> Any:
    def plan(asked: Asked) -> Fault | None:
        return fault if text in asked.target else None

    return plan
