"""Google Cloud: places, refusals, credentials, and what its lists and advice come to."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from pricing.holding import HoldingKind
from pricing.offer import StockState, Terms
from providers.access import Access
from providers.errors import ErrorKind, SupplierError
from providers.gcp import PROFILE, PROJECT, SHARING, SUPPLIER
from providers.gcp_advice import Subject, subjects
from providers.gcp_calls import NO_CREDENTIALS, has_default_credentials
from providers.reading import Reading, ReadingState, read
from providers.supplier import Ask, Capability, PlaceState, QuotaUnit
from tests.providers.counterparts.gcp import COUNTERPART, TEST_PROJECT
from tests.providers.exchanges import Recording, listening, serving
from tests.providers.faults import Asked, Fault, Plan, Proxy, as_json, first, never, proxied

EVERYTHING = Ask()
MACHINES = "/aggregated/machineTypes"


@contextmanager
def asked(
    plan: Plan = never,
    *,
    ask: Ask = EVERYTHING,
    recording: Recording | None = None,
    sharing: str = "",
) -> Iterator[tuple[Reading, Proxy]]:
    with (
        serving(recording or COUNTERPART.recording) as upstream,
        proxied(upstream, plan) as proxy,
    ):
        plain = COUNTERPART.access(proxy.url)
        access = Access(
            environment={**plain.environment, SHARING: sharing}, now=plain.now, sleep=plain.sleep
        )
        yield read(SUPPLIER, ask, access), proxy


def instead(part: str, fault: Fault) -> Plan:
    return lambda request: fault if part in request.target else None


def refusing(status: int, reason: str) -> Fault:
    error = {"error": {"code": status, "message": "no", "errors": [{"reason": reason}]}}
    return Fault(status=status, body=json.dumps(error).encode())


def edited(part: str, change: Callable[[Any], Any]) -> Plan:
    return instead(part, Fault(edit=as_json(change)))


def paths(proxy: Proxy) -> set[str]:
    return {request.target.split("?")[0].rpartition("/")[2] for request in proxy.asked}


def states(reading: Reading) -> dict[str | None, PlaceState]:
    return {place.region: place.state for place in reading.places}


def test_a_scope_without_results_is_a_region_that_answered() -> None:
    with asked() as (reading, _):
        assert states(reading)["us-west1"] is PlaceState.OK
        assert reading.state is ReadingState.OK


def test_a_zone_that_google_cannot_reach_fails_its_region_and_no_other() -> None:
    def lost(content: Any) -> Any:
        return {**content, "unreachables": ["projects/tonnage-test/zones/us-east5-a"]}

    with asked(edited(MACHINES, lost)) as (reading, _):
        assert states(reading)["us-east5"] is PlaceState.FAILED
        assert states(reading)["us-east4"] is PlaceState.OK
        assert reading.state is ReadingState.PARTIAL
        assert reading.code == "UNREACHABLE"
        assert reading.answer.offers


def test_a_region_with_one_zone_out_of_reach_is_partial() -> None:
    def lost(content: Any) -> Any:
        return {**content, "unreachables": ["https://example/zones/us-east4-b"]}

    with asked(edited(MACHINES, lost)) as (reading, _):
        assert states(reading)["us-east4"] is PlaceState.PARTIAL


def test_a_warning_other_than_an_empty_scope_is_a_failure_of_the_place() -> None:
    def warned(content: Any) -> Any:
        content["items"]["zones/us-west1-b"]["warning"]["code"] = "UNREACHABLE"
        return content

    with asked(edited(MACHINES, warned)) as (reading, _):
        assert states(reading)["us-west1"] is PlaceState.FAILED


def test_reservations_out_of_reach_leave_the_region_partial_not_failed() -> None:
    def lost(content: Any) -> Any:
        return {**content, "unreachables": ["zones/us-west1-b"], "items": {}}

    with asked(edited("/aggregated/reservations", lost)) as (reading, _):
        assert states(reading)["us-west1"] is PlaceState.PARTIAL


@pytest.mark.parametrize("part", ["pageToken=types-2", "pageToken=skus-2"])
def test_a_list_that_breaks_off_leaves_every_region_partial(part: str) -> None:
    """What is absent may stand on the page that did not come: nothing may count as gone."""
    with asked(instead(part, Fault(status=503))) as (reading, _):
        assert set(states(reading).values()) == {PlaceState.PARTIAL}
        assert reading.pages


def test_asking_too_often_comes_as_403_and_is_asked_again() -> None:
    with asked(first(1, refusing(403, "rateLimitExceeded"))) as (reading, _):
        assert reading.state is ReadingState.OK


def test_a_forbidden_list_is_not_asked_again() -> None:
    with asked(instead(MACHINES, refusing(403, "forbidden"))) as (reading, proxy):
        assert len([each for each in proxy.asked if MACHINES in each.target]) == 1
        place = next(place for place in reading.places if place.region is None)
        assert (place.state, place.kind) == (PlaceState.FAILED, ErrorKind.PERMISSION)
        assert place.code == "forbidden"
        assert "tonnage providers policy" in (place.message or "")


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (refusing(409, "alreadyExists"), ErrorKind.CONFLICT),
        (refusing(401, "authError"), ErrorKind.AUTH),
        (Fault(status=401, body=b'{"error": "of another form"}'), ErrorKind.AUTH),
        (Fault(status=400, body=b'{"error": "of another form"}'), ErrorKind.INVALID_REQUEST),
        (refusing(403, "quotaExceeded"), ErrorKind.QUOTA),
        (refusing(503, "ZONE_RESOURCE_POOL_EXHAUSTED"), ErrorKind.CAPACITY_UNAVAILABLE),
        (refusing(504, "backendError"), ErrorKind.TRANSIENT),
    ],
)
def test_a_refusal_has_one_of_our_kinds(fault: Fault, kind: ErrorKind) -> None:
    with asked(lambda _request: fault) as (reading, _):
        assert reading.state is ReadingState.FAILED
        assert reading.kind is kind


def test_advice_that_the_project_may_not_ask_is_asked_once_and_costs_only_the_stock() -> None:
    def plan(request: Asked) -> Fault | None:
        ours = request.target.endswith("/advice/capacity")
        return refusing(403, "forbidden") if ours else None

    with asked(plan) as (reading, proxy):
        refused = [each for each in proxy.asked if each.target.endswith("/advice/capacity")]
        assert len(refused) == 1
        assert reading.state is ReadingState.PARTIAL
        assert reading.answer.offers
        assert {offer.stock.state for offer in reading.answer.offers} == {StockState.UNKNOWN}


def test_a_type_that_is_not_sold_by_the_calendar_in_a_region_is_no_failure() -> None:
    with asked(instead("/advice/calendarMode", refusing(400, "invalid"))) as (reading, _):
        assert reading.state is ReadingState.OK
        assert not [offer for offer in reading.answer.offers if offer.window]


def test_obtainability_is_evidence_for_spot_and_stays_in_googles_own_figure() -> None:
    with asked() as (reading, _):
        offers = [each for each in reading.answer.offers if each.native_id == "a3-highgpu-8g"]
        spot = next(each for each in offers if each.terms is Terms.SPOT)
        assert spot.stock.state is StockState.CONSTRAINED
        assert spot.stock.raw == "obtainability 0.4"
        assert spot.stock.count is None
        others = [each for each in offers if each.terms is not Terms.SPOT]
        assert {each.stock.is_obtainable for each in others} == {None}


def test_what_cannot_be_started_on_demand_is_not_offered_on_demand() -> None:
    with asked() as (reading, _):
        on_demand = {
            offer.native_id for offer in reading.answer.offers if offer.terms is Terms.ON_DEMAND
        }
        assert on_demand == {"a3-highgpu-8g", "g2-standard-4"}


def test_spot_history_is_in_utc_and_names_the_zone_where_there_is_one() -> None:
    with asked() as (reading, _):
        prices = reading.answer.spot_prices
        assert [(each.native_id, each.zone, each.at) for each in prices] == [
            ("a3-highgpu-8g", None, datetime(2026, 11, 1, tzinfo=UTC)),
            ("a3-highgpu-8g", None, datetime(2026, 11, 15, tzinfo=UTC)),
            ("a4-highgpu-8g", "asia-northeast3-b", datetime(2026, 11, 10, 8, tzinfo=UTC)),
        ]
        assert prices[0].per_instance.amount == Decimal("20.374999")


def test_a_block_bought_by_the_calendar_is_told_once_with_its_dates() -> None:
    with asked() as (reading, _):
        blocks = [
            each for each in reading.answer.holdings if each.kind is HoldingKind.CAPACITY_BLOCK
        ]
        assert [each.name for each in blocks] == ["block-b200-auto"]
        assert blocks[0].end_at == datetime(2026, 12, 10, 8, tzinfo=UTC)


def test_a_commitment_counts_gpus_and_is_no_machine() -> None:
    with asked() as (reading, _):
        kinds = {each.kind: each for each in reading.answer.holdings}
        assert kinds[HoldingKind.COMMITMENT].gpus == 32
        assert kinds[HoldingKind.COMMITMENT].native_type == "nvidia-h100-80gb"


def test_reservations_that_another_project_shares_are_ours_to_use() -> None:
    def owned_by(name: str, share_type: str) -> dict[str, Any]:
        return {
            "name": name,
            "selfLink": f"https://example/projects/platform/zones/us-east4-a/reservations/{name}",
            "status": "READY",
            "specificReservation": {
                "count": "1",
                "inUseCount": "0",
                "instanceProperties": {"machineType": "a3-highgpu-8g"},
            },
            "shareSettings": {"shareType": share_type},
        }

    rows = [owned_by("lent", "SPECIFIC_PROJECTS"), owned_by("kept", "LOCAL")]
    exchange = {
        "name": "reservations of another project",
        "request": {
            "method": "GET",
            "path": "/compute/v1/projects/platform/aggregated/reservations",
        },
        "response": {
            "status": 200,
            "json": {"items": {"zones/us-east4-a": {"reservations": rows}}},
        },
    }
    content = COUNTERPART.recording.content
    more = Recording({**content, "exchanges": [*content["exchanges"], exchange]})

    with asked(recording=more, sharing="platform") as (reading, _):
        assert reading.state is ReadingState.OK, reading.message
        names = {each.name for each in reading.answer.holdings}
        assert "lent" in names
        assert "kept" not in names


def test_limits_come_from_both_services_and_count_gpus() -> None:
    with asked(ask=Ask(wanted=frozenset({Capability.QUOTAS}))) as (reading, proxy):
        told = {
            f"{each.name} {each.region}": (each.limit, each.used) for each in reading.answer.quotas
        }
        family = "GPUS-PER-GPU-FAMILY-per-project-region"
        assert told == {
            "NVIDIA_A100_GPUS us-east4": (Decimal(16), Decimal(8)),
            "PREEMPTIBLE_NVIDIA_H100_GPUS us-east4": (Decimal(64), Decimal(0)),
            f"{family}/NVIDIA_H100 us-east4": (Decimal(64), None),
            f"{family}/NVIDIA_B200 us-east4": (Decimal(8), None),
            f"{family}/NVIDIA_B200 asia-northeast3": (Decimal(8), None),
            f"PREEMPTIBLE-{family}/NVIDIA_H100 us-east4": (Decimal(16), None),
        }
        assert {each.unit for each in reading.answer.quotas} == {QuotaUnit.GPU}
        assert paths(proxy) == {"regions", "quotaInfos"}


def test_only_what_is_wanted_is_asked() -> None:
    with asked(ask=Ask(wanted=frozenset({Capability.HOLDINGS}))) as (reading, proxy):
        assert paths(proxy) == {
            "machineTypes", "reservations", "futureReservations", "commitments"
        }  # fmt: skip
        assert reading.answer.holdings
        assert not reading.answer.offers
        assert not [skip for skip in reading.answer.skips if skip.reason == "unpriced"]


def test_only_the_regions_asked_for_are_told() -> None:
    with asked(ask=Ask(regions=frozenset({"us-east4"}))) as (reading, proxy):
        assert {offer.region for offer in reading.answer.offers} == {"us-east4"}
        assert states(reading)["us-central1"] is PlaceState.SKIPPED
        assert not [each for each in proxy.asked if "/regions/us-central1/advice" in each.target]


def test_advice_is_asked_for_the_models_wanted() -> None:
    with asked(ask=Ask(gpu_models=frozenset({"B200"}))) as (_, proxy):
        advised = {each.target for each in proxy.asked if "/advice/" in each.target}
        assert len(advised) == 3
        assert all("/asia-northeast3/" in target for target in advised)


def test_advice_is_asked_for_the_largest_machine_of_each_series_since_h100() -> None:
    sizes = [
        ("us-east4", "a3-highgpu-1g", 1),
        ("us-east4", "a3-highgpu-8g", 8),
        ("us-east4", "a2-highgpu-8g", 8),
        ("us-east4", "g2-standard-96", 8),
        ("us-east4", "a4x-highgpu-4g", 4),
    ]

    assert subjects(sizes) == [
        Subject(region="us-east4", machine_type="a3-highgpu-8g"),
        Subject(region="us-east4", machine_type="a4x-highgpu-4g"),
    ]


def test_no_permission_that_is_declared_writes_anything() -> None:
    verbs = {
        permission.rpartition(".")[2]
        for named in PROFILE.permissions.values()
        for permission in named
    }
    assert verbs <= {"list", "get", "capacity", "capacityHistory", "calendarMode"}
    assert set(PROFILE.permissions) == set(PROFILE.capabilities)


def test_without_credentials_it_is_not_configured_and_nobody_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A probe of the metadata server hangs on networks that swallow it."""
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    connections: list[str] = []
    watching = [True]
    sys.addaudithook(
        lambda event, _: (
            connections.append(event) if watching and event.startswith("socket.") else None
        )
    )

    reading = read(SUPPLIER, EVERYTHING, Access(environment={PROJECT: TEST_PROJECT}))
    watching.clear()

    assert reading.state is ReadingState.NOT_CONFIGURED
    assert reading.missing == (NO_CREDENTIALS,)
    assert connections == []


