"""Every page on a phone and on a wide screen, light and dark: no sideways scroll, nothing that axe objects to."""

from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser, Page

from desk.accounts import queries as accounts
from desk.accounts.models import Person
from desk.conversations.service import File
from desk.db import transaction
from desk.domain.priority import Impact, Urgency
from desk.domain.vocabulary import Audience
from desk.handover import service as handover
from desk.tickets.models import Ticket
from tests.browser.marks import in_the_browser_alone, on_each_screen
from tests.cast import Cast
from tests.tickets.scenes import filed, with_catalogue, written

pytestmark = pytest.mark.browser
Enter = Callable[[Page, Person, str], Page]

LONG = "Averylongwordwithoutanyspace" * 6

PAGES: tuple[tuple[str, str], ...] = (
    ("", "/sign-in"),
    ("", "/link/nothing"),
    ("alice", "/tickets"),
    ("alice", "/tickets?done=1"),
    ("alice", "/tickets/new"),
    ("alice", "/tickets/1"),
    ("alice", "/profile"),
    ("alice", "/nothing/here"),
    ("leo", "/queue"),
    ("leo", "/queue?q=nothing"),
    ("leo", "/tickets/1"),
    ("leo", "/tickets/2"),
    ("leo", "/tickets/1/clocks"),
    ("leo", "/tickets/new"),
    ("rita", "/tickets/2"),
    ("ada", "/"),
)


def furnish(cast: Cast) -> None:
    """A ticket with everything on it, and one with the registry."""
    with_catalogue(cast)
    text = f"{LONG}\n\n```\n{LONG}\n```\n\n| a | b |\n|---|---|\n| {LONG} | {LONG} |\n\nhttps://example.org/{LONG}"
    number = filed(
        cast,
        subject=f"A long subject with {LONG}"[:200],
        text=text,
        impact=Impact.HIGH,
        urgency=Urgency.HIGH,
        catalogue_key="orcid-oauth-redirect-mismatch",
        files=[File(f"{LONG}.txt", b"x")],
    )
    written(cast, number, cast.leo, "Answer")
    written(cast, number, cast.leo, f"Note {LONG}", Audience.LEAD)
    other = filed(cast, cast.bob)
    with transaction() as session:
        ticket = session.get_one(Ticket, other)
        team = accounts.team_of_registry(session, cast.orcid.id)
        actor = cast.actor(cast.leo)
        handover.hand_over(session, actor, ticket, registry_id=cast.orcid.id, team=team, tier=2, now=cast.now)
    written(cast, other, cast.leo, "Please look", Audience.HANDOVER)


@in_the_browser_alone
@on_each_screen
def test_pages_fit_the_screen_and_axe_finds_nothing(
    browser: Browser, site: str, enter: Enter, cast: Cast, width: int, scheme: str, tmp_path: Path
) -> None:
    furnish(cast)
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    foreign: list[str] = []
    page.on("request", lambda request: None if request.url.startswith((site, "data:")) else foreign.append(request.url))
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if "Content Security" in message.text else None)
    wrong = []
    for who, path in PAGES:
        if who:
            enter(page, cast.people()[who], path)
        else:
            page.goto(site + path)
        scrolls = page.evaluate("document.documentElement.scrollWidth") > width
        violations = [(each["id"], each["nodes"][0]["target"]) for each in Axe().run(page).response["violations"]]
        page.screenshot(path=tmp_path / f"{who}{path.replace('/', '_')}-{width}-{scheme}.png", full_page=True)
        if scrolls or violations:
            wrong.append((who, path, "sideways scroll" if scrolls else "", violations))
    context.close()
    assert wrong == []
    assert foreign == [] and complaints == []


@in_the_browser_alone
def test_the_focus_can_be_seen_on_every_control(page: Page, enter: Enter, cast: Cast) -> None:
    filed(cast)
    enter(page, cast.leo, "/tickets/1")
    for _ in range(25):
        page.keyboard.press("Tab")
        outline = page.evaluate(
            "() => { const s = getComputedStyle(document.activeElement); return [s.outlineStyle, s.outlineWidth] }"
        )
        assert outline == ["solid", "3px"], page.evaluate("document.activeElement.outerHTML")


@in_the_browser_alone
def test_the_desks_own_colours_follow_the_system_without_script(browser: Browser, app: Flask, site: str) -> None:
    seen = []
    for scheme in ("light", "dark"):
        context = browser.new_context(color_scheme=scheme, java_script_enabled=False)  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(f"{site}/sign-in")
        seen.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        context.close()
    assert len(set(seen)) == 2
