"""The one HTTP client against real local servers: patient, bounded, quiet, and never elsewhere."""

import gzip
import json
import logging
import socket
import time
import traceback
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from threading import Event
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.access import Access
from providers.errors import AnswerChanged, ErrorKind, NotAllowed, SupplierError, Unreachable
from providers.http import ATTEMPTS, LARGEST_BODY, LONGEST_PATIENCE, Web, retry_after
from tests.providers.counterpart import MARK, NOW
from tests.providers.exchanges import listening
from tests.providers.faults import Fault, Proxy, page_of_html, proxied, throttled
from tests.readings import a_profile

NOWHERE = "http://127.0.0.1:9"
"""What stands behind a proxy that answers everything itself: it is never asked."""

PROFILE = a_profile("acme", hosts=("api.acme.example", "*.cdn.acme.example"))
HASTY = a_profile("acme", hosts=PROFILE.hosts, least_interval=timedelta(0))


@dataclass(slots=True)
class Watch:
    """A clock that moves only when somebody sleeps."""

    at: float = 0.0
    slept: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds


def a_web(
    url: str | None = None,
    *,
    profile: Any = HASTY,
    watch: Watch | None = None,
    deadline: float | None = None,
    transport: httpx2.BaseTransport | None = None,
    heard: Callable[[str], None] = lambda _code: None,
    **more: Any,
) -> Web:
    watch = watch or Watch()
    access = Access(
        now=lambda: NOW,
        monotonic=watch.monotonic,
        sleep=watch.sleep,
        deadline=deadline,
        transport=transport,
        heard=heard,
    )
    return Web(profile=profile, access=access, url=url, **more)


def said(content: Any, **headers: str) -> Fault:
    return Fault(
        headers={"content-type": "application/json"} | headers, body=json.dumps(content).encode()
    )


@contextmanager
def answering(*answers: Fault) -> Iterator[Proxy]:
    """Answer the first request with the first answer, and so on; the last one for ever."""
    with proxied(NOWHERE, lambda asked: answers[min(asked.number, len(answers)) - 1]) as proxy:
        yield proxy


def refused(web: Web, path: str = "/types", **more: Any) -> SupplierError:
    with pytest.raises(SupplierError) as caught:
        web.get(path, call="types", **more)
    return caught.value


def free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


# An answer


def test_an_answer_is_kept_as_it_came_with_when_and_whence() -> None:
    with answering(said({"price": 2.49}, link="next")) as proxy, a_web(f"{proxy.url}/v1") as web:
        answered = web.get("/types", call="types", location="us-east", query={"page": 2})

    assert [asked.target for asked in proxy.asked] == ["/v1/types?page=2"]
    assert answered.page.body == b'{"price": 2.49}'
    assert answered.page.fetched_at == NOW
    assert (answered.page.call, answered.page.location) == ("types", "us-east")
    assert answered.page.url == f"{proxy.url}/v1/types"
    assert str(answered.content["price"]) == "2.49"
    assert answered.headers["link"] == "next"


def test_a_search_is_sent_as_post_with_its_body() -> None:
    with answering(said([])) as proxy, a_web(proxy.url) as web:
        web.ask("/search", call="search", body={"gpu": "B200"})

    assert [(asked.method, json.loads(asked.body)) for asked in proxy.asked] == [
        ("POST", {"gpu": "B200"})
    ]


def test_a_packed_answer_is_unpacked() -> None:
    packed = Fault(headers={"content-encoding": "gzip"}, body=gzip.compress(b'{"data": []}'))

    with answering(packed) as proxy, a_web(proxy.url) as web:
        assert web.get("/types", call="types").page.body == b'{"data": []}'


def test_json_is_read_whatever_type_it_says_it_is() -> None:
    with answering(said([1], **{"content-type": "text/plain"})) as proxy, a_web(proxy.url) as web:
        assert web.get("/types", call="types").content == [1]


def test_recorded_answers_can_stand_in_the_place_of_the_network() -> None:
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, json=request.url.path))

    with a_web("https://api.acme.example/v1", transport=transport) as web:
        assert web.get("/types", call="types").content == "/v1/types"


# Patience


def test_it_waits_the_seconds_that_it_is_told() -> None:
    watch = Watch()

    with (
        answering(throttled(retry_after="7"), said([])) as proxy,
        a_web(proxy.url, watch=watch) as web,
    ):
        web.get("/types", call="types")

    assert watch.slept == [7.0]


def test_every_attempt_is_told_of_by_how_it_was_answered() -> None:
    codes: list[str] = []

    with (
        answering(throttled(retry_after="7"), said([])) as proxy,
        a_web(proxy.url, heard=codes.append) as web,
    ):
        web.get("/types", call="types")
    with a_web(NOWHERE, heard=codes.append) as web:
        refused(web)

    assert codes == ["429", "200", *["none"] * ATTEMPTS]