@pytest.mark.parametrize(
    ("environ", "product", "found"),
    [
        ({}, "Google Compute Engine\n", True),
        ({"NO_GCE_CHECK": "True"}, "Google Compute Engine\n", False),
        ({}, "Standard PC\n", False),
        ({}, None, False),
        ({"GCE_METADATA_HOST": "metadata.internal"}, None, True),
        ({"GOOGLE_APPLICATION_CREDENTIALS": "/run/key.json"}, None, True),
    ],
)
def test_a_machine_of_googles_is_known_without_asking_its_metadata_server(
    tmp_path: Path, environ: dict[str, str], product: str | None, found: bool
) -> None:
    product_name = tmp_path / "product_name"
    if product is not None:
        product_name.write_text(product)

    environ = {"CLOUDSDK_CONFIG": str(tmp_path), **environ}

    assert has_default_credentials(environ, product_name=product_name) is found


def test_what_gcloud_stored_is_found(tmp_path: Path) -> None:
    (tmp_path / "application_default_credentials.json").write_text("{}")

    assert has_default_credentials({"CLOUDSDK_CONFIG": str(tmp_path), "NO_GCE_CHECK": "true"})


def test_a_key_that_google_refuses_is_said_once_and_nothing_else_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_for_tokens: list[str] = []

    class Refusing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            asked_for_tokens.append(self.path)
            body = b'{"error": "invalid_grant", "error_description": "Invalid JWT Signature."}'
            self.send_response(400)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with listening(Refusing) as url:
        key = a_service_account_key(tmp_path, token_uri=f"{url}/token")
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
        reading = read(SUPPLIER, EVERYTHING, Access(environment={PROJECT: TEST_PROJECT}))

    assert reading.state is ReadingState.FAILED
    assert reading.kind is ErrorKind.AUTH
    assert "check the credential" in (reading.message or "")
    assert asked_for_tokens == ["/token"]


def test_a_key_file_that_is_not_there_is_a_matter_of_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "gone.json"))

    reading = read(SUPPLIER, EVERYTHING, Access(environment={PROJECT: TEST_PROJECT}))

    assert (reading.state, reading.kind) == (ReadingState.FAILED, ErrorKind.AUTH)


def test_nobody_is_asked_without_signing_in_except_on_this_machine() -> None:
    environment = {PROJECT: TEST_PROJECT, "TONNAGE_GCP_URL": "http://compute.example"}

    with pytest.raises(SupplierError, match="unset it"):
        SUPPLIER.fetch(EVERYTHING, Access(environment=environment))


def a_service_account_key(folder: Path, *, token_uri: str) -> Path:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = folder / "key.json"
    path.write_text(
        json.dumps(
            {
                "type": "service_account",
                "project_id": TEST_PROJECT,
                "private_key_id": "1",
                "private_key": private.decode(),
                "client_email": "poller@tonnage-test.iam.gserviceaccount.com",
                "client_id": "1",
                "token_uri": token_uri,
            }
        )
    )
    return path
