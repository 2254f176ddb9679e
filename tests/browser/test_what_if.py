"""What if, in a real browser: asked by keyboard alone, calm on a phone, with nothing that axe objects to."""

from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from desk.accounts.models import Person
from desk.domain.sla import Change
from tests.browser.marks import in_the_browser_alone, on_each_screen
from tests.cast import Cast
from tests.sla.rig import Rig, at

pytestmark = pytest.mark.browser
Enter = Callable[[Page, Person, str], Page]
PAGE = "/service-levels/what-if"


@pytest.fixture
def rig(cast: Cast) -> Rig:
    """Answered on the second day, after ten working hours of fifteen."""
    rig = Rig.build(cast, at("2026-03-02T09:00"))
    rig.change("2026-03-03T11:00", Change.staff_replied())
    return rig


def test_a_question_is_asked_by_keyboard_alone_and_the_list_taken_along(
    page: Page, enter: Enter, cast: Cast, rig: Rig, tmp_path: Path
) -> None:
    enter(page, cast.lena, PAGE)
    expect(page.get_by_label("First answer, P3, normal: number")).to_be_hidden()
    page.get_by_label("As they were").nth(1).focus()
    page.keyboard.press("ArrowDown")
    amount = page.get_by_label("First answer, P3, normal: number")
    expect(amount).to_be_visible()
    amount.focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("x")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(amount).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("9")
    page.keyboard.press("Tab")
    page.keyboard.type("h")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    answer = page.get_by_role("region", name="What would have been")
    expect(answer).to_be_focused()
    expect(answer).to_contain_text("1 measurement would have been late and was not")
    expect(answer.get_by_role("row", name="First answer")).to_contain_text("100.0 points worse")
    expect(answer.get_by_role("link", name=f"#{rig.ticket_id}")).to_be_visible()
    with page.expect_download() as download:
        answer.get_by_role("link", name="Download all 1 as CSV").click()
    download.value.save_as(tmp_path / "what-if.csv")
    assert (tmp_path / "what-if.csv").read_text().splitlines()[1].startswith(f"{rig.ticket_id},")


@in_the_browser_alone
@on_each_screen
def test_the_page_fits_the_screen_and_axe_finds_nothing(
    browser: Browser, site: str, enter: Enter, cast: Cast, rig: Rig, width: int, scheme: str
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    enter(page, cast.lena, PAGE)
    wrong = complaints(page, "the question")
    page.get_by_label("Other hours").check()
    page.get_by_label("Other targets").check()
    page.get_by_label("To", exact=True).fill("22:00")
    page.get_by_label("First answer, P3, normal: number").fill("0")
    wrong += complaints(page, "with everything open")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    wrong += complaints(page, "with an error")
    page.get_by_label("First answer, P3, normal: number").fill("1")
    page.get_by_label("First answer, P3, normal: unit").select_option("hours")
    page.keyboard.press("Enter")
    expect(page.get_by_role("region", name="What would have been")).to_be_visible()
    page.get_by_text("How to read this").click()
    wrong += complaints(page, "the answer")
    context.close()
    assert wrong == []


def complaints(page: Page, what: str) -> list[str]:
    found = [f"{what}: {each['id']}" for each in Axe().run(page).response["violations"]]
    if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
        found.append(f"{what}: it scrolls sideways")
    return found
