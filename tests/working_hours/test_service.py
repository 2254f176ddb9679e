"""Other hours through the verb: the preview says beforehand what it then does; teams keep other calendars."""

import random
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from desk.accounts.models import Team
from desk.calendars import service as calendars
from desk.calendars.models import Calendar, CalendarVersion
from desk.calendars.queries import history
from desk.db import db, transaction
from desk.domain.calendar_sheet import Draft
from desk.domain.clocks import EventType
from desk.domain.errors import Conflict, InvalidInput, NotFound, NotPermitted
from desk.domain.lifecycle import State
from desk.domain.permissions import SYSTEM, Place
from desk.domain.sla import Change, Kind
from desk.events.models import Event
from desk.health import queries as health
from desk.mail import notify
from desk.mail.models import OutboundMail
from desk.sla.models import Clock, ClockEvent, ClockSet
from desk.working_hours import queries, service
from tests.cast import Cast
from tests.sla.rig import Rig, at, counted_queries, office_hours

MONDAY = "2026-03-02T09:00"


@pytest.fixture
def rig(cast: Cast) -> Rig:
    """A ticket of Alice's, opened on a Monday at nine, with the calendars of its lead and its registry."""
    return Rig.build(cast, at(MONDAY))


def draft(spec: dict[str, Any], **names: str) -> Draft:
    return Draft({"holidays": [], "overrides": {}, "breaks": {}, **spec}, names, None, None)


def edited(cast: Cast, calendar_id: int, spec: dict[str, Any], when: str, **more: Any) -> CalendarVersion:
    """Lena, who manages the north, saves other hours having seen the newest version."""
    with transaction() as session:
        values = {"base": queries.newest_id(session, calendar_id), "note": "because", **more}
        actor = values.pop("actor", cast.actor(cast.lena))
        return service.edit_hours(session, actor, calendar_id=calendar_id, draft=draft(spec), now=at(when), **values)


def foreseen(
    session: Session, calendar_id: int, spec: dict[str, Any], start: datetime, now: datetime
) -> queries.Preview:
    hours = history(session, calendar_id)
    assert hours is not None
    return queries.preview(session, calendar_id, queries.supposed(hours, draft(spec).spec, start, now), now)


def dates(session: Session) -> dict[tuple[int, Kind], datetime | None]:
    session.expire_all()
    rows = session.execute(sa.select(Clock.ticket_id, Clock.kind, Clock.due_at).where(Clock.current))
    return {(row.ticket_id, row.kind): row.due_at for row in rows}


def test_the_preview_names_every_clock_that_would_move_and_writes_nothing(rig: Rig, session: Session) -> None:
    before = dates(session)
    spec = office_hours("Europe/Berlin", holidays=["2026-03-03"])
    found = foreseen(session, rig.lead_calendar_id, spec, at("2026-03-02T10:00"), at("2026-03-02T10:00"))
    assert dates(session) == before
    assert (found.live, found.moved, found.later, found.earlier, found.late) == (4, 4, 4, 0, 0)
    moves = {move.kind: (move.before, move.after) for move in found.rows}
    assert moves[Kind.FIRST_RESPONSE] == (at("2026-03-03T16:00"), at("2026-03-04T16:00"))


@pytest.mark.parametrize("seed", range(6))
def test_the_save_moves_exactly_what_the_preview_said(rig: Rig, cast: Cast, session: Session, seed: int) -> None:
    """Several edits one after the other, at random, with tickets in every state."""
    draw = random.Random(seed)
    rigs = [rig, *(Rig.build(cast, at("2026-03-02T08:00") + timedelta(hours=n), consortium=rig) for n in range(4))]
    rigs[1].change("2026-03-02T13:00", Change.moved(State.PENDING_MEMBER))
    rigs[2].change("2026-03-02T13:00", Change.escalated())
    rigs[3].change("2026-03-02T13:00", Change.staff_replied())
    now = at("2026-03-03T09:00")
    for _ in range(4):
        now += timedelta(hours=draw.randrange(1, 30))
        start = now + draw.choice([timedelta(), timedelta(days=draw.randrange(1, 6))])
        spec = some_hours(draw)
        found = foreseen(session, rig.lead_calendar_id, spec, start, now)
        before = dates(session)
        late_before = late(session, now)
        edited(cast, rig.lead_calendar_id, spec, now.isoformat()[:-6], effective_from=start)
        after = dates(session)
        moved = {key: (before[key], after[key]) for key in before if before[key] != after[key]}
        said = {(move.ticket_id, move.kind): (move.before, move.after) for move in found.rows}
        assert {key: value for key, value in said.items() if value[0] != value[1]} == moved
        assert found.late == len(late(session, now) - late_before)
        assert rig.check() == []


