"""Thresholds are set for a scope, by somebody, and shown with where they come from."""

from typing import Any

import pytest

from broker.alerts.alert import RuleName
from broker.contracts.event import contract_stream, supplier_stream
from broker.errors import BadInputError, NotFoundError
from broker.flows.set_alert_rule import (
    RuleSettings,
    alert_rules,
    replace_alert_rule,
    set_alert_rule,
)
from broker.store import ledger
from broker.store.engine import Database
from tests.builders import ACTOR, NOON, contract_recorded, line_recorded, supplier_recorded

JUMP = RuleName.LIST_PRICE_JUMP


def changed(
    database: Database, values: dict[str, Any], scope: str = "global", rule: RuleName = JUMP
) -> RuleSettings:
    return set_alert_rule(database, rule, values, scope=scope, actor=ACTOR, clock=lambda: NOON)


def settings_of(database: Database, rule: RuleName = JUMP) -> RuleSettings:
    return next(each for each in alert_rules(database) if each.rule is rule)


def test_unset_rules_show_their_defaults(database: Database) -> None:
    assert [each.rule for each in alert_rules(database)] == list(RuleName)
    settings = settings_of(database)
    assert settings.values["step_rise"] == "0.15"
    assert set(settings.sources.values()) == {"default"}


def test_a_change_adds_to_what_is_set_and_default_takes_it_out_again(database: Database) -> None:
    changed(database, {"step_rise": "0.2"})
    changed(database, {"flips": 3, "week_rise": "0.05"})
    settings = changed(database, {"step_rise": "default"})

    assert settings == settings_of(database)
    assert (settings.values["step_rise"], settings.values["flips"]) == ("0.15", 3)
    assert (settings.sources["step_rise"], settings.sources["flips"]) == ("default", "global")
    (override,) = settings.overrides
    assert (override.scope, override.actor, override.recorded_at) == ("global", ACTOR, NOON)
    assert override.values == {"flips": 3, "week_rise": "0.05"}


def test_a_narrower_scope_does_not_change_what_holds_elsewhere(database: Database) -> None:
    settings = changed(database, {"step_rise": "0.3"}, scope="supplier:RunPod")

    assert settings.values["step_rise"] == "0.15"
    assert [each.scope for each in settings.overrides] == ["supplier:runpod"]


def test_a_replacement_forgets_what_was_set_before(database: Database) -> None:
    changed(database, {"step_rise": "0.2", "flips": 3})

    settings = replace_alert_rule(
        database, JUMP, {"flips": 4}, scope="global", actor=ACTOR, clock=lambda: NOON
    )
    assert settings.overrides[0].values == {"flips": 4}
    emptied = replace_alert_rule(
        database, JUMP, {}, scope="global", actor=ACTOR, clock=lambda: NOON
    )
    assert emptied.overrides == ()


def test_a_contract_is_named_as_people_name_it(database: Database) -> None:
    with database.writing() as session:
        stream = supplier_stream("harbor-compute")
        ledger.append(session, stream, [supplier_recorded()], recorded_at=NOON)
        drafts = [contract_recorded(), line_recorded()]
        ledger.append(session, contract_stream("c1"), drafts, recorded_at=NOON)

    settings = changed(
        database,
        {"steps": [30, "passed"]},
        scope="contract:hc-2025-b200-01",
        rule=RuleName.NOTICE_DEADLINE,
    )

    assert settings.overrides[0].scope == "contract:harbor-compute:HC-2025-B200-01"


@pytest.mark.parametrize("scope", ["gpu_model:h100", "gpu:NVIDIA H100"])
def test_a_gpu_is_named_in_any_spelling(sqlite: Database, scope: str) -> None:
    assert changed(sqlite, {"flips": 3}, scope=scope).overrides[0].scope == "gpu_model:H100"


@pytest.mark.parametrize(
    ("scope", "error"),
    [
        ("", BadInputError),
        ("everywhere", BadInputError),
        ("supplier:", BadInputError),
        ("global:x", BadInputError),
        ("planet:mars", BadInputError),
        ("gpu_model:warp drive", BadInputError),
        ("contract:nowhere", NotFoundError),
    ],
)
def test_a_scope_that_is_not_there_is_refused(
    sqlite: Database, scope: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        changed(sqlite, {"flips": 3}, scope=scope)

    assert settings_of(sqlite).overrides == ()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"window": "3"}, "cannot be used"),
        ({"window": "default"}, "cannot be used"),
        ({"memory_days": 3}, "do not fit together"),
        ({"step_rise": "0.01"}, "do not fit together"),
    ],
)
def test_thresholds_that_cannot_hold_are_refused_whole(
    database: Database, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadInputError, match=message):
        changed(database, {**values, "flips": 5})

    assert settings_of(database).overrides == ()


def test_a_narrow_threshold_that_would_clash_with_a_global_one_is_refused(
    database: Database,
) -> None:
    changed(database, {"memory_days": 10})

    with pytest.raises(BadInputError, match="do not fit together"):
        changed(database, {"week_days": 14}, scope="supplier:acme")
