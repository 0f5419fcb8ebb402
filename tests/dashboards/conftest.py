"""Two APIs for a whole run of tests: one with the story of the demo, one with nothing in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from broker.store.engine import Database
from tests.broker import story
from tests.conftest import sqlite_database
from tests.dashboards.serving import Served, serving

APP = Path(__file__).parents[2] / "dashboards" / "app.py"
SECONDS = 30


@pytest.fixture(scope="session")
def story_api(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve the story: contracts, suppliers, quotes, assumptions, rates and list prices."""
    url = sqlite_database(sqlite_template, tmp_path_factory.mktemp("story"))
    filled = Database(url)
    story.load_story(filled)
    story.load_lists(filled)
    filled.close()
    with serving(url) as served:
        yield served


@pytest.fixture(scope="session")
def empty_api(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve a database with a schema and nothing in it."""
    with serving(sqlite_database(sqlite_template, tmp_path_factory.mktemp("empty"))) as served:
        yield served


@pytest.fixture(scope="session")
def story_key(story_api: Served) -> str:
    """Return an administrator's key to the story."""
    return story_api.a_key(name="demo admin")


@pytest.fixture
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the dashboard without a key of its own."""
    monkeypatch.delenv("TONNAGE_API_KEY", raising=False)


@pytest.fixture
def on_story(story_api: Served, story_key: str, monkeypatch: pytest.MonkeyPatch) -> Served:
    """Point the dashboard to the story, signed in by the environment."""
    monkeypatch.setenv("TONNAGE_API_URL", story_api.url)
    monkeypatch.setenv("TONNAGE_API_KEY", story_key)
    return story_api


@pytest.fixture
def on_nothing(empty_api: Served, monkeypatch: pytest.MonkeyPatch) -> Served:
    """Point the dashboard to the empty books, signed in by the environment."""
    monkeypatch.setenv("TONNAGE_API_URL", empty_api.url)
    monkeypatch.setenv("TONNAGE_API_KEY", empty_api.a_key(name=f"empty {id(monkeypatch)}"))
    return empty_api


def the_app() -> AppTest:
    """Return the dashboard, not run yet; it opens on its default page."""
    return AppTest.from_file(str(APP), default_timeout=SECONDS)


def the_market_page() -> AppTest:
    """Return the market page on its own, not run yet."""
    return AppTest.from_function(_market_page, default_timeout=SECONDS)


def words_of(page: AppTest) -> str:
    """Return everything that a reader can read on a page, outside tables and charts."""
    blocks = [page.title, page.subheader, page.markdown, page.caption, page.info, page.warning]
    return "\n".join(str(one.value) for block in [*blocks, page.error] for one in block)


def _market_page() -> None:
    from dashboards import session, trouble
    from dashboards.screens import market_prices

    with trouble.told():
        reader = session.current()
        if reader is not None:
            with reader.opened() as api:
                market_prices.show(api)
