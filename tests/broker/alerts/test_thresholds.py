"""Thresholds: sane by default, overridable by scope, the narrowest wins."""

from decimal import Decimal
from itertools import permutations
from typing import Any

import pytest

from broker.alerts.alert import RuleName
from broker.alerts.thresholds import (
    Band,
    DeadlineThresholds,
    HikeThresholds,
    Override,
    QuoteThresholds,
    Reach,
    Scope,
    resolve,
)
from broker.errors import BadInputError
from pricing.jump import JumpThresholds

RULE = RuleName.LIST_PRICE_JUMP
REACH = Reach(supplier="acme", contract="A-7", gpu_model="H100")
BY_SCOPE = (
    Override(rule=RULE, scope=Scope.GLOBAL, values={"step_rise": Decimal("0.2")}),
    Override(rule=RULE, scope=Scope.SUPPLIER, key="acme", values={"step_rise": Decimal("0.3")}),
    Override(rule=RULE, scope=Scope.CONTRACT, key="A-7", values={"step_rise": Decimal("0.4")}),
    Override(rule=RULE, scope=Scope.GPU_MODEL, key="H100", values={"step_rise": Decimal("0.5")}),
)


def test_without_overrides_the_defaults_hold() -> None:
    assert resolve(JumpThresholds(), [], rule=RULE, reach=REACH) == JumpThresholds()


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_the_narrowest_scope_wins_in_whatever_order_they_come(count: int) -> None:
    for overrides in permutations(BY_SCOPE[:count]):
        resolved = resolve(JumpThresholds(), overrides, rule=RULE, reach=REACH)

        assert resolved.step_rise == BY_SCOPE[count - 1].values["step_rise"]


def test_an_override_of_another_object_or_rule_does_not_count() -> None:
    overrides = [
        Override(rule=RULE, scope=Scope.SUPPLIER, key="other", values={"flips": 5}),
        Override(rule=RuleName.QUOTE_EXPIRING, scope=Scope.GLOBAL, values={"flips": 6}),
        Override(rule=RULE, scope=Scope.CONTRACT, key="A-7", values={"flips": 7}),
    ]

    resolved = resolve(JumpThresholds(), overrides, rule=RULE, reach=Reach(supplier="acme"))

    assert resolved == JumpThresholds()


def test_scopes_are_merged_field_by_field() -> None:
    overrides = [
        Override(rule=RULE, scope=Scope.GLOBAL, values={"memory_days": 60}),
        Override(rule=RULE, scope=Scope.SUPPLIER, key="acme", values={"flips": 4}),
    ]

    resolved = resolve(JumpThresholds(), overrides, rule=RULE, reach=REACH)

    assert (resolved.memory_days, resolved.flips) == (60, 4)


@pytest.mark.parametrize(
    ("values", "message"),
    [({"window": 3}, "no threshold window"), ({"memory_days": "60"}, "takes int, not str")],
)
def test_a_misspelt_or_mistyped_threshold_is_refused(values: dict[str, Any], message: str) -> None:
    override = Override(rule=RULE, scope=Scope.GLOBAL, values=values)

    with pytest.raises(BadInputError) as refusal:
        resolve(JumpThresholds(), [override], rule=RULE, reach=REACH)

    assert message in refusal.value.faults[0].message


def test_thresholds_that_do_not_fit_together_are_refused() -> None:
    override = Override(rule=RULE, scope=Scope.GLOBAL, values={"memory_days": 3})

    with pytest.raises(BadInputError, match="do not fit together"):
        resolve(JumpThresholds(), [override], rule=RULE, reach=REACH)


@pytest.mark.parametrize(("scope", "key"), [(Scope.GLOBAL, "acme"), (Scope.SUPPLIER, None)])
def test_a_scope_names_what_it_reaches(scope: Scope, key: str | None) -> None:
    with pytest.raises(BadInputError, match="global"):
        Override(rule=RULE, scope=scope, key=key, values={})


def test_a_level_clears_below_the_point_where_it_is_raised() -> None:
    with pytest.raises(ValueError, match="clears below"):
        Band(raise_above=Decimal("0.1"), clear_at=Decimal("0.1"))


def test_hike_levels_rise_in_order() -> None:
    with pytest.raises(ValueError, match="in this order"):
        HikeThresholds(high=Band(raise_above=Decimal("0.05"), clear_at=Decimal("0.01")))


def test_severity_may_not_fall_as_a_date_nears() -> None:
    with pytest.raises(ValueError, match="severity"):
        DeadlineThresholds(warn_from_days=100)
    with pytest.raises(ValueError, match="lead"):
        DeadlineThresholds(lead_until_days=3)
    with pytest.raises(ValueError, match="severity"):
        QuoteThresholds(high_until_days=9)


def test_steps_are_days_before_the_date() -> None:
    with pytest.raises(ValueError, match="steps"):
        DeadlineThresholds(steps=(-2,))
    with pytest.raises(ValueError, match="steps"):
        QuoteThresholds(steps=())
