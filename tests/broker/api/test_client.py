"""The typed client: real answers from the real API, and one tree of errors for the rest."""

import json
from collections.abc import Callable, Iterator
from datetime import date

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.access.scope import Role, Scope
from broker.api.client import (
    Access,
    BadInputError,
    Client,
    NotAllowedError,
    NotSignedInError,
    RefusedError,
    TonnageError,
    UnreachableError,
)
from broker.api.client_answers import SendAgainError
from broker.api.wire.problem import MEDIA_TYPE, Problem
from broker.errors import ConflictError
from broker.store.engine import Database
from tests.broker import story
from tests.builders import MAY_15, NOON
from tests.dashboards.serving import Served, serving

SECRET = "tng_abcdefgh_" + "s" * 43
PRICE = "4.4242"


@pytest.fixture
def served(sqlite: Database) -> Iterator[Served]:
    with serving(str(sqlite.read_engine.url)) as found:
        yield found


def answering(answer: Callable[[httpx2.Request], httpx2.Response]) -> Client:
    return Client("http://api.test", SECRET, transport=httpx2.MockTransport(answer))


def a_problem(status: int, code: str, **more: object) -> httpx2.Response:
    body = {
        "type": f"urn:tonnage:problem:{code}",
        "title": "It went wrong",
        "status": status,
        "detail": "this happened; that would help",
        "code": code,
        "request_id": "r-1",
        **more,
    }
    return httpx2.Response(status, json=body, headers={"Content-Type": MEDIA_TYPE})


def test_the_client_says_who_a_key_belongs_to_and_when_it_was_told(served: Served) -> None:
    key = served.a_key(Role.VIEWER, name="dana")

    with Client(served.url, key, clock=lambda: NOON) as api:
        who = api.whoami()
        read_at = api.answered_at

    assert (who.name, who.role) == ("dana", Role.VIEWER)
    assert Scope.KEYS_ADMIN not in who.scopes
    assert read_at == NOON


def test_prices_cross_the_network_as_exact_text(served: Served) -> None:
    story.load_lists(served.database)

    with Client(served.url, served.a_key()) as api:
        models = api.gpu_models()
        market = api.market("b200", as_of=date(2026, 5, 11), window_days=30)

    assert "B200" in {one.gpu_model for one in models.items if one.providers}
    assert (market.gpu_model, market.as_of) == ("B200", date(2026, 5, 11))
    assert market.window_start == date(2026, 4, 11)
    assert {row.low for row in market.comparison if row.provider == "delphi-gpu"} == {"5.8"}


def test_without_a_day_the_api_answers_for_its_business_day(served: Served) -> None:
    story.load_lists(served.database)

    with Client(served.url, served.a_key()) as api:
        assert api.market("B200").as_of == MAY_15


def test_a_gpu_that_nobody_knows_is_bad_input_however_it_is_spelt(served: Served) -> None:
    with (
        Client(served.url, served.a_key()) as api,
        pytest.raises(BadInputError, match=r"as_of=x#&%.*did you mean B200"),
    ):
        api.market("B200 ?as_of=x#&%")


@pytest.mark.parametrize("key", [None, SECRET, "tng_nonsense"])
def test_without_a_key_that_is_known_nobody_is_let_in(served: Served, key: str | None) -> None:
    with Client(served.url, key) as api, pytest.raises(NotSignedInError):
        api.whoami()


@pytest.mark.parametrize("key", ["schlüssel", "tng_a\nX-More: 1", "\x00"])
def test_what_cannot_stand_in_a_header_is_no_key(key: str) -> None:
    with pytest.raises(NotSignedInError):
        Client("http://api.test", key)


def test_a_role_without_the_scope_is_told_which_roles_have_it() -> None:
    with (
        answering(lambda _: a_problem(403, "not-allowed", detail="roles that hold it: x")) as api,
        pytest.raises(NotAllowedError, match="roles that hold it: x"),
    ):
        api.whoami()


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (409, "refused", RefusedError),
        (409, "conflict", ConflictError),
        (422, "invalid", BadInputError),
        (500, "internal", SendAgainError),
        (503, "database-unavailable", SendAgainError),
    ],
)
def test_every_problem_comes_back_as_its_branch_of_the_tree(
    status: int, code: str, kind: type[TonnageError]
) -> None:
    faults = [{"field": "query.as_of", "code": "date", "message": "not a day"}]

    with (
        answering(lambda _: a_problem(status, code, errors=faults)) as api,
        pytest.raises(TonnageError, match="this happened; that would help") as failure,
    ):
        api.whoami()

    assert type(failure.value) is kind
    if isinstance(failure.value, BadInputError):
        assert [fault.field for fault in failure.value.faults] == ["query.as_of"]


