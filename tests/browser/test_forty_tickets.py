"""Forty tickets about one thing, in a real browser: two leads answer all of them, and neither learns of the other."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session

from desk.accounts.models import Person
from desk.domain.lifecycle import State
from desk.tickets.models import Ticket
from tests.cast import Cast
from tests.delegation.scenes import Two, heard, worked_off
from tests.delegation.test_forty import forty

pytestmark = pytest.mark.browser
Enter = Callable[[Page, Person, str], Page]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_forty_tickets_one_issue_two_leads_all_answered(page: Page, enter: Enter, cast: Cast, session: Session) -> None:
    two = Two.set(cast)
    here, there = forty(two)
    session.rollback()

    says(page, enter, cast, two, "Found it in the log.", "Lists are late.", "Load the page again.", "known_error")
    sends(page, enter, cast.leo, "The north knows.", ("Alder University", "Birch Library"), "Elm College")
    sends(page, enter, two.emil, "The east knows.", ("Elm College",), "Alder University")
    worked_off(cast.now)
    session.rollback()
    reads(page, enter, cast.alice, two, "The north knows.", "The east knows.")
    reads(page, enter, two.eve, two, "The east knows.", "The north knows.")

    says(page, enter, cast, two, "The index is built anew.", "Lists are right again.", "", "fixed")
    resolves(page, enter, cast.leo, len(here))
    resolves(page, enter, two.emil, len(there))
    worked_off(cast.now)
    session.rollback()
    assert {each.state for each in session.scalars(sa.select(Ticket))} == {State.RESOLVED}
    assert {len(heard(session, each)) for each in (*here, *there)} == {2}
    session.rollback()

    enter(page, cast.leo, f"/issues/{two.number}")
    expect(page.get_by_text("20 resolved")).to_be_visible()
    assert not {"Elm", "Eve", "Eastern"} & set(page.inner_text("main").split())
    enter(page, cast.rita, "/updates/2")
    expect(page.get_by_text("0 waiting, 2 sent, 0 sent by itself, 0 dismissed.")).to_be_visible()
    assert not {"Elm", "Alder", "Birch", "Alice", "Eve"} & set(page.inner_text("main").split())


def says(
    page: Page, enter: Enter, cast: Cast, two: Two, text: str, member_text: str, workaround: str, state: str
) -> None:
    """The registry writes once for all leads."""
    enter(page, cast.rita, f"/issues/{two.number}")
    page.get_by_role("link", name="Write an update for all leads").click()
    page.get_by_label("To the leads and the desks").fill(text)
    page.get_by_label("Suggested for members").fill(member_text)
    page.get_by_label("What members can do meanwhile").fill(workaround)
    page.get_by_label("The issue is then").select_option(state)
    page.get_by_role("button", name="Give each lead its draft").click()
    expect(page.get_by_text("2 waiting, 0 sent, 0 sent by itself, 0 dismissed.")).to_be_visible()


def sends(page: Page, enter: Enter, lead: Person, text: str, members: tuple[str, ...], other: str) -> None:
    """A lead finds its draft from the register, sees whom it reaches, and sends it in its own words."""
    enter(page, lead, "/issues")
    page.get_by_role("link", name="Drafts of updates: 1 waiting").click()
    page.get_by_role("link", name="Works are not shown").click()
    for member in members:
        expect(page.locator("#reach").locator("..")).to_contain_text(member)
    expect(page.locator("main")).not_to_contain_text(other)
    page.get_by_role("textbox", name="What your members read").fill(text)
    page.get_by_role("button", name="Send to your members").click()
    expect(page.get_by_text("It is sent, ticket by ticket.")).to_be_visible()


def reads(page: Page, enter: Enter, contact: Person, two: Two, own: str, other: str) -> None:
    """A member finds the words of their own lead with the workaround."""
    enter(page, contact, f"/known-issues/{two.number}")
    expect(page.get_by_text(own)).to_be_visible()
    expect(page.get_by_text("Load the page again.")).to_be_visible()
    expect(page.locator("main")).not_to_contain_text(other)


def resolves(page: Page, enter: Enter, lead: Person, count: int) -> None:
    """A lead resolves all of its tickets with the update that brings the fix."""
    enter(page, lead, "/drafts")
    page.get_by_role("link", name="Works are not shown").first.click()
    page.wait_for_url("**/drafts/*", timeout=30_000)
    expect(page.get_by_role("checkbox", checked=True)).to_have_count(count)
    expect(page.get_by_label("Solved")).to_be_checked()
    page.get_by_role("button", name="Send to your members").click()
    expect(page.get_by_text("It is sent, ticket by ticket.")).to_be_visible()
