"""A message about an alert: what every channel sends, and the text it is stored as.

Nothing in it is confidential: the rules keep contract prices out of subjects, texts and details.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from broker.alerts.alert import Severity
from broker.errors import UnreachableError

RAISED: Final = "alert.raised"


class DeliveryError(UnreachableError):
    """A message could not be handed over. The text never holds an address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """An alert as it is told. The fingerprint lets a receiver drop what it has already had."""

    fingerprint: str
    rule: str
    severity: Severity
    subject: str
    text: str
    object_id: str
    step: str
    raised_on: date
    deadline_on: date | None
    recorded_at: datetime  # UTC
    details: Mapping[str, str]

    def to_json(self) -> str:
        """Return the text that is stored, and posted as it is."""
        data = {
            "fingerprint": self.fingerprint,
            "rule": self.rule,
            "severity": self.severity.value,
            "subject": self.subject,
            "message": self.text,
            "object_id": self.object_id,
            "step": self.step,
            "raised_on": self.raised_on.isoformat(),
            "deadline": None if self.deadline_on is None else self.deadline_on.isoformat(),
            "details": dict(self.details),
        }
        sent = {"type": RAISED, "timestamp": self.recorded_at.isoformat(), "data": data}
        return json.dumps(sent, ensure_ascii=False, sort_keys=True)


Send = Callable[[Message], None]
"""A channel: sends one message, or raises DeliveryError."""


def message_from_json(text: str) -> Message:
    """Return the message that was stored as this text."""
    sent: dict[str, Any] = json.loads(text)
    data = sent["data"]
    deadline = data["deadline"]
    return Message(
        fingerprint=data["fingerprint"],
        rule=data["rule"],
        severity=Severity(data["severity"]),
        subject=data["subject"],
        text=data["message"],
        object_id=data["object_id"],
        step=data["step"],
        raised_on=date.fromisoformat(data["raised_on"]),
        deadline_on=None if deadline is None else date.fromisoformat(deadline),
        recorded_at=datetime.fromisoformat(sent["timestamp"]),
        details=data["details"],
    )
