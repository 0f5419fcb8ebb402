"""1,024 B200 at $2.63, offered again at $5.10: every printed figure, to its last digit.

The figures stand in worked_example.json; here each is computed from what is given.
"""

import json
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

import pytest

from broker.renewals.hike import (
    Exposure,
    Hike,
    annualised_exposure,
    cap_breach,
    per_billed_month,
    split_hike,
    year_gpu_hours_after,
)
from broker.renewals.notice import NoticePeriod, notice_deadline
from broker.renewals.risk import RiskInputs, risk_score
from broker.renewals.switching import (
    SwitchCost,
    compare_switching,
    double_running_cost,
    latest_double_running_start,
)
from pricing.commitment import (
    UseCost,
    cost_of_use,
    gpu_hours,
    hours_between,
    levelised_price,
    mark_to_market,
)
from pricing.market import (
    Benchmark,
    BenchmarkKey,
    Observation,
    SourceKind,
    benchmark,
    standing,
)
from pricing.money import Money
from pricing.tenor import tenor_of
from pricing.throughput import cost_per_million_tokens, gross_margin, price_for_margin

EXAMPLE: dict[str, dict[str, Any]] = json.loads(
    Path(__file__).with_name("worked_example.json").read_text(encoding="utf-8")
)
GIVEN, PRINTED = EXAMPLE["given"], EXAMPLE["printed"]

GPUS: int = GIVEN["gpus"]
START = date.fromisoformat(GIVEN["start"])
LAST_SERVICE_DAY = date.fromisoformat(GIVEN["last_service_day"])
END = LAST_SERVICE_DAY + timedelta(days=1)
TODAY = date.fromisoformat(GIVEN["offer_received_on"])
TENOR = tenor_of(GIVEN["term_months"])


def money(name: str) -> Money:
    return Money(Decimal(GIVEN[name]))


NOW, OFFER, ALTERNATIVE = money("price_now"), money("offer"), money("alternative")


def printed(figure: Decimal | Money, name: str) -> bool:
    """Say whether a figure is what is printed, when rounded to as many digits."""
    amount = figure.amount if isinstance(figure, Money) else figure
    expected = Decimal(PRINTED[name])
    return amount.quantize(expected, rounding=ROUND_HALF_EVEN) == expected


def the_benchmark() -> Benchmark:
    seen = [
        Observation(
            supplier=f"supplier-{number}",
            source=SourceKind.QUOTE,
            gpu_model=GIVEN["gpu_model"],
            form_factor=GIVEN["form_factor"],
            tenor=TENOR,
            price_per_gpu_hour=Money(Decimal(price)),
            observed_on=TODAY - timedelta(days=number),
            reference=f"quote {number}",
        )
        for number, price in enumerate(GIVEN["comparable_offers"])
    ]
    key = BenchmarkKey(
        source=SourceKind.QUOTE,
        gpu_model=GIVEN["gpu_model"],
        form_factor=GIVEN["form_factor"],
        tenor=TENOR,
    )
    found = benchmark(seen, key=key, as_of=TODAY, leave_out="incumbent")
    assert isinstance(found, Benchmark)
    return found


def the_hike() -> Hike:
    return split_hike(NOW, OFFER, benchmark=the_benchmark().median)


def the_exposure() -> Exposure:
    return annualised_exposure(the_hike(), price_now=NOW, gpus=GPUS, end=END)


def the_use(price: Money) -> UseCost:
    committed = year_gpu_hours_after(END, gpus=GPUS)
    return cost_of_use(
        price,
        committed_gpu_hours=committed,
        used_gpu_hours=committed * Decimal(GIVEN["busy_fraction"]),
    )


def tokens_full(price: Money) -> Money:
    return cost_per_million_tokens(
        price,
        tokens_per_gpu_second=Decimal(GIVEN["tokens_per_gpu_second"]),
        busy_fraction=Decimal(GIVEN["busy_fraction"]),
    ).full


def test_the_benchmark_is_the_median_of_seven_offers() -> None:
    market = the_benchmark()

    assert printed(market.median, "benchmark")
    assert printed(market.mad, "mad")
    assert printed(market.q1, "q1")
    assert printed(market.q3, "q3")
    assert market.n == 7
    assert market.widened == ()
    assert market.dropped == ()


def test_the_offer_is_above_six_of_seven() -> None:
    assert str(standing(OFFER, the_benchmark())) == PRINTED["standing"]


def test_the_hike_is_two_thirds_market_and_a_sixth_over_market() -> None:
    hike = the_hike()

    assert hike.market_move is not None
    assert hike.premium is not None
    assert printed(hike.fraction * 100, "hike_percent")
    assert printed(hike.market_move * 100, "market_move_percent")
    assert printed(hike.premium * 100, "premium_percent")


def test_a_year_of_the_fleet_costs_this_at_both_prices() -> None:
    exposure = the_exposure()

    assert printed(exposure.gpu_hours, "gpu_hours")
    assert gpu_hours(GPUS, start=START, end=END) == exposure.gpu_hours
    assert printed(exposure.cost_now, "cost_now")
    assert printed(exposure.cost_offered, "cost_offered")


def test_the_exposure_and_its_two_parts_are_exact_to_the_cent() -> None:
    exposure = the_exposure()

    assert exposure.market_part is not None
    assert exposure.premium_part is not None
    assert exposure.total == Money(Decimal(PRINTED["exposure"]))
    assert exposure.market_part == Money(Decimal(PRINTED["exposure_market_part"]))
    assert exposure.premium_part == Money(Decimal(PRINTED["exposure_premium_part"]))


