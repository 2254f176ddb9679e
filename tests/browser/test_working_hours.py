"""Working hours in a real browser: by keyboard alone, with and without script, on every width and in both schemes."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from sqlalchemy.orm import Session

from desk.accounts.models import Person
from desk.calendars.models import Calendar
from desk.db import transaction
from desk.domain.permissions import Place
from desk.working_hours import service
from tests.browser.marks import in_the_browser_alone, on_each_screen
from tests.browser.test_tickets import tab_to
from tests.cast import Cast
from tests.tickets.scenes import filed

pytestmark = pytest.mark.browser
Enter = Callable[[Page, Person, str], Page]


@pytest.fixture
def number(cast: Cast, session: Session) -> int:
    """The calendar of the north, in which the clocks of a ticket run."""
    filed(cast)
    found = session.scalars(sa.select(Calendar.id).where(Calendar.consortium_id == cast.north.id)).one()
    session.rollback()
    return found


@pytest.fixture
def plain(browser: Browser) -> Iterator[Page]:
    """A page without script."""
    context = browser.new_context(java_script_enabled=False)
    yield context.new_page()
    context.close()


def tab_until(page: Page, control: str, presses: int = 150) -> None:
    """Press Tab until the control with this id has the focus."""
    for _ in range(presses):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == control:
            return
    raise AssertionError(f"{control} is not reached by Tab")


def test_hours_are_changed_looked_at_and_saved_by_keyboard_alone(
    page: Page, enter: Enter, cast: Cast, number: int
) -> None:
    enter(page, cast.lena, "/queue")
    tab_to(page, "Service levels")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Working hours")
    tab_to(page, "Edit")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Edit")
    tab_until(page, "fri-0-until")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("15")
    tab_until(page, "add-sat")
    page.keyboard.press("Enter")
    expect(page.locator("#sat-0-from")).to_be_focused()
    page.keyboard.type("22")
    page.keyboard.press("Tab")
    page.keyboard.type("2")
    expect(page.locator("[data-day=sat] .overnight")).to_have_text("the next day")
    tab_until(page, "add-closure")
    page.keyboard.press("Enter")
    expect(page.locator("#closure-0-first")).to_be_focused()
    expect(page.locator("#fri-0-until")).to_have_value("15")
    page.locator("#closure-0-first").fill("2026-03-05")
    tab_until(page, "closure-0-name")
    page.keyboard.type("We move house")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Before you save")
    expect(page.get_by_role("cell", name="Promise to the member")).to_be_visible()
    expect(page.get_by_text("Saturday: 22:00 to 02:00 the next day instead of closed.")).to_be_visible()
    tab_to(page, "Save these hours")
    page.keyboard.press("Enter")
    expect(page.get_by_text(re.compile("The hours are saved. Dates moved:"))).to_be_visible()
    expect(page.get_by_text("5 March closed: We move house")).to_be_visible()


@in_the_browser_alone
def test_the_picture_of_the_week_follows_what_is_typed(page: Page, enter: Enter, cast: Cast, number: int) -> None:
    enter(page, cast.lena, f"/service-levels/hours/{number}/edit")
    page.fill("#mon-0-from", "2200")
    page.fill("#mon-0-until", "6:00")
    rect = page.locator("[data-day=mon] .day-bar .open")
    expect(rect).to_have_attribute("x", "22")
    expect(page.locator("[data-day=tue] .day-bar .open")).to_have_count(2)


@in_the_browser_alone
def test_another_country_brings_its_parts_and_holidays(page: Page, enter: Enter, cast: Cast, number: int) -> None:
    enter(page, cast.lena, f"/service-levels/hours/{number}/edit")
    page.fill("#tz", "Europe/Madrid")
    page.get_by_label("Country").select_option(label="Spain")
    page.get_by_label("State, region or part").select_option(label="Madrid")
    expect(page.get_by_text("Madrid Day").first).to_be_visible()
    box = page.locator("#closed-2026-05-01")
    expect(box).to_be_checked()
    box.uncheck()
    page.get_by_role("button", name="Add a special day").click()
    expect(page.locator("#closed-2026-05-01")).not_to_be_checked()
    expect(page.locator("#tz")).to_have_value("Europe/Madrid")


@in_the_browser_alone
def test_the_form_works_without_script(plain: Page, enter: Enter, cast: Cast, number: int) -> None:
    page = enter(plain, cast.lena, f"/service-levels/hours/{number}/edit")
    page.get_by_role("button", name="Remove Friday 09:00 to 17:00").click()
    expect(page.locator("#fri-0-from")).to_have_count(0)
    page.get_by_role("button", name="Add hours on Sunday").click()
    page.fill("#sun-0-from", "9")
    page.fill("#sun-0-until", "1230")
    page.get_by_role("button", name="Add a special day").click()
    page.fill("#special-0-day", "2026-12-24")
    page.fill("#special-0-hours", "9-12")
    page.select_option("#country", "DE")
    page.get_by_role("button", name="Show the parts and holidays of this place").click()
    expect(page.get_by_text("German Unity Day").first).to_be_visible()
    expect(page.locator("#special-0-hours")).to_have_value("9-12")
    page.get_by_role("button", name="Look ahead before saving").last.click()
    expect(page.get_by_text("Sunday: 09:00 to 12:30 instead of closed.")).to_be_visible()
    page.get_by_role("button", name="Back to the form").first.click()
    expect(page.locator("#sun-0-until")).to_have_value("1230")
    page.get_by_role("button", name="Look ahead before saving").last.click()
    page.get_by_role("button", name="Save these hours").first.click()
    expect(page.get_by_text("The hours are saved.")).to_be_visible()


@in_the_browser_alone
def test_what_is_wrong_leads_to_its_row(page: Page, enter: Enter, cast: Cast, number: int) -> None:
    enter(page, cast.lena, f"/service-levels/hours/{number}/edit")
    page.fill("#wed-0-from", "noon")
    page.get_by_role("button", name="Look ahead before saving").last.click()
    expect(page.locator(".summary")).to_be_focused()
    page.get_by_role("link", name="Wednesday: “noon” is not a time of day").click()
    expect(page.locator("#wed-0-from")).to_be_focused()
    expect(page.locator("#wed-0-from")).to_have_value("noon")


@in_the_browser_alone
@on_each_screen
def test_the_pages_fit_the_screen_and_axe_finds_nothing(
    browser: Browser, enter: Enter, cast: Cast, number: int, width: int, scheme: str, tmp_path: Path
) -> None:
    with transaction() as unit:
        place = Place(consortium_id=cast.north.id)
        service.found_calendar(
            unit, cast.actor(cast.lena), place=place, name="W" * 150, like=None, tz="UTC", now=cast.now
        )
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    wrong = []

    def look(name: str) -> None:
        scrolls = page.evaluate("document.documentElement.scrollWidth") > width
        violations = [(each["id"], each["nodes"][0]["target"]) for each in Axe().run(page).response["violations"]]
        page.screenshot(path=tmp_path / f"{name}-{width}-{scheme}.png", full_page=True)
        if scrolls or violations:
            wrong.append((name, "sideways scroll" if scrolls else "", violations))

    for name, path in (("index", ""), ("new", "/new"), ("show", f"/{number}"), ("year", f"/{number}/year")):
        enter(page, cast.lena, f"/service-levels/hours{path}")
        look(name)
    enter(page, cast.lena, f"/service-levels/hours/{number}/import")
    look("import")
    enter(page, cast.lena, f"/service-levels/hours/{number}/edit")
    for row in ("closure", "special", "break"):
        page.click(f"#add-{row}")
        page.wait_for_selector(f"#{row}-0-name, #{row}-0-from")
    look("edit")
    page.fill("#mon-0-from", "x")
    page.click("main .btn-primary")
    look("refused")
    page.fill("#mon-0-from", "10")
    page.click("main .btn-primary")
    expect(page.get_by_role("heading", level=1)).to_have_text("Before you save")
    look("preview")
    context.close()
    assert wrong == []
