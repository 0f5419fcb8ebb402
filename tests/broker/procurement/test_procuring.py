"""Procurement plans against every plan tried by hand, and what must hold of any of them."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.procurement.procurement_input import (
    ProcurementInput,
    ProcurementPolicy,
    ProcurementQuote,
    Slip,
    SurvivalPriority,
)
from broker.procurement.procuring import procure
from broker.procurement.solving import Effort, solve_input
from tests.broker.procurement.cases import (
    a_factor,
    a_held,
    a_quote,
    a_scenario,
    an_input,
    an_on_demand,
    the_story,
)
from tests.broker.procurement.oracle import cheapest

EXACT = Effort(gap=1e-9)
MONTHS = 5

levels = st.integers(min_value=0, max_value=12).map(lambda n: 8.0 * n)
demands = st.lists(levels, min_size=MONTHS, max_size=MONTHS)
prices = st.integers(min_value=10, max_value=140).map(lambda cents: str(Decimal(cents) / 10))


@st.composite
def quotes(draw: st.DrawFn, name: str) -> ProcurementQuote:
    fewest = draw(st.integers(min_value=1, max_value=2))
    return a_quote(
        name,
        price=draw(prices),
        lots=(fewest, fewest + draw(st.integers(min_value=0, max_value=1))),
        supplier=draw(st.sampled_from(["alder", "brightwater", "harbor"])),
        gpu_model=draw(st.sampled_from(["B200", "H100"])),
        term_months=draw(st.integers(min_value=1, max_value=6)),
        valid_until=draw(st.sampled_from([date(2026, 5, 31), date(2026, 6, 15)])),
        lead_months=draw(st.integers(min_value=0, max_value=2)),
        fixed_cost=draw(st.sampled_from(["0", "20000"])),
        switching=draw(st.sampled_from(["0", "900"])),
    )


@st.composite
def inputs(draw: st.DrawFn) -> ProcurementInput:
    likely = draw(st.sampled_from([0.25, 0.5]))
    renewal = a_quote(
        "renewal",
        renews="HC-1/1",
        supplier="harbor",
        price=draw(prices),
        lots=(1, 4),
        valid_until=date(2026, 7, 31),
    )
    return an_input(
        a_scenario(*draw(demands), name="low", probability=likely),
        a_scenario(*draw(demands), name="high", probability=1 - likely),
        contracts=(a_held(64, notice_by=draw(st.sampled_from([None, date(2026, 7, 2)]))),),
        quotes=(draw(quotes("one")), draw(quotes("two")), renewal),
        on_demand=(an_on_demand(draw(prices)), an_on_demand(draw(prices), 8, "H100")),
        factors=(a_factor(), a_factor("H100", "0.5")),
        policy=ProcurementPolicy(
            survival=draw(st.sampled_from([0.0, 0.6])),
            yearly_rate=draw(st.sampled_from([0.0, 0.1])),
        ),
    )


@given(made=inputs())
@settings(max_examples=25, deadline=None)
def test_the_plan_is_as_cheap_as_the_cheapest_of_all_plans(made: ProcurementInput) -> None:
    assert solve_input(made, effort=EXACT).cost == pytest.approx(cheapest(made), rel=1e-6, abs=0.5)


@given(made=inputs())
@settings(max_examples=10, deadline=None)
def test_one_more_quote_of_a_known_supplier_never_costs_more(made: ProcurementInput) -> None:
    fewer = replace(made, quotes=made.quotes[1:])
    known = {each.supplier for each in fewer.contracts} | {each.supplier for each in fewer.quotes}
    if made.quotes[0].supplier not in known:
        made = replace(made, policy=ProcurementPolicy())
        fewer = replace(fewer, policy=ProcurementPolicy())

    assert solve_input(made, effort=EXACT).cost <= solve_input(fewer, effort=EXACT).cost + 0.5


@given(made=inputs(), month=st.integers(min_value=0, max_value=MONTHS - 1))
@settings(max_examples=10, deadline=None)
def test_more_demand_never_costs_less(made: ProcurementInput, month: int) -> None:
    first, *rest = made.scenarios
    series = first.demand[0]
    grown = [n + 8.0 * (at == month) for at, n in enumerate(series.b200_equivalents)]
    more = replace(first, demand=(replace(series, b200_equivalents=tuple(grown)),))
    raised = replace(made, scenarios=(more, *rest))

    assert solve_input(raised, effort=EXACT).cost >= solve_input(made, effort=EXACT).cost - 0.5


@given(made=inputs())
@settings(max_examples=10, deadline=None)
def test_twice_every_price_is_twice_the_cost(made: ProcurementInput) -> None:
    policy = made.policy
    dearer = replace(
        made,
        quotes=tuple(
            replace(
                each,
                price_per_gpu_hour=2 * each.price_per_gpu_hour,
                fixed_cost=2 * each.fixed_cost,
                switching_cost_per_gpu=2 * each.switching_cost_per_gpu,
            )
            for each in made.quotes
        ),
        on_demand=tuple(
            replace(each, price_per_gpu_hour=2 * each.price_per_gpu_hour) for each in made.on_demand
        ),
        policy=replace(
            policy,
            shortage_penalty_per_hour=2 * policy.shortage_penalty_per_hour,
            survival_penalty_per_hour=2 * policy.survival_penalty_per_hour,
        ),
    )

    twice = 2 * solve_input(made, effort=EXACT).cost
    assert solve_input(dearer, effort=EXACT).cost == pytest.approx(twice, rel=1e-6, abs=1)


def test_what_the_months_cost_adds_up_to_what_the_plan_costs() -> None:
    story = the_story()
    undiscounted = replace(story, policy=replace(story.policy, yearly_rate=0.0))

    plan = procure(undiscounted, effort=EXACT)

    months = sum(
        (m.paid + m.shortage_penalty + m.survival_penalty for m in plan.cost_by_month), Decimal(0)
    )
    held = sum((month.contracts for month in plan.cost_by_month), Decimal(0))
    assert float(held) == pytest.approx(plan.sunk, abs=1)
    assert float(months - held) == pytest.approx(plan.cost, abs=1)


def test_the_same_input_in_another_order_gets_the_same_plan() -> None:
    story = the_story()
    shuffled = replace(
        story,
        quotes=story.quotes[::-1],
        contracts=story.contracts[::-1],
        scenarios=story.scenarios[::-1],
    )

    assert procure(story, effort=EXACT).digest == procure(shuffled, effort=EXACT).digest


def test_a_renewal_is_decided_by_its_notice_and_not_after() -> None:
    late = a_held(64, notice_by=date(2026, 4, 30))
    renewal = a_quote("renewal", renews="HC-1/1", supplier="harbor", price="1")
    need = a_scenario(64, 64, 64, 64, 64)

    in_time = procure(
        an_input(need, contracts=(replace(late, notice_by=date(2026, 6, 10)),), quotes=(renewal,))
    )
    too_late = procure(an_input(need, contracts=(late,), quotes=(renewal,)))

    assert [(s.gpus, s.sign_by) for s in in_time.renewals] == [(64, date(2026, 6, 10))]
    assert too_late.renewals == ()
    assert [left.gpus_left for left in too_late.leavings] == [64]


def test_a_contract_that_ends_inside_a_month_serves_part_of_it() -> None:
    held = a_held(62, end_on=date(2026, 5, 16))  # fifteen of the 31 days of May

    plan = procure(an_input(a_scenario(62.0), contracts=(held,)))

    assert [round(each.b200_equivalents, 6) for each in plan.shortfalls] == [32.0]
    assert plan.cost_by_month[0].contracts == Decimal("2.5") * 30 * 730


def test_a_delivery_that_slips_leaves_its_first_months_short_as_often_as_it_slips() -> None:
    quote = a_quote(price="1", lots=(4, 4), lead_months=1)
    slipping = replace(quote, slip=Slip(months=1, probability=0.25))
    need = a_scenario(0, 64, 64)

    plan = procure(an_input(need, quotes=(slipping,)), effort=EXACT)

    assert [(f"{s.month:%m}", s.b200_equivalents) for s in plan.shortfalls] == [("06", 16.0)]
    assert plan.cost == pytest.approx(730 * 64 * (1 + 0.75 + 0.25 * 12))


def test_no_supplier_gets_more_than_its_share() -> None:
    cheap = a_quote("cheap", supplier="alder", price="1", lots=(1, 8))
    dear = a_quote("dear", supplier="brightwater", price="5", lots=(1, 8))
    need = a_scenario(0, 128, 128, 128)
    policy = ProcurementPolicy(max_supplier_share=0.5)

    plan = procure(an_input(need, quotes=(cheap, dear), policy=policy), effort=EXACT)

    assert {each.quote: each.gpus for each in plan.signatures} == {"cheap": 64, "dear": 64}


def test_survival_comes_before_money_when_it_is_asked_to() -> None:
    cheap = a_quote("cheap", supplier="alder", price="1", lots=(1, 8))
    dear = a_quote("dear", supplier="brightwater", price="9", lots=(1, 8))
    need = a_scenario(0, 128, 128, 128)
    policy = ProcurementPolicy(
        survival=0.25,
        survival_penalty_per_hour=Decimal("0.01"),
        survival_on_demand_share=0,
    )
    first = replace(policy, survival_priority=SurvivalPriority.FIRST)
    made = an_input(need, quotes=(cheap, dear), policy=policy)

    by_money = procure(made, effort=EXACT)
    by_survival = procure(replace(made, policy=first), effort=EXACT)

    assert {each.quote: each.gpus for each in by_money.signatures} == {"cheap": 128}
    assert {each.quote: each.gpus for each in by_survival.signatures} == {"cheap": 96, "dear": 32}
    assert [each.month for each in by_survival.survival_lacks] == []
