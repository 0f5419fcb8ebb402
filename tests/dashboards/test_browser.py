"""The dashboard in a real browser: it draws, it answers a click, and it calls nobody outside."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from socket import create_server
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.conftest import skip_unless_required
from tests.dashboards.serving import Served

pytestmark = pytest.mark.chromium

ROOT = Path(__file__).parents[2]
OUR_OWN = re.compile(r"(https?|wss?)://127\.0\.0\.1[:/]|data:|blob:")
READY = '[data-testid="stApp"][data-test-script-state="notRunning"]'
PATIENCE_MS = 45_000
HEADER_PIXELS, ROW_PIXELS, RADIO_PIXELS = 36, 36, 16
SWITCHES = (
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A page in the browser, and what it did that it should not."""

    page: Page
    address: str
    failures: list[str] = field(default_factory=list)
    calls_outside: list[str] = field(default_factory=list)

    def open(self, path: str) -> None:
        """Open a page and wait until it is drawn."""
        self.page.goto(f"{self.address}{path}", wait_until="domcontentloaded")
        self.wait()

    def wait(self) -> None:
        """Wait until the script has run and nothing is a placeholder any more."""
        self.page.wait_for_selector(READY, timeout=PATIENCE_MS)
        expect(self.page.get_by_test_id("stSkeleton")).to_have_count(0, timeout=PATIENCE_MS)

    def sees(self, heading: str) -> None:
        """Expect a heading that the reader sees."""
        expect(self.page.get_by_role("heading", name=heading)).to_be_visible(timeout=PATIENCE_MS)

    def is_sound(self) -> None:
        """Expect no failure on the page, in its scripts, nor a call to anybody else."""
        expect(self.page.get_by_test_id("stException")).to_have_count(0)
        assert self.failures == []
        assert self.calls_outside == []


@pytest.fixture(scope="module")
def dashboard(story_api: Served, story_key: str, tmp_path_factory: Any) -> Iterator[str]:
    """Run `tonnage dashboard` on the story, from a folder that is not ours; yield its address."""
    with create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = os.environ | {
        "TONNAGE_API_URL": story_api.url,
        "TONNAGE_API_KEY": story_key,
        "PYTHONPATH": str(ROOT),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "broker", "dashboard", "--port", str(port)],
        cwd=tmp_path_factory.mktemp("elsewhere"),
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:  # ends with the process, so that this cannot wait for ever
            if "started on" in line:
                break
        health = httpx2.get(f"http://127.0.0.1:{port}/_stcore/health", timeout=PATIENCE_MS / 1000)
        assert health.text == "ok"
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.communicate(timeout=20)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Chromium once."""
    binary = shutil.which("chromium") or shutil.which("chromium-browser")
    if binary is None:
        skip_unless_required("chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=binary, args=list(SWITCHES))
        yield started
        started.close()


@pytest.fixture
def visit(browser: Browser, dashboard: str) -> Iterator[Visit]:
    """Open an empty page far from UTC, so that a day that slips would show."""
    context = browser.new_context(
        viewport={"width": 1440, "height": 900}, timezone_id="America/Los_Angeles"
    )
    made = Visit(page=context.new_page(), address=dashboard)
    made.page.on("pageerror", lambda failure: made.failures.append(str(failure)))
    made.page.on(
        "request",
        lambda asked: None if OUR_OWN.match(asked.url) else made.calls_outside.append(asked.url),
    )
    yield made
    context.close()


def test_a_click_on_a_line_shows_its_brief_and_the_address_carries_it(visit: Visit) -> None:
    visit.open("/")
    visit.sees("Renewals")
    visit.sees("HC-2025-B200-01/1")
    first = visit.page.url

    box = visit.page.get_by_test_id("stDataFrame").first.bounding_box()
    assert box is not None
    visit.page.mouse.click(box["x"] + RADIO_PIXELS, box["y"] + HEADER_PIXELS + ROW_PIXELS * 1.5)

    visit.sees("RR-2025-01/1")
    visit.wait()
    second = visit.page.url
    assert "line=" in first
    assert first != second
    visit.is_sound()

    visit.page.goto(second)
    visit.wait()
    visit.sees("RR-2025-01/1")
    visit.is_sound()


def test_the_picture_of_the_brief_names_its_prices_and_its_own_days(visit: Visit) -> None:
    visit.open("/")

    chart = visit.page.get_by_test_id("stVegaLiteChart").first
    expect(chart.locator("canvas, svg").first).to_be_visible(timeout=PATIENCE_MS)
    visit.is_sound()


def test_the_market_is_drawn_and_its_filters_stand_in_the_address(visit: Visit) -> None:
    visit.open("/market?gpu=B200&provider=delphi-gpu")

    visit.sees("Market prices")
    visit.sees("Price history")
    expect(visit.page.get_by_test_id("stVegaLiteChart").first).to_be_visible(timeout=PATIENCE_MS)
    assert "provider=delphi-gpu" in visit.page.url
    visit.is_sound()


def test_whoever_signs_out_signs_in_again_at_the_same_address(visit: Visit, story_key: str) -> None:
    visit.open("/market")
    visit.page.get_by_role("button", name="Sign out").click()
    visit.sees("Sign in")
    visit.wait()
    expect(visit.page.get_by_test_id("stVegaLiteChart")).to_have_count(0)

    visit.page.get_by_label("API key", exact=True).fill(story_key)
    visit.page.get_by_test_id("stFormSubmitButton").get_by_role("button").click()

    visit.sees("Market prices")
    assert story_key not in visit.page.url
    visit.is_sound()
