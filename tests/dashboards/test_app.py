"""Who is let in, and what is told when the API is not there."""

import pytest

from broker.access.scope import Role
from tests.dashboards.conftest import the_app, words_of
from tests.dashboards.serving import Served

NOBODY_THERE = "http://127.0.0.1:9"


@pytest.mark.usefixtures("on_story")
def test_a_key_in_the_environment_signs_in_and_the_page_says_as_whom() -> None:
    page = the_app().run()

    assert not page.exception
    assert page.title[0].value == "Renewals"
    assert "**demo admin** (admin)" in words_of(page).replace("\\", "")
    assert "TONNAGE_API_KEY" in words_of(page)


@pytest.mark.usefixtures("no_key")
def test_without_a_key_the_page_asks_for_one_and_shows_nothing_else(
    story_api: Served, story_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TONNAGE_API_URL", story_api.url)

    page = the_app().run()

    assert page.title[0].value == "Sign in"
    assert not page.metric
    assert not page.dataframe

    page.text_input[0].set_value(story_key)
    page.button[0].click().run()

    assert not page.exception
    assert page.title[0].value == "Renewals"
    assert "TONNAGE_API_KEY" not in words_of(page)


@pytest.mark.usefixtures("no_key")
@pytest.mark.parametrize("key", ["tng_nonsense", "schlüssel", "  "])
def test_a_key_that_opens_nothing_is_refused_and_not_repeated(
    story_api: Served, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("TONNAGE_API_URL", story_api.url)
    page = the_app().run()

    page.text_input[0].set_value(key)
    page.button[0].click().run()

    assert page.title[0].value == "Sign in"
    assert page.error
    assert not key.strip() or key not in words_of(page)


def test_whoever_signs_out_is_not_signed_in_again_by_the_environment(on_story: Served) -> None:
    page = the_app().run()

    page.button(key="sign out").click().run()

    assert page.title[0].value == "Sign in"
    assert not page.dataframe


def test_a_key_that_is_revoked_meanwhile_leads_back_to_the_sign_in(
    story_api: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TONNAGE_API_URL", story_api.url)
    monkeypatch.setenv("TONNAGE_API_KEY", story_api.a_key(name="short-lived"))
    page = the_app().run()
    assert page.title[0].value == "Renewals"

    story_api.revoke("short-lived")
    page.run()

    assert page.title[0].value == "Sign in"
    assert "no longer accepted" in page.warning[0].value


def test_a_role_without_the_right_is_told_which_roles_have_it(
    story_api: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TONNAGE_API_URL", story_api.url)
    monkeypatch.setenv("TONNAGE_API_KEY", story_api.a_key(Role.SCHEDULER))

    page = the_app().run()

    assert len(page.error) == 1
    assert "viewer, procurement, admin" in page.error[0].value.replace("\\", "")
    assert not page.dataframe


def test_an_api_that_does_not_answer_is_one_block_and_no_figures(
    monkeypatch: pytest.MonkeyPatch, on_story: Served
) -> None:
    monkeypatch.setenv("TONNAGE_API_URL", NOBODY_THERE)
    page = the_app().run()

    assert not page.exception
    assert len(page.error) == 1
    assert "tonnage serve" in page.error[0].value
    assert not page.metric
    assert not page.dataframe

    monkeypatch.setenv("TONNAGE_API_URL", on_story.url)
    page.button(key="retry").click().run()

    assert not page.error
    assert page.title[0].value == "Renewals"
