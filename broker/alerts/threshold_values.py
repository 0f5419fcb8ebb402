"""Thresholds as text and as JSON: how people and programs state them, checked before they count.

In JSON a level is a string ("0.15" or "15 %"), a count is a whole number, steps are a list of days
in which "passed" is the day after, and a band is {"raise_above": …, "clear_at": …}. On the command
line steps are "30,14,7,passed" and a band is "0.12/0.10".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from decimal import Decimal, InvalidOperation
from itertools import product
from typing import Any

from broker.alerts.alert import RuleName
from broker.alerts.thresholds import (
    PASSED,
    AnyThresholds,
    Band,
    DeadlineThresholds,
    HikeThresholds,
    MismatchThresholds,
    Override,
    QuoteThresholds,
    Reach,
    Scope,
    StaleThresholds,
    resolve,
)
from broker.errors import BadInputError, Fault
from pricing.jump import JumpThresholds
from pricing.money import plain

DEFAULTS: Mapping[RuleName, AnyThresholds] = {
    RuleName.RENEWAL_HIKE: HikeThresholds(),
    RuleName.NOTICE_DEADLINE: DeadlineThresholds(),
    RuleName.EXPIRY_NO_SUCCESSOR: DeadlineThresholds(),
    RuleName.QUOTE_EXPIRING: QuoteThresholds(),
    RuleName.LIST_PRICE_JUMP: JumpThresholds(),
    RuleName.STALE_DATA: StaleThresholds(),
    RuleName.CAPACITY_MISMATCH: MismatchThresholds(),
}
LONGEST_DAYS = 3650
"""Ten years: no step and no memory of a rule reaches further."""
LARGEST_LEVEL = 1000
PASSED_TEXT = "passed"


class _UnfitError(ValueError):
    """A value that no threshold of this kind can have."""


def values_from_json(rule: RuleName, values: Mapping[str, object]) -> dict[str, Any]:
    """Return the typed thresholds that a JSON object states, or raise BadInputError with all faults."""
    typed: dict[str, Any] = {}
    faults = []
    for name, value in values.items():
        try:
            typed[name] = _typed(rule, name, value)
        except ValueError as wrong:
            faults.append(Fault(code="bad_threshold", field=name, message=str(wrong)))
    if faults:
        raise BadInputError(
            f"{len(faults)} of the thresholds of {rule.value} cannot be used", tuple(faults)
        )
    return typed


def values_to_json(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return typed thresholds as JSON states them; values_from_json gives them back."""
    return {name: _WRITERS[type(value)](value) for name, value in values.items()}


def all_values(thresholds: AnyThresholds) -> dict[str, Any]:
    """Return every threshold of a rule by name."""
    return {each.name: getattr(thresholds, each.name) for each in fields(thresholds)}


def json_from_text(rule: RuleName, name: str, text: str) -> object:
    """Return what a person typed on the command line as JSON would state it."""
    kind = _types(rule).get(name)
    if kind is tuple:
        return [part.strip() for part in text.split(",") if part.strip()]
    if kind is Band:
        raise_above, slash, clear_at = text.partition("/")
        if not slash:
            raise BadInputError(
                f"{name} is a band; give the level where it is raised and the one where it "
                f"clears: {name}=0.12/0.10"
            )
        return {"raise_above": raise_above.strip(), "clear_at": clear_at.strip()}
    return text.strip()


def refuse_misfits(rule: RuleName, overrides: Iterable[Override]) -> None:
    """Raise BadInputError if some object that the overrides reach would get thresholds that clash.

    Asked before an override is stored, so that no evaluation fails because of one.
    """
    mine = [each for each in overrides if each.rule is rule]
    keys = [
        {None, *(each.key for each in mine if each.scope is scope)}
        for scope in (Scope.SUPPLIER, Scope.CONTRACT, Scope.GPU_MODEL)
    ]
    for supplier, contract, gpu_model in product(*keys):
        reach = Reach(supplier=supplier, contract=contract, gpu_model=gpu_model)
        resolve(DEFAULTS[rule], mine, rule=rule, reach=reach)


def _types(rule: RuleName) -> dict[str, type]:
    return {name: type(value) for name, value in all_values(DEFAULTS[rule]).items()}


def _typed(rule: RuleName, name: str, value: object) -> Any:
    types = _types(rule)
    if name not in types:
        raise _UnfitError(f"{rule.value} has no such threshold; it has {', '.join(types)}")
    return _READERS[types[name]](value)


def _level(value: object) -> Decimal:
    if isinstance(value, bool | float):
        raise _UnfitError('write a level as text, so that it stays exact: "0.15"')
    text = str(value).strip()
    scale = 100 if text.endswith("%") else 1
    try:
        level = Decimal(text.removesuffix("%").strip()) / scale
    except InvalidOperation:
        raise _UnfitError('a level is a fraction or a percentage: "0.15" or "15 %"') from None
    if not level.is_finite() or not 0 <= level <= LARGEST_LEVEL:
        raise _UnfitError(f"a level is from 0 to {LARGEST_LEVEL}")
    return level


def _count(value: object) -> int:
    text = str(value).strip()
    if isinstance(value, bool) or not (text.isascii() and text.isdecimal()):
        raise _UnfitError("write a whole number, 0 or more")
    if len(text) > len(str(LONGEST_DAYS)) or int(text) > LONGEST_DAYS:
        raise _UnfitError(f"at most {LONGEST_DAYS}")
    return int(text)


def _steps(value: object) -> tuple[int, ...]:
    if not isinstance(value, list | tuple):
        raise _UnfitError(f'steps are a list of days: [30, 14, 7, "{PASSED_TEXT}"]')
    steps = {PASSED if each == PASSED_TEXT else _count(each) for each in value}
    return tuple(sorted(steps, reverse=True))


def _band(value: object) -> Band:
    if not isinstance(value, Mapping) or set(value) != {"raise_above", "clear_at"}:
        raise _UnfitError('a band is {"raise_above": "0.12", "clear_at": "0.10"}')
    return Band(raise_above=_level(value["raise_above"]), clear_at=_level(value["clear_at"]))


_READERS: Mapping[type, Callable[[object], Any]] = {
    Decimal: _level,
    int: _count,
    tuple: _steps,
    Band: _band,
}
_WRITERS: Mapping[type, Callable[[Any], Any]] = {
    Decimal: plain,
    int: int,
    tuple: lambda steps: [PASSED_TEXT if days == PASSED else days for days in steps],
    Band: lambda band: {
        "raise_above": plain(band.raise_above),
        "clear_at": plain(band.clear_at),
    },
}
