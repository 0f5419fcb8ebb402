"""The brief of the story, from the fixtures through the books: every figure to the cent."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from broker.api.wire.renewals import brief_json
from broker.contracts.quote import QuoteState
from broker.errors import NotFoundError
from broker.flows.record_quote import list_quotes, move_quote
from broker.flows.review_renewals import (
    list_renewals,
    quote_validities,
    renewal_offers,
    review_renewal,
)
from broker.flows.state_assumption import state_assumption
from broker.store.engine import Database
from tests.broker import story
from tests.builders import ACTOR, MAY_15, NOON

EXAMPLE = json.loads(
    (Path(__file__).parents[1] / "renewals" / "worked_example.json").read_text(encoding="utf-8")
)
PRINTED: dict[str, Any] = EXAMPLE["printed"]


def brief(database: Database, name: str = story.HARBOR, *, as_of: date = MAY_15) -> dict[str, Any]:
    return brief_json(review_renewal(database, name, as_of=as_of))


def at(found: Any, path: str) -> Any:
    for step in path.split("."):
        found = found[int(step)] if step.isdecimal() else found[step]
    return found


def usd(found: Any, path: str) -> Decimal:
    money = at(found, path)
    assert money["currency"] == "USD"
    return Decimal(money["amount"])


@pytest.fixture
def page(told: Database) -> dict[str, Any]:
    """The brief of the story."""
    return brief(told)


AMOUNTS = {
    "market.quotes.median": "benchmark",
    "market.quotes.mad": "mad",
    "market.quotes.q1": "q1",
    "market.quotes.q3": "q3",
    "paid.annual_cost": "cost_now",
    "offer.annual_cost": "cost_offered",
    "offer.exposure.total": "exposure",
    "offer.exposure.per_month": "exposure_per_billed_month",
    "offer.exposure.market_part": "exposure_market_part",
    "offer.exposure.premium_part": "exposure_premium_part",
    "offer.cap.ceiling": "cap_ceiling",
    "offer.cap.excess_per_year": "cap_excess",
    "economics.mark_to_market": "mark_to_market",
    "economics.now.effective_price_per_used_gpu_hour": "effective_price_now",
    "economics.offered.effective_price_per_used_gpu_hour": "effective_price_offered",
    "economics.now.idle_cost_per_year": "idle_now",
    "economics.offered.idle_cost_per_year": "idle_offered",
    "economics.now.tokens_full_per_million": "tokens_full_now",
    "economics.offered.tokens_full_per_million": "tokens_full_offered",
    "economics.token_price_for_margin_now": "price_for_old_margin",
    "best_alternative.leaving.cost.double_running": "double_running",
    "best_alternative.leaving.cost.total": "switch_cost",
    "best_alternative.leaving.saving_per_hour": "saving_per_hour",
    "best_alternative.leaving.net_gain": "net_gain",
    "best_alternative.leaving.walk_away_price": "walk_away_price",
    "walk_away_price": "walk_away_price",
}
PERCENTAGES = {
    "offer.hike": "hike_percent",
    "offer.market_move": "market_move_percent",
    "offer.premium": "premium_percent",
    "economics.now.gross_margin": "margin_now_percent",
    "economics.offered.gross_margin": "margin_offered_percent",
}
WHOLE = {
    "paid.year_gpu_hours": "gpu_hours",
    "economics.remaining_gpu_hours": "remaining_gpu_hours",
    "deadlines.days_to_end": "days_to_end",
    "deadlines.days_to_notice": "days_to_notice",
    "best_alternative.leaving.cost.double_running_gpu_hours": "double_running_gpu_hours",
    "best_alternative.leaving.break_even_hours": "break_even_hours",
    "best_alternative.leaving.break_even_days": "break_even_days",
}


def test_every_figure_of_the_worked_example_is_in_the_brief(page: dict[str, Any]) -> None:
    amounts = {path: usd(page, path) for path in AMOUNTS}
    percentages = {path: Decimal(at(page, path)) * 100 for path in PERCENTAGES}
    whole = {path: at(page, path) for path in WHOLE}

    assert amounts == {path: Decimal(PRINTED[name]) for path, name in AMOUNTS.items()}
    assert percentages == {path: Decimal(PRINTED[name]) for path, name in PERCENTAGES.items()}
    assert whole == {path: int(PRINTED[name]) for path, name in WHOLE.items()}


def test_the_figures_are_the_same_from_either_kind_of_database(
    database: Database, page: dict[str, Any]
) -> None:
    story.load_story(database)

    found = brief(database)

    paths = [*AMOUNTS, *PERCENTAGES, *WHOLE]
    assert [at(found, path) for path in paths] == [at(page, path) for path in paths]


def test_the_market_part_and_the_premium_are_the_whole_exposure(page: dict[str, Any]) -> None:
    parts = usd(page, "offer.exposure.market_part") + usd(page, "offer.exposure.premium_part")

    assert parts == usd(page, "offer.exposure.total")


def test_the_seven_quotes_stand_unwidened_and_the_offer_above_six(page: dict[str, Any]) -> None:
    market = page["market"]["quotes"]
    prices = [Decimal(each["price_per_gpu_hour"]["amount"]) for each in market["members"]]

    assert prices == [Decimal(price) for price in EXAMPLE["given"]["comparable_offers"]]
    assert (market["n"], market["widened"], market["dropped"]) == (7, [], [])
    assert market["standing"] == PRINTED["standing"]


def test_the_deadline_is_the_second_of_july(page: dict[str, Any]) -> None:
    assert page["deadlines"]["notice_due"] == PRINTED["deadlines"]["P90D"][1]
    assert not page["deadlines"]["notice_passed"]


def test_prepayment_would_make_the_offer_dearer(page: dict[str, Any]) -> None:
    shown = {
        each["prepay_pct"]: each["price_per_gpu_hour"]["amount"]
        for each in page["offer"]["if_prepaid"]
    }

    assert shown == {20: "5.1536", 25: "5.1670", 30: "5.1805"}


def test_the_risk_score_has_its_parts(page: dict[str, Any]) -> None:
    parts = {
        part["factor"]: str(Decimal(part["value"]).quantize(Decimal("0.01")))
        for part in page["risk"]["parts"]
    }

    assert parts == PRINTED["risk_parts"]
    assert page["risk"]["score"] == PRINTED["risk_score"]


def test_only_one_alternative_arrives_in_time_with_enough_gpus(page: dict[str, Any]) -> None:
    deliverable = [each["supplier"] for each in page["alternatives"] if each["deliverable"]]

    assert deliverable == ["Sagebrush Compute, Inc."]
    assert len(page["alternatives"]) == 7
    assert page["best_alternative"]["needed_by"] == PRINTED["latest_double_running_start"]


def test_the_advice_is_to_counter_at_the_market_within_a_month(page: dict[str, Any]) -> None:
    advice = page["recommendation"]

    assert advice["action"] == "counter"
    assert usd(advice, "counter_at") == Decimal("4.40")
    assert usd(advice, "walk_away_above") == Decimal("4.6743")
    assert advice["decide_by"] == "2026-06-14"
    assert advice["start_double_running_by"] == PRINTED["latest_double_running_start"]
    assert {"offer", "benchmark", "walk-away price", "migration_work_cost"} <= {
        figure["name"] for figure in advice["rests_on"]
    }


def test_nothing_of_the_story_is_unknown(page: dict[str, Any]) -> None:
    assert page["unknown"] == []


def test_public_lists_stand_beside_the_quotes_and_change_nothing(told: Database) -> None:
    before = brief(told)
    story.load_lists(told)

    after = brief(told)

    assert before["market"]["lists"]["median"] is None
    assert after["market"]["lists"]["n"] == 8
    assert after["market"]["quotes"] == before["market"]["quotes"]
    assert after["recommendation"] == before["recommendation"]
    listed = [each for each in after["alternatives"] if each["source"] == "list"]
    assert listed
    assert all(each["deliverable"] is None for each in listed)


def test_what_nobody_stated_is_unknown_and_says_how_to_state_it(sqlite: Database) -> None:
    story.load_contracts(sqlite)
    story.load_suppliers(sqlite)
    story.load_quotes(sqlite)

    found = brief(sqlite)

    assert found["walk_away_price"] is None
    assert found["economics"]["now"]["gross_margin"] is None
    assert found["risk"]["score"] is None
    assert Decimal(found["risk"]["low"]) < Decimal(found["risk"]["high"])
    how = {unknown["what"]: unknown["how"] for unknown in found["unknown"]}
    assert how["migration_work_cost"].startswith(
        "tonnage assumptions set migration_work_cost '150000 USD' --scope line:HC-2025-B200-01/1"
    )
    assert usd(found, "offer.exposure.premium_part") == Decimal("6279168.00")


def test_stating_a_figure_makes_it_known(sqlite: Database) -> None:
    story.load_contracts(sqlite)
    story.load_quotes(sqlite)
    cells = {
        "name": "busy_fraction",
        "scope": f"line:{story.HARBOR}",
        "value": "0.95",
        "valid_from": "2026-05-01",
        "source": "capacity, April",
    }

    state_assumption(sqlite, cells, actor=ACTOR, clock=lambda: NOON)

    found = brief(sqlite)
    assert usd(found, "economics.now.idle_cost_per_year") == Decimal(PRINTED["idle_now"])
    assert [stated["source"] for stated in found["assumptions"]] == ["capacity, April"]


def test_without_quotes_the_market_is_unknown_and_no_price_is_invented(sqlite: Database) -> None:
    story.load_contracts(sqlite)
    story.load_quotes(sqlite, story.RENEWAL_OFFER)

    found = brief(sqlite)

    assert found["market"]["quotes"]["median"] is None
    assert found["offer"]["premium"] is None
    assert found["recommendation"]["action"] == "decide later"
    assert found["recommendation"]["counter_at"] is None


def test_a_contract_in_euros_is_measured_with_a_stated_rate(told: Database) -> None:
    found = brief(told, "RR-2025-01")

    median = found["market"]["quotes"]["median"]
    assert median == {"amount": "4.0164", "currency": "EUR"}  # 4.40 at 1.0955 of 11 May
    assert any("1 EUR = 1.0955 USD on 2026-05-11" in rate for rate in found["conversions"])


def test_without_a_rate_the_market_of_a_euro_contract_is_unknown(sqlite: Database) -> None:
    story.load_contracts(sqlite)
    story.load_quotes(sqlite)

    found = brief(sqlite, "RR-2025-01")

    assert found["market"]["quotes"]["median"] is None
    assert "exchange rate USD/EUR" in {unknown["what"] for unknown in found["unknown"]}


def test_gpus_elsewhere_are_no_way_out_until_somebody_says_they_serve(told: Database) -> None:
    before = brief(told, "RR-2025-01")
    cells = {
        "name": "other_regions_serve",
        "scope": "contract:RR-2025-01",
        "value": "yes",
        "valid_from": "2026-05-01",
        "source": "legal",
    }
    state_assumption(told, cells, actor=ACTOR, clock=lambda: NOON)
    after = brief(told, "RR-2025-01")

    assert before["best_alternative"] is None
    assert "other_regions_serve" in {unknown["what"] for unknown in before["unknown"]}
    assert after["best_alternative"]["supplier"] == "Sagebrush Compute, Inc."


def test_a_quote_that_comes_later_is_not_known_before(told: Database) -> None:
    found = brief(told, as_of=date(2026, 5, 10))

    assert found["offer"] is None
    assert found["market"]["quotes"]["n"] == 6  # Whitebark answered on the 11th


def test_a_lapsed_offer_is_no_offer(told: Database) -> None:
    assert brief(told, as_of=date(2026, 6, 15))["offer"] is None


def test_after_the_deadline_the_brief_says_that_the_right_is_lost(told: Database) -> None:
    found = brief(told, as_of=date(2026, 7, 3))["deadlines"]

    assert found["notice_passed"]
    assert found["days_to_notice"] == -1
    assert found["next_on"] == "2026-09-30"


def test_an_accepted_renewal_is_settled(told: Database) -> None:
    (offer,) = [known for known in list_quotes(told, on=MAY_15) if known.renews]
    move_quote(
        told,
        offer.quote.id,
        QuoteState.ACCEPTED,
        on=MAY_15,
        reason="signed",
        actor=ACTOR,
        clock=lambda: NOON,
    )

    assert brief(told)["recommendation"]["action"] == "settled"


def test_the_list_begins_with_what_must_be_said_first(told: Database) -> None:
    entries = list_renewals(told, as_of=MAY_15)

    assert [entry.days_left for entry in entries] == sorted(entry.days_left for entry in entries)
    first = entries[0]
    assert (first.contract_ref, first.days_left, first.action) == ("HC-2025-B200-01", 48, "counter")
    assert len(entries) == 10


def test_the_list_can_be_cut_by_days(told: Database) -> None:
    near = list_renewals(told, as_of=MAY_15, within_days=48)

    assert {entry.contract_ref for entry in near} == {"HC-2025-B200-01", "RR-2025-01"}


def test_a_contract_that_is_not_there_is_not_found(sqlite: Database) -> None:
    with pytest.raises(NotFoundError, match="contracts list"):
        review_renewal(sqlite, "XX-1", as_of=MAY_15)


def test_alerts_learn_of_an_offer_as_fractions_without_prices(told: Database) -> None:
    with told.reading() as session:
        (offer,) = renewal_offers(session, on=MAY_15)

    assert offer.subject == f"harbor-compute {story.HARBOR} (1,024 \N{MULTIPLICATION SIGN} B200)"
    assert offer.hike is not None
    assert offer.premium is not None
    assert round(offer.hike, 4) == Decimal("0.9392")
    assert round(offer.premium, 4) == Decimal("0.1591")
    assert offer.over_cap is None


def test_alerts_learn_until_when_each_quote_holds(told: Database) -> None:
    with told.reading() as session:
        validities = quote_validities(session, on=MAY_15)

    by_subject = {each.subject: each for each in validities}
    assert len(validities) == 8
    renewal = by_subject[f"harbor-compute {story.HARBOR}, renewal offer"]
    assert (renewal.valid_until, renewal.is_open) == (date(2026, 6, 14), True)