def test_it_waits_until_the_date_that_it_is_told() -> None:
    watch = Watch()
    busy = throttled(retry_after="Fri, 20 Nov 2026 08:00:11 GMT")

    with answering(busy, said([])) as proxy, a_web(proxy.url, watch=watch) as web:
        web.get("/types", call="types")

    assert watch.slept == [11.0]


@pytest.mark.parametrize("unreadable", [{}, {"retry_after": "soon"}], ids=["absent", "unreadable"])
def test_without_a_word_it_waits_a_little_and_not_always_the_same(
    unreadable: dict[str, str],
) -> None:
    watch = Watch()

    with answering(throttled(**unreadable)) as proxy, a_web(proxy.url, watch=watch) as web:
        error = refused(web)

    assert isinstance(error, Unreachable)
    assert error.kind is ErrorKind.THROTTLED
    assert len(proxy.asked) == ATTEMPTS
    assert all(0 <= pause <= 10 for pause in watch.slept)
    assert len(set(watch.slept)) > 1


def test_more_patience_than_ours_is_left_to_the_next_poll() -> None:
    watch = Watch()
    too_long = int(LONGEST_PATIENCE.total_seconds()) + 1

    with (
        answering(throttled(retry_after=str(too_long))) as proxy,
        a_web(proxy.url, watch=watch) as web,
    ):
        error = refused(web)

    assert (len(proxy.asked), watch.slept) == (1, [])
    assert error.retry_after == timedelta(seconds=too_long)


def test_patience_beyond_the_deadline_is_left_to_the_next_poll() -> None:
    watch = Watch()

    with (
        answering(throttled(retry_after="10")) as proxy,
        a_web(proxy.url, watch=watch, deadline=10.0) as web,
    ):
        error = refused(web)

    assert (len(proxy.asked), watch.slept) == (1, [])
    assert error.kind is ErrorKind.THROTTLED


def test_our_own_pause_does_not_outlast_the_deadline_either() -> None:
    watch = Watch()
    down = httpx2.MockTransport(lambda _request: httpx2.Response(503))

    with a_web(watch=watch, deadline=1e-9, transport=down, url="https://api.acme.example") as web:
        error = refused(web)

    assert watch.slept == []
    assert error.status == 503


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
def test_a_service_that_is_down_is_asked_a_bounded_number_of_times(status: int) -> None:
    with answering(Fault(status=status)) as proxy, a_web(proxy.url) as web:
        error = refused(web)

    assert (error.kind, error.status) == (ErrorKind.TRANSIENT, status)
    assert len(proxy.asked) == ATTEMPTS


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 409, 410, 422])
def test_a_refusal_is_final_even_with_a_word_on_when_to_come_back(status: int) -> None:
    watch = Watch()

    with (
        answering(Fault(status=status, headers={"retry-after": "1"})) as proxy,
        a_web(proxy.url, watch=watch) as web,
    ):
        refused(web)

    assert (len(proxy.asked), watch.slept) == (1, [])


def test_the_suppliers_code_decides_before_the_status() -> None:
    def classify(status: int, content: Any) -> tuple[ErrorKind | None, str | None]:
        return ErrorKind.CAPACITY_UNAVAILABLE, content["code"]

    busy = Fault(status=500, body=b'{"code": "OutOfHostCapacity"}')

    with answering(busy) as proxy, a_web(proxy.url, classify=classify) as web:
        error = refused(web)

    assert (error.kind, error.code, len(proxy.asked)) == (
        ErrorKind.CAPACITY_UNAVAILABLE,
        "OutOfHostCapacity",
        1,
    )


def test_a_refusal_keeps_what_the_supplier_will_ask_for() -> None:
    refusal = Fault(status=403, headers={"x-request-id": "req-7"}, body=b"{}")

    with answering(refusal) as proxy, a_web(proxy.url) as web:
        error = refused(web, location="us-east")

    assert isinstance(error, NotAllowed)
    assert (error.request_id, error.location, error.status) == ("req-7", "us-east", 403)


def test_requests_are_spaced_as_the_supplier_asks() -> None:
    watch = Watch()
    calm = a_profile("acme", least_interval=timedelta(seconds=2))

    with answering(said([])) as proxy, a_web(proxy.url, profile=calm, watch=watch) as web:
        web.get("/types", call="types")
        web.get("/types", call="types")
        watch.at += 1.5
        web.get("/types", call="types")
        watch.at += 9
        web.get("/types", call="types")

    assert watch.slept == [2.0, 0.5]


