"""Chromium from Debian, driven by Playwright, on a desk that serves real pages."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from werkzeug.serving import WSGIRequestHandler, make_server

from desk.accounts.models import Person
from tests.cast import Cast
from tests.servers.engines import missing, program

PATIENCE_MS = 30_000
"""How long a page is waited for: a bound for what will not come, however busy the machine is."""

expect.set_options(timeout=PATIENCE_MS)

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
    fresh.set_default_timeout(PATIENCE_MS)
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


class Quiet(WSGIRequestHandler):
    """Says nothing of each request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Silence."""


@pytest.fixture
def site(app: Flask) -> Iterator[str]:
    """The address of a desk that serves the test's database, with its forms guarded as in production."""
    app.config["WTF_CSRF_ENABLED"] = True
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def enter(site: str, app: Flask, cast: Cast) -> Callable[[Page, Person, str], Page]:
    """Opens a page as somebody who has signed in."""

    def go(page: Page, person: Person, path: str) -> Page:
        cookie = cast.sign_in(app.test_client(), person).get_cookie("desk")
        assert cookie is not None
        page.context.clear_cookies()
        page.context.add_cookies([{"name": "desk", "value": cookie.value, "url": site}])
        page.goto(f"{site}{path}")
        return page

    return go
