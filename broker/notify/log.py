"""The log: every alert goes there, whatever else is set."""

from __future__ import annotations

import logging

from broker.notify.message import Message

log = logging.getLogger(__name__)


def send(message: Message) -> None:
    """Write one line. It cannot fail."""
    log.info(
        "alert raised",
        extra={
            "fingerprint": message.fingerprint,
            "rule": message.rule,
            "severity": message.severity.value,
            "subject": message.subject,
            "text": message.text,
            "raised_on": message.raised_on.isoformat(),
        },
    )
