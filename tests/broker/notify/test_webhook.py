"""The webhook is signed, goes where it was allowed to go, and never tells where that is."""

import base64
import hashlib
import hmac
import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import BadInputError
from broker.notify.message import DeliveryError
from broker.notify.webhook import Webhook, signed_headers, webhook_to
from tests.broker.notify.messages import AT, Receiver, a_message, receiving

SECRET = "sesame"
CANARY = "canary-in-the-path"


def local(receiver: Receiver, path: str = f"/{CANARY}?token={CANARY}") -> Webhook:
    return webhook_to(
        f"http://127.0.0.1:{receiver.port}{path}", SECRET, allow_loopback=True, clock=lambda: AT
    )


def expected_signature(secret: bytes, message_id: str, seconds: str, body: bytes) -> str:
    signed = f"{message_id}.{seconds}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()


def test_a_receiver_can_check_who_sent_it_and_what() -> None:
    message = a_message()

    with receiving() as receiver:
        local(receiver).send(message)

    (got,) = receiver.got
    assert got.path == f"/{CANARY}?token={CANARY}"
    assert got.headers["webhook-id"] == message.fingerprint
    assert got.headers["webhook-timestamp"] == str(int(AT.timestamp()))
    assert got.headers["content-type"] == "application/json"
    assert got.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert json.loads(got.body)["data"]["fingerprint"] == message.fingerprint
    assert got.headers["webhook-signature"] == expected_signature(
        SECRET.encode(), got.headers["webhook-id"], got.headers["webhook-timestamp"], got.body
    )


def test_the_signature_is_the_one_of_the_standards_example() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    hook = webhook_to("https://hooks.example/x", secret)

    headers = signed_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', key=hook.key, seconds=1614265330
    )

    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("status", [300, 400, 404, 410, 500, 503])
def test_any_answer_but_success_is_a_failure(status: int) -> None:
    with receiving(status=status) as receiver, pytest.raises(DeliveryError, match=str(status)):
        local(receiver).send(a_message())


def test_a_redirect_is_not_followed() -> None:
    with receiving() as elsewhere:
        place = f"http://127.0.0.1:{elsewhere.port}/"
        with (
            receiving(status=307, location=place) as receiver,
            pytest.raises(DeliveryError, match="redirects are not followed"),
        ):
            local(receiver).send(a_message())

    assert elsewhere.got == []


def test_this_machine_gets_nothing_unless_it_is_allowed() -> None:
    with receiving() as receiver:
        hook = webhook_to(f"https://127.0.0.1:{receiver.port}/", SECRET)

        with pytest.raises(DeliveryError, match="not public"):
            hook.send(a_message())

    assert receiver.got == []


def test_a_name_that_leads_to_this_machine_gets_nothing_even_where_loopback_is_allowed() -> None:
    with receiving() as receiver:
        parts = webhook_to(f"https://hooks.example:{receiver.port}/", SECRET).url
        hook = Webhook(
            url=parts,
            key=b"k",
            allow_loopback=True,
            resolve=lambda _host, _port: ["127.0.0.1"],
        )

        with pytest.raises(DeliveryError, match="not public"):
            hook.send(a_message())

    assert receiver.got == []


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        (f"http://hooks.example/{CANARY}", "must begin with https"),
        (f"http://127.0.0.1/{CANARY}", "must begin with https"),
        (f"ftp://hooks.example/{CANARY}", "cannot be read"),
        (f"https:///{CANARY}", "cannot be read"),
        (f"https://hooks.example:99999/{CANARY}", "cannot be read"),
        (f"https://[::1/{CANARY}", "cannot be read"),
        (f"https://hooks.example/{CANARY} x", "cannot be read"),
        (f"https://hooks.example/{CANARY}\r\nHost: x", "cannot be read"),
        (f"https://user:{CANARY}@hooks.example/", "user name"),
        (CANARY, "cannot be read"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_without_quoting_it(
    url: str, reason: str
) -> None:
    with pytest.raises(BadInputError, match=reason) as refusal:
        webhook_to(url, SECRET)

    assert CANARY not in str(refusal.value)


def test_a_webhook_needs_a_secret_that_can_be_read() -> None:
    with pytest.raises(BadInputError, match="TONNAGE_WEBHOOK_SECRET"):
        webhook_to("https://hooks.example/", "")
    with pytest.raises(BadInputError, match="base64"):
        webhook_to("https://hooks.example/", "whsec_***")


def test_neither_errors_nor_logs_nor_texts_tell_the_address(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    with receiving(status=500) as receiver:
        hook = local(receiver)
        with pytest.raises(DeliveryError) as refused:
            hook.send(a_message())
    with pytest.raises(DeliveryError) as gone:
        hook.send(a_message())  # nobody listens there any more

    told = f"{refused.value!r} {gone.value!r} {hook!r} {caplog.text}"
    assert CANARY not in told
    assert SECRET not in told
    assert str(receiver.port) not in told


@given(body=st.binary(max_size=200), other=st.binary(max_size=200))
def test_another_body_has_another_signature(body: bytes, other: bytes) -> None:
    one, two = (
        signed_headers("id", each, key=b"k", seconds=1)["webhook-signature"]
        for each in (body, other)
    )

    assert (one == two) is (body == other)
