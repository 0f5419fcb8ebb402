"""Regions, refusals, permissions and credentials of AWS."""

from __future__ import annotations

import json
import re
from http.server import BaseHTTPRequestHandler
from threading import Event
from typing import Any

import pytest

from pricing.offer import Terms
from providers.access import Access
from providers.aws import PROFILE, SUPPLIER
from providers.aws_prices import PRICES
from providers.aws_questions import at_once
from providers.errors import ErrorKind
from providers.reading import Reading, ReadingState, read
from providers.supplier import (
    Ask,
    Capability,
    Fetched,
    Place,
    PlaceState,
    SkipReason,
)
from tests.providers.aws_asked import (
    HYDERABAD,
    OHIO,
    STOCKHOLM,
    asked_of_aws,
    holding,
    offers_of,
    place,
)
from tests.providers.counterparts.aws import COUNTERPART
from tests.providers.exchanges import listening
from tests.providers.faults import Asked, Fault, Plan
from tests.providers.moto_aws import REFUSALS


@pytest.fixture(scope="module")
def reading() -> Reading:
    return asked_of_aws()


def test_a_region_that_is_not_enabled_is_skipped_and_spoils_nothing(reading: Reading) -> None:
    assert reading.state is ReadingState.OK
    assert reading.kind is None
    assert place(reading, HYDERABAD).state is PlaceState.SKIPPED
    assert place(reading, HYDERABAD).kind is ErrorKind.REGION_NOT_ENABLED


def test_a_region_that_does_not_exist_is_told() -> None:
    wrong = asked_of_aws(Ask(regions=frozenset({OHIO, "us-esat-1"})))

    assert wrong.state is ReadingState.PARTIAL
    assert place(wrong, "us-esat-1").kind is ErrorKind.NOT_FOUND
    assert wrong.answer.offers


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("AuthFailure", ErrorKind.REGION_NOT_ENABLED),
        ("OptInRequired", ErrorKind.REGION_NOT_ENABLED),
        ("UnauthorizedOperation", ErrorKind.PERMISSION),
    ],
)
def test_one_region_of_three_fails_and_the_others_go_on(code: str, kind: ErrorKind) -> None:
    with REFUSALS.of("describe_instance_types", STOCKHOLM, code):
        partly = asked_of_aws(Ask(wanted=frozenset({Capability.OFFERS})))

    assert partly.state is ReadingState.PARTIAL
    assert (place(partly, STOCKHOLM).state, place(partly, STOCKHOLM).kind) == (
        PlaceState.FAILED,
        kind,
    )
    assert place(partly, OHIO).state is PlaceState.OK
    assert {offer.region for offer in partly.answer.offers} == {OHIO}


def test_a_missing_permission_costs_only_what_it_guards() -> None:
    with REFUSALS.of("describe_capacity_reservations", OHIO, "UnauthorizedOperation"):
        partly = asked_of_aws(Ask(regions=frozenset({OHIO})))

    assert place(partly, OHIO).state is PlaceState.PARTIAL
    assert place(partly, OHIO).kind is ErrorKind.PERMISSION
    assert "tonnage providers policy" in (place(partly, OHIO).message or "")
    assert offers_of(partly, "p5.48xlarge", Terms.ON_DEMAND)
    assert holding(partly, "ri-01")


def test_two_throttles_and_then_an_answer_is_an_answer() -> None:
    throttles = ("RequestLimitExceeded", "RequestLimitExceeded")
    wanted = frozenset({Capability.BLOCK_OFFERINGS})
    with REFUSALS.of("describe_capacity_block_offerings", OHIO, *throttles):
        patient = asked_of_aws(Ask(wanted=wanted, regions=frozenset({OHIO})))

    assert patient.state is ReadingState.OK
    assert len(offers_of(patient, "p5.48xlarge", Terms.CAPACITY_BLOCK)) == 5


def test_a_shortage_that_comes_as_a_500_is_a_shortage() -> None:
    body = (
        b"<Response><Errors><Error><Code>InsufficientInstanceCapacity</Code>"
        b"<Message>There is no room.</Message></Error></Errors><RequestID>r-1</RequestID></Response>"
    )
    short = Fault(status=500, headers={"content-type": "text/xml"}, body=body)
    wanted = frozenset({Capability.BLOCK_OFFERINGS})

    plan: Plan = lambda asked: short if _is(asked, "DescribeCapacityBlockOfferings") else None  # noqa: E731
    reading = asked_of_aws(Ask(wanted=wanted, regions=frozenset({OHIO})), plan=plan)

    assert place(reading, OHIO).kind is ErrorKind.CAPACITY_UNAVAILABLE
    assert place(reading, OHIO).code == "InsufficientInstanceCapacity"


