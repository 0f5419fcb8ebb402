"""Thresholds come in as text and JSON, exact, checked, and go out as they came."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.alerts.alert import RuleName
from broker.alerts.threshold_values import (
    DEFAULTS,
    all_values,
    json_from_text,
    refuse_misfits,
    values_from_json,
    values_to_json,
)
from broker.alerts.thresholds import PASSED, Band, Override, Scope
from broker.errors import BadInputError

JUMP = RuleName.LIST_PRICE_JUMP


def typed(rule: RuleName, **texts: str) -> dict[str, object]:
    stated = {name: json_from_text(rule, name, text) for name, text in texts.items()}
    return values_from_json(rule, stated)


@pytest.mark.parametrize("rule", RuleName)
def test_every_default_goes_out_and_comes_back(rule: RuleName) -> None:
    values = all_values(DEFAULTS[rule])

    assert values_from_json(rule, values_to_json(values)) == values


@pytest.mark.parametrize("text", ["0.15", "15 %", "15%", " 0.150 "])
def test_a_level_may_be_a_fraction_or_a_percentage(text: str) -> None:
    assert typed(JUMP, step_rise=text) == {"step_rise": Decimal("0.15")}


def test_steps_and_bands_are_written_on_one_line() -> None:
    steps = typed(RuleName.NOTICE_DEADLINE, steps="7, 30,passed")
    band = typed(RuleName.RENEWAL_HIKE, warn="12%/0.1")

    assert steps == {"steps": (30, 7, PASSED)}
    assert band == {"warn": Band(raise_above=Decimal("0.12"), clear_at=Decimal("0.1"))}


@pytest.mark.parametrize(
    ("rule", "name", "value", "message"),
    [
        (JUMP, "step_rise", 0.15, "write a level as text"),
        (JUMP, "step_rise", True, "write a level as text"),
        (JUMP, "step_rise", "much", "fraction or a percentage"),
        (JUMP, "step_rise", "NaN", "from 0 to"),
        (JUMP, "step_rise", "-0.1", "from 0 to"),
        (JUMP, "step_rise", "1e400", "from 0 to"),
        (JUMP, "flips", "2.5", "whole number"),
        (JUMP, "flips", True, "whole number"),
        (JUMP, "memory_days", "9" * 400, "at most"),
        (JUMP, "window", "3", "no such threshold; it has step_rise"),
        (RuleName.NOTICE_DEADLINE, "steps", "30", "list of days"),
        (RuleName.NOTICE_DEADLINE, "steps", ["soon"], "whole number"),
        (RuleName.RENEWAL_HIKE, "warn", "0.1", "a band is"),
        (RuleName.RENEWAL_HIKE, "warn", {"raise_above": "0.1", "clear_at": "0.2"}, "clears below"),
    ],
)
def test_a_value_that_cannot_be_used_is_refused(
    rule: RuleName, name: str, value: object, message: str
) -> None:
    with pytest.raises(BadInputError) as refusal:
        values_from_json(rule, {name: value})

    assert refusal.value.faults[0].field == name
    assert message in refusal.value.faults[0].message


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(BadInputError) as refusal:
        values_from_json(JUMP, {"step_rise": "much", "window": 3, "flips": 3})

    assert [fault.field for fault in refusal.value.faults] == ["step_rise", "window"]


def test_a_band_on_the_command_line_names_both_levels() -> None:
    with pytest.raises(BadInputError, match=r"warn=0\.12/0\.10"):
        json_from_text(RuleName.RENEWAL_HIKE, "warn", "0.12")


def test_overrides_that_only_clash_together_are_refused() -> None:
    # Alone each fits the defaults; a week longer than the memory does not.
    short = Override(rule=JUMP, scope=Scope.SUPPLIER, key="acme", values={"memory_days": 10})
    long = Override(rule=JUMP, scope=Scope.GPU_MODEL, key="H100", values={"week_days": 14})

    refuse_misfits(JUMP, [short])
    refuse_misfits(JUMP, [long])
    with pytest.raises(BadInputError, match="do not fit together"):
        refuse_misfits(JUMP, [short, long])


@given(text=st.text(max_size=12))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    for rule in RuleName:
        for name in all_values(DEFAULTS[rule]):
            try:
                found = typed(rule, **{name: text})
            except BadInputError:
                continue
            assert values_from_json(rule, values_to_json(found)) == found
