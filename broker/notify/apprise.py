"""Everything that Apprise reaches: mail, Slack, Teams, PagerDuty and many more.

Apprise and the HTTP client under it log addresses, which hold secrets, so their logs are kept from
being written.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Final

import apprise

from broker.alerts.alert import Severity
from broker.errors import BadInputError
from broker.notify.message import DeliveryError, Message

TIMEOUT_SECONDS: Final = 20
LOGS_WITH_ADDRESSES: Final = ("apprise", "urllib3.connectionpool")

KIND_OF: Final = {
    Severity.INFO: apprise.NotifyType.INFO,
    Severity.WARN: apprise.NotifyType.WARNING,
    Severity.HIGH: apprise.NotifyType.FAILURE,
    Severity.CRITICAL: apprise.NotifyType.FAILURE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Apprise:
    """The services that alerts are sent to. Their addresses are never shown."""

    services: apprise.Apprise = field(repr=False)

    def send(self, message: Message) -> None:
        """Send one message to all of them, or raise DeliveryError; then all of them get it again."""
        result = self.services.notify(
            title=f"[{message.severity.value}] {message.subject}",
            body=f"{message.text}\n\n{message.rule}, {message.raised_on}, {message.fingerprint}",
            notify_type=KIND_OF[message.severity],
            timeout=TIMEOUT_SECONDS,
        )
        if not result:  # an object that is false on failure, never the value False
            raise DeliveryError("Apprise could not deliver to every service")


def apprise_to(urls: str) -> Apprise:
    """Return the services at some addresses, or raise BadInputError, which does not quote them."""
    for name in LOGS_WITH_ADDRESSES:
        logging.getLogger(name).disabled = True
    services = apprise.Apprise()
    for position, url in enumerate(urls.split(), start=1):
        if not services.add(url):
            raise BadInputError(
                f"entry {position} of TONNAGE_APPRISE_URLS is no address that Apprise knows"
            )
    return Apprise(services=services)
