"""A message is stored as the text that is sent."""

import json
from dataclasses import replace
from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from broker.alerts.alert import Severity
from broker.notify.message import message_from_json
from tests.broker.notify.messages import a_message


def test_a_message_tells_what_why_and_by_when() -> None:
    told = json.loads(a_message(deadline_on=date(2026, 9, 30)).to_json())

    assert told["type"] == "alert.raised"
    assert told["timestamp"] == "2026-08-02T09:30:00+00:00"
    assert told["data"]["fingerprint"] == "f" * 64
    assert (told["data"]["raised_on"], told["data"]["deadline"]) == ("2026-08-02", "2026-09-30")


@given(
    text=st.text(),
    severity=st.sampled_from(Severity),
    deadline_on=st.none() | st.dates(),
    details=st.dictionaries(st.text(), st.text()),
)
def test_a_message_comes_back_as_it_was_stored(
    text: str, severity: Severity, deadline_on: date | None, details: dict[str, str]
) -> None:
    message = replace(
        a_message(), text=text, severity=severity, deadline_on=deadline_on, details=details
    )

    assert message_from_json(message.to_json()) == message
