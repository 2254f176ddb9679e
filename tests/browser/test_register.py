"""The register in a real browser: several tickets linked in one press, and a member who says so instead of filing."""

from collections.abc import Callable

from flask import Flask
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session

from desk.accounts.models import Person
from desk.issues.models import IssueTicket
from desk.tickets.models import Ticket
from tests.cast import Cast
from tests.issues.scenes import draft, filed, opened, published


def test_a_lead_links_what_looks_alike_and_a_member_joins_by_keyboard(
    app: Flask, cast: Cast, session: Session, page: Page, enter: Callable[[Page, Person, str], Page]
) -> None:
    number = opened(cast, text=draft(symptom="Uploads end with error code 9016."))
    # All of one member: it is counted as affected by them, and is not asked whether it is.
    for person in (cast.alice, cast.adam, cast.olga):
        filed(cast, person, cast.alder, subject="Upload", text="Our upload ends with API error 9016.")
    enter(page, cast.leo, f"/issues/{number}")
    page.get_by_role("link", name="Which other tickets may it explain?").click()
    page.get_by_role("checkbox").last.focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Link the ticked tickets").press("Enter")
    expect(page.get_by_text("2 tickets are linked.")).to_be_visible()
    session.rollback()
    assert session.query(IssueTicket).count() == 2

    published(cast, cast.leo, number, cast.north, title="Uploads fail", text="Uploads end with API error 9016.")
    enter(page, cast.bob, "/tickets/new")
    page.get_by_label("In one line").fill("Upload")
    page.get_by_label("What happened?").fill("API error 9016 again")
    page.get_by_role("button", name="It affects us too").press("Enter")
    expect(page.get_by_text("Noted. You are told of every update.")).to_be_visible()
    expect(page.get_by_role("heading", name="Uploads fail")).to_be_visible()
    session.rollback()
    assert session.query(Ticket).count() == 3
