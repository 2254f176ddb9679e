"""What the account and the ticket say of a date that was missed, cannot be given, or was changed: the true reason."""

import re

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from desk import ticket_account
from desk.domain.clock_words import the_change
from desk.domain.targets import Kind
from desk.tickets.models import Ticket
from tests.cast import Cast
from tests.clock import MovableClock
from tests.sla.rig import Rig, at
from tests.tickets.scenes import browser
from tests.tickets.test_clocks_page import words_of

MONDAY = "2026-03-02T10:00"


@pytest.fixture
def rig(cast: Cast) -> Rig:
    return Rig.build(cast, at(MONDAY))


class Pages:
    """The two pages of the rig's ticket at a moment, as words."""

    def __init__(self, app: Flask, cast: Cast, clock: MovableClock, rig: Rig) -> None:
        self.app, self.cast, self.clock, self.rig = app, cast, clock, rig

    def account(self, when: str, kind: Kind) -> str:
        page = self._get(when, "/clocks")
        found = re.search(rf'<h2 id="{kind.value}".*?</section>', page, re.DOTALL)
        assert found, kind
        return words_of(found.group())

    def ticket(self, when: str, lead: bool = True) -> str:
        return words_of(self._get(when, "", lead))

    def _get(self, when: str, path: str, lead: bool = True) -> str:
        self.clock.set(at(when))
        person = self.cast.leo if lead else self.cast.alice
        return browser(self.app, self.cast, person).get(f"/tickets/{self.rig.ticket_id}{path}").text


@pytest.fixture
def pages(app: Flask, cast: Cast, clock: MovableClock, rig: Rig) -> Pages:
    return Pages(app, cast, clock, rig)


def test_a_clock_that_a_change_made_late_says_so_and_names_no_date_that_nobody_was_given(
    rig: Rig, pages: Pages
) -> None:
    rig.edit_agreement("2026-03-04T11:00", {Kind.LEAD: {"minutes": 60}, Kind.OVERALL: {"minutes": 60}})
    said = pages.account("2026-03-04T12:00", Kind.LEAD)
    assert "late by the change of the agreement, from that moment" in said, said
    assert "first working moment" not in said and "Was due" not in said
    ticket = pages.ticket("2026-03-04T12:00")
    assert "Was due Mon 2 Mar" not in ticket and "Late since Wed 4 Mar 2026, 12:00 CET" in ticket, ticket
    member = pages.ticket("2026-03-04T12:00", lead=False)
    assert "should have been solved by" not in member and "Late since Wed 4 Mar 2026, 12:00 CET" in member, member


@pytest.mark.parametrize("cause", ["priority_changed", "agreement_changed", "calendar_edited", "calendar_corrected"])
def test_each_change_that_makes_late_is_named(cause: str) -> None:
    assert the_change(cause) != the_change("something else")


def test_only_what_is_used_up_at_closing_time_is_missed_at_the_first_working_moment_after_it(
    rig: Rig, pages: Pages
) -> None:
    rig.edit_agreement("2026-03-02T10:30", {Kind.LEAD: {"working_days": 1}})
    rig.sweep("2026-03-04T10:00")
    said = pages.account("2026-03-04T12:00", Kind.LEAD)
    assert "Was due" in said and "the first working moment after that date" in said, said


def test_a_date_moved_after_it_was_missed_is_not_said_to_have_been_the_one_missed(rig: Rig, pages: Pages) -> None:
    rig.edit_agreement("2026-03-02T10:30", {Kind.LEAD: {"minutes": 60}})
    rig.sweep("2026-03-03T10:00")
    rig.edit_agreement("2026-03-03T11:00", {Kind.LEAD: {"minutes": 2400}})
    said = pages.account("2026-03-03T12:00", Kind.LEAD)
    assert "Was due" not in said and "first working moment" not in said
    assert "Missed Mon 2 Mar 2026, 12:00 CET" in said, said


