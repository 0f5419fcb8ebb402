"""Contracts over HTTP: import, read, move, accept, amend, and what must be done."""

from datetime import date
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broker.access.scope import Role
from broker.store.engine import Database
from tests.broker.api.clients import a_client
from tests.broker.flows.ledger_book import AUTO, HARBOR, NAMES, SIGNED, SMALL, keep_books
from tests.builders import MAY_15, NOON

CSV = {"content-type": "text/csv"}
DEARER = SMALL.replace(b",2.63,", b",2.55,")


@pytest.fixture
def client(sqlite: Database) -> TestClient:
    """Return a client of procurement on 15 May 2026, over three contracts."""
    keep_books(sqlite)
    return procurement(sqlite)


@pytest.fixture
def each_client(database: Database) -> TestClient:
    """Return the same client, once on each kind of database."""
    keep_books(database)
    return procurement(database)


def procurement(database: Database) -> TestClient:
    return a_client(database, Role.PROCUREMENT, as_of=MAY_15, clock=lambda: NOON)


def imported(client: TestClient, content: bytes, **params: Any) -> dict[str, Any]:
    answer = client.post("/v1/contract-imports", content=content, headers=CSV, params=params)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def contract(client: TestClient, name: str, **params: Any) -> dict[str, Any]:
    answer = client.get(f"/v1/contracts/{name}", params=params)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def refused(answer: Any, status: int = 409) -> str:
    """Return what a problem says, once it is one."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    detail: str = answer.json()["detail"]
    return detail


# Import


def test_a_sheet_comes_as_a_body_or_as_the_file_of_a_form(database: Database) -> None:
    client = procurement(database)
    body = imported(client, SMALL, file="may.csv")
    form = client.post(
        "/v1/contract-imports", files={"file": ("C:\\sheets\\may.csv", SMALL, "text/csv")}
    ).json()

    assert (body["file"], body["summary"]["create"]) == ("may.csv", 3)
    assert (form["file"], form["summary"]["unchanged"]) == ("may.csv", 3)
    events = client.get(f"/v1/contracts/{HARBOR}/events").json()["items"]
    assert events[0]["reason"] == "imported from may.csv:2"
    assert events[0]["actor"].startswith("procurement")


@pytest.mark.parametrize("kind", ["text/csv", "text/csv; charset=utf-8", "text/plain", None])
def test_a_body_is_taken_as_it_is_whatever_it_is_called(sqlite: Database, kind: str | None) -> None:
    headers = {} if kind is None else {"content-type": kind}
    answer = procurement(sqlite).post("/v1/contract-imports", content=SMALL, headers=headers)

    assert answer.json()["summary"]["create"] == 3


def test_a_dry_run_tells_the_same_and_writes_nothing(database: Database) -> None:
    client = procurement(database)
    tried = imported(client, SMALL, dry_run=True)

    assert client.get("/v1/contracts").json()["items"] == []
    assert tried == imported(client, SMALL)


def test_every_fault_of_a_sheet_is_told_at_once_and_nothing_written(database: Database) -> None:
    client = procurement(database)
    told = imported(client, SMALL.replace(b",2.63,", b",,").replace(b"2027-01-14", b"14.1.2027"))

    assert told["status"] == "errors"
    assert [(issue["line"], issue["field"], issue["code"]) for issue in told["issues"]] == [
        (2, "unit_price", "missing_required"),
        (3, "end_date", "bad_date"),
    ]
    assert client.get("/v1/contracts").json()["items"] == []


@pytest.mark.parametrize("content", [b"", b"\0", b"\xff\xfe", b"PK\x03\x04", b"a;b", b"{}"])
def test_what_is_no_sheet_is_told_as_a_fault_of_the_file(sqlite: Database, content: bytes) -> None:
    told = imported(procurement(sqlite), content)

    assert (told["status"], told["rows"]) == ("errors", [])


def test_a_form_without_a_file_is_refused(sqlite: Database) -> None:
    answer = procurement(sqlite).post("/v1/contract-imports", files={"note": (None, "hello")})

    assert "exactly one" in refused(answer, 400)


def test_a_correction_changes_what_was_signed_from_the_start(each_client: TestClient) -> None:
    imported(each_client, DEARER, correction=True, file="may.csv")

    told = contract(each_client, HARBOR, as_of="2025-10-01")
    assert told["lines"][0]["price_per_gpu_hour"] == "2.55"
    event = each_client.get(f"/v1/contracts/{HARBOR}/events").json()["items"][-1]
    assert (event["kind"], event["reason"]) == (
        "line_corrected",
        "typing error, corrected by may.csv",
    )


# Read


def test_contracts_are_read_a_page_at_a_time(each_client: TestClient) -> None:
    found, token = [], None
    while True:
        params = {"page_size": 2} | ({"page_token": token} if token else {})
        page = each_client.get("/v1/contracts", params=params).json()
        found += [each["contract_ref"] for each in page["items"]]
        token = page["next_page_token"]
        if token is None:
            break

    assert found == sorted(NAMES)
    assert page["as_of"] == "2026-05-15"


@pytest.mark.parametrize("token", ["x", "%00", "' OR 1=1", "é"])
def test_a_token_of_somebody_else_is_refused(client: TestClient, token: str) -> None:
    answer = client.get("/v1/contracts", params={"page_token": token})

    assert "page_token" in refused(answer, 400)


@pytest.mark.parametrize("size", ["0", "501", "many"])
def test_a_page_has_a_size_that_can_be_served(client: TestClient, size: str) -> None:
    assert client.get("/v1/contracts", params={"page_size": size}).status_code == 422


def test_a_contract_is_told_with_prices_as_text_and_its_last_day(client: TestClient) -> None:
    told = contract(client, HARBOR)

    (line,) = told["lines"]
    assert (told["supplier_key"], told["state"], told["currency"]) == (
        "harbor-compute",
        "active",
        "USD",
    )
    assert (line["end_date"], line["price_per_gpu_hour"]) == ("2026-09-30", "2.63")
    assert line["prices"][0]["valid_to"] == "2026-10-01"
    assert contract(client, told["id"]) == told
    assert contract(client, f"harbor-compute:{HARBOR.lower()}") == told


def test_a_contract_is_told_of_any_day(client: TestClient) -> None:
    days = {"2025-09-30": (0, None), "2025-10-01": (1024, "2.63"), "2026-10-01": (0, None)}

    for day, expected in days.items():
        (line,) = contract(client, HARBOR, as_of=day)["lines"]
        assert (line["delivered_gpus"], line["price_per_gpu_hour"]) == expected


def test_a_contract_is_told_as_it_was_believed(each_client: TestClient) -> None:
    now = contract(each_client, HARBOR)

    assert contract(each_client, HARBOR, known_at="2026-05-15T12:00:00Z") == now
    before = each_client.get(
        f"/v1/contracts/{HARBOR}", params={"known_at": "2026-05-15T11:59:59.999Z"}
    )
    assert "nothing was known" in refused(before, 404)


@pytest.mark.parametrize("known_at", ["2026-05-15T12:00:00", "2026-05-15"])
def test_a_belief_needs_an_instant_with_its_offset(client: TestClient, known_at: str) -> None:
    answer = client.get(f"/v1/contracts/{HARBOR}", params={"known_at": known_at})

    assert "needs its offset" in refused(answer, 400)


@pytest.mark.parametrize("path", ["/v1/contracts/nothing", "/v1/contracts/nothing/events"])
def test_a_contract_that_there_is_not_is_told(client: TestClient, path: str) -> None:
    assert "no contract nothing" in refused(client.get(path), 404)


def test_the_chain_is_told_from_its_beginning(client: TestClient) -> None:
    events = client.get(f"/v1/contracts/{HARBOR}/events").json()["items"]

    assert [event["seq"] for event in events] == [1, 2]
    assert (events[0]["prev_hash"], events[1]["prev_hash"]) == ("0" * 64, events[0]["hash"])


# Decide


def test_notice_needs_its_evidence(each_client: TestClient) -> None:
    path = f"/v1/contracts/{HARBOR}/transitions"
    bare = each_client.post(path, json={"to": "in_notice", "reason": "too dear"})
    proven = each_client.post(
        path, json={"to": "in_notice", "reason": "too dear", "evidence": "letter of 1 May"}
    )

    assert "how and when it was given" in refused(bare)
    assert (proven.json()["state"], proven.json()["notice_evidence"]) == (
        "in_notice",
        "letter of 1 May",
    )


def test_a_signed_contract_is_named_as_successor(client: TestClient) -> None:
    path = f"/v1/contracts/{HARBOR}/successor"
    named = client.post(path, json={"successor": SIGNED, "reason": "moves on"})
    itself = client.post(path, json={"successor": HARBOR, "reason": "stays"})

    assert named.json()["successor_id"] == contract(client, SIGNED)["id"]
    assert "does not outlast" in refused(itself)


def test_a_move_that_there_is_not_is_refused_with_those_there_are(client: TestClient) -> None:
    answer = client.post(
        f"/v1/contracts/{HARBOR}/transitions", json={"to": "signed", "reason": "again"}
    )

    assert "possible from here: expired, in_notice, renewed, terminated" in refused(answer)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"to": "in_notice"},
        {"to": "gone", "reason": "x"},
        {"to": "in_notice", "reason": ""},
        {"to": "in_notice", "reason": "x", "evidense": "y"},
        {"to": "in_notice", "reason": "x" * 1001},
    ],
)
def test_a_move_of_another_shape_is_refused(client: TestClient, body: dict[str, Any]) -> None:
    assert client.post(f"/v1/contracts/{HARBOR}/transitions", json=body).status_code == 422


def test_a_delivery_is_accepted_on_a_day_that_has_a_price(client: TestClient) -> None:
    path = f"/v1/contracts/{SIGNED}/acceptances"
    body = {"line_no": 1, "tranche_no": 1, "reason": "acceptance test passed"}
    early = client.post(path, json={**body, "accepted_on": "2026-06-30"})
    good = client.post(path, json={**body, "accepted_on": "2026-07-01"})
    again = client.post(path, json={**body, "accepted_on": "2026-07-01"})

    assert "accept it on that day or later" in refused(early)
    assert (good.json()["state"], good.json()["lines"][0]["tranches"][0]["accepted_on"]) == (
        "active",
        "2026-07-01",
    )
    assert "already accepted" in refused(again)


def test_changed_terms_are_decided_and_hold_from_their_day(each_client: TestClient) -> None:
    imported(each_client, DEARER)
    (proposed,) = contract(each_client, HARBOR)["amendments"]
    path = f"/v1/contracts/{HARBOR}/amendments/{proposed['id']}/decision"
    decided = each_client.post(
        path, json={"approve": True, "reason": "agreed", "valid_from": "2026-07-01"}
    )

    assert proposed["changes"]["unit_price"] == {"from": "2.63", "to": "2.55"}
    assert decided.json()["amendments"] == []
    prices = [
        contract(each_client, HARBOR, as_of=day)["lines"][0] for day in ("2026-06-30", "2026-07-01")
    ]
    assert [each["price_per_gpu_hour"] for each in prices] == ["2.63", "2.55"]
    assert "no pending amendment" in refused(
        each_client.post(path, json={"approve": False, "reason": "x"})
    )


def test_a_rejected_amendment_changes_nothing(client: TestClient) -> None:
    before = contract(client, HARBOR)
    imported(client, DEARER)
    (proposed,) = contract(client, HARBOR)["amendments"]
    path = f"/v1/contracts/{HARBOR}/amendments/{proposed['id']}/decision"
    client.post(path, json={"approve": False, "reason": "too dear"})

    assert contract(client, HARBOR) == before


# Duties


def test_duties_are_told_the_nearest_first(client: TestClient) -> None:
    told = client.get("/v1/obligations").json()
    near = client.get("/v1/obligations", params={"within_days": 47}).json()
    later = client.get("/v1/obligations", params={"as_of": "2026-07-03"}).json()

    assert (told["as_of"], near["items"]) == ("2026-05-15", [])
    assert [
        (each["contract_ref"], each["due_on"], each["days_left"]) for each in told["items"]
    ] == [
        (HARBOR, "2026-07-02", 48),
        (AUTO, "2026-11-13", 182),
        (SIGNED, "2027-04-01", 321),
    ]
    assert later["items"][0]["days_left"] == -1


def test_a_duty_that_was_met_needs_its_evidence_and_is_closed_once(each_client: TestClient) -> None:
    duty = each_client.get("/v1/obligations").json()["items"][0]
    path = f"/v1/obligations/{duty['id']}/outcome"
    body = {"state": "done", "reason": "notice given"}
    bare = each_client.post(path, json=body)
    proven = each_client.post(path, json={**body, "evidence": "registered letter"})
    again = each_client.post(path, json={**body, "evidence": "registered letter"})

    assert "done with evidence" in refused(bare, 400)
    assert proven.json()["contract_ref"] == HARBOR
    assert "already closed" in refused(again)
    assert each_client.get("/v1/obligations").json()["items"][0]["kind"] == "expiry"


def test_a_duty_that_there_is_not_is_told(client: TestClient) -> None:
    body = {"state": "waived", "reason": "x"}

    assert "no obligation nothing" in refused(
        client.post("/v1/obligations/nothing/outcome", json=body), 404
    )


# Whatever anybody sends

texts = st.text(max_size=20) | st.sampled_from(["in_notice", "done", "2026-07-01", "\0", HARBOR])
values = st.none() | st.booleans() | st.integers(-(10**6), 10**12) | st.floats() | texts
names = st.sampled_from(
    [
        "to",
        "reason",
        "evidence",
        "valid_from",
        "document",
        "line_no",
        "tranche_no",
        "accepted_on",
        "approve",
        "state",
    ]
)
bodies = st.dictionaries(names, values, max_size=6) | values | st.lists(values, max_size=2)
PATHS = (
    f"/v1/contracts/{HARBOR}/transitions",
    f"/v1/contracts/{SIGNED}/acceptances",
    f"/v1/contracts/{HARBOR}/amendments/x/decision",
    "/v1/obligations/x/outcome",
)
SOME = {"reason": "x", "valid_from": date(2026, 5, 1).isoformat()}


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(path=st.sampled_from(PATHS), body=bodies)
def test_whatever_is_sent_is_answered_and_never_fails(
    each_client: TestClient, path: str, body: Any
) -> None:
    sent = {**SOME, **body} if isinstance(body, dict) else body
    try:
        answer = each_client.post(path, json=sent)
    except ValueError:  # what JSON cannot carry is not sent
        return

    assert answer.status_code in (200, 400, 404, 409, 422), answer.text


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(name=st.text(min_size=1, max_size=12), as_of=texts, known_at=texts)
def test_whatever_is_asked_for_is_answered_and_never_fails(
    each_client: TestClient, name: str, as_of: str, known_at: str
) -> None:
    params = {"as_of": as_of, "known_at": known_at}
    for asked in (params, {}):
        answer = each_client.get("/v1/contracts/" + quote(name, safe=""), params=asked)
        assert answer.status_code in (200, 400, 404, 405, 422), answer.text
