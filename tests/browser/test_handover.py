"""A hand-over from the lead to the registry and back in a real browser, with the ledger counted again by hand."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy.orm import Session

from desk.accounts.models import Person
from desk.custody import queries as custody
from desk.domain.vocabulary import Party
from desk.escalations import queries as escalations
from desk.tickets.models import Ticket
from tests.cast import Cast
from tests.clock import MovableClock
from tests.escalations.stage import Stage

pytestmark = pytest.mark.browser
Enter = Callable[[Page, Person, str], Page]

# Both desks keep 9 to 17 on week days: Berlin is an hour before UTC in March, ORCID is in UTC.
HOURS = {"Northern support": (8, 16), "ORCID support": (9, 17), "ORCID engineering": (9, 17)}


def by_hand(team: str, start: datetime, end: datetime) -> int:
    """Working seconds between two instants, day by day over the desk's hours in UTC."""
    opens, closes = HOURS[team]
    start, end = start.replace(microsecond=0), end.replace(microsecond=0)  # the desk counts in whole seconds
    total, day = timedelta(), start.date()
    while day <= end.date():
        first = datetime.combine(day, time(opens), UTC)
        last = datetime.combine(day, time(closes), UTC)
        if day.weekday() < 5:
            total += max(min(end, last) - max(start, first), timedelta())
        day += timedelta(days=1)
    return int(total.total_seconds())


def fill_brief(page: Page, stage: Stage, **more: str) -> None:
    """What the form still asks for."""
    brief = stage.brief()
    texts = {name: getattr(brief, name) for name in ("asked", "impact", "tried", "error_text", "utc_times")} | more
    for name, text in texts.items():
        page.fill(f"#{name}", text)
    page.select_option("#consent", "not_involved")
    for field in page.locator("[name^=f_]").all():
        if field.evaluate("each => each.tagName") == "SELECT":
            field.select_option(index=1)
        elif not field.input_value():
            field.fill("idp@alder.example" if "contact" in (field.get_attribute("name") or "") else "given")
    page.check("#known_issues_checked")
    page.get_by_role("button", name="Save and look at what the registry will see").click()


def test_a_hand_over_goes_to_the_registry_and_back_and_its_ledger_is_right(
    page: Page, enter: Enter, cast: Cast, session: Session, clock: MovableClock
) -> None:
    stage = Stage.set(cast, session)
    number, monday = stage.ticket.number, cast.now.replace(hour=0)
    at = f"/tickets/{number}"

    def later(days: int, hours: float) -> None:
        clock.set(monday + timedelta(days=days, hours=hours))

    later(0, 11.5)
    enter(page, cast.leo, at).get_by_role("link", name="Escalate to the registry").click()
    fill_brief(page, stage)
    expect(page.get_by_role("heading", level=1)).to_have_text("What ORCID will see")
    page.get_by_role("button", name="Send to ORCID").click()
    expect(page.get_by_text("The registry has it now.")).to_be_visible()

    later(0, 15)
    enter(page, cast.rita, at).get_by_role("link", name="Return it").click()
    page.check("text=Information is missing")
    page.fill("#text", "Which proxy is it?")
    page.get_by_role("button", name="Return to the lead").click()
    expect(page.get_by_text("Returned to the lead.")).to_be_visible()

    later(1, 9.5)
    enter(page, cast.leo, at).get_by_role("link", name="Complete the brief and send it again").click()
    fill_brief(page, stage, tried="Asked the identity team: it is proxy two.")
    page.get_by_role("button", name="Send to ORCID").click()

    later(1, 10)
    enter(page, cast.rita, at).get_by_role("button", name="Accept it").click()
    expect(page.get_by_text("You are its problem manager now.")).to_be_visible()
    later(1, 11)
    enter(page, cast.rita, at).get_by_role("link", name="Pass it to engineering").click()
    page.get_by_role("button", name="Move it").click()
    later(2, 10)
    enter(page, cast.rita, at).get_by_role("link", name="Report a fix").click()
    page.fill("#text", "The proxy passes the identifier on now.")
    page.get_by_role("button", name="Report the fix").click()

    later(2, 12)
    enter(page, cast.alice, at).get_by_role("button", name="It is solved").click()
    expect(page.get_by_text("The ticket is closed")).to_be_visible()
    page.get_by_text("Who had it, and when").click()
    expect(page.locator("#turns")).to_contain_text("With the registry")
    enter(page, cast.leo, at)
    expect(page.locator("#escalation .badge-word").first).to_have_text("Closed")

    session.rollback()
    session.expire_all()
    turns = custody.turns(session, number, clock.now())
    assert [(turn.team, turn.reason) for turn in turns] == [
        ("Northern support", "opened"),
        ("ORCID support", "escalated"),
        ("Northern support", "returned"),
        ("ORCID support", "escalated"),
        ("ORCID engineering", "tier_moved"),
        ("Northern support", "fixed"),
    ]
    counted = [by_hand(turn.team or "", turn.from_at, turn.until_at or turn.from_at) for turn in turns]
    assert [turn.seconds for turn in turns] == counted
    assert [round((turn.seconds or 0) / 1800) / 2 for turn in turns] == [1.5, 3.5, 2.5, 1.5, 7.0, 2.0]
    sums = dict.fromkeys(Party, 0)
    for turn in turns:
        sums[turn.party] += turn.seconds or 0
    assert [round(sums[party] / 1800) / 2 for party in (Party.LEAD, Party.REGISTRY)] == [6.0, 12.0]
    found = escalations.newest(session, session.get_one(Ticket, number).id)
    assert found is not None
    assert (found.state.value, found.tier, [each.outcome.value for each in found.rounds if each.outcome]) == (
        "closed",
        3,
        ["returned", "fixed"],
    )
    expect(page.locator("#clocks")).to_contain_text("Came back from the registry 1 time.")