def test_a_promise_without_a_date_is_not_called_unpromised(rig: Rig, pages: Pages) -> None:
    """The hours ahead are too few for what is promised: there is a promise, and no date can be given for it."""
    rig.edit_calendar("2026-03-02T11:00", weekly_hours={}, overrides={"2026-03-06": [["09:00", "12:00"]]})
    said = pages.account("2026-03-03T12:00", Kind.LEAD)
    assert "not promised" not in said, said
    assert "its calendar has not enough opening hours ahead for 3 working days" in said, said
    lead = pages.ticket("2026-03-03T12:00")
    assert "its calendar has not enough opening hours ahead for 3 working days" in lead, lead
    member = pages.ticket("2026-03-03T12:00", lead=False)
    assert "No date can be given at the moment for: regular update, promise to the member" in member
    assert "The managers of the desk are told" in member


def test_what_is_only_measured_is_still_called_that(rig: Rig, pages: Pages) -> None:
    rig.edit_agreement("2026-03-02T10:30", {Kind.FIRST_RESPONSE: {"minutes": 60}})
    assert "measured, not promised" in pages.account("2026-03-03T12:00", Kind.LEAD)
    assert "No date can be given" not in pages.ticket("2026-03-03T12:00", lead=False)


def lines_of(rig: Rig, cast: Cast, session: Session, when: str) -> tuple[ticket_account.Line, ...]:
    """The lines of the lead's clock, without those within a stretch."""
    ticket = session.get_one(Ticket, rig.ticket_id)
    page = ticket_account.assemble(session, cast.actor(cast.leo), ticket, at(when))
    return next(each.lines for each in page.clocks if each.clock.kind is Kind.LEAD)


def test_dates_run_forward_and_warnings_stand_within_the_stretch_in_which_they_came(
    rig: Rig, cast: Cast, session: Session, pages: Pages
) -> None:
    rig.edit_agreement("2026-03-02T10:30", {Kind.LEAD: {"minutes": 600}})
    rig.sweep("2026-03-04T10:00")
    lines = lines_of(rig, cast, session, "2026-03-04T10:30")
    starts = [line.start for line in lines]
    assert starts == sorted(starts)
    for line in lines:
        inner = [each.start for each in line.within]
        assert inner == sorted(inner) and all(line.start < each for each in inner)
    within = [each.words for line in lines for each in line.within]
    assert {f"Warned at {percent} %" for percent in (50, 80, 100)} <= set(within)
    assert "Warned at 50 %" in pages.account("2026-03-04T10:30", Kind.LEAD)


def test_edits_of_the_hours_without_effect_are_told_in_one_line(
    rig: Rig, cast: Cast, session: Session, pages: Pages
) -> None:
    for minute in (0, 10, 20):  # in the evening, the same hours with another day off long after
        rig.edit_calendar(f"2026-03-02T20:{minute:02}", overrides={f"2027-03-{minute + 1:02}": []})
    said = pages.account("2026-03-03T12:00", Kind.LEAD)
    assert "3 edits of the hours that changed nothing here" in said, said
    assert "+ 0 min" not in said and "Other working hours" not in said
    lines = lines_of(rig, cast, session, "2026-03-03T12:00")
    assert [line.what for line in lines] == ["mark", "ran", "edits", "ran"]
    assert lines[-1].total == sum(line.seconds or 0 for line in lines)


def test_an_edit_that_moves_the_date_is_told_on_its_own(rig: Rig, pages: Pages) -> None:
    rig.edit_calendar("2026-03-02T20:00", overrides={"2027-03-01": []})
    rig.edit_calendar("2026-03-02T20:10", overrides={"2026-03-04": []})
    said = pages.account("2026-03-03T12:00", Kind.LEAD)
    assert "An edit of the hours that changed nothing here" in said, said
    assert "Other working hours: the calendar was edited" in said
