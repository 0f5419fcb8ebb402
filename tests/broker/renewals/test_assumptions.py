"""Assumptions: the narrowest scope wins, then the newest; nothing is read in two ways."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.errors import BadInputError
from broker.identity import new_id
from broker.renewals.assumptions import (
    DEFINITIONS,
    Assumption,
    AssumptionName,
    Assumptions,
    Scope,
    ScopeKind,
    Subject,
    allowed_scope,
    assumption_name,
    assumption_value,
)
from pricing.money import Currency, Money

MAY_1 = date(2026, 5, 1)
MAY_15 = date(2026, 5, 15)
BUSY = AssumptionName.BUSY_FRACTION
SUBJECT = Subject(
    line_id="line-1", contract_id="c-1", supplier_key="harbor-compute", gpu_model="B200"
)
GLOBAL = Scope(kind=ScopeKind.GLOBAL)
LINE = Scope(kind=ScopeKind.LINE, key="line-1")


def stated(
    value: str,
    *,
    scope: Scope = GLOBAL,
    since: date = MAY_1,
    name: AssumptionName = BUSY,
    hour: int = 0,
) -> Assumption:
    return Assumption(
        id=new_id(),
        name=name,
        scope=scope,
        value=value,
        valid_from=since,
        source="capacity",
        actor="dana",
        recorded_at=datetime(2026, 5, 1, tzinfo=UTC) + timedelta(hours=hour),
    )


def found(*all_stated: Assumption, on: date = MAY_15) -> str | None:
    one = Assumptions(all_stated).find(BUSY, SUBJECT, on=on)
    return None if one is None else one.value


def test_what_nobody_stated_is_unknown() -> None:
    assert found() is None


def test_the_narrowest_scope_wins_even_if_it_is_older() -> None:
    wide = stated("0.5", since=MAY_15, hour=9)

    assert found(wide, stated("0.95", scope=LINE)) == "0.95"


def test_scopes_are_asked_from_the_line_to_the_world() -> None:
    values = [stated(f"0.{9 - n}", scope=scope) for n, scope in enumerate(SUBJECT.scopes)]

    for n in range(len(values)):
        assert found(*values[n:]) == f"0.{9 - n}"


def test_the_newest_valid_statement_wins() -> None:
    first, second = stated("0.9"), stated("0.8", since=date(2026, 5, 10))
    later = stated("0.7", since=date(2026, 6, 1))

    assert found(later, second, first) == "0.8"
    assert found(first, second, later, on=date(2026, 5, 9)) == "0.9"
    assert found(first, on=date(2026, 4, 30)) is None


def test_a_correction_of_the_same_day_wins_by_when_it_was_recorded() -> None:
    assert found(stated("0.8", hour=2), stated("0.9", hour=1)) == "0.8"


def test_what_is_said_of_others_does_not_count() -> None:
    other = Scope(kind=ScopeKind.LINE, key="line-2")

    assert found(stated("0.5", scope=other)) is None


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        (BUSY, "0.95", "0.95"),
        (BUSY, "1.000", "1"),
        (AssumptionName.MIGRATION_WORK_COST, "150000.00 usd", "150000 USD"),
        (AssumptionName.EARLY_TERMINATION_FEE, "0 EUR", "0 EUR"),
        (AssumptionName.DOUBLE_RUNNING_DAYS, "21", "21"),
        (AssumptionName.OTHER_REGIONS_SERVE, " Yes ", "yes"),
    ],
)
def test_a_value_is_stored_in_one_way(name: AssumptionName, text: str, value: str) -> None:
    assert assumption_value(name, text) == value


@pytest.mark.parametrize(
    ("name", "text", "way_out"),
    [
        (BUSY, "95", "fraction from 0 to 1"),
        (BUSY, "95 %", "plain digits"),
        (BUSY, "0", "above zero"),
        (BUSY, "-0.1", "plain digits"),
        (BUSY, "NaN", "plain digits"),
        (BUSY, "1e-2", "plain digits"),
        (AssumptionName.MIGRATION_WORK_COST, "150000", "with its currency"),
        (AssumptionName.MIGRATION_WORK_COST, "150000 XXX", "with its currency"),
        (AssumptionName.MIGRATION_WORK_COST, "150,000 USD", "plain digits"),
        (AssumptionName.DOUBLE_RUNNING_DAYS, "2.5", "whole number"),
        (AssumptionName.OTHER_REGIONS_SERVE, "maybe", "yes or no"),
    ],
)
def test_a_value_with_another_reading_is_refused(
    name: AssumptionName, text: str, way_out: str
) -> None:
    with pytest.raises(BadInputError, match=way_out):
        assumption_value(name, text)


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(BadInputError, match="busy_fraction"):
        assumption_name("busyness")


def test_a_factor_is_never_stated_for_all_gpus_at_once() -> None:
    with pytest.raises(BadInputError, match="gpu"):
        allowed_scope(AssumptionName.B200_FACTOR, GLOBAL)


def test_every_assumption_has_words_and_an_example_that_is_accepted() -> None:
    assert set(DEFINITIONS) == set(AssumptionName)
    for name, definition in DEFINITIONS.items():
        assert definition.meaning
        assert assumption_value(name, definition.example.strip("'"))


def test_money_comes_back_with_its_currency() -> None:
    fee = stated("40000.5 EUR", name=AssumptionName.EGRESS_COST)

    assert fee.money == Money(Decimal("40000.5"), Currency("EUR"))


@given(
    days=st.lists(st.integers(min_value=-20, max_value=20), min_size=1, max_size=8, unique=True),
    asked=st.integers(min_value=-20, max_value=20),
)
def test_adding_later_statements_never_changes_an_earlier_day(days: list[int], asked: int) -> None:
    on = MAY_1 + timedelta(days=asked)
    all_stated = [stated(f"0.{50 + day}", since=MAY_1 + timedelta(days=day)) for day in days]
    known = [each for each in all_stated if each.valid_from <= on]

    assert found(*all_stated, on=on) == found(*known, on=on)
