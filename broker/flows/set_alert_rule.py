"""Sets the thresholds of an alert rule within a scope, and shows which ones are in force."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlmodel import Session

from broker.alerts.alert import RuleName
from broker.alerts.contract_ends import contract_scope_key
from broker.alerts.threshold_values import (
    DEFAULTS,
    all_values,
    refuse_misfits,
    values_from_json,
    values_to_json,
)
from broker.alerts.thresholds import Override, Reach, Scope, resolve
from broker.clock import Clock
from broker.errors import BadInputError
from broker.store.alert_rules import override_of, overrides, put_override, rule_rows
from broker.store.contracts import find_contract
from broker.store.engine import Database
from pricing.hardware import UnknownGpuError, canonical_gpu

BACK_TO_DEFAULT = "default"
"""The value that takes a threshold out of its scope again."""
_SCOPE_FORMS = "global, supplier:KEY, contract:REF or gpu_model:MODEL"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredOverride:
    """Thresholds that somebody has set for a scope, as JSON states them."""

    scope: str
    values: Mapping[str, Any]
    actor: str
    recorded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSettings:
    """One rule: what holds where no narrower scope says otherwise, and every override."""

    rule: RuleName
    values: Mapping[str, Any]  # as JSON states them
    sources: Mapping[str, str]  # "default" or "global", by threshold
    overrides: tuple[StoredOverride, ...]


def alert_rules(database: Database) -> list[RuleSettings]:
    """Return every rule with its thresholds and where they come from."""
    with database.reading() as session:
        return [_settings(session, rule) for rule in RuleName]


def set_alert_rule(
    database: Database,
    rule: RuleName,
    values: Mapping[str, object],
    *,
    scope: str,
    actor: str,
    clock: Clock,
) -> RuleSettings:
    """Change some thresholds within a scope; `default` takes one out of it.

    Raises BadInputError, and changes nothing, when a value cannot be used, or when some object
    would get thresholds that do not fit together.
    """
    wanted = {name: value for name, value in values.items() if value != BACK_TO_DEFAULT}
    with database.writing() as session:
        override = _empty(session, rule, scope)
        stored = overrides(session)
        before = next((each.values for each in stored if _same_scope(each, override)), {})
        unknown = values.keys() - all_values(DEFAULTS[rule]).keys()
        kept = {name: value for name, value in before.items() if name not in values}
        typed = values_from_json(rule, {**wanted, **dict.fromkeys(unknown)})
        _put(session, replace(override, values={**kept, **typed}), actor=actor, clock=clock)
        return _settings(session, rule)


def replace_alert_rule(
    database: Database,
    rule: RuleName,
    values: Mapping[str, object],
    *,
    scope: str,
    actor: str,
    clock: Clock,
) -> RuleSettings:
    """Make these the only thresholds set within a scope; none at all removes it."""
    typed = values_from_json(rule, values)
    with database.writing() as session:
        override = replace(_empty(session, rule, scope), values=typed)
        _put(session, override, actor=actor, clock=clock)
        return _settings(session, rule)


def _put(session: Session, override: Override, *, actor: str, clock: Clock) -> None:
    others = [each for each in overrides(session) if not _same_scope(each, override)]
    refuse_misfits(override.rule, [*others, override])
    put_override(session, override, actor=actor, at=clock())
    session.flush()


def _same_scope(one: Override, other: Override) -> bool:
    return (one.rule, one.scope, one.key) == (other.rule, other.scope, other.key)


def _empty(session: Session, rule: RuleName, scope: str) -> Override:
    """Return an override that changes nothing yet, for the scope that a person means."""
    kind, colon, name = scope.strip().partition(":")
    name = name.strip()
    folded = kind.strip().lower().replace("-", "_")
    if folded == "global" and not colon:
        return Override(rule=rule, scope=Scope.GLOBAL, values={})
    if not name:
        raise BadInputError(f"a scope is {_SCOPE_FORMS}")
    if folded == "supplier":
        return Override(rule=rule, scope=Scope.SUPPLIER, key=name.lower(), values={})
    if folded == "contract":
        contract = find_contract(session, name)
        key = contract_scope_key(contract.supplier_key, contract.ref)
        return Override(rule=rule, scope=Scope.CONTRACT, key=key, values={})
    if folded in ("gpu_model", "gpu"):
        return Override(rule=rule, scope=Scope.GPU_MODEL, key=_model(name), values={})
    raise BadInputError(f"a scope is {_SCOPE_FORMS}")


def _model(name: str) -> str:
    try:
        return canonical_gpu(name).model
    except UnknownGpuError as unknown:
        raise BadInputError(str(unknown)) from unknown


def _settings(session: Session, rule: RuleName) -> RuleSettings:
    rows = [row for row in rule_rows(session) if row.rule == rule.value]
    stored = [override_of(row) for row in rows]
    in_force = resolve(DEFAULTS[rule], stored, rule=rule, reach=Reach())
    set_globally = {name for each in stored if each.scope is Scope.GLOBAL for name in each.values}
    values = values_to_json(all_values(in_force))
    return RuleSettings(
        rule=rule,
        values=values,
        sources={name: "global" if name in set_globally else "default" for name in values},
        overrides=tuple(
            StoredOverride(
                scope=_scope_text(each),
                values=values_to_json(each.values),
                actor=row.actor,
                recorded_at=row.recorded_at,
            )
            for row, each in zip(rows, stored, strict=True)
        ),
    )


def _scope_text(override: Override) -> str:
    name = override.scope.name.lower()
    return name if override.key is None else f"{name}:{override.key}"