def test_no_turn_is_waited_for_that_comes_after_the_deadline() -> None:
    watch = Watch()
    calm = a_profile("acme", least_interval=timedelta(seconds=2))

    with (
        answering(said([])) as proxy,
        a_web(proxy.url, profile=calm, watch=watch, deadline=2.0) as web,
    ):
        web.get("/types", call="types")
        error = refused(web)

    assert (error.kind, error.code) == (ErrorKind.TRANSIENT, "deadline")
    assert (len(proxy.asked), watch.slept) == (1, [])


@given(text=st.text() | st.integers().map(str) | st.datetimes().map(str))
def test_any_word_on_when_to_come_back_is_a_time_to_come_or_none(text: str) -> None:
    wanted = retry_after(text, now=NOW)

    assert wanted is None or wanted >= timedelta(0)


@given(seconds=st.integers(min_value=0, max_value=86_400))
def test_seconds_and_date_ask_for_the_same(seconds: int) -> None:
    until = NOW + timedelta(seconds=seconds)

    assert retry_after(str(seconds), now=NOW) == timedelta(seconds=seconds)
    assert retry_after(f"{until:%a, %d %b %Y %H:%M:%S} GMT", now=NOW) == timedelta(seconds=seconds)


def test_a_number_without_end_is_too_long_and_a_date_gone_by_is_now() -> None:
    assert (retry_after("9" * 5000, now=NOW) or timedelta(0)) > LONGEST_PATIENCE
    assert retry_after("Fri, 20 Nov 2020 08:00:00 GMT", now=datetime(2026, 1, 1, tzinfo=UTC)) == (
        timedelta(0)
    )


# Faults of the network


def test_a_port_where_nobody_listens_is_tried_and_reported() -> None:
    watch = Watch()

    with a_web(f"http://127.0.0.1:{free_port()}", watch=watch) as web:
        error = refused(web)

    assert error.kind is ErrorKind.TRANSIENT
    assert "did not answer" in str(error)
    assert len(watch.slept) == ATTEMPTS - 1


def test_a_server_that_hangs_is_given_up_at_the_deadline() -> None:
    access = Access(sleep=lambda _: None, deadline=time.monotonic() + 0.2)

    with (
        answering(Fault(hang=True)) as proxy,
        Web(profile=HASTY, access=access, url=proxy.url) as web,
    ):
        assert refused(web).kind is ErrorKind.TRANSIENT


def test_a_body_that_drips_is_given_up_at_the_deadline() -> None:
    over = Event()

    class Dripping(Quiet):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", "100000")
            self.end_headers()
            while not over.wait(0.02):
                self.dribble(b" ")

    with listening(Dripping) as url:
        access = Access(sleep=lambda _: None, deadline=time.monotonic() + 0.2)
        with Web(profile=HASTY, access=access, url=url) as web:
            error = refused(web)
        over.set()

    assert (error.kind, error.code) == (ErrorKind.TRANSIENT, "deadline")


def test_a_body_that_breaks_off_is_asked_for_again() -> None:
    came: list[str] = []

    class BreakingOff(Quiet):
        def do_GET(self) -> None:
            came.append(self.path)
            self.send_response(200)
            self.send_header("content-length", "1000")
            self.end_headers()
            self.dribble(b'{"data": [')

    with listening(BreakingOff) as url, a_web(url) as web:
        error = refused(web)

    assert error.kind is ErrorKind.TRANSIENT
    assert len(came) == ATTEMPTS


