"""The laboratory and the letters on a phone and on a wide screen, light and dark, and by keyboard alone."""

from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from desk.accounts.models import Person
from desk.mail import letter_examples
from tests.browser.marks import in_the_browser_alone, on_each_screen
from tests.cast import Cast
from tests.tickets.scenes import filed

pytestmark = pytest.mark.browser
Enter = Callable[[Page, Person, str], Page]

LONG = "Averylongwordwithoutanyspace" * 6
SOURCE = (
    f"From: Bob <bob@birch.example>\nTo: north@desk.example\nSubject: [#1] {LONG}\nMessage-ID: <{LONG}@mail.example>\n"
    f"\nThank you. {LONG}\n\nOn Mon, 2 Mar 2026 at 10:00, North wrote:\n> Please try again.\n"
)


def findings(page: Page, width: int) -> list[object]:
    """What is wrong with the page as it stands."""
    wrong: list[object] = [(each["id"], each["nodes"][0]["target"]) for each in Axe().run(page).response["violations"]]
    if page.evaluate("document.documentElement.scrollWidth") > width:
        wrong.append("sideways scroll")
    return wrong


@in_the_browser_alone
@on_each_screen
def test_both_pages_fit_the_screen_and_axe_finds_nothing(
    browser: Browser, site: str, enter: Enter, cast: Cast, width: int, scheme: str, tmp_path: Path
) -> None:
    filed(cast)
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if "Content Security" in message.text else None)
    enter(page, cast.lena, "/mail/laboratory")
    assert findings(page, width) == []
    page.get_by_role("button", name="Show what would be done").click()
    page.get_by_role("alert").wait_for()
    assert findings(page, width) == []
    page.get_by_label("Or its source").fill(SOURCE)
    page.get_by_role("button", name="Show what would be done").click()
    page.get_by_text("The whole text, with what would be folded").click()
    assert findings(page, width) == []
    page.screenshot(path=tmp_path / f"laboratory-{width}-{scheme}.png", full_page=True)
    enter(page, cast.lena, "/mail/letters")
    assert findings(page, width) == []
    page.locator("#member-answered > summary").click()
    page.frame_locator("#member-answered iframe").get_by_text("Here is what was found").wait_for()
    page.screenshot(path=tmp_path / f"letters-{width}-{scheme}.png", full_page=True)
    assert findings(page, width) == []
    context.close()
    assert complaints == []


@in_the_browser_alone
def test_every_letter_shows_its_html_part_in_its_frame(page: Page, enter: Enter, cast: Cast) -> None:
    enter(page, cast.lena, "/mail/letters?zone=Asia/Kathmandu")
    for side, kinds in letter_examples.READERS.items():
        for kind in kinds:
            page.locator(f"#{side}-{kind} > summary").press("Enter")
            frame = page.frame_locator(f"#{side}-{kind} iframe")
            frame.get_by_text("Example Consortium support").last.wait_for()
            page.locator(f"#{side}-{kind} > summary").press("Enter")
