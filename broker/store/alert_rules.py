"""Thresholds of alert rules that differ from the defaults."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import Session, select

from broker.alerts.alert import RuleName
from broker.alerts.threshold_values import values_from_json, values_to_json
from broker.alerts.thresholds import Override, Scope
from broker.store.tables import AlertRuleRow


def rule_rows(session: Session) -> list[AlertRuleRow]:
    """Return every stored override, by rule, widest scope first."""
    rows = session.exec(select(AlertRuleRow)).all()
    return sorted(rows, key=lambda row: (row.rule, Scope[row.scope_kind.upper()], row.scope_value))


def override_of(row: AlertRuleRow) -> Override:
    """Return a stored override as the rules know it."""
    rule = RuleName(row.rule)
    return Override(
        rule=rule,
        scope=Scope[row.scope_kind.upper()],
        key=row.scope_value or None,
        values=values_from_json(rule, json.loads(row.thresholds)),
    )


def overrides(session: Session) -> list[Override]:
    """Return every override, by rule, widest scope first."""
    return [override_of(row) for row in rule_rows(session)]


def put_override(session: Session, override: Override, *, actor: str, at: datetime) -> None:
    """Store an override in place of the one of its scope; one that changes nothing is removed."""
    values: Mapping[str, Any] = values_to_json(override.values)
    key = (override.rule.value, override.scope.name.lower(), override.key or "")
    if values:
        rule, scope_kind, scope_value = key
        row = AlertRuleRow(
            rule=rule,
            scope_kind=scope_kind,
            scope_value=scope_value,
            thresholds=json.dumps(values, sort_keys=True),
            actor=actor,
            recorded_at=at,
        )
        session.merge(row)
        return
    stored = session.get(AlertRuleRow, key)
    if stored is not None:
        session.delete(stored)
