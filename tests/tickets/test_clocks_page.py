"""The account of a ticket's clocks, and the panel that goes on by itself: each party sees its part, in both zones."""

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from markupsafe import Markup
from sqlalchemy.orm import Session

from desk import ticket_account
from desk.accounts import queries as accounts
from desk.accounts.models import Person
from desk.db import transaction
from desk.domain.clock_words import why
from desk.domain.hours_words import closures_in_words, hours_in_words
from desk.domain.priority import Impact, Urgency
from desk.domain.targets import Kind, is_due_soon
from desk.domain.vocabulary import Audience
from desk.handover import service as handover
from desk.progress import service as progress
from desk.sla import queries as sla
from desk.sla import service as clocks
from desk.tickets.models import Ticket
from tests.cast import Cast
from tests.clock import MovableClock
from tests.tickets.scenes import browser, counted, filed, written

HOUR = 3600
FOR_MEMBERS = {"first_response", "next_response", "regular_update", "overall"}
FOR_REGISTRIES = {"registry_acceptance", "registry", "overall"}


@pytest.fixture
def travelled(cast: Cast, clock: MovableClock) -> int:
    """A ticket that was answered, asked about, on hold for a reason, and then given to the registry by Leo."""
    number = filed(cast)
    with transaction() as session:
        ticket, leo, alice = session.get_one(Ticket, number), cast.actor(cast.leo), cast.actor(cast.alice)
        at = Steps(cast)
        progress.ask_member(session, leo, ticket, text="Which client?", channel=ticket.channel, now=at.hours(1))
        progress.add_message(
            session, alice, ticket, audience=Audience.MEMBER, text="This one.", channel=ticket.channel, now=at.hours(2)
        )
        progress.hold(
            session, cast.actor(cast.lena), ticket, reason="The vendor patches it.", until=at.hours(99), now=at.hours(3)
        )
        progress.wake(session, cast.actor(cast.lena), ticket, now=at.hours(4))
        team = accounts.team_of_registry(session, cast.orcid.id)
        handover.hand_over(session, leo, ticket, registry_id=cast.orcid.id, team=team, tier=2, now=at.hours(5))
        handover.accept_handover(session, cast.actor(cast.rita), ticket, now=at.hours(24))
    written(cast, number, cast.rita, "We look.", Audience.HANDOVER)
    clock.set(cast.now + timedelta(hours=26))
    return number


class Steps:
    """Moments after the ticket was filed."""

    def __init__(self, cast: Cast) -> None:
        self.cast = cast

    def hours(self, count: int) -> datetime:
        return self.cast.now + timedelta(hours=count)


def account(app: Flask, cast: Cast, person: Person, number: int) -> str:
    page = browser(app, cast, person).get(f"/tickets/{number}/clocks")
    assert page.status_code == 200
    return page.text


def kinds_on(page: str) -> set[str]:
    return set(re.findall(r'<h2 id="([a-z_]+)" tabindex', page))


def words_of(page: str) -> str:
    """The page as it is read, in one line."""
    words = re.sub(r"\s+", " ", Markup(page.replace("<", " <")).striptags())
    return re.sub(r" ([.,;:])", r"\1", words)


def test_member_lead_and_registry_read_one_account_and_each_sees_only_their_part(
    app: Flask, cast: Cast, travelled: int
) -> None:
    member, lead, registry = (account(app, cast, who, travelled) for who in (cast.alice, cast.leo, cast.rita))
    assert kinds_on(member) == FOR_MEMBERS
    assert kinds_on(lead) == FOR_MEMBERS | FOR_REGISTRIES | {"lead"}
    assert kinds_on(registry) == FOR_REGISTRIES
    for label in ("Consortium lead", "Acceptance by the registry"):
        assert f">{label}" not in re.sub(r"\s+", " ", member), label
    # Who paused it: the member reads Leo's question on the ticket, so his name; Lena never wrote to them.
    assert "Leo Larch" in member and "Lena Linden" not in member and "Rita Rowan" not in member
    assert {"Leo Larch", "Lena Linden", "Rita Rowan"} <= {name for name in NAMES if name in lead}
    # The registry reads what Rita wrote; nothing that Leo wrote was shown to it.
    registry = words_of(registry).replace("&#39;", "'")
    assert "Rita Rowan" in registry and "Leo Larch" not in registry and "the lead's side" in registry
    # Reasons: the lead's hold was told to the member, and is nothing of the registry's.
    assert "The vendor patches it." in lead and "The vendor patches it." not in registry
    assert "it is your turn" in words_of(member) and "it is the member's turn" in words_of(lead).replace("&#39;", "'")


