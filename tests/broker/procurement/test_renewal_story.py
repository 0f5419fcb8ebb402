"""The story of a renewal: 512 B200 at 2.63 end in September, and May asks 5.10 for them.

Beside them stand 1,120 other B200 for a demand of about 1,500, and four quotes from 3.05 to 4.10.
"""

from datetime import date
from decimal import Decimal

import pytest

from broker.procurement.negotiating import negotiation_sheets
from broker.procurement.negotiation_sheet import NegotiationSheet
from broker.procurement.plan_json import plan_document, sheet_document
from broker.procurement.procurement_plan import ProcurementPlan
from broker.procurement.procuring import procure
from broker.procurement.sheet_text import sheet_lines
from broker.procurement.solving import Effort
from tests.broker.procurement.cases import the_story

MILLION = Decimal(1_000_000)


@pytest.fixture(scope="module")
def plan() -> ProcurementPlan:
    return procure(the_story(), effort=Effort(gap=1e-6))


@pytest.fixture(scope="module")
def sheet() -> NegotiationSheet:
    (found,) = negotiation_sheets(the_story())
    return found


def in_millions(amount: Decimal | float) -> float:
    return round(float(Decimal(amount) / MILLION), 2)


def test_nothing_is_renewed_at_the_ask_and_two_quotes_are_signed_in_time(
    plan: ProcurementPlan,
) -> None:
    signed = [(s.gpus, s.price_per_gpu_hour, s.sign_by) for s in plan.signatures]

    assert signed == [
        (256, Decimal("3.05"), date(2026, 5, 31)),
        (189, Decimal("3.45"), date(2026, 6, 30)),
    ]
    assert [(left.gpus_left, left.notice_by) for left in plan.leavings] == [(512, date(2026, 9, 2))]
    assert in_millions(plan.cost) == 17.16
    assert plan.gap < 1e-5


def test_the_tail_beyond_the_horizon_is_told(plan: ProcurementPlan) -> None:
    long_term = next(each for each in plan.signatures if each.gpus == 256)

    assert (long_term.start_on, long_term.end_on) == (date(2026, 11, 1), date(2028, 11, 1))
    assert plan.tail == long_term.tail == Decimal("3.05") * 256 * 730 * 12


def test_the_naive_bill_is_eleven_millions_a_year(sheet: NegotiationSheet) -> None:
    assert sheet.naive_bill_per_year == Decimal("11078246.40")


def test_445_replace_512(sheet: NegotiationSheet) -> None:
    assert in_millions(sheet.cost_without) == 17.16
    assert sheet.gpus_needed == 445
    assert sheet.gpus_renewed_at_ask == 0


@pytest.mark.parametrize(
    ("gpus", "price"),
    [(128, "3.59"), (189, "3.65"), (256, "3.31"), (384, "3.09"), (445, "3.08"), (512, "2.87")],
)
def test_the_highest_price_is_solved_for_each_quantity(
    sheet: NegotiationSheet, gpus: int, price: str
) -> None:
    found = next(each for each in sheet.prices if each.gpus == gpus)

    assert found.max_price.quantize(Decimal("0.01")) == Decimal(price)
    assert found.uncertainty < Decimal("0.001")


def test_the_last_67_are_worth_less_than_any_price_asked(sheet: NegotiationSheet) -> None:
    assert sheet.prices[-1].gpus == 512
    assert sheet.prices[-1].marginal_price == Decimal("1.5000")


def test_189_are_renewed_below_the_walk_away_price_and_445_at_the_present_one(
    sheet: NegotiationSheet,
) -> None:
    def renewed_at(price: str) -> int:
        at = Decimal(price)
        fits = (b for b in sheet.bands if b.above < at and (b.up_to is None or at <= b.up_to))
        return next(fits).gpus

    assert (sheet.walk_away_gpus, round(sheet.walk_away_price, 2)) == (189, Decimal("3.65"))
    assert [renewed_at(price) for price in ("5.10", "3.66", "3.60", "2.63", "1.49")] == [
        0,
        0,
        189,
        445,
        512,
    ]


def test_the_break_even_switching_cost_is_told_for_each_quote(sheet: NegotiationSheet) -> None:
    found = {str(e.price_per_gpu_hour): e.switching_cost_per_gpu for e in sheet.break_even}

    assert found["3.05"] == 17_958
    assert found["3.45"] == 14_454
    assert found["4.10"] == 8_760
    assert found["3.80"] == 5_694  # a term of six months saves for 4,380 hours only


def test_waiting_costs_more_each_month_and_most_when_the_renewal_is_lost(
    sheet: NegotiationSheet,
) -> None:
    found = [(f"{w.first_month:%b}", in_millions(w.extra_cost)) for w in sheet.waiting]

    assert found == [("Jun", 0.84), ("Jul", 2.37), ("Aug", 3.60), ("Sep", 4.78), ("Oct", 31.30)]
    assert [each.gpus_renewed for each in sheet.waiting] == [0, 0, 0, 191, 0]


def test_what_the_walk_away_price_hangs_on_is_told_both_ways(sheet: NegotiationSheet) -> None:
    found = {(each.what, each.change): each.max_price for each in sheet.sensitivity}

    assert len(found) == 8
    assert found["prices of other quotes", Decimal("-0.2")] < sheet.walk_away_price
    assert found["prices of other quotes", Decimal("0.2")] > sheet.walk_away_price
    assert found["demand", Decimal("-0.2")] < sheet.walk_away_price


def test_the_page_says_what_to_say_in_the_call(sheet: NegotiationSheet) -> None:
    page = "\n".join(sheet_lines(sheet))

    assert "Above 3.65: renew none." in page
    assert "Decide by 2026-09-02." in page
    assert "Renewing nothing takes 445 elsewhere, in place of 512." in page


def test_the_document_carries_the_sheet_with_amounts_as_text(
    plan: ProcurementPlan, sheet: NegotiationSheet
) -> None:
    document = plan_document(plan, [sheet])

    assert document["negotiation_sheets"] == [sheet_document(sheet)]
    assert document["negotiation_sheets"][0]["walk_away_gpus"] == 189
    assert document["sign"][0]["price_per_gpu_hour"] == "3.05"
    assert document["leave"][0]["last_day_of_service"] == "2026-09-30"
