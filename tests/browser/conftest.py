"""Chromium from Debian, driven by Playwright, on a desk that serves real pages."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.servers.engines import missing, program

# Without these flags Chromium looks for its maker's hosts at every start.
_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The browser's path; without one the test is skipped, or fails where DESK_REQUIRE names it."""
    found = program("chromium", "/usr/bin") or program("chromium-browser") or program("google-chrome")
    if found is None:
        missing("browser", "Chromium is not installed (apt-get install chromium)")
    assert found is not None
    return found


@pytest.fixture(scope="session")
def browser(chromium: Path) -> Iterator[Browser]:
    """One Chromium for all tests of a worker."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=_FLAGS)
        yield running
        running.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser profile of its own; what a page loads from anywhere but loopback fails the test."""
    strangers: list[str] = []
    fresh = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB", timezone_id="Europe/Berlin")
    fresh.set_default_timeout(10_000)
    fresh.on("request", lambda request: strangers.append(request.url) if _is_foreign(request.url) else None)
    yield fresh
    fresh.close()
    assert not strangers, f"a page asked other hosts: {strangers}"


def _is_foreign(url: str) -> bool:
    return urlsplit(url).scheme in {"http", "https", "ws", "wss"} and urlsplit(url).hostname != "127.0.0.1"


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page; an error in its scripts fails the test."""
    errors: list[str] = []
    fresh = context.new_page()
    fresh.on("pageerror", lambda error: errors.append(str(error)))
    yield fresh
    assert not errors, f"scripts failed: {errors}"