NAMES = ("Leo Larch", "Lena Linden", "Rita Rowan")


def test_the_organisations_manager_and_a_follower_read_it_and_strangers_do_not(
    app: Flask, cast: Cast, travelled: int
) -> None:
    assert kinds_on(account(app, cast, cast.olga, travelled)) == FOR_MEMBERS
    for stranger in (cast.bob, cast.carla, cast.samir, cast.dora, cast.ada):
        for path in (f"/tickets/{travelled}/clocks", f"/tickets/{travelled}/clocks/panel"):
            assert browser(app, cast, stranger).get(path).status_code == 404


def test_the_lines_add_up_to_what_was_used_and_lead_on_to_the_date(cast: Cast, session: Session) -> None:
    # Filed at eleven in Berlin, to be answered within a working day: by the close of the next one.
    ticket = session.get_one(Ticket, filed(cast, impact=Impact.LOW, urgency=Urgency.LOW))
    page = ticket_account.assemble(session, cast.actor(cast.alice), ticket, cast.now + timedelta(hours=3))
    first = page.clocks[0]
    assert (first.label, first.state, first.promised) == (
        "First answer",
        "Runs",
        "1 working day, which is 14 h of working time",
    )
    assert first.source == "Promise of Northern support, version of 4 March 2025"
    assert [(each.name, each.tz, each.words) for each in first.hours] == [
        ("Northern support", "Europe/Berlin", "Monday to Friday 09:00 to 17:00")
    ]
    ran = [line for line in first.lines if line.what == "ran"]
    assert [(line.start, line.seconds, line.total) for line in ran] == [(cast.now, 3 * HOUR, 3 * HOUR)]
    assert first.clock.consumed == sum(line.seconds or 0 for line in ran) and first.left == 11 * HOUR
    to_come = [(step.seconds, step.left) for step in first.account.steps]
    assert to_come == [(3 * HOUR, 8 * HOUR), (8 * HOUR, 0)]
    assert first.account.steps[-1].end == first.clock.due_at


def test_the_sum_is_written_out_on_the_page(app: Flask, cast: Cast, clock: MovableClock) -> None:
    number = filed(cast, impact=Impact.LOW, urgency=Urgency.LOW)
    clock.set(cast.now + timedelta(hours=3, seconds=20))
    first = words_of(account(app, cast, cast.leo, number))
    assert "Wed 4 Mar 2026, 11:00 to 14:00 CET Ran + 3 h 20 s = 3 h 20 s" in first
    assert "Used so far 10 h 59 min 40 s left of 14 h 3 h 20 s" in first
    assert "Thu 5 Mar 2026, 09:00 to 17:00 CET To come: open hours + 8 h used up" in first
    assert "3 h 20 s used + 10 h 59 min 40 s to come = 14 h: Thu 5 Mar 2026, 17:00 CET" in first


def test_each_line_is_said_in_the_calendars_zone_and_in_the_readers(app: Flask, cast: Cast, travelled: int) -> None:
    with transaction() as unit:
        unit.execute(sa.update(Person).where(Person.id == cast.alice.id).values(timezone="America/St_Johns"))
    page = words_of(account(app, cast, cast.alice, travelled))
    assert "Wed 4 Mar 2026, 11:00 to 12:00 CET Wed 4 Mar 2026, 06:30 to 07:30 NST for you" in page
    same = words_of(account(app, cast, cast.olga, travelled))
    assert "for you" not in same


def test_cycles_before_the_present_one_can_be_read(app: Flask, cast: Cast, clock: MovableClock) -> None:
    number = filed(cast)
    for hour, who in ((1, cast.leo), (2, cast.alice), (3, cast.leo), (4, cast.alice)):
        with transaction() as session:
            progress.add_message(
                session,
                cast.actor(who),
                session.get_one(Ticket, number),
                audience=Audience.MEMBER,
                text="x",
                channel=session.get_one(Ticket, number).channel,
                now=cast.now + timedelta(hours=hour),
            )
    clock.set(cast.now + timedelta(hours=5))
    page = words_of(account(app, cast, cast.alice, number))
    assert "Next answer before that, number 1: kept" in page
    assert "Regular update before that, number 2: kept" in page


