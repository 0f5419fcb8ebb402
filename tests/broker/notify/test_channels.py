"""The log always; the webhook and Apprise where they are set."""

import logging

import pytest
from pydantic import SecretStr

from broker.errors import BadInputError
from broker.notify.channels import channels_set, senders
from broker.settings import Settings
from tests.broker.notify.messages import a_message, receiving


def some_settings(**values: str) -> Settings:
    return Settings(**{name: SecretStr(value) for name, value in values.items()})  # type: ignore[arg-type]


def test_without_settings_only_the_log_hears_of_alerts(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    settings = some_settings()

    senders(settings)["log"](a_message())

    assert channels_set(settings) == ("log",)
    (record,) = caplog.records
    assert record.getMessage() == "alert raised"
    assert vars(record)["fingerprint"] == "f" * 64


def test_every_channel_that_is_set_can_send() -> None:
    with receiving() as hook, receiving() as service:
        settings = Settings(
            webhook_url=SecretStr(f"http://localhost:{hook.port}/"),
            webhook_secret=SecretStr("sesame"),
            webhook_allow_loopback=True,
            apprise_urls=SecretStr(f"json://127.0.0.1:{service.port}/"),
        )
        found = senders(settings)
        for send in found.values():
            send(a_message())

    assert tuple(found) == channels_set(settings) == ("log", "webhook", "apprise")
    assert (len(hook.got), len(service.got)) == (1, 1)


def test_an_empty_setting_sets_no_channel() -> None:
    settings = some_settings(webhook_url=" ", apprise_urls="")

    assert channels_set(settings) == ("log",)
    assert tuple(senders(settings)) == ("log",)


def test_a_webhook_without_a_secret_is_refused() -> None:
    with pytest.raises(BadInputError, match="TONNAGE_WEBHOOK_SECRET"):
        senders(some_settings(webhook_url="https://hooks.example/"))