def late(session: Session, now: datetime) -> set[int]:
    session.expire_all()
    return {clock.id for clock in session.scalars(sa.select(Clock)) if clock.is_late(now)}


def some_hours(draw: random.Random) -> dict[str, Any]:
    days = draw.sample(["mon", "tue", "wed", "thu", "fri", "sat"], draw.randrange(2, 6))
    begin = draw.randrange(6, 12)
    weekly = {day: [[f"{begin:02}:00", f"{begin + draw.randrange(2, 9):02}:00"]] for day in days}
    closed = {f"2026-03-{draw.randrange(4, 28):02}" for _ in range(draw.randrange(0, 5))}
    zone = draw.choice(["Europe/Berlin", "Europe/Lisbon", "America/New_York"])
    return {"tz": zone, "weekly_hours": weekly, "overrides": {day: [] for day in closed}}


def test_who_is_late_at_once_is_said_before(rig: Rig, cast: Cast, session: Session) -> None:
    """Around the clock instead of by day: what would have lasted until tomorrow is used up."""
    now = at("2026-03-03T15:00")
    always = {"tz": "UTC", "weekly_hours": {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed")}}
    found = foreseen(session, rig.lead_calendar_id, always, now, now)
    assert found.late == 0
    later = at("2026-03-12T12:00")
    rig.edit_calendar("2026-03-03T15:00", weekly_hours={"mon": [["09:00", "10:00"]]})
    found = foreseen(session, rig.lead_calendar_id, always, later, later)
    assert found.live and found.late == len(late_after(rig, cast, session, always, later))


def late_after(rig: Rig, cast: Cast, session: Session, spec: dict[str, Any], now: datetime) -> set[int]:
    before = late(session, now)
    edited(cast, rig.lead_calendar_id, spec, now.isoformat()[:-6])
    return late(session, now) - before


def test_many_clocks_are_read_in_few_queries(rig: Rig, cast: Cast, session: Session) -> None:
    for _ in range(5):
        Rig.build(cast, at(MONDAY), consortium=rig)
    now = at("2026-03-02T10:00")
    with counted_queries() as sent:
        found = foreseen(session, rig.lead_calendar_id, office_hours("Europe/Lisbon"), now, now)
    assert found.live == 24
    assert len(sent) <= 10


def test_a_version_that_somebody_else_wrote_meanwhile_is_a_conflict(rig: Rig, cast: Cast, session: Session) -> None:
    seen = queries.newest_id(session, rig.lead_calendar_id)
    session.rollback()
    edited(cast, rig.lead_calendar_id, office_hours("Europe/Lisbon"), "2026-03-02T10:00")
    with pytest.raises(Conflict):
        edited(cast, rig.lead_calendar_id, office_hours("Europe/Paris"), "2026-03-02T10:01", base=seen)
    assert len(queries.versions(session, rig.lead_calendar_id)) == 2


def test_an_edit_waits_for_no_clock_that_is_being_written(rig: Rig, cast: Cast, session: Session) -> None:
    """Whoever writes a clock holds the key of its calendar; an edit that waited for it would be waited for, too."""
    if session.get_bind().dialect.name != "postgresql":
        return  # one writer at a time
    with db.engine.connect() as other:
        other.execute(sa.text("SELECT id FROM calendar FOR KEY SHARE"))
        other.execute(sa.text("SELECT id FROM team FOR KEY SHARE"))
        edited(cast, rig.lead_calendar_id, office_hours("Europe/Lisbon"), "2026-03-02T10:00")
        with transaction() as unit:
            chosen = {"team_id": cast.north_desk.id, "calendar_id": rig.lead_calendar_id}
            service.set_team_calendar(unit, cast.actor(cast.lena), now=at("2026-03-02T10:00"), **chosen)


def test_hours_that_never_open_are_not_saved(rig: Rig, cast: Cast, session: Session) -> None:
    for spec in (
        office_hours("UTC") | {"weekly_hours": {}},
        {"tz": "UTC", "weekly_hours": {}, "holidays": ["2026-12-25"]},
    ):
        with pytest.raises(InvalidInput):
            edited(cast, rig.lead_calendar_id, spec, "2026-03-02T10:00")
    assert len(queries.versions(session, rig.lead_calendar_id)) == 1


def test_overlapping_windows_are_refused_on_editing_and_read_where_they_are_stored(rig: Rig, cast: Cast) -> None:
    twice = {"mon": [["09:00", "17:00"], ["12:00", "18:00"]]}
    with pytest.raises(InvalidInput, match="Monday 09:00 to 17:00 and Monday 12:00 to 18:00 overlap"):
        edited(cast, rig.lead_calendar_id, office_hours("UTC") | {"weekly_hours": twice}, "2026-03-02T10:00")
    rig.edit_calendar("2026-03-02T10:00", weekly_hours=twice)


def test_only_the_partys_manager_edits_renames_founds_and_chooses(rig: Rig, cast: Cast) -> None:
    for person in (cast.leo, cast.sofia, cast.ruth, cast.alice, cast.ada):
        actor = cast.actor(person)
        with pytest.raises(NotPermitted):
            edited(cast, rig.lead_calendar_id, office_hours("UTC"), "2026-03-02T10:00", actor=actor)
        with transaction() as session, pytest.raises(NotPermitted):
            service.rename_calendar(session, actor, calendar_id=rig.lead_calendar_id, name="x", now=cast.now)
        with transaction() as session, pytest.raises(NotPermitted):
            place = Place(consortium_id=cast.north.id)
            service.found_calendar(session, actor, place=place, name="x", like=None, tz="UTC", now=cast.now)
        with transaction() as session, pytest.raises(NotPermitted):
            chosen = {"team_id": cast.north_desk.id, "calendar_id": rig.lead_calendar_id}
            service.set_team_calendar(session, actor, now=cast.now, **chosen)


def test_a_further_calendar_begins_like_another_one_or_with_office_hours(
    rig: Rig, cast: Cast, session: Session
) -> None:
    place = Place(consortium_id=cast.north.id)
    with transaction() as unit:
        lena = cast.actor(cast.lena)
        alike = service.found_calendar(
            unit, lena, place=place, name="Evenings", like=rig.lead_calendar_id, tz="", now=cast.now
        )
        other = service.found_calendar(
            unit, lena, place=place, name="Lisbon", like=None, tz="Europe/Lisbon", now=cast.now
        )
        ids = (alike.id, other.id)
    zones = [queries.versions(session, each)[0].spec["tz"] for each in ids]
    assert zones == ["Europe/Berlin", "Europe/Lisbon"]
    with transaction() as unit, pytest.raises(InvalidInput, match="already"):
        service.found_calendar(
            unit, cast.actor(cast.lena), place=place, name="Lisbon", like=None, tz="UTC", now=cast.now
        )


def test_a_calendar_of_another_party_is_neither_copied_nor_kept(rig: Rig, cast: Cast, session: Session) -> None:
    lena = cast.actor(cast.lena)
    with transaction() as unit, pytest.raises(NotFound):
        place = Place(consortium_id=cast.north.id)
        service.found_calendar(unit, lena, place=place, name="x", like=rig.registry_calendar_id, tz="UTC", now=cast.now)
    with transaction() as unit, pytest.raises(NotFound):
        chosen = {"team_id": cast.north_desk.id, "calendar_id": rig.registry_calendar_id}
        service.set_team_calendar(unit, lena, now=cast.now, **chosen)


def test_tier_one_goes_on_in_the_calendar_that_its_team_keeps_now(rig: Rig, cast: Cast, session: Session) -> None:
    """The promise stays in the calendar it was made in."""
    other = lisbon(rig, cast)
    promised = rig.clocks()[Kind.OVERALL].due_at
    with transaction() as unit:
        chosen = {"team_id": cast.north_desk.id, "calendar_id": other}
        calendar, team = unit.get_one(Calendar, other), unit.get_one(Team, cast.north_desk.id)
        (move,) = queries.preview_choice(unit, team, calendar, at("2026-03-02T12:00")).rows
        assert service.set_team_calendar(unit, cast.actor(cast.lena), now=at("2026-03-02T12:00"), **chosen) == 1
        assert service.set_team_calendar(unit, cast.actor(cast.lena), now=at("2026-03-02T12:00"), **chosen) == 0
    clocks = rig.clocks()
    assert (clocks[Kind.LEAD].calendar_id, clocks[Kind.LEAD].due_at) == (other, at("2026-03-05T17:00"))
    assert (move.kind, move.before, move.after) == (Kind.LEAD, at("2026-03-05T16:00"), at("2026-03-05T17:00"))
    assert (clocks[Kind.OVERALL].calendar_id, clocks[Kind.OVERALL].due_at) == (rig.lead_calendar_id, promised)
    event = session.scalars(sa.select(ClockEvent).where(ClockEvent.type == EventType.CALENDAR_CHANGED)).one()
    assert (event.kind, event.cause, event.actor_id) == (Kind.LEAD, "hours_chosen", cast.lena.id)
    assert rig.check() == []


def test_a_resolved_ticket_that_is_reopened_goes_on_in_the_new_calendar_too(rig: Rig, cast: Cast) -> None:
    rig.change("2026-03-02T11:00", Change.resolved(public_message=True))
    other = lisbon(rig, cast)
    with transaction() as unit:
        chosen = {"team_id": cast.north_desk.id, "calendar_id": other}
        service.set_team_calendar(unit, cast.actor(cast.lena), now=at("2026-03-02T12:00"), **chosen)
    rig.change("2026-03-02T13:00", Change.reopened(by_member=True))
    assert rig.clocks()[Kind.LEAD].calendar_id == other
    assert rig.check() == []


def test_a_registrys_clocks_go_on_in_the_calendar_that_its_support_keeps_now(
    rig: Rig, cast: Cast, session: Session
) -> None:
    rig.change("2026-03-02T10:00", Change.escalated())
    with transaction() as unit:
        spec = office_hours("Europe/Lisbon")
        other = calendars.add_calendar(unit, SYSTEM, name="New", spec=spec, registry_id=cast.orcid.id, now=cast.now).id
        chosen = {"team_id": cast.orcid_support.id, "calendar_id": other}
        service.set_team_calendar(unit, cast.actor(cast.ruth), now=at("2026-03-02T12:00"), **chosen)
    clocks = rig.clocks()
    assert {clocks[kind].calendar_id for kind in (Kind.REGISTRY, Kind.REGISTRY_ACCEPTANCE)} == {other}
    assert clocks[Kind.OVERALL].calendar_id == rig.lead_calendar_id
    assert rig.check() == []


def lisbon(rig: Rig, cast: Cast) -> int:
    with transaction() as session:
        return rig.add_calendar(session, "Europe/Lisbon", cast.north.id).id


def test_both_desks_of_a_ticket_say_when_they_open_next(rig: Rig, session: Session) -> None:
    found = queries.next_openings(session, [rig.ticket_id, 4711], at("2026-03-06T17:30"))
    here = found[rig.ticket_id]
    assert here.lead and here.lead.opens_at == at("2026-03-09T08:00")
    assert here.registry and (here.registry.open_until, here.registry.tz) == (
        at("2026-03-06T22:00"),
        "America/New_York",
    )
    assert found[4711] == queries.Openings()


def test_managers_are_told_once_of_a_calendar_that_opens_no_more(rig: Rig, cast: Cast, session: Session) -> None:
    """Only dated openings, the last of which has passed: nothing was edited, time went by."""
    rig.change("2026-03-02T09:30", Change.resolved(public_message=True))  # no clock waits for a date
    rig.edit_calendar("2026-03-02T10:00", weekly_hours={}, overrides={"2026-03-06": [["09:00", "12:00"]]})
    assert told(at("2026-03-05T10:00")) == 0
    assert told(at("2026-03-06T12:00")) == 1
    assert told(at("2026-03-07T12:00")) == 0
    event = session.scalars(sa.select(Event).where(Event.kind == "calendar_never_opens")).one()
    assert (event.consortium_id, event.expanded_at) == (cast.north.id, None)
    rig.edit_calendar("2026-03-08T10:00", weekly_hours={}, overrides={"2026-03-09": [["09:00", "12:00"]]})
    assert told(at("2026-03-08T12:00")) == 0
    assert told(at("2026-03-10T12:00")) == 1


def test_managers_are_told_when_the_hours_ahead_are_too_few_for_a_promise(rig: Rig, session: Session) -> None:
    rig.edit_calendar("2026-03-02T10:00", weekly_hours={}, overrides={"2026-03-06": [["09:00", "12:00"]]})
    assert [told(at(f"2026-03-0{day}T10:00")) for day in (3, 4, 7)] == [1, 0, 0]
    event = session.scalars(sa.select(Event).where(Event.kind == "calendar_never_opens")).one()
    assert event.payload["opens"] is True
    rig.edit_calendar("2026-03-07T11:00")
    assert told(at("2026-03-07T12:00")) == 0


def told(now: datetime) -> int:
    with transaction() as session:
        return service.tell_of_closed(session, now)


def test_a_dated_opening_that_ran_out_leaves_the_date_empty(rig: Rig) -> None:
    rig.edit_calendar("2026-03-02T10:00", weekly_hours={}, overrides={"2026-03-06": [["09:00", "12:00"]]})
    assert rig.clocks()[Kind.OVERALL].due_at is None


def test_a_renamed_calendar_keeps_its_versions(rig: Rig, cast: Cast, session: Session) -> None:
    with transaction() as unit:
        actor = cast.actor(cast.lena)
        service.rename_calendar(unit, actor, calendar_id=rig.lead_calendar_id, name="  Our   hours ", now=cast.now)
    assert session.get_one(Calendar, rig.lead_calendar_id).name == "Our hours"
    assert session.scalars(sa.select(ClockSet)).all() and session.scalars(sa.select(Team)).all()


def test_the_mail_of_a_calendar_that_opens_no_more_goes_to_its_managers_only(
    app: Flask, rig: Rig, cast: Cast, session: Session
) -> None:
    settings = app.config["DESK"]
    with transaction() as unit:
        spec = {"tz": "UTC", "weekly_hours": {}}
        calendars.add_calendar(unit, SYSTEM, name="Shut", spec=spec, registry_id=cast.orcid.id, now=cast.now)
    rig.edit_calendar("2026-03-02T10:00", weekly_hours={})
    assert told(cast.now) == 2
    done = True
    while done:
        with transaction() as unit:
            done = notify.expand_one(unit, settings=settings, now=cast.now)
    mails = session.scalars(sa.select(OutboundMail).where(OutboundMail.subject.contains("never opens again"))).all()
    assert {(mail.to_address, mail.subject[1:5]) for mail in mails} == {
        (cast.lena.email, "Nort"),
        (cast.ruth.email, "Shut"),
    }
    assert all("/service-levels/hours/" in mail.text for mail in mails)
    assert any("never open again" in remark for remark in health.remarks(session))
    rig.edit_calendar("2026-03-05T10:00")
    with transaction() as unit:
        unit.execute(sa.update(Calendar).where(Calendar.name == "Shut").values(closed_version_id=None))
    assert not any("never open again" in remark for remark in health.remarks(session))
