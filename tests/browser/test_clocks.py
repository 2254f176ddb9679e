"""Clocks in a real browser: one instant in two zones, words that stay true, a panel that is read again, the account."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from desk.accounts import queries as accounts
from desk.accounts.models import Person
from desk.corrections import service as corrections
from desk.corrections.models import Party
from desk.db import transaction
from desk.domain.priority import Impact, Urgency
from desk.domain.targets import Kind
from desk.domain.vocabulary import Channel
from desk.handover import service as handover
from desk.progress import service as progress
from desk.tickets.models import Ticket
from tests.browser.marks import in_the_browser_alone, on_each_screen
from tests.cast import Cast
from tests.clock import MovableClock
from tests.tickets.scenes import filed

pytestmark = pytest.mark.browser
Enter = Callable[[Page, Person, str], Page]
MINUTE = 60_000


def move_to(person: Person, zone: str) -> None:
    with transaction() as session:
        session.execute(sa.update(Person).where(Person.id == person.id).values(timezone=zone))


def asked(cast: Cast, number: int) -> None:
    """Leo asks the member something."""
    with transaction() as session:
        ticket = session.get_one(Ticket, number)
        progress.ask_member(session, cast.actor(cast.leo), ticket, text="Which?", channel=Channel.WEB, now=cast.now)


def dates(page: Page, where: str) -> dict[str, str]:
    """What each instant reads as, without how far away it is."""
    found = page.locator(f"{where} time").evaluate_all("all => all.map(each => [each.dateTime, each.textContent])")
    return {instant: text.partition(" (")[0] for instant, text in found}


def test_two_browsers_in_two_zones_show_the_same_instants(
    browser: Browser, context: BrowserContext, enter: Enter, cast: Cast
) -> None:
    number = filed(cast)
    move_to(cast.alice, "Pacific/Apia")
    move_to(cast.olga, "America/St_Johns")
    apia, other = context.new_page(), browser.new_context(timezone_id="Asia/Tokyo")
    newfoundland = other.new_page()
    enter(apia, cast.alice, f"/tickets/{number}")
    enter(newfoundland, cast.olga, f"/tickets/{number}")
    there, here = dates(apia, ".standing"), dates(newfoundland, ".standing")
    assert there.keys() == here.keys()
    # Filed on Wednesday at ten in London; an answer is due on Thursday at five in Berlin.
    assert there["2026-03-04T10:00:00Z"] == "Wed 4 Mar 2026, 23:00 UTC+13:00"
    assert here["2026-03-04T10:00:00Z"] == "Wed 4 Mar 2026, 06:30 NST"
    assert there["2026-03-05T16:00:00Z"] == "Fri 6 Mar 2026, 05:00 UTC+13:00"
    assert here["2026-03-05T16:00:00Z"] == "Thu 5 Mar 2026, 12:30 NST"
    # To be solved after both zones' summer times have begun: St. John's on 8 March, Berlin on 29 March.
    assert there["2026-04-01T15:00:00Z"] == "Thu 2 Apr 2026, 04:00 UTC+13:00"
    assert here["2026-04-01T15:00:00Z"] == "Wed 1 Apr 2026, 12:30 NDT"
    for page, zone in ((apia, "Pacific/Apia"), (newfoundland, "America/St_Johns")):
        page.get_by_role("link", name="Why these dates?").click()
        expect(page.get_by_text(f"Times are shown in {zone}")).to_be_visible()
        expect(page.get_by_text("Wed 1 Apr 2026, 17:00 CEST").first).to_be_visible()
    # The same dates are promised on both; only "now" is another second for each.
    assert dates(apia, ".facts").keys() == dates(newfoundland, ".facts").keys()
    other.close()


@in_the_browser_alone
def test_how_far_away_it_is_stays_true_while_the_page_is_open(page: Page, enter: Enter, cast: Cast) -> None:
    filed(cast, impact=Impact.HIGH, urgency=Urgency.HIGH)  # an answer within two hours
    page.clock.install()
    enter(page, cast.leo, "/queue")
    due = page.locator(".row-due")
    expect(due).to_contain_text("in 119 minutes")
    page.clock.fast_forward(60 * MINUTE)
    expect(due).to_contain_text("in 59 minutes")
    # Past midnight in the reader's zone it is due no longer "today".
    expect(due).to_contain_text("Today 13:00 CET")
    page.clock.fast_forward(20 * 60 * MINUTE)
    expect(due).to_contain_text("19 hours ago")
    expect(due).to_contain_text("Wed 13:00 CET")


@in_the_browser_alone
def test_the_words_of_the_script_are_those_of_the_desk(page: Page, enter: Enter, cast: Cast) -> None:
    spans = (-9_000_000, -100_000, -7220, -90, -30, 30, 80, 7180, 7220, 172_900, 5_190_000, 70_000_000)
    expected = ["3 months ago", "27 hours ago", "2 hours ago", "1 minute ago", "just now", "now", "1 minute"]
    expected += ["119 minutes", "2 hours", "2 days", "2 months", "2 years"]
    page.clock.install()
    enter(page, cast.alice, "/tickets")
    page.evaluate(
        """(spans) => { const now = Date.parse(document.body.dataset.now);
            for (const each of spans) { const time = document.createElement('time');
              time.dateTime = new Date(now + each * 1000 + 60000).toISOString(); time.dataset.far = 'whole';
              document.querySelector('main').append(time); } }""",
        spans,
    )
    page.clock.fast_forward(MINUTE)
    said = page.locator("main time[data-far='whole']").all_inner_texts()
    assert [each.removeprefix("in ") for each in said] == expected


def minute_passes(page: Page) -> None:
    """Until the panel was read again and put in its place; on a busy machine that takes a while."""
    page.evaluate(
        """() => { window.settled = new Promise(
            done => document.addEventListener('htmx:afterSettle', done, {once: true})) }"""
    )
    page.clock.fast_forward(MINUTE)
    page.evaluate("async () => { await window.settled }")


@in_the_browser_alone
def test_the_panel_is_read_again_and_keeps_what_is_open_and_the_focus(
    page: Page, enter: Enter, cast: Cast, clock: MovableClock
) -> None:
    number = filed(cast, impact=Impact.HIGH, urgency=Urgency.HIGH)
    page.clock.install()
    enter(page, cast.leo, f"/tickets/{number}")
    panel, status = page.locator("#clocks"), page.get_by_role("status")
    page.locator("#turns-summary").focus()
    page.keyboard.press("Enter")
    expect(panel.locator("#turns")).to_have_attribute("open", "")
    minute_passes(page)
    expect(panel.get_by_text("Due soon")).to_have_count(0)
    expect(status).to_be_empty()
    clock.set(cast.now + timedelta(minutes=100))
    minute_passes(page)
    expect(panel.get_by_text("Due soon")).to_be_visible()
    expect(panel.locator("#turns")).to_have_attribute("open", "")
    expect(page.locator("#turns-summary")).to_be_focused()
    expect(status).to_contain_text("First answer is due soon")
    clock.set(cast.now + timedelta(minutes=121))
    minute_passes(page)
    expect(status).to_contain_text("First answer is late")
    expect(panel.get_by_text("Was due Wed 4 Mar 2026, 13:00 CET (1 minute ago)")).to_be_visible()


def test_a_members_standing_goes_on_by_itself_and_stops_when_the_ticket_is_over(
    page: Page, enter: Enter, cast: Cast
) -> None:
    number = filed(cast)
    page.clock.install()
    enter(page, cast.alice, f"/tickets/{number}")
    page.fill("#text", "Half a sentence")
    asked(cast, number)
    minute_passes(page)
    expect(page.locator(".standing")).to_contain_text("Waiting for your answer")
    expect(page.locator("#text")).to_have_value("Half a sentence")
    with transaction() as session:
        ticket = session.get_one(Ticket, number)
        progress.confirm(session, cast.actor(cast.alice), ticket, solved=True, text="", now=cast.now)
    minute_passes(page)
    expect(page.locator(".standing")).to_contain_text("Closed")
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.clock.fast_forward(5 * MINUTE)
    page.wait_for_timeout(200)
    assert requests == []


@in_the_browser_alone
def test_who_was_signed_out_meanwhile_keeps_the_page_as_it_was(page: Page, enter: Enter, cast: Cast) -> None:
    number = filed(cast)
    page.clock.install()
    enter(page, cast.leo, f"/tickets/{number}")
    page.context.clear_cookies()
    with page.expect_response(lambda answer: "/sign-in" in answer.url):
        page.clock.fast_forward(MINUTE)
    expect(page.locator("#clocks")).to_contain_text("Time")
    expect(page.get_by_label("Password")).to_have_count(0)
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.clock.fast_forward(5 * MINUTE)
    page.wait_for_timeout(200)
    assert requests == []


def furnish(cast: Cast) -> int:
    """A ticket that was asked about, answered, on hold, and that the registry has."""
    number = filed(cast, subject="A rather long subject for a ticket about redirects " * 3)
    with transaction() as session:
        ticket, leo = session.get_one(Ticket, number), cast.actor(cast.leo)
        hour = timedelta(hours=1)
        progress.ask_member(session, leo, ticket, text="Which?", channel=Channel.WEB, now=cast.now + hour)
        progress.hold(
            session, leo, ticket, reason="Averylongword" * 12, until=cast.now + 99 * hour, now=cast.now + 2 * hour
        )
        team = accounts.team_of_registry(session, cast.orcid.id)
        handover.hand_over(session, leo, ticket, registry_id=cast.orcid.id, team=team, tier=2, now=cast.now + 3 * hour)
    return number


def objected_to(cast: Cast, number: int) -> None:
    """Alice holds the first hour of her promise to be wrong."""
    with transaction() as session:
        corrections.object_to(
            session,
            cast.actor(cast.alice),
            ticket_id=number,
            party=Party.MEMBER,
            kind=Kind.OVERALL,
            from_at=cast.now,
            text=f"That was {'wrong' * 40}.",
            now=cast.now + timedelta(hours=4),
        )


@in_the_browser_alone
@on_each_screen
def test_the_account_fits_the_screen_and_axe_finds_nothing(
    browser: Browser, enter: Enter, cast: Cast, clock: MovableClock, width: int, scheme: str
) -> None:
    number, other = furnish(cast), filed(cast, cast.adam)
    objected_to(cast, number)
    move_to(cast.olga, "America/St_Johns")
    clock.set(cast.now + timedelta(hours=5))
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
    page, wrong = context.new_page(), []
    pages = [
        (person, f"/tickets/{number}/{path}")
        for person in (cast.olga, cast.leo, cast.rita)
        for path in ("clocks", "clocks/panel")
    ]
    pages += [
        (cast.olga, f"/tickets/{number}/clocks/object?kind=overall&from=2026-03-04T12:00:00Z"),
        (cast.lena, "/objections"),
        (cast.lena, f"/tickets/{number}/clocks"),
        (cast.lena, f"/tickets/{number}/clocks/decide?objection=1"),
        (cast.leo, f"/tickets/{other}/merge"),
        (cast.leo, f"/tickets/{other}/merge?into={number}"),
        (cast.leo, f"/tickets/{other}/transfer"),
    ]
    for person, path in pages:
        enter(page, person, path)
        assert page.title(), path
        page.locator("details").evaluate_all("all => all.forEach(each => each.open = true)")
        scrolls = page.evaluate("document.documentElement.scrollWidth") > width
        violations = [(each["id"], each["nodes"][0]["target"]) for each in Axe().run(page).response["violations"]]
        if scrolls or violations:
            wrong.append((person.name, path, scrolls, violations))
    context.close()
    assert wrong == []
