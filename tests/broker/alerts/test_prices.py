"""A jump of a public list price is news for the deal desk, with its prices."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from broker.alerts.alert import Severity
from broker.alerts.prices import LISTED_KINDS, ListedSeries, jump_finding
from pricing.jump import JumpReason, PriceJump

SERIES = ListedSeries(provider="digitalocean", gpu_model="H100", kind="on-demand")
JUMP = PriceJump(
    on=date(2026, 8, 2),
    from_price=Decimal("2.99"),
    to_price=Decimal("4.410"),
    rise=Decimal("4.41") / Decimal("2.99") - 1,
    within_days=1,
    reason=JumpReason.STEP,
)


def test_a_jump_is_a_warning_that_shows_public_prices() -> None:
    finding = jump_finding(SERIES, JUMP)

    assert finding.severity is Severity.WARN
    assert finding.subject == "digitalocean H100 on-demand"
    assert finding.key == "list_price_jump|digitalocean/H100/on-demand|on 2026-08-02"
    assert finding.message == (
        "digitalocean H100 on-demand: list price up 47 %, from 2.99 to 4.41 USD per GPU-hour, "
        "overnight."
    )


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        (JumpReason.WEEK, "within 5 days."),
        (JumpReason.STEP, "since it was last listed 5 days before."),
    ],
)
def test_a_climb_and_a_gap_read_differently(reason: JumpReason, text: str) -> None:
    finding = jump_finding(SERIES, replace(JUMP, within_days=5, reason=reason))

    assert finding.message.endswith(text)


def test_the_next_jump_of_a_series_is_another_alert() -> None:
    later = jump_finding(SERIES, replace(JUMP, on=date(2026, 8, 20)))

    assert later.fingerprint != jump_finding(SERIES, JUMP).fingerprint


def test_prices_for_a_term_are_no_list() -> None:
    assert {"on-demand", "spot", "secure"} <= LISTED_KINDS
    assert "reserved" not in LISTED_KINDS