def test_the_exposure_of_a_billed_month() -> None:
    assert printed(per_billed_month(OFFER - NOW, gpus=GPUS), "exposure_per_billed_month")


def test_a_cap_would_have_saved_twenty_million() -> None:
    breach = cap_breach(
        NOW, OFFER, cap=Decimal(GIVEN["cap"]), gpu_hours=year_gpu_hours_after(END, gpus=GPUS)
    )

    assert breach is not None
    assert printed(breach.ceiling, "cap_ceiling")
    assert printed(breach.excess, "cap_excess")


def test_the_rest_of_the_old_contract_is_worth_six_million() -> None:
    remaining = gpu_hours(GPUS, start=TODAY, end=END)

    assert (END - TODAY).days == PRINTED["days_to_end"]
    assert printed(remaining, "remaining_gpu_hours")
    assert printed(
        mark_to_market(NOW, the_benchmark().median, remaining_gpu_hours=remaining),
        "mark_to_market",
    )


@pytest.mark.parametrize("notice", list(PRINTED["deadlines"]))
def test_the_notice_deadline(notice: str) -> None:
    raw, due = (date.fromisoformat(day) for day in PRINTED["deadlines"][notice])

    deadline = notice_deadline(LAST_SERVICE_DAY, NoticePeriod.parse(notice))

    assert (deadline.raw_on, deadline.due_on) == (raw, due)


def test_there_are_48_days_left_to_give_notice() -> None:
    deadline = notice_deadline(LAST_SERVICE_DAY, NoticePeriod.parse(GIVEN["notice"]), country="US")

    assert deadline.days_to(TODAY) == PRINTED["days_to_notice"]


@pytest.mark.parametrize(("price", "when"), [(NOW, "now"), (OFFER, "offered")])
def test_idle_gpus_make_the_used_hours_dearer(price: Money, when: str) -> None:
    use = the_use(price)

    assert use.effective_price is not None
    assert printed(use.effective_price, f"effective_price_{when}")
    assert printed(use.idle, f"idle_{when}")


@pytest.mark.parametrize(("price", "when"), [(NOW, "now"), (OFFER, "offered")])
def test_tokens_and_their_margin(price: Money, when: str) -> None:
    cost = tokens_full(price)
    margin = gross_margin(revenue=money("price_per_million_tokens"), cost=cost)

    assert printed(cost, f"tokens_full_{when}")
    assert printed(margin * 100, f"margin_{when}_percent")


def test_the_token_price_that_would_keep_the_old_margin() -> None:
    old = gross_margin(revenue=money("price_per_million_tokens"), cost=tokens_full(NOW))

    assert printed(price_for_margin(tokens_full(OFFER), margin=old), "price_for_old_margin")


def the_switch_cost() -> SwitchCost:
    nothing = Money(Decimal(0))
    return SwitchCost(
        migration_work=money("migration_work"),
        double_running=double_running_cost(
            ALTERNATIVE, days=GIVEN["double_running_days"], gpus=GPUS
        ),
        egress=money("egress"),
        early_termination_fee=nothing,
        lost_prepayment=nothing,
    )


def test_leaving_costs_two_and_a_half_million() -> None:
    start = latest_double_running_start(END, days=GIVEN["double_running_days"])

    assert start == date.fromisoformat(PRINTED["latest_double_running_start"])
    assert printed(gpu_hours(GPUS, start=start, end=END), "double_running_gpu_hours")
    assert printed(the_switch_cost().double_running, "double_running")
    assert printed(the_switch_cost().total, "switch_cost")


def test_leaving_pays_back_within_half_a_year() -> None:
    term_hours = hours_between(END, END.replace(year=END.year + 1))
    switching = compare_switching(
        offer=OFFER,
        alternative=ALTERNATIVE,
        cost=the_switch_cost(),
        gpus=GPUS,
        term_hours=term_hours,
    )

    assert switching.break_even_hours is not None
    assert switching.break_even_days is not None
    assert printed(switching.saving_per_hour, "saving_per_hour")
    assert printed(switching.break_even_hours, "break_even_hours")
    assert printed(switching.break_even_days, "break_even_days")
    assert printed(switching.net_gain, "net_gain")
    assert printed(switching.walk_away_price, "walk_away_price")


@pytest.mark.parametrize(("price", "prepaid", "months", "levelised"), PRINTED["levelised"])
def test_prepayment_makes_a_price_dearer(
    price: str, prepaid: str, months: int, levelised: str
) -> None:
    worth = levelised_price(
        Money(Decimal(price)),
        term_months=months,
        prepaid_fraction=Decimal(prepaid),
        annual_rate=Decimal(GIVEN["annual_rate"]),
    )

    assert worth.rounded(4) == Money(Decimal(levelised))


def test_the_risk_score_and_its_parts() -> None:
    score = risk_score(
        RiskInputs(
            price_now=NOW,
            offer=OFFER,
            benchmark=the_benchmark().median,
            year_gpu_hours=year_gpu_hours_after(END, gpus=GPUS),
            days_to_notice=PRINTED["days_to_notice"],
            annual_gpu_spend=money("annual_gpu_spend"),
            replacement_lead_days=GIVEN["replacement_lead_days"],
            days_to_end=(END - TODAY).days,
        )
    )
    parts = {
        str(part.factor): str(part.value.quantize(Decimal("0.01")))
        for part in score.parts
        if part.value is not None
    }

    assert parts == PRINTED["risk_parts"]
    assert score.value is not None
    assert printed(score.value, "risk_score")
    assert score.low == score.high == score.value
