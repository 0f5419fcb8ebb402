"""A finding has one fingerprint, and severities are ordered."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from broker.alerts.alert import Finding, RuleName, Severity, whole_percent

FINDING = Finding(
    rule=RuleName.NOTICE_DEADLINE,
    severity=Severity.WARN,
    subject="acme contract A-7 line 1",
    object_id="line 42",
    step="due 2026-07-02|T-30",
    raised_on=date(2026, 6, 2),
    message="notice is due",
)


def test_severities_are_ordered() -> None:
    assert sorted([Severity.HIGH, Severity.CRITICAL, Severity.INFO, Severity.WARN]) == [
        Severity.INFO,
        Severity.WARN,
        Severity.HIGH,
        Severity.CRITICAL,
    ]
    assert Severity.CRITICAL >= Severity.HIGH > Severity.WARN


def test_nothing_is_graver_than_critical() -> None:
    assert [each.raised() for each in Severity] == [
        Severity.WARN,
        Severity.HIGH,
        Severity.CRITICAL,
        Severity.CRITICAL,
    ]


def test_a_fingerprint_is_the_hash_of_rule_object_and_step() -> None:
    assert FINDING.key == "notice_deadline|line 42|due 2026-07-02|T-30"
    assert FINDING.fingerprint == (
        "78fec66ef8dd59843c6f28095141710d54efc99fb6652f39a223680819da4693"
    )


def test_the_wording_does_not_change_the_fingerprint() -> None:
    reworded = replace(FINDING, message="other", subject="renamed", severity=Severity.HIGH)

    assert reworded.fingerprint == FINDING.fingerprint


@pytest.mark.parametrize(
    "other",
    [
        {"rule": RuleName.EXPIRY_NO_SUCCESSOR},
        {"object_id": "line 43"},
        {"step": "due 2026-07-03|T-30"},
    ],
)
def test_another_rule_object_or_step_has_another_fingerprint(other: dict[str, Any]) -> None:
    assert replace(FINDING, **other).fingerprint != FINDING.fingerprint


def test_an_object_id_cannot_reach_into_the_step() -> None:
    with pytest.raises(ValueError, match="object id"):
        replace(FINDING, object_id="line 42|due 2026-07-02")


def test_ratios_are_shown_in_whole_percent() -> None:
    assert whole_percent(Decimal("0.9392")) == "94 %"
    assert whole_percent(Decimal("0.105")) == "10 %"