def test_a_failure_of_the_server_names_the_request_so_that_its_log_can_be_read() -> None:
    with (
        answering(lambda _: a_problem(500, "internal")) as api,
        pytest.raises(UnreachableError, match="request r-1"),
    ):
        api.whoami()


def test_nobody_there_says_where_and_how_to_start_the_api() -> None:
    with (
        Client("http://127.0.0.1:9", SECRET) as api,
        pytest.raises(UnreachableError, match=r"127\.0\.0\.1:9.*tonnage serve"),
    ):
        api.whoami()


def test_an_answer_that_takes_too_long_is_no_answer() -> None:
    def late(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ReadTimeout("late", request=request)

    with answering(late) as api, pytest.raises(UnreachableError, match="in time"):
        api.whoami()


def test_a_shape_that_is_not_known_is_told_without_quoting_it() -> None:
    body = {"name": PRICE, "price": PRICE}

    with (
        answering(lambda _: httpx2.Response(200, json=body)) as api,
        pytest.raises(UnreachableError, match="same version") as failure,
    ):
        api.whoami()

    assert PRICE not in str(failure.value)
    assert failure.value.__cause__ is None
    assert api.answered_at is None


@settings(max_examples=50, deadline=None)
@given(
    status=st.sampled_from([200, 204, 301, 307, 400, 401, 404, 418, 500, 502]),
    body=st.one_of(st.binary(max_size=200), st.text(max_size=50).map(lambda x: x.encode("utf-8"))),
)
def test_whatever_answers_the_caller_gets_an_error_of_the_tree_without_the_key(
    status: int, body: bytes
) -> None:
    answer = httpx2.Response(status, content=body, headers={"Location": "http://elsewhere.test/"})

    with answering(lambda _: answer) as api, pytest.raises(TonnageError) as failure:
        api.whoami()

    assert isinstance(failure.value, UnreachableError)
    assert SECRET not in str(failure.value)


@settings(max_examples=50, deadline=None)
@given(detail=st.text(max_size=80), code=st.text(min_size=1, max_size=20))
def test_a_problem_is_understood_as_it_was_meant(detail: str, code: str) -> None:
    problem = Problem(type="t", title="T", status=404, detail=detail, code=code, request_id="r")
    answer = httpx2.Response(404, content=json.dumps(problem.model_dump()).encode())

    with answering(lambda _: answer) as api, pytest.raises(TonnageError) as failure:
        api.whoami()

    assert str(failure.value) == detail


@pytest.mark.parametrize("url", ["", "127.0.0.1:8440", "ftp://x", "http://", "/v1"])
def test_an_address_that_is_none_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(BadInputError, match="TONNAGE_API_URL") as refused:
        Client(f" {url} ", None)

    assert not url or url not in str(refused.value).replace("http://127.0.0.1:8440", "")


def test_a_password_in_the_address_is_not_told() -> None:
    with (
        Client("http://dana:hunter2@127.0.0.1:9", None) as api,
        pytest.raises(UnreachableError) as failure,
    ):
        api.whoami()

    assert "hunter2" not in str(failure.value)


def test_an_api_behind_a_path_is_asked_there() -> None:
    asked: list[str] = []

    def heard(request: httpx2.Request) -> httpx2.Response:
        asked.append(str(request.url))
        return a_problem(404, "not-found")

    with (
        Client("http://api.test/tonnage/", None, transport=httpx2.MockTransport(heard)) as api,
        pytest.raises(TonnageError),
    ):
        api.market("B200", as_of=MAY_15)

    assert asked == ["http://api.test/tonnage/v1/market/B200?as_of=2026-05-15"]


def test_the_environment_says_where_the_api_is_and_the_key_is_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TONNAGE_API_URL", "http://api.test")
    monkeypatch.setenv("TONNAGE_API_KEY", f" {SECRET}\n")

    access = Access.from_environment()

    assert (access.url, access.key) == ("http://api.test", SECRET)
    assert SECRET not in repr(access)


def test_an_empty_key_in_the_environment_is_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TONNAGE_API_KEY", " ")

    assert Access.from_environment().key is None
