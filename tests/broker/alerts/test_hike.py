"""A renewal offer is judged by its hike, its place in the market and its cap, never its price."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.alerts.alert import Finding, Severity
from broker.alerts.hike import RenewalOffer, hike_finding, hike_severity

TODAY = date(2026, 5, 15)
FAIR = RenewalOffer(
    quote_id="Q-1",
    object_id="line 42",
    subject="acme contract A-7 line 1",
    hike=Decimal(0),
    premium=Decimal(0),
    over_cap=None,
)


def found(offer: RenewalOffer, standing: Severity | None = None) -> Finding | None:
    severity = hike_severity(offer, standing=standing)
    return None if severity is None else hike_finding(offer, severity=severity, on=TODAY)


fractions = st.none() | st.decimals("-0.9", "3", places=3)
offers = st.builds(
    lambda hike, premium, over_cap: replace(FAIR, hike=hike, premium=premium, over_cap=over_cap),
    fractions,
    fractions,
    fractions,
)


@pytest.mark.parametrize(
    ("hike", "severity"),
    [
        ("0.10", None),
        ("0.101", Severity.WARN),
        ("0.25", Severity.WARN),
        ("0.251", Severity.HIGH),
        ("0.50", Severity.HIGH),
        ("0.501", Severity.CRITICAL),
        ("-0.3", None),
    ],
)
def test_the_hike_sets_the_severity(hike: str, severity: Severity | None) -> None:
    assert hike_severity(replace(FAIR, hike=Decimal(hike))) is severity


def test_an_offer_above_the_market_warns_even_without_a_hike() -> None:
    assert hike_severity(replace(FAIR, premium=Decimal("0.11"))) is Severity.WARN
    assert hike_severity(replace(FAIR, premium=Decimal("0.10"))) is None


def test_an_offer_above_the_cap_is_critical() -> None:
    assert hike_severity(replace(FAIR, over_cap=Decimal("0.001"))) is Severity.CRITICAL
    assert hike_severity(replace(FAIR, over_cap=Decimal(0))) is None


def test_without_a_benchmark_the_hike_decides_and_the_message_says_so() -> None:
    finding = found(replace(FAIR, hike=Decimal("0.3"), premium=None))

    assert finding is not None
    assert finding.severity is Severity.HIGH
    assert "without a benchmark" in finding.message


def test_an_offer_of_which_nothing_is_known_is_silent() -> None:
    unknown = replace(FAIR, hike=None, premium=None)

    assert found(unknown) is None


def test_the_largest_hike_of_the_year_reads_as_a_ratio() -> None:
    offer = replace(FAIR, hike=Decimal("0.9392"), premium=Decimal("0.1591"))

    finding = found(offer)

    assert finding is not None
    assert finding.key == "renewal_hike|line 42|quote Q-1|critical"
    assert finding.message == (
        "acme contract A-7 line 1: the renewal offer is 94 % above the current price, "
        "more than 10 % above the benchmark."
    )


def test_what_stands_keeps_its_fingerprint_and_what_is_graver_has_another() -> None:
    offer = replace(FAIR, hike=Decimal("0.3"))

    first, again = found(offer), found(offer, standing=Severity.HIGH)
    worse = found(replace(offer, hike=Decimal("0.6")), standing=Severity.HIGH)

    assert first is not None
    assert first == again
    assert worse is not None
    assert worse.severity is Severity.CRITICAL
    assert worse.fingerprint != first.fingerprint


@pytest.mark.parametrize(
    ("premium", "after"), [("0.09", Severity.WARN), ("0.08", None), ("0.12", Severity.WARN)]
)
def test_a_standing_warning_clears_below_the_point_where_it_was_raised(
    premium: str, after: Severity | None
) -> None:
    offer = replace(FAIR, premium=Decimal(premium))

    assert hike_severity(offer, standing=Severity.WARN) is after


def test_a_standing_warning_does_not_lower_the_bar_for_a_graver_one() -> None:
    assert hike_severity(replace(FAIR, hike=Decimal("0.24")), standing=Severity.WARN) is (
        Severity.WARN
    )
    assert hike_severity(replace(FAIR, hike=Decimal("0.24")), standing=Severity.HIGH) is (
        Severity.HIGH
    )


@given(offer=offers)
def test_an_offer_that_stands_is_judged_as_before(offer: RenewalOffer) -> None:
    first = hike_severity(offer)

    assert hike_severity(offer, standing=first) is first


@given(offer=offers, more=st.decimals("0", "2", places=3))
def test_a_higher_offer_is_never_judged_milder(offer: RenewalOffer, more: Decimal) -> None:
    if offer.hike is None:
        return
    order = [None, *Severity]

    milder = hike_severity(offer)
    graver = hike_severity(replace(offer, hike=offer.hike + more))

    assert order.index(graver) >= order.index(milder)


@given(premium=st.decimals("0.101", "3", places=3))
def test_the_message_does_not_tell_how_far_above_a_public_benchmark(premium: Decimal) -> None:
    finding = found(replace(FAIR, hike=None, premium=premium))
    other = found(replace(FAIR, hike=None, premium=Decimal("0.2")))

    assert finding == other
