"""Agreements in a real browser: changed by keyboard alone, calm on a phone, with nothing that axe objects to."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from sqlalchemy.orm import Session

from desk.accounts.models import Person
from desk.calendars.models import Agreement, AgreementVersion
from desk.db import transaction
from tests.browser.marks import in_the_browser_alone, on_each_screen
from tests.cast import Cast
from tests.clock import MovableClock
from tests.tickets.scenes import filed

pytestmark = pytest.mark.browser
Enter = Callable[[Page, Person, str], Page]


def general(session: Session, cast: Cast) -> int:
    with transaction() as unit:
        found = unit.scalars(sa.select(Agreement.id).where(Agreement.consortium_id == cast.north.id)).first()
    assert found is not None
    return found


def test_a_promise_is_changed_by_keyboard_alone_after_its_preview(
    page: Page, enter: Enter, cast: Cast, session: Session, clock: MovableClock
) -> None:
    number, agreement_id = filed(cast), general(session, cast)
    clock.move(timedelta(hours=2))
    # As after a link of the summary that was followed before the script was there.
    enter(page, cast.lena, f"/service-levels/agreements/{agreement_id}/edit#P4_first_response")
    page.get_by_label("First answer, P4, low: number").focus()
    page.keyboard.type("0")
    page.keyboard.press("Control+a")
    page.keyboard.type("0")
    page.keyboard.press("Enter")
    # Enter shows what it would change: it neither saves nor removes a step of the ladder.
    summary = page.get_by_role("alert")
    expect(summary).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_label("First answer, P4, low: number")).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("1")
    page.keyboard.press("Tab")
    page.keyboard.type("h")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    preview = page.get_by_role("region", name="What saving this does")
    expect(preview).to_be_focused()
    expect(preview).to_contain_text("1 would be late at once")
    expect(preview.get_by_role("link", name=f"#{number}")).to_be_visible()
    page.get_by_role("button", name="Save this version").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("The new version is saved and in force.")).to_be_visible()
    expect(page.get_by_role("cell", name="1 working hour")).to_be_visible()
    session.rollback()
    assert session.scalar(sa.select(sa.func.count()).where(AgreementVersion.agreement_id == agreement_id)) == 2


@in_the_browser_alone
def test_steps_of_the_ladder_are_added_and_removed_without_script(
    browser: Browser, site: str, enter: Enter, cast: Cast, session: Session
) -> None:
    agreement_id = general(session, cast)
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    enter(page, cast.lena, f"/service-levels/agreements/{agreement_id}/edit")
    page.get_by_role("button", name="Add a step").click()
    expect(page.get_by_role("group", name="Step 4")).to_be_visible()
    page.get_by_role("button", name="Remove step 1").click()
    expect(page.get_by_role("group", name="Step 4")).to_have_count(0)
    expect(page.locator("[name=rungs-0-percent]")).to_have_value("80")
    context.close()


@in_the_browser_alone
@on_each_screen
def test_the_pages_fit_the_screen_and_axe_finds_nothing(
    browser: Browser, site: str, enter: Enter, cast: Cast, session: Session, width: int, scheme: str
) -> None:
    agreement_id = general(session, cast)
    edit = f"/service-levels/agreements/{agreement_id}/edit"
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    wrong = []
    for person, path in (
        (cast.lena, "/service-levels/agreements"),
        (cast.leo, f"/service-levels/agreements/{agreement_id}"),
        (cast.lena, edit),
        (cast.lena, f"/service-levels/agreements/new/consortium-{cast.north.id}?to={cast.alder.id}"),
        (cast.alice, "/promises"),
        (cast.leo, "/promises"),
        (cast.ruth, "/service-levels/agreements"),
    ):
        enter(page, person, path)
        wrong += complaints(page, path)
        if path == edit:
            page.get_by_label("Consortium lead, P1, critical: number").fill("no number")
            page.keyboard.press("Enter")
            expect(page.get_by_role("alert")).to_be_visible()
            wrong += complaints(page, "the form with an error")
            page.get_by_label("Consortium lead, P1, critical: number").fill("3")
            page.keyboard.press("Enter")
            expect(page.get_by_role("region", name="What saving this does")).to_be_visible()
            wrong += complaints(page, "the preview")
    context.close()
    assert wrong == []


def complaints(page: Page, what: str) -> list[str]:
    found = [f"{what}: {each['id']}" for each in Axe().run(page).response["violations"]]
    if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
        found.append(f"{what}: it scrolls sideways")
    return found


_CUT = """() => [...document.querySelectorAll('.target-cell select')].filter(select => {
  const style = getComputedStyle(select), text = document.createElement('span');
  text.style.font = style.font;
  text.style.whiteSpace = 'nowrap';
  text.style.position = 'absolute';
  text.textContent = 'working days';
  document.body.append(text);
  const wide = text.getBoundingClientRect().width;
  text.remove();
  return wide > select.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
}).map(select => select.id)"""


@in_the_browser_alone
@pytest.mark.parametrize("width", [320, 390, 640, 768, 1024, 1120, 1440])
def test_the_units_of_targets_can_be_read_in_full(
    page: Page, enter: Enter, cast: Cast, session: Session, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    enter(page, cast.lena, f"/service-levels/agreements/{general(session, cast)}/edit")
    assert page.evaluate(_CUT) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