def test_a_clock_that_was_missed_says_since_when(app: Flask, cast: Cast, clock: MovableClock) -> None:
    number = filed(cast, impact=Impact.HIGH, urgency=Urgency.HIGH)  # an answer within two hours of work
    clock.set(cast.now + timedelta(hours=3))
    with transaction() as session:
        clocks.act_on_due_clocks(session, cast.now + timedelta(hours=3), 100)
    page = words_of(account(app, cast, cast.alice, number))
    assert "Missed Wed 4 Mar 2026, 13:00 CET" in page and "1 h more than promised" in page
    # Warnings are the desk's own affair, that it was missed is not.
    assert "Warned at" not in page and "Warned at" in words_of(account(app, cast, cast.leo, number))


def test_a_member_gets_from_the_ticket_to_the_account(app: Flask, cast: Cast) -> None:
    number = filed(cast)
    page = browser(app, cast, cast.alice).get(f"/tickets/{number}").text
    assert f'href="/tickets/{number}/clocks">Why these dates?</a>' in page


def test_who_waits_reads_when_the_desk_opens_next_in_their_own_zone(
    app: Flask, cast: Cast, clock: MovableClock
) -> None:
    number = filed(cast)
    alice = browser(app, cast, cast.alice)
    assert "Northern support is open now, until Wed 4 Mar 2026, 17:00 CET" in words_of(
        alice.get(f"/tickets/{number}").text
    )
    clock.set(cast.now + timedelta(days=2, hours=8))  # Friday evening
    closed = words_of(browser(app, cast, cast.alice).get(f"/tickets/{number}").text)
    assert "Northern support is closed now; it opens Mon 9 Mar 2026, 09:00 CET (in 2 days)." in closed, closed
    with transaction() as unit:
        unit.execute(sa.update(Person).where(Person.id == cast.alice.id).values(timezone="Pacific/Apia"))
    far = words_of(browser(app, cast, cast.alice).get(f"/tickets/{number}").text)
    assert "it opens Mon 9 Mar 2026, 21:00 UTC+13:00 (in 2 days), which is Mon 9 Mar 2026, 09:00 CET there" in far


def test_while_the_registry_has_it_both_desks_are_named_to_whom_they_matter(
    app: Flask, cast: Cast, travelled: int
) -> None:
    said = {
        who: words_of(browser(app, cast, person).get(f"/tickets/{travelled}").text)
        for who, person in (("member", cast.alice), ("lead", cast.leo), ("registry", cast.rita))
    }
    assert "ORCID support is open now" in said["member"] and "Northern support is open now" in said["member"]
    assert "ORCID support is open now" in said["lead"] and "Northern support is open now" not in said["lead"]
    assert "Northern support is open now" in said["registry"] and "ORCID support is open now" not in said["registry"]


# ------------------------------------------------------------------ the panel


def test_the_panel_is_read_again_by_itself_until_the_ticket_is_over(app: Flask, cast: Cast) -> None:
    number = filed(cast)
    leo, alice = browser(app, cast, cast.leo), browser(app, cast, cast.alice)
    path = f"/tickets/{number}/clocks/panel"
    for visitor in (leo, alice):
        fragment = visitor.get(path, headers={"HX-Request": "true"}).text
        assert f'hx-get="{path}"' in fragment and 'id="clocks"' in fragment and "<html" not in fragment
        assert "<html" in visitor.get(path).text
    assert "Consortium lead</span>" in leo.get(path).text and "Consortium lead</span>" not in alice.get(path).text
    alice.post(f"/tickets/{number}/confirm", data={"solved": "yes", "text": ""})
    assert "hx-get" not in leo.get(path, headers={"HX-Request": "true"}).text


def test_the_panel_costs_few_queries(app: Flask, cast: Cast, travelled: int) -> None:
    leo = browser(app, cast, cast.leo)
    leo.get(f"/tickets/{travelled}/clocks/panel")
    with counted() as statements:
        leo.get(f"/tickets/{travelled}/clocks/panel", headers={"HX-Request": "true"})
    assert len(statements) <= 13, "\n".join(statements)


# ------------------------------------------------------------------ due soon, one rule


