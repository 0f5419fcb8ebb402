"""The brief as a rule: what adds up, what stays unknown, what counts as a way out."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.contracts.line_terms import RenewalType
from broker.contracts.quote import QuoteKind, QuoteState
from broker.errors import RefusedError
from broker.renewals.assumptions import AssumptionName
from broker.renewals.brief import Brief, brief_of
from broker.renewals.brief_text import brief_page
from broker.renewals.page_words import WIDTH
from broker.renewals.recommendation import Action
from pricing.fx import FxRate
from pricing.market import Observation, SourceKind
from pricing.money import USD, Currency, Money
from pricing.tenor import Tenor
from tests.broker.renewals.briefs import (
    MOVING,
    USE,
    a_contract,
    a_rival,
    rivals,
    some_facts,
)
from tests.builders import MAY_15, a_quote

EUR, GBP = Currency("EUR"), Currency("GBP")
CENT = Decimal("0.01")


def usd(amount: str) -> Money:
    return Money(Decimal(amount))


def unknown(brief: Brief) -> set[str]:
    return {each.what for each in brief.unknown}


def page(brief: Brief) -> str:
    return "\n".join(line for section in brief_page(brief) for line in section.lines)


def test_the_best_alternative_gives_the_walk_away_price() -> None:
    brief = brief_of(
        some_facts(quotes=[a_rival(), a_rival(supplier_key="dear", unit_price=Decimal(5))])
    )

    assert brief.walk_away_price == usd("4.6743")
    assert brief.best_alternative is not None
    assert brief.best_alternative.supplier == "Sagebrush"


@pytest.mark.parametrize(
    ("changes", "deliverable", "words"),
    [
        ({}, True, "in time, 2026-08-31"),
        ({"delivery_on": date(2026, 9, 10)}, True, "in time, 2026-09-10"),
        ({"delivery_on": date(2026, 9, 11)}, False, "too late, 2026-09-11"),
        ({"delivery_on": None, "lead_time_days": 118}, True, "in time, 2026-09-10"),
        ({"delivery_on": None, "lead_time_days": 119}, False, "too late, 2026-09-11"),
        ({"delivery_on": None, "lead_time_days": 450}, False, "too late, 2027-08-08"),
        ({"gpu_count": 1024}, True, "in time, 2026-08-31"),
        ({"gpu_count": 1023}, False, "too few GPUs"),
        ({"delivery_on": None}, None, "no delivery day stated"),
        ({"region": "eu-north"}, None, "in eu-north, does that serve?"),
        ({"region": None}, True, "in time, 2026-08-31"),
    ],
)
def test_an_alternative_counts_only_if_enough_gpus_arrive_in_time(
    changes: dict[str, Any], deliverable: bool | None, words: str
) -> None:
    (found,) = brief_of(some_facts(quotes=[a_rival(**changes)])).alternatives

    assert (found.deliverable, found.delivery) == (deliverable, words)


@pytest.mark.parametrize(
    "changes",
    [
        {"supplier_key": "harbor-compute"},
        {"gpu_model": "H100"},
        {"form_factor": "PCIE"},
        {"state": QuoteState.DECLINED},
        {"valid_until": date(2026, 5, 14)},
        {"kind": QuoteKind.RENEWAL_OFFER},
    ],
)
def test_what_is_no_way_out_is_not_listed(changes: dict[str, Any]) -> None:
    brief = brief_of(some_facts(quotes=[a_rival(**changes)]))

    assert brief.alternatives == ()


def test_without_the_days_of_double_running_nothing_is_known_to_be_in_time() -> None:
    stated = USE | {
        name: value
        for name, value in MOVING.items()
        if name is not AssumptionName.DOUBLE_RUNNING_DAYS
    }

    brief = brief_of(some_facts(quotes=[a_rival()], stated=stated))

    assert brief.alternatives[0].deliverable is None
    assert brief.walk_away_price is None
    assert "double_running_days" in unknown(brief)


@pytest.mark.parametrize("missing", sorted(MOVING))
def test_each_part_of_the_cost_of_moving_must_be_stated(missing: AssumptionName) -> None:
    stated = {name: value for name, value in (MOVING | USE).items() if name is not missing}

    brief = brief_of(some_facts(quotes=[a_rival()], stated=stated))

    assert brief.walk_away_price is None
    assert missing.value in unknown(brief)
    assert brief.alternatives[0].leaving.saving_per_hour == usd("716.80")


def test_every_unknown_says_how_to_state_it() -> None:
    brief = brief_of(some_facts(a_contract(take_or_pay_pct=None), stated={}))

    assert {"renewal offer", "quote benchmark", "take-or-pay", "busy_fraction"} <= unknown(brief)
    assert all(each.how.startswith("tonnage ") for each in brief.unknown)
    assert all(each.how in page(brief) for each in brief.unknown)


def test_a_prepaid_quote_is_compared_as_if_paid_as_you_go() -> None:
    (found,) = brief_of(some_facts(quotes=[a_rival(prepay_pct=Decimal(25))])).alternatives

    assert found.price_per_gpu_hour == usd("4.4578")


def test_a_prepaid_quote_without_a_discount_rate_is_left_out_and_named() -> None:
    brief = brief_of(some_facts(quotes=[a_rival(prepay_pct=Decimal(25))], stated=MOVING))

    assert brief.alternatives == ()
    assert "discount_rate" in unknown(brief)


def test_a_prepaid_offer_without_a_discount_rate_is_not_answered_with_a_number() -> None:
    contract = a_contract(a_quote(prepay_pct=Decimal(30)))

    brief = brief_of(some_facts(contract, quotes=[a_rival()], stated=MOVING))

    assert brief.recommendation.action is Action.DECIDE_LATER
    assert brief.recommendation.counter_at is None
    assert brief.offer is not None
    assert brief.offer.levelised_price is None


def test_a_prepaid_offer_is_weighed_levelised_and_shown_as_quoted() -> None:
    contract = a_contract(a_quote(prepay_pct=Decimal(30)))

    brief = brief_of(some_facts(contract, quotes=[a_rival()]))

    assert brief.offer is not None
    assert brief.offer.price_per_gpu_hour == usd("5.1000")
    assert brief.offer.levelised_price == usd("5.1805")
    assert brief.best_alternative is not None
    assert brief.best_alternative.leaving.saving_per_hour == usd("799.19")


def test_an_agreed_cap_is_held_against_the_offer() -> None:
    brief = brief_of(some_facts(a_contract(a_quote(), uplift_cap_pct=Decimal(7))))

    assert brief.offer is not None
    assert brief.offer.cap is not None
    assert brief.offer.cap.breached
    assert brief.offer.cap.excess_per_year == usd("20505071.62")
    assert "breached" in page(brief)


def test_idle_gpus_cost_only_what_take_or_pay_makes_us_pay() -> None:
    contract = a_contract(a_quote(), take_or_pay_pct=Decimal(80))

    now = brief_of(some_facts(contract)).economics.now

    assert now is not None
    assert now.idle_cost_per_year == usd("0.00")
    assert now.effective_price_per_used_gpu_hour == usd("2.6300")
    assert now.tokens_full_per_million == now.tokens_used_per_million


def test_the_lists_never_enter_the_benchmark_of_quotes() -> None:
    listed = [
        Observation(
            supplier=f"seller-{number}",
            source=SourceKind.LIST,
            gpu_model="B200",
            tenor=Tenor.ON_DEMAND,
            price_per_gpu_hour=usd("9.99"),
            observed_on=MAY_15,
            reference="list",
            form_factor="SXM",
        )
        for number in range(6)
    ]

    brief = brief_of(some_facts(quotes=rivals("4", "4", "4", "4"), listed=listed))

    assert brief.market.quotes.median is None
    assert brief.market.lists.median == usd("9.9900")
    assert brief.offer is not None
    assert brief.offer.premium is None
    assert len([each for each in brief.alternatives if each.source == "list"]) == 5


def test_a_withdrawn_quote_says_nothing_of_the_market() -> None:
    quotes = rivals("4", "4", "4", "4", "4")
    taken_back = [*quotes[1:], a_rival(supplier_key="rival-0", state=QuoteState.WITHDRAWN)]

    assert brief_of(some_facts(quotes=quotes)).market.quotes.n == 5
    assert brief_of(some_facts(quotes=taken_back)).market.quotes.n == 4


def test_the_latest_open_offer_is_the_one_on_the_table() -> None:
    earlier = a_quote(received_on=date(2026, 5, 1), unit_price=Decimal("6.00"))

    brief = brief_of(some_facts(a_contract(a_quote(), earlier)))

    assert brief.offer is not None
    assert brief.offer.price_per_gpu_hour == usd("5.1000")
    assert brief.other_open_offers == 1


def test_pounds_become_euros_over_the_dollar_and_both_rates_are_named() -> None:
    contract = a_contract(a_quote(currency=EUR), currency=EUR)
    rates = [
        FxRate(base=EUR, quote=USD, on=MAY_15, rate=Decimal("1.10"), source="bank"),
        FxRate(base=GBP, quote=USD, on=MAY_15, rate=Decimal("1.32"), source="bank"),
    ]

    brief = brief_of(some_facts(contract, quotes=[a_rival(currency=GBP)], rates=rates))

    assert brief.alternatives[0].price_per_gpu_hour == Money(Decimal("5.2800"), EUR)
    assert any("GBP" in rate and "EUR" in rate for rate in brief.conversions)


def test_a_rate_that_is_too_old_is_no_rate() -> None:
    contract = a_contract(a_quote(currency=EUR), currency=EUR)
    stale = FxRate(
        base=EUR, quote=USD, on=MAY_15 - timedelta(days=8), rate=Decimal("1.10"), source="bank"
    )

    brief = brief_of(some_facts(contract, quotes=[a_rival()], rates=[stale]))

    assert brief.alternatives == ()
    assert "exchange rate USD/EUR" in unknown(brief)


def test_a_line_that_renews_by_itself_says_so() -> None:
    contract = a_contract(renewal_type=RenewalType.AUTO, renewal_term_months=12)

    brief = brief_of(some_facts(contract))

    assert any("renews by itself" in reason for reason in brief.recommendation.reasons)


def test_a_line_without_notice_is_measured_by_its_end() -> None:
    brief = brief_of(some_facts(a_contract(notice_period=None)))

    assert brief.deadlines.notice_due is None
    assert brief.deadlines.next_on == date(2026, 9, 30)


def test_a_line_without_an_end_has_nothing_to_renew() -> None:
    contract = a_contract(end_date=None, renewal_type=RenewalType.EVERGREEN, term_months=None)

    with pytest.raises(RefusedError, match="no end"):
        brief_of(some_facts(contract))


def test_after_the_end_there_is_nothing_left_to_decide() -> None:
    brief = brief_of(some_facts(quotes=[a_rival()], as_of=date(2026, 10, 1)))

    assert brief.recommendation.action is Action.SETTLED
    assert brief.economics.remaining_gpu_hours == 0


prices = st.decimals(min_value="0.5", max_value="12", places=4)


@given(
    now=prices,
    asked=prices,
    quoted=st.lists(prices, min_size=5, max_size=8),
    gpus=st.integers(min_value=1, max_value=4096),
)
def test_market_part_and_premium_add_up_to_the_exposure(
    now: Decimal, asked: Decimal, quoted: list[Decimal], gpus: int
) -> None:
    contract = a_contract(a_quote(unit_price=asked), unit_price=now, gpu_count=gpus)
    exact = [str(price) for price in quoted]

    brief = brief_of(some_facts(contract, quotes=rivals(*exact)))

    assert brief.offer is not None
    assert brief.paid is not None
    exposure = brief.offer.exposure
    assert exposure is not None
    difference = brief.offer.annual_cost - brief.paid.annual_cost
    assert abs((exposure.total - difference).amount) <= CENT
    if exposure.market_part is not None and exposure.premium_part is not None:
        rounding = exposure.market_part + exposure.premium_part - exposure.total
        assert abs(rounding.amount) <= CENT


@given(
    asked=prices,
    offers=st.lists(
        st.tuples(
            prices,
            st.integers(min_value=512, max_value=2048),
            st.integers(min_value=0, max_value=400),
        ),
        max_size=6,
    ),
)
def test_the_walk_away_price_rests_on_what_can_really_be_delivered(
    asked: Decimal, offers: list[tuple[Decimal, int, int]]
) -> None:
    quotes = [
        a_rival(
            supplier_key=f"rival-{number}",
            unit_price=price,
            gpu_count=gpus,
            delivery_on=MAY_15 + timedelta(days=days),
        )
        for number, (price, gpus, days) in enumerate(offers)
    ]

    brief = brief_of(some_facts(a_contract(a_quote(unit_price=asked)), quotes=quotes))

    best, advice = brief.best_alternative, brief.recommendation
    reachable = [
        each
        for each in brief.alternatives
        if (each.gpus_offered or 0) >= 1024
        and each.delivery_on is not None
        and each.delivery_on <= date(2026, 9, 10)
    ]
    assert [each for each in brief.alternatives if each.deliverable] == reachable
    assert (best is None) == (not reachable)
    assert advice.switch_to is None or (best is not None and advice.switch_to == best.supplier)
    if best is not None and brief.walk_away_price is not None:
        assert all(
            brief.walk_away_price <= each.leaving.walk_away_price
            for each in reachable
            if each.leaving.walk_away_price is not None
        )
        assert advice.counter_at is None or advice.counter_at <= brief.walk_away_price


@given(
    known=st.sets(st.sampled_from(sorted(MOVING | USE))),
    has_offer=st.booleans(),
    quoted=st.lists(prices, max_size=6),
)
def test_whatever_is_unknown_the_page_can_be_written(
    known: set[AssumptionName], has_offer: bool, quoted: list[Decimal]
) -> None:
    contract = a_contract(*([a_quote()] if has_offer else []))
    stated = {name: (MOVING | USE)[name] for name in known}
    quotes = [*rivals(*(str(price) for price in quoted)), a_rival()]

    brief = brief_of(some_facts(contract, quotes=quotes, stated=stated))

    lines = [line for section in brief_page(brief) for line in section.lines]
    commands = [f"  {each.how}" for each in brief.unknown]  # whole, so that they can be copied
    assert all(len(line) <= WIDTH for line in lines if line not in commands)
    assert {name.value for name in known} >= {each.name for each in brief.assumptions}
    assert not {name.value for name in known} & unknown(brief)
