"""The renewal meeting, page logic: what opens it, the list, and the brief of the line picked."""

from datetime import date

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from broker.api.client import Client
from tests.dashboards.conftest import the_app, words_of
from tests.dashboards.serving import Served


def metrics(page: AppTest) -> dict[str, tuple[str, str]]:
    return {one.label: (one.value, one.delta) for one in page.metric}


def listed(page: AppTest) -> pd.DataFrame:
    frame: pd.DataFrame = page.dataframe[0].value
    return frame


def line_id(api: Served, key: str, reference: str) -> str:
    with Client(api.url, key) as client:
        items = client.renewals().items
    return next(one.line_id for one in items if one.contract_ref == reference)


def plain(page: AppTest) -> str:
    return words_of(page).replace("\\", "").replace("\u00a0", " ")


@pytest.mark.usefixtures("on_story")
def test_the_meeting_opens_with_what_ends_what_it_may_cost_and_by_when_to_speak() -> None:
    page = the_app().run()

    assert not page.exception
    found = metrics(page)
    assert found["Lines ending in 90 days"] == ("0", "4 in 180 days")
    assert found["Exposure of open offers, a year"] == ("$22.16\u00a0m", "1 open offer")
    assert found["Next notice deadline"] == ("2 Jul 2026", "48 days left · 2 lines")
    assert "As of 15 May 2026" in words_of(page)


@pytest.mark.usefixtures("on_story")
def test_lines_are_listed_by_days_to_notice_then_by_risk() -> None:
    frame = listed(the_app().run())

    assert list(frame["Line"])[:2] == ["HC-2025-B200-01/1", "RR-2025-01/1"]
    assert list(frame["Days"]) == sorted(frame["Days"])
    assert frame["Risk"][0] > frame["Risk"][1]
    assert frame["Next step"][0] == "Counter at 4.40 USD; walk away above 4.6743 USD"


def test_the_most_urgent_line_is_briefed_and_the_address_names_it(
    on_story: Served, story_key: str
) -> None:
    page = the_app().run()

    words = plain(page)
    assert page.header[0].value.replace("\\", "") == "Harbor Compute, Inc. · HC-2025-B200-01/1"
    assert "Counter at 4.40 USD; walk away above 4.6743 USD" in words
    assert "By 14 Jun 2026: the offer lapses after it." in words
    found = metrics(page)
    assert found["Price now"] == ("$2.63", "per GPU-hour")
    assert found["Offer"] == ("$5.10", "+93.9\u00a0% over now")
    assert found["Benchmark"] == ("$4.40", "n 7 · $4.175 to $4.675")
    assert found["Walk away above"] == ("$4.6743", "against Sagebrush Compute, Inc.")
    assert found["Exposure a year"] == ("$22.16\u00a0m", "premium $6.28\u00a0m")
    assert found["Risk"] == ("77.6", "of 100")
    assert page.query_params["line"] == line_id(on_story, story_key, "HC-2025-B200-01")


def test_the_address_picks_the_line_that_is_briefed(on_story: Served, story_key: str) -> None:
    page = the_app()
    page.query_params["line"] = line_id(on_story, story_key, "PC-1")

    page.run()

    assert not page.exception
    assert page.header[0].value.replace("\\", "") == "Prairie Compute Co. · PC-1/1"
    assert page.query_params["line"] == line_id(on_story, story_key, "PC-1")


def test_without_an_offer_and_a_benchmark_the_brief_says_so_and_what_would_help(
    on_story: Served, story_key: str
) -> None:
    page = the_app()
    page.query_params["line"] = line_id(on_story, story_key, "PC-1")
    page.run()

    found = metrics(page)
    assert found["Offer"] == ("none yet", "ask the supplier")
    assert found["Benchmark"] == ("unknown", "0 of 5 suppliers needed")
    assert found["Walk away above"][0] == "unknown"
    assert found["Exposure a year"] == ("—", "no offer yet")
    assert "to" in found["Risk"][0]
    words = plain(page)
    assert "No offer yet." in words
    assert "No benchmark is drawn: 0 comparable suppliers, 5 are needed." in words
    assert any("tonnage " in code.value for code in page.code)


@pytest.mark.usefixtures("on_story")
def test_a_line_that_is_not_there_is_told_and_the_most_urgent_one_is_shown() -> None:
    page = the_app()
    page.query_params["line"] = "gone"

    page.run()

    assert not page.exception
    assert "not among those to renew" in page.warning[0].value
    assert "HC-2025-B200-01" in page.header[0].value.replace("\\", "")


@pytest.mark.usefixtures("on_story")
def test_another_day_is_asked_about_by_the_picker_and_by_the_address() -> None:
    page = the_app().run()
    page.date_input[0].set_value(date(2026, 4, 1)).run()

    assert not page.exception
    assert "As of 1 Apr 2026" in words_of(page)
    assert metrics(page)["Next notice deadline"] == ("2 Jul 2026", "92 days left · 2 lines")
    assert metrics(page)["Offer"][0] == "none yet"

    pasted = the_app()
    pasted.query_params["as_of"] = "2026-04-01"
    pasted.run()

    assert "As of 1 Apr 2026" in words_of(pasted)
    assert pasted.date_input[0].value == date(2026, 4, 1)


@pytest.mark.usefixtures("on_nothing")
def test_empty_books_say_how_to_fill_them() -> None:
    page = the_app().run()

    assert not page.exception
    assert "tonnage contracts import FILE" in page.info[0].value
    assert not page.dataframe
    assert not page.metric