def test_a_price_list_that_fails_leaves_regions_partial_and_says_nothing_false() -> None:
    plan: Plan = lambda asked: (  # noqa: E731
        Fault(status=400, body=b'{"__type":"AccessDeniedException"}')
        if b'"AmazonEC2"' in asked.body
        else None
    )
    partly = asked_of_aws(Ask(regions=frozenset({OHIO})), plan=plan)

    assert place(partly, OHIO).state is PlaceState.PARTIAL
    assert place(partly, OHIO).kind is ErrorKind.PERMISSION
    assert {offer.terms for offer in partly.answer.offers} == {Terms.SPOT, Terms.CAPACITY_BLOCK}
    assert SkipReason.UNPRICED not in {skip.reason for skip in partly.answer.skips}


def test_only_the_gpus_that_are_asked_for_are_asked_about() -> None:
    wanted = Ask(gpu_models=frozenset({"H200"}), wanted=frozenset({Capability.OFFERS}))

    h200 = asked_of_aws(wanted)

    assert {offer.gpu.model for offer in h200.answer.offers} == {"H200"}
    assert {page.call for page in h200.pages if page.call.startswith(PRICES)} == {
        f"{PRICES} p5e.48xlarge"
    }
    assert {skip.native_id for skip in h200.answer.skips} == {"p5e.48xlarge", "g6f.xlarge"}


def test_a_region_that_the_deadline_overtakes_is_failed_and_the_others_are_kept() -> None:
    never_comes = Event()
    good = Fetched(pages=(), places=(Place(region=OHIO, state=PlaceState.OK),))

    def slow() -> Fetched:
        never_comes.wait(20)
        return good

    # The clock stands at the moment when the wait begins: a tenth of a second is left.
    access = Access(monotonic=lambda: 100.0, deadline=100.1)
    kept, lost = at_once([(OHIO, lambda: good), (STOCKHOLM, slow)], access=access)
    never_comes.set()

    assert kept is good
    assert lost.places[0].region == STOCKHOLM
    assert (lost.places[0].state, lost.places[0].kind, lost.places[0].code) == (
        PlaceState.FAILED,
        ErrorKind.TRANSIENT,
        "deadline",
    )


def test_every_call_of_a_full_poll_is_among_the_declared_permissions() -> None:
    noted: set[str] = set()
    asked_of_aws(noted=noted)

    declared = {name for names in PROFILE.permissions.values() for name in names}
    assert noted == declared


@pytest.mark.parametrize("capability", sorted(Capability))
def test_the_permissions_of_a_capability_suffice_for_it(capability: Capability) -> None:
    noted: set[str] = set()
    asked_of_aws(Ask(wanted=frozenset({capability}), regions=frozenset({OHIO})), noted=noted)

    assert noted <= set(PROFILE.permissions[capability])


def test_no_permission_could_buy_start_or_change_anything() -> None:
    declared = {name for names in PROFILE.permissions.values() for name in names}

    assert set(PROFILE.permissions) == PROFILE.capabilities
    assert all(re.fullmatch(r"[a-z0-9-]+:(Describe|Get|List)[A-Za-z]+", name) for name in declared)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"AWS_ACCESS_KEY_ID": "AKIA-half-a-pair"},
        {"TONNAGE_AWS_PROFILE": "nobody-has-this-profile"},
    ],
)
def test_without_whole_credentials_it_is_not_configured(environment: dict[str, str]) -> None:
    (told,) = SUPPLIER.missing(Access(environment=environment))

    assert "AWS_ACCESS_KEY_ID" in told
    assert "TONNAGE_AWS_PROFILE" in told


def test_metadata_are_not_asked_for_credentials_where_that_is_switched_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")

    assert SUPPLIER.missing(Access(environment={"AWS_EC2_METADATA_DISABLED": "true"}))


def test_an_instance_with_a_role_is_configured_by_its_metadata(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")

    with listening(_Metadata) as url:
        monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"{url}/")
        with_role = SUPPLIER.missing(Access())
    gone = SUPPLIER.missing(Access())  # nobody listens there any more

    assert with_role == ()
    assert gone


class _Metadata(BaseHTTPRequestHandler):
    """What an EC2 instance tells of its role."""

    def do_GET(self) -> None:
        role = {
            "Code": "Success",
            "AccessKeyId": "ASIATEST",
            "SecretAccessKey": "test",
            "Token": "test",
            "Expiration": "2099-01-01T00:00:00Z",
        }
        whole = self.path.rstrip("/").endswith("/broker")
        body = json.dumps(role).encode() if whole else b"broker"
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_PUT = do_GET  # noqa: N815 - the names that http.server calls

    def log_message(self, *_: Any) -> None:
        """Say nothing: the tests speak."""


def test_the_chain_of_the_sdk_counts_as_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")

    assert SUPPLIER.missing(Access()) == ()


@pytest.mark.parametrize("url", ["https://elsewhere.example", "http://ec2.us-east-1.amazonaws.com"])
def test_no_other_host_is_asked_and_none_without_tls(url: str) -> None:
    access = COUNTERPART.access(url)

    reading = read(SUPPLIER, Ask(), access)

    assert reading.state is ReadingState.FAILED
    assert reading.kind is ErrorKind.CONTRACT
    assert "it was not asked" in (reading.message or "")


def _is(asked: Asked, action: str) -> bool:
    return f"Action={action}".encode() in asked.body
