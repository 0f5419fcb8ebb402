"""Apprise reaches everything else; its failures count, and its addresses stay secret."""

import json
import logging

import pytest

from broker.alerts.alert import Severity
from broker.errors import BadInputError
from broker.notify.apprise import apprise_to
from broker.notify.message import DeliveryError
from tests.broker.notify.messages import Receiver, a_message, receiving

CANARY = "canary-in-the-path"


def urls_of(*receivers: Receiver) -> str:
    return " ".join(f"json://127.0.0.1:{each.port}/{CANARY}" for each in receivers)


@pytest.mark.parametrize(
    ("severity", "kind"),
    [
        (Severity.INFO, "info"),
        (Severity.WARN, "warning"),
        (Severity.HIGH, "failure"),
        (Severity.CRITICAL, "failure"),
    ],
)
def test_the_severity_becomes_the_kind_of_notice(severity: Severity, kind: str) -> None:
    with receiving() as receiver:
        apprise_to(urls_of(receiver)).send(a_message(severity=severity))

    (got,) = receiver.got
    told = json.loads(got.body)
    assert told["type"] == kind
    assert told["title"] == f"[{severity.value}] digitalocean H100 on-demand"
    assert "up 47 %" in told["message"]
    assert "f" * 64 in told["message"]


def test_one_service_that_fails_is_a_failure() -> None:
    with (
        receiving() as good,
        receiving(status=500) as bad,
        pytest.raises(DeliveryError, match="every service"),
    ):
        apprise_to(urls_of(good, bad)).send(a_message())

    assert len(good.got) == 1


def test_an_address_that_nobody_knows_is_refused_by_its_place_in_the_list() -> None:
    with pytest.raises(BadInputError, match="entry 2") as refusal:
        apprise_to(f"json://127.0.0.1/ nonsense://{CANARY}")

    assert CANARY not in str(refusal.value)


def test_neither_errors_nor_logs_nor_texts_tell_the_address(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    with receiving(status=500) as receiver:
        services = apprise_to(urls_of(receiver))
        with pytest.raises(DeliveryError) as refused:
            services.send(a_message())

    told = f"{refused.value!r} {services!r} {caplog.text}"
    assert CANARY not in told
    assert str(receiver.port) not in told