@pytest.mark.parametrize(
    ("consumed", "target", "soon"), [(79, 100, False), (80, 100, True), (0, None, False), (9, 0, False)]
)
def test_due_soon_means_four_fifths_of_the_working_time(consumed: int, target: int | None, soon: bool) -> None:
    assert is_due_soon(consumed, target) is soon


def test_list_and_ticket_say_due_soon_at_the_same_moment(app: Flask, cast: Cast, clock: MovableClock) -> None:
    number = filed(cast, impact=Impact.HIGH, urgency=Urgency.HIGH)  # an answer within two hours of work
    leo = browser(app, cast, cast.leo)
    for minutes, soon in ((95, False), (96, True), (121, False)):
        clock.set(cast.now + timedelta(minutes=minutes))
        assert ("First answer, due soon" in words_of(leo.get("/queue").text)) is soon, minutes
        assert ("First answer Due soon" in words_of(leo.get(f"/tickets/{number}").text)) is soon, minutes


def test_what_is_used_up_at_closing_time_is_not_said_to_be_late_before_the_next_opening(
    app: Flask, cast: Cast, clock: MovableClock
) -> None:
    number = filed(cast, impact=Impact.LOW, urgency=Urgency.LOW)  # to be answered by Thursday at five in Berlin
    clock.set(cast.now + timedelta(days=1, hours=7))  # at six
    leo = browser(app, cast, cast.leo)
    assert "First answer, used up; late from Fri 09:00 CET" in words_of(leo.get("/queue").text)
    assert "Due Thu 5 Mar 2026, 17:00 CET (60 minutes ago); nobody is late before Fri 09:00 CET" in words_of(
        leo.get(f"/tickets/{number}").text
    )


def test_a_members_list_shows_what_was_promised_to_them_and_no_clock_between_the_desks(
    app: Flask, cast: Cast, session: Session
) -> None:
    number = filed(cast, impact=Impact.HIGH, urgency=Urgency.HIGH)
    written(cast, number, cast.leo, "We are on it.")
    # The lead has four hours for it, the member was promised an update and a solution by the end of the next day.
    due = {clock.kind: clock.due_at for clock in sla.clocks_of(session, [number])[number]}
    assert due[Kind.LEAD] < min(due[Kind.REGULAR_UPDATE], due[Kind.OVERALL])
    page = words_of(browser(app, cast, cast.alice).get("/tickets").text)
    assert "Promised by Thu 17:00 CET" in page


# ------------------------------------------------------------------ words


@pytest.mark.parametrize(
    ("week", "words"),
    [
        ({day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}, "Monday to Friday 09:00 to 17:00"),
        (
            {"mon": [["09:00", "12:00"], ["13:00", "17:00"]], "tue": [["09:00", "12:00"], ["13:00", "17:00"]]},
            "Monday and Tuesday 09:00 to 12:00 and 13:00 to 17:00",
        ),
        (
            {"wed": [["22:00", "06:00"]], "sat": [["00:00", "24:00"]]},
            "Wednesday 22:00 to 06:00; Saturday 00:00 to 24:00",
        ),
        ({}, "never"),
    ],
)
def test_a_week_in_words(week: Any, words: str) -> None:
    assert hours_in_words(week) == words


def closures() -> Iterator[tuple[dict[str, Any], str]]:
    week = {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
    yield {"weekly_hours": week}, ""
    yield (
        {"weekly_hours": week, "holidays": ["2026-12-25", "2026-12-26", "2027-12-24"]},
        "Fri 25 Dec 2026 (Christmas Day)",
    )
    yield {"weekly_hours": week, "overrides": {"2026-12-24": [["09:00", "12:00"]]}}, "Thu 24 Dec 2026 (other hours)"
    yield {"weekly_hours": week, "overrides": {"2026-12-28": []}}, "Mon 28 Dec 2026 (closed)"


@pytest.mark.parametrize(("spec", "words"), list(closures()))
def test_only_days_that_would_have_been_open_and_lie_in_the_clocks_life_are_named(spec: Any, words: str) -> None:
    assert closures_in_words(spec, {"2026-12-25": "Christmas Day"}, date(2026, 12, 1), date(2026, 12, 31)) == words


def test_why_a_clock_stands_still_is_said_to_a_member_as_to_a_member() -> None:
    assert why("pending_member") == "it is the member's turn"
    assert why("pending_member", to_member=True) == "it is your turn"
    assert why("something_new") == "something new"
