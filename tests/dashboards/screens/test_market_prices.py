"""The market, page logic: what is shown for a model, how filters narrow it, what is unknown."""

from datetime import date

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from tests.dashboards.conftest import the_market_page, words_of


def metrics(page: AppTest) -> dict[str, tuple[str, str]]:
    return {one.label: (one.value, one.delta) for one in page.metric}


def compared(page: AppTest) -> pd.DataFrame:
    frame: pd.DataFrame = page.dataframe[0].value
    return frame


def a_page(**address: str) -> AppTest:
    page = the_market_page()
    for name, value in address.items():
        page.query_params[name] = value
    return page.run()


@pytest.mark.usefixtures("on_story")
def test_a_market_opens_with_its_benchmark_its_index_and_the_age_of_both() -> None:
    page = a_page(gpu="B200")

    assert not page.exception
    found = metrics(page)
    assert found["List benchmark, B200"] == ("$5.29", "8 providers · quartiles $4.9625 to $5.7625")
    assert found["Matched panel index"] == ("107.8", "8 providers · 100 on 6 Mar 2026")
    assert found["Last looked"] == ("15 May 2026", "on the day itself")
    assert "As of 15 May 2026" in words_of(page)


@pytest.mark.usefixtures("on_story")
def test_providers_stand_side_by_side_the_cheapest_first() -> None:
    frame = compared(a_page(gpu="B200"))

    assert list(frame["Low"]) == sorted(frame["Low"])
    assert set(frame["Kind"]) == {"on-demand"}
    assert set(frame["State"]) == {"● seen"}
    jumped = frame.set_index("Provider").loc["delphi-gpu"]
    assert (jumped["Low"], jumped["7 days"]) == (5.8, 0.16)


@pytest.mark.usefixtures("on_story")
def test_filters_narrow_the_table_and_come_from_the_address_too() -> None:
    page = a_page(gpu="B200")
    page.multiselect[0].set_value(["delphi-gpu", "atlas-compute"]).run()

    assert not page.exception
    assert set(compared(page)["Provider"]) == {"delphi-gpu", "atlas-compute"}

    pasted = a_page(gpu="B200", provider="delphi-gpu")

    assert list(compared(pasted)["Provider"]) == ["delphi-gpu"]


@pytest.mark.usefixtures("on_story")
def test_a_filter_that_fits_nothing_is_told_and_not_an_error() -> None:
    page = a_page(gpu="B200", provider="northwind-gpu")

    assert not page.exception
    assert "No provider matches these filters." in words_of(page)


@pytest.mark.usefixtures("on_story")
def test_an_address_that_names_no_known_gpu_falls_back_to_the_widest_market() -> None:
    page = a_page(gpu="ABACUS-9", as_of="someday")

    assert not page.exception
    assert page.selectbox[0].value in {"B200", "H100"}


@pytest.mark.usefixtures("on_story")
def test_too_few_providers_make_no_benchmark_and_the_reason_is_told() -> None:
    page = a_page(gpu="GB200")

    assert not page.exception
    value, note = metrics(page)["List benchmark, GB200"]
    assert value == "unknown"
    assert note.endswith("providers; at least 5 are needed")
    assert "**Unknown.**" in words_of(page)


@pytest.mark.usefixtures("on_story")
def test_a_price_nobody_confirmed_lately_is_marked_as_carried_forward() -> None:
    page = a_page(gpu="B200", as_of=date(2026, 4, 19).isoformat())

    states = set(compared(page)["State"])
    assert states == {"△ carried forward 2 d"}
    assert metrics(page)["Last looked"] == ("17 Apr 2026", "2 days before")


@pytest.mark.usefixtures("on_story")
def test_a_feed_that_nobody_fed_for_days_is_told_before_its_figures() -> None:
    page = a_page(gpu="B200", as_of="2026-05-20")

    assert not page.exception
    assert "Nobody has looked since 15 May 2026, 5 days before" in page.warning[0].value
    assert metrics(page)["Prices seen on this day"][0] == "0 of 10"


@pytest.mark.usefixtures("on_story")
def test_a_slice_of_a_gpu_is_named_among_what_was_left_out() -> None:
    page = a_page(gpu="H100")

    assert not page.exception
    assert [one.label for one in page.expander] == ["1 product line is compared with nothing"]
    assert list(page.dataframe[-1].value["Provider"]) == ["granite-ai"]


@pytest.mark.usefixtures("on_nothing")
def test_without_any_price_the_page_says_how_to_import_some() -> None:
    page = a_page()

    assert not page.exception
    assert "tonnage prices import FILE" in page.info[0].value
    assert not page.dataframe