class Quiet(BaseHTTPRequestHandler):
    """Says nothing to the log, and bears that nobody listens any more."""

    def dribble(self, content: bytes) -> None:
        try:
            self.wfile.write(content)
            self.wfile.flush()
        except OSError:
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Say nothing: the tests speak."""


# Answers that are none


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b'{"data": [', b"\xff\xfe", b"[" * 100_000, b"9" * 5_000],
    ids=["empty", "html", "cut", "bytes", "deep", "endless"],
)
def test_what_is_no_json_is_reported_by_size_and_type_and_asked_once(body: bytes) -> None:
    answer = Fault(headers={"content-type": "application/json; charset=utf-8"}, body=body)

    with answering(answer) as proxy, a_web(proxy.url) as web:
        error = refused(web, location="us-east")

    assert isinstance(error, AnswerChanged)
    assert error.location == "us-east"
    assert str(error) == f"types: expected JSON, got {len(body)} bytes of application/json"
    assert len(proxy.asked) == 1


def test_a_page_for_people_is_reported_as_one() -> None:
    with answering(page_of_html()) as proxy, a_web(proxy.url) as web:
        assert "text/html" in str(refused(web))


@pytest.mark.parametrize("pack", [lambda body: body, gzip.compress], ids=["plain", "packed"])
def test_an_answer_beyond_all_measure_is_refused(pack: Callable[[bytes], bytes]) -> None:
    headers = {"content-encoding": "gzip"} if pack is gzip.compress else {}
    huge = Fault(headers=headers, body=pack(b"[" + b" " * LARGEST_BODY + b"]"))

    with answering(huge) as proxy, a_web(proxy.url) as web:
        error = refused(web)

    assert isinstance(error, AnswerChanged)
    assert "5,000,000 bytes" in str(error)
    assert len(proxy.asked) == 1


# Where it may ask


def test_a_redirect_within_the_host_is_followed() -> None:
    moved = Fault(status=307, headers={"location": "/v2/types"})

    with answering(moved, said({"here": True})) as proxy, a_web(proxy.url) as web:
        answered = web.get("/v1/types", call="types")

    assert answered.content == {"here": True}
    assert answered.page.url == f"{proxy.url}/v2/types"


def test_a_redirect_to_another_host_is_refused_and_that_host_never_asked() -> None:
    with answering(said([])) as other:
        away = Fault(status=302, headers={"location": f"{other.url}/types"})
        with answering(away) as proxy, a_web(proxy.url) as web:
            error = refused(web)

    assert isinstance(error, AnswerChanged)
    assert "not a declared host" in str(error)
    assert other.asked == []


@pytest.mark.parametrize("location", ["/types", ""], ids=["to itself", "to nowhere"])
def test_redirects_in_circles_end(location: str) -> None:
    with (
        answering(Fault(status=302, headers={"location": location})) as proxy,
        a_web(proxy.url) as web,
    ):
        error = refused(web)

    assert "circles" in str(error)
    assert len(proxy.asked) == 3


def test_a_redirect_that_is_no_address_is_refused() -> None:
    with (
        answering(Fault(status=302, headers={"location": "http://[::bad"})) as proxy,
        a_web(proxy.url) as web,
    ):
        assert isinstance(refused(web), AnswerChanged)


@pytest.mark.parametrize(
    "link",
    [
        "https://elsewhere.example/types",
        "https://api.acme.example.elsewhere.example/types",
        "http://api.acme.example/types",
        "http://127.0.0.1:1/types",
        "https://[::bad",
    ],
)
def test_a_link_to_a_host_that_is_not_declared_is_not_followed(link: str) -> None:
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(str(request.url))
        return httpx2.Response(200, json=[])

    with a_web("https://api.acme.example", transport=httpx2.MockTransport(answer)) as web:
        assert isinstance(refused(web, link), AnswerChanged)

    assert asked == []


def test_a_link_to_a_declared_host_is_followed() -> None:
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, json=request.url.host))

    with a_web("https://api.acme.example", transport=transport) as web:
        answered = web.get("https://eu.cdn.acme.example/types", call="types")

    assert answered.content == "eu.cdn.acme.example"


@pytest.mark.parametrize(
    "url",
    ["http://api.acme.example", "https://elsewhere.example", "http://192.0.2.7", "ftp://127.0.0.2"],
)
def test_an_address_of_another_host_or_without_tls_is_refused_at_once(url: str) -> None:
    with pytest.raises(AnswerChanged, match="was not asked"):
        a_web(url)


# Silence


class Signed(httpx2.Auth):
    def auth_flow(
        self, request: httpx2.Request
    ) -> Generator[httpx2.Request, httpx2.Response, None]:
        request.headers["X-Signature"] = MARK
        yield request


def test_credentials_never_show(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    echo = MARK.encode()
    answers = (
        said([]),
        Fault(status=403, body=b'{"error": "%s"}' % echo),
        Fault(body=b"<html>" + echo),
        Fault(status=302, headers={"location": "https://elsewhere.example/"}),
    )
    told: list[str] = []

    with (
        answering(*answers) as proxy,
        a_web(proxy.url, headers={"Authorization": f"Bearer {MARK}"}, auth=Signed()) as web,
    ):
        told += [repr(web), str(web), repr(web.get("/types", call="types").page)]
        for error in (refused(web), refused(web), refused(web)):
            told += [str(error), repr(error), *traceback.format_exception(error)]

    assert "httpx2" in {record.name for record in caplog.records}
    assert MARK not in "".join(told)
    assert MARK not in caplog.text


def test_what_is_asked_for_does_not_show_in_the_page() -> None:
    with answering(said([])) as proxy, a_web(proxy.url) as web:
        page = web.get("/types", call="types", query={"key": MARK}).page

    assert MARK not in repr(page)
