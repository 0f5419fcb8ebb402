"""Which channels are set, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pydantic import SecretStr

from broker.clock import Clock, utc_now
from broker.notify import log
from broker.notify.apprise import apprise_to
from broker.notify.message import Send
from broker.notify.webhook import webhook_to
from broker.settings import Settings

LOG: Final = "log"
WEBHOOK: Final = "webhook"
APPRISE: Final = "apprise"


def channels_set(settings: Settings) -> tuple[str, ...]:
    """Return the names of the channels that an alert goes out through."""
    return (
        LOG,
        *([WEBHOOK] if _secret(settings.webhook_url) else []),
        *([APPRISE] if _secret(settings.apprise_urls) else []),
    )


def senders(settings: Settings, *, clock: Clock = utc_now) -> Mapping[str, Send]:
    """Return the function that sends, for each channel that is set.

    Raises BadInputError where an address or a secret cannot be used.
    """
    found: dict[str, Send] = {LOG: log.send}
    if url := _secret(settings.webhook_url):
        found[WEBHOOK] = webhook_to(
            url,
            _secret(settings.webhook_secret),
            allow_loopback=settings.webhook_allow_loopback,
            clock=clock,
        ).send
    if urls := _secret(settings.apprise_urls):
        found[APPRISE] = apprise_to(urls).send
    return found


def _secret(setting: SecretStr | None) -> str:
    return "" if setting is None else setting.get_secret_value().strip()
