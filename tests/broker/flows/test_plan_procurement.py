"""Procurement planned from the books of the story, and kept with what it was made from."""

from datetime import date
from decimal import Decimal

import pytest

from benchmarks.procurement import Size, make_site
from broker.errors import NotFoundError, RefusedError
from broker.flows.plan_procurement import (
    gather_input,
    keep_plan,
    list_procurement_plans,
    make_procurement_plan,
    show_procurement_plan,
    solve_procurement,
)
from broker.flows.review_renewals import review_renewal
from broker.procurement.input_reading import read_input
from broker.procurement.solving import is_large
from broker.renewals.brief_text import brief_page
from broker.store.engine import Database
from tests.broker import story
from tests.broker.demand_sheets import load_forecasts
from tests.broker.procurement.cases import the_story_document
from tests.builders import ACTOR, MAY_15, NOON


def test_the_books_make_an_input_that_reads_back(told: Database) -> None:
    gathered = gather_input(told, as_of=MAY_15)
    given = gathered.require()
    harbor = given.contracts_by_name[story.HARBOR]
    offer = next(each for each in given.quotes if each.renews == story.HARBOR)

    assert (harbor.gpus, harbor.price_per_gpu_hour) == (1024, Decimal("2.63"))
    assert (harbor.end_on, harbor.notice_by) == (date(2026, 10, 1), date(2026, 7, 2))
    assert (offer.price_per_gpu_hour, offer.max_gpus) == (Decimal("5.10"), 1024)
    assert offer.valid_until == date(2026, 6, 14)
    node_priced = next(each for each in given.quotes if each.supplier == "coldspring-cloud")
    assert node_priced.price_per_gpu_hour == Decimal("4.25")
    assert node_priced.delivery_on == date(2026, 8, 15)


def test_what_was_assumed_and_what_is_missing_is_told(told: Database) -> None:
    notes = "\n".join(gather_input(told, as_of=MAY_15).notes)

    assert "demand stays what the GPUs in service do today" in notes
    assert "tonnage assumptions set b200_factor 0.40 --scope gpu:H200 --source TEXT" in notes
    assert "missing: on-demand GPUs: so nothing is bought by the hour" in notes


def test_a_line_that_renews_by_itself_can_still_be_left_before_its_notice(told: Database) -> None:
    given = gather_input(told, as_of=MAY_15).given

    tacit = next(each for each in given.quotes if each.quote == "HC-2026-H100-02/1 by itself")

    assert (tacit.min_gpus, tacit.max_gpus) == (512, 512)
    assert tacit.price_per_gpu_hour == Decimal("1.98")
    assert tacit.valid_until == date(2026, 11, 13)


def test_empty_books_are_no_plan(database: Database) -> None:
    with pytest.raises(RefusedError, match="no demand to plan for"):
        gather_input(database, as_of=MAY_15).require()


def test_forecasts_are_counted_in_b200s_at_the_stated_speed_of_one(told: Database) -> None:
    load_forecasts(told, "m1,chat,us,2026-06,chatty,3000000,6000000,1,planning")

    gathered = gather_input(told, as_of=MAY_15, months=3)

    scenarios = {each.scenario: each for each in gathered.given.scenarios}
    assert sum(each.probability for each in scenarios.values()) == pytest.approx(1)
    assert scenarios["P50"].demand[0].class_name == "chatty"
    assert scenarios["P50"].demand[0].b200_equivalents == pytest.approx((1000, 1000, 1000))
    assert scenarios["P90"].demand[0].b200_equivalents[1] == pytest.approx(2000)
    assert scenarios["P10"].demand[0].b200_equivalents[1] == pytest.approx(500)
    notes = "\n".join(gathered.notes)
    assert "after 2026-06, the last month forecast, demand stays as it is then" in notes
    assert "m1 run at the stated tokens_per_gpu_second of a B200" in notes


def test_a_plan_is_kept_and_found_again(told: Database) -> None:
    kept = make_procurement_plan(
        told,
        None,
        as_of=MAY_15,
        months=12,
        with_sheets=False,
        only=None,
        actor=ACTOR,
        clock=lambda: NOON,
    )

    assert show_procurement_plan(told, kept.id) == kept
    assert list_procurement_plans(told, limit=5) == [kept]
    assert read_input(kept.given).contracts_by_name[story.HARBOR].gpus == 1024
    assert kept.plan["leave"]
    with pytest.raises(NotFoundError, match="tonnage procure"):
        show_procurement_plan(told, "another")


def test_the_brief_shows_what_the_newest_plan_says_of_its_line(told: Database) -> None:
    without = review_renewal(told, story.HARBOR, as_of=MAY_15)
    gathered = gather_input(told, as_of=MAY_15, months=17)
    planned = solve_procurement(gathered.require(), only=story.HARBOR)
    keep_plan(told, planned, actor=ACTOR, clock=lambda: NOON)

    brief = review_renewal(told, story.HARBOR, as_of=MAY_15)
    earlier = review_renewal(told, story.HARBOR, as_of=date(2026, 5, 14))

    (sheet,) = planned.sheets
    assert brief.negotiation is not None
    assert brief.negotiation.walk_away_price.amount == sheet.walk_away_price
    assert brief.negotiation.walk_away_gpus == sheet.walk_away_gpus
    assert brief.negotiation.quantities[0].gpus == 0
    page = {section.title: section.lines for section in brief_page(brief)}
    worth = "\n".join(page["Worth, by the procurement plan"])
    assert f"for {sheet.walk_away_gpus:,} GPUs" in worth
    assert "renew none" in worth
    assert without.negotiation is None
    assert earlier.negotiation is None
    assert brief.walk_away_price == without.walk_away_price
    assert brief.recommendation == without.recommendation


def test_an_input_of_hundreds_of_quotes_is_large_and_the_story_is_not() -> None:
    site = make_site(7, Size())

    assert is_large(site)
    assert not is_large(read_input(the_story_document()))


def test_a_sheet_is_only_made_for_a_renewal_that_is_on_offer() -> None:
    given = read_input(the_story_document())

    with pytest.raises(NotFoundError, match="tonnage quotes import"):
        solve_procurement(given, only="OC-11/1")
