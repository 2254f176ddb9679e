"""Objections and corrections of the past, through the verbs, on a real database."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts.models import Person
from desk.calendars.models import CalendarVersion
from desk.corrections import queries, service
from desk.corrections.models import Objection, ObjectionState, Party
from desk.db import transaction
from desk.domain.account import Account
from desk.domain.clocks import ClockState, EventType
from desk.domain.errors import Conflict, InvalidInput, NotFound, NotPermitted
from desk.domain.lifecycle import State
from desk.domain.permissions import SYSTEM, Actor
from desk.domain.sla import Change, HandoverAnswer, Kind
from desk.events.models import Event
from desk.mail import told as who
from desk.sla import queries as clocks
from desk.sla import service as sla
from desk.sla.models import ClockEvent, ClockSegment
from desk.tickets.models import TicketRegistry
from tests.cast import Cast
from tests.sla.rig import Rig, at, office_hours

MONDAY = "2026-03-02T09:00"  # ten o'clock in Berlin
NOW = at("2026-03-04T10:00")


@pytest.fixture
def rig(cast: Cast) -> Rig:
    """Opened on Monday; the member was asked from Monday ten until Tuesday ten, which is eight working hours."""
    rig = Rig.build(cast, at(MONDAY))
    rig.change("2026-03-02T10:00", Change.moved(State.PENDING_MEMBER), reason="the client id", actor_id=cast.leo.id)
    rig.change("2026-03-03T10:00", Change.moved(State.OPEN))
    return rig


def object_to(rig: Rig, person: Person, kind: Kind, from_at: datetime, **more: Any) -> int:
    values: dict[str, Any] = {"party": Party.MEMBER, "text": "You had what you asked for.", "now": NOW} | more
    with transaction() as session:
        actor = rig.cast.actor(person)
        made = service.object_to(session, actor, ticket_id=rig.ticket_id, kind=kind, from_at=from_at, **values)
        return made.id


def decide(rig: Rig, person: Person, objection_id: int, confirm: bool, answer: str = "You are right.") -> None:
    with transaction() as session:
        actor = rig.cast.actor(person)
        service.decide(
            session, actor, objection_id=objection_id, confirm=confirm, answer=answer, now=at("2026-03-04T12:00")
        )


def told(session: Session, kind: str) -> Sequence[Event]:
    return session.scalars(sa.select(Event).where(Event.kind == kind).order_by(Event.id)).all()


def account_of(session: Session, rig: Rig, kind: Kind) -> Account:
    return next(a for a in clocks.account(session, rig.ticket_id, at("2026-03-04T13:00")) if a.clock.kind is kind)


def test_a_confirmed_objection_to_a_pause_makes_it_count(rig: Rig, cast: Cast, session: Session) -> None:
    before = rig.clocks()[Kind.OVERALL].due_at
    number = object_to(rig, cast.alice, Kind.OVERALL, at("2026-03-02T10:00"))
    assert rig.clocks()[Kind.OVERALL].due_at == before
    decide(rig, cast.lena, number, confirm=True)
    clock = rig.clocks()[Kind.OVERALL]
    assert before == at("2026-03-12T16:00")
    assert clock.due_at == at("2026-03-11T16:00")
    assert clock.breached_at is None
    told_of = account_of(session, rig, Kind.OVERALL)
    (mark,) = [mark for mark in told_of.marks if mark.type is EventType.REMEASURED]
    assert (mark.seconds, mark.reason, mark.actor_id) == (8 * 3600, "You had what you asked for.", cast.lena.id)
    assert told_of.clock.consumed == 1 * 3600 + 8 * 3600 + 6 * 3600 + 5 * 3600
    (moved,) = told(session, "promise_moved")
    assert (moved.payload["by"], moved.payload["due_at"]) == ("correction", "2026-03-11T16:00:00+00:00")
    (event,) = told(session, "objection_confirmed")
    assert (event.ticket_id, event.actor_id, event.audience) == (rig.ticket_id, cast.lena.id, "member")
    assert rig.check() == []


def test_a_refused_objection_changes_nothing_and_needs_a_word(rig: Rig, cast: Cast, session: Session) -> None:
    number = object_to(rig, cast.alice, Kind.OVERALL, at("2026-03-02T10:00"))
    with pytest.raises(InvalidInput, match="Why is missing"):
        decide(rig, cast.lena, number, confirm=False, answer=" ")
    before = rig.clocks()[Kind.OVERALL].due_at
    decide(rig, cast.lena, number, confirm=False, answer="The id came on Tuesday.")
    assert rig.clocks()[Kind.OVERALL].due_at == before
    (objection,) = queries.of_ticket(session, rig.ticket_id)
    assert (objection.state, objection.answer) == (ObjectionState.REFUSED, "The id came on Tuesday.")
    assert [event.payload["answer"] for event in told(session, "objection_refused")] == ["The id came on Tuesday."]
    assert told(session, "remeasured") == []


def test_an_objection_is_decided_once(rig: Rig, cast: Cast) -> None:
    number = object_to(rig, cast.alice, Kind.OVERALL, at("2026-03-02T10:00"))
    decide(rig, cast.lena, number, confirm=True)
    with pytest.raises(Conflict, match="decided already"):
        decide(rig, cast.lena, number, confirm=False)


def test_a_stretch_is_disputed_once_at_a_time_and_put_right_once(rig: Rig, cast: Cast) -> None:
    number = object_to(rig, cast.alice, Kind.OVERALL, at("2026-03-02T10:00"))
    with pytest.raises(Conflict, match="disputed already"):
        object_to(rig, cast.alice, Kind.OVERALL, at("2026-03-02T10:00"))
    decide(rig, cast.lena, number, confirm=True)
    with pytest.raises(InvalidInput, match="Nothing would change"):
        object_to(rig, cast.alice, Kind.OVERALL, at("2026-03-02T10:00"))


@pytest.mark.parametrize(
    ("kind", "party", "from_at"),
    [
        (Kind.LEAD, Party.MEMBER, "2026-03-02T10:00"),  # how the lead keeps its own time is not the member's
        (Kind.OVERALL, Party.LEAD, "2026-03-02T10:00"),
        (Kind.OVERALL, Party.REGISTRY, "2026-03-02T10:00"),  # it never had the ticket
    ],
)
def test_nobody_objects_to_a_clock_that_is_not_theirs_to_see(
    rig: Rig, cast: Cast, kind: Kind, party: Party, from_at: str
) -> None:
    with pytest.raises(NotPermitted):
        object_to(rig, cast.alice, kind, at(from_at), party=party)


def test_those_who_keep_a_clock_do_not_object_to_it(rig: Rig, cast: Cast) -> None:
    with pytest.raises(NotPermitted, match="Your own side keeps this clock"):
        object_to(rig, cast.leo, Kind.OVERALL, at("2026-03-02T10:00"))


def test_a_stranger_finds_no_such_ticket(rig: Rig, cast: Cast) -> None:
    number = object_to(rig, cast.alice, Kind.OVERALL, at("2026-03-02T10:00"))
    for stranger in (cast.bob, cast.sofia, cast.ada, cast.ruth):
        with pytest.raises(NotFound):
            object_to(rig, stranger, Kind.OVERALL, at("2026-03-02T10:00"))
        with pytest.raises(NotFound):
            decide(rig, stranger, number, confirm=True)
    with pytest.raises(NotFound):
        decide(rig, cast.lena, number + 1, confirm=True)


@pytest.mark.parametrize("text", ["", " \n "])
def test_an_objection_says_what_is_wrong(rig: Rig, cast: Cast, text: str) -> None:
    with pytest.raises(InvalidInput):
        object_to(rig, cast.alice, Kind.OVERALL, at("2026-03-02T10:00"), text=text)


def test_an_objection_is_to_a_stretch_of_the_account(rig: Rig, cast: Cast) -> None:
    with pytest.raises(InvalidInput, match="No stretch"):
        object_to(rig, cast.alice, Kind.OVERALL, at("2026-03-02T10:01"))


def test_only_a_manager_of_the_side_that_answers_decides(rig: Rig, cast: Cast) -> None:
    number = object_to(rig, cast.alice, Kind.OVERALL, at("2026-03-02T10:00"))
    for person in (cast.leo, cast.alice):
        with pytest.raises(NotPermitted):
            decide(rig, person, number, confirm=True)


def test_a_stretch_that_still_runs_is_disputed_up_to_now(rig: Rig, cast: Cast, session: Session) -> None:
    number = object_to(rig, cast.alice, Kind.FIRST_RESPONSE, at(MONDAY))
    objection = session.get_one(Objection, number)
    assert (objection.counted, objection.until_at) == (True, NOW)
    decide(rig, cast.lena, number, confirm=True)
    clock = rig.clocks()[Kind.FIRST_RESPONSE]
    # It was late on Wednesday morning, which stays on record; two hours have passed since the objection.
    assert (clock.consumed, clock.running_since) == (2 * 3600, at("2026-03-04T12:00"))
    assert clock.breached_at == at("2026-03-04T08:00")
    assert rig.check() == []


def test_an_objection_to_an_update_is_decided_although_another_began_meanwhile(
    rig: Rig, cast: Cast, session: Session
) -> None:
    number = object_to(rig, cast.alice, Kind.REGULAR_UPDATE, at("2026-03-02T10:00"))
    rig.change("2026-03-04T11:00", Change.staff_replied())
    decide(rig, cast.lena, number, confirm=True)
    (again,) = session.scalars(sa.select(ClockEvent).where(ClockEvent.type == EventType.REMEASURED))
    assert (again.cycle, again.seconds) == (1, 8 * 3600)
    assert rig.clocks()[Kind.REGULAR_UPDATE].cycle == 2
    assert rig.check() == []


def test_a_confirmed_objection_is_on_record_although_the_hours_were_corrected_meanwhile(rig: Rig, cast: Cast) -> None:
    rig.change("2026-03-03T16:00", Change.staff_replied())
    number = object_to(rig, cast.alice, Kind.REGULAR_UPDATE, at("2026-03-03T16:00"), now=at("2026-03-04T12:00"))
    wednesday = {"from_at": at("2026-03-03T23:00"), "until_at": at("2026-03-04T23:00"), "holidays": [date(2026, 3, 4)]}
    remeasure(rig, "2026-03-05T10:00", **wednesday)
    assert rig.check() == []
    with transaction() as session:
        service.decide(
            session,
            cast.actor(cast.lena),
            objection_id=number,
            confirm=True,
            answer="It was a holiday anyway",
            now=at("2026-03-05T12:00"),
        )
        assert queries.that_differ(session) == []
    assert rig.check() == []
    assert rig.clocks()[Kind.REGULAR_UPDATE].consumed == 4 * 3600  # of Thursday


def test_the_lead_objects_to_the_registrys_clock_and_the_registrys_manager_decides(
    rig: Rig, cast: Cast, session: Session
) -> None:
    with_registry(rig)
    from_at = at("2026-03-03T16:00")
    number = object_to(rig, cast.leo, Kind.REGISTRY, from_at, party=Party.LEAD, text="It was back with you.")
    (event,) = told(session, "objection_raised")
    assert (event.audience, event.registry_id) == ("handover", cast.orcid.id)
    with transaction() as unit:
        assert [each.id for each in queries.waiting_for(unit, cast.actor(cast.ruth))] == [number]
        assert queries.waiting_for(unit, cast.actor(cast.lena)) == []
    with pytest.raises(NotPermitted):
        decide(rig, cast.lena, number, confirm=True)
    decide(rig, cast.ruth, number, confirm=True)
    assert rig.clocks()[Kind.REGISTRY].consumed == 7 * 3600
    assert rig.check() == []


def test_those_who_decide_are_told_and_then_those_who_objected(rig: Rig, cast: Cast, session: Session) -> None:
    def addresses(kind: str) -> set[str]:
        (event,) = told(session, kind)
        return {recipient.address for recipient in who.told(session, event, NOW)}

    number = object_to(rig, cast.alice, Kind.OVERALL, at("2026-03-02T10:00"))
    assert addresses("objection_raised") == {cast.lena.email}
    decide(rig, cast.lena, number, confirm=False)
    assert addresses("objection_refused") == {cast.alice.email}
    with_registry(rig)
    number = object_to(rig, cast.leo, Kind.REGISTRY, at("2026-03-03T16:00"), party=Party.LEAD)
    (_, event) = told(session, "objection_raised")
    assert {recipient.address for recipient in who.told(session, event, NOW)} == {cast.ruth.email}
    decide(rig, cast.ruth, number, confirm=True)
    assert addresses("objection_confirmed") == {cast.leo.email}


def test_what_waits_is_listed_for_who_decides(rig: Rig, cast: Cast) -> None:
    number = object_to(rig, cast.alice, Kind.OVERALL, at("2026-03-02T10:00"))
    with transaction() as session:
        for person, expected in ((cast.lena, [number]), (cast.leo, []), (cast.alice, []), (cast.sofia, [])):
            assert [each.id for each in queries.waiting_for(session, cast.actor(person))] == expected
    decide(rig, cast.lena, number, confirm=True)
    with transaction() as session:
        assert queries.waiting_for(session, cast.actor(cast.lena)) == []


# ------------------------------------------------------------------ a calendar's past


def remeasure(rig: Rig, now: str, actor: Actor = SYSTEM, **more: Any) -> list[service.Remeasured]:
    values: dict[str, Any] = {
        "calendar_id": rig.lead_calendar_id,
        "from_at": at("2026-03-02T23:00"),  # midnight in Berlin
        "until_at": at("2026-03-03T23:00"),
        "holidays": [date(2026, 3, 3)],
        "reason": "Women's Day was forgotten",
    } | more
    with transaction() as session:
        return service.remeasure(session, actor, now=at(now), **values)


def test_a_forgotten_holiday_is_not_worked_by_any_clock_of_the_calendar(cast: Cast, session: Session) -> None:
    rig = Rig.build(cast, at(MONDAY))
    other = Rig.build(cast, at(MONDAY), consortium=rig)
    other.change("2026-03-03T10:00", Change.resolved(public_message=True))
    paused = Rig.build(cast, at(MONDAY), consortium=rig)
    paused.change("2026-03-03T10:00", Change.moved(State.PENDING_MEMBER))
    gone = Rig.build(cast, at(MONDAY), consortium=rig)
    with transaction() as unit:
        sla.merge_clocks(unit, gone.ticket_id, paused.ticket_id, actor_id=None, now=at("2026-03-03T11:00"))
    changed = remeasure(rig, "2026-03-05T10:00")
    assert {each.ticket_id for each in changed} == {rig.ticket_id, other.ticket_id, paused.ticket_id}
    lead = {each.ticket_id: (each.before, each.after) for each in changed if each.kind is Kind.LEAD}
    hours = 3600
    assert lead == {
        rig.ticket_id: (25 * hours, 17 * hours),
        other.ticket_id: (9 * hours, 7 * hours),
        paused.ticket_id: (9 * hours, 7 * hours),
    }
    clock = rig.clocks()[Kind.LEAD]
    assert (clock.due_at, clock.running_since) == (at("2026-03-06T16:00"), at("2026-03-05T10:00"))
    assert other.clocks()[Kind.LEAD].consumed == 7 * hours
    for each in (rig, other, paused, gone):
        assert each.check() == []
    assert len(told(session, "calendar_corrected")) == 1
    assert {event.payload["reason"] for event in told(session, "remeasured")} == {"Women's Day was forgotten"}
    assert all(event.expanded_at is not None for event in told(session, "remeasured"))


def test_the_segments_that_were_there_stay_and_the_difference_is_added(cast: Cast, session: Session) -> None:
    rig = Rig.build(cast, at(MONDAY))
    rig.change("2026-03-04T10:00", Change.moved(State.PENDING_MEMBER))
    chosen = sa.select(ClockSegment).where(ClockSegment.kind == Kind.LEAD).order_by(ClockSegment.id)
    before = [(s.id, s.from_at, s.until_at, s.seconds) for s in session.scalars(chosen)]
    remeasure(rig, "2026-03-05T10:00")
    session.expire_all()
    after = [(s.id, s.from_at, s.until_at, s.seconds) for s in session.scalars(chosen)]
    assert after[: len(before)] == before
    assert [row[1:] for row in after[len(before) :]] == [(at("2026-03-02T23:00"), at("2026-03-03T23:00"), -8 * 3600)]


def test_the_hours_are_as_before_from_the_end_of_the_span_on(cast: Cast, session: Session) -> None:
    rig = Rig.build(cast, at(MONDAY))
    remeasure(rig, "2026-03-05T10:00", holidays=(), spec=office_hours("Europe/Berlin", weekly_hours={}))
    versions = session.scalars(
        sa.select(CalendarVersion)
        .where(CalendarVersion.calendar_id == rig.lead_calendar_id)
        .order_by(CalendarVersion.id)
    ).all()
    assert [(v.correction, v.effective_from) for v in versions] == [
        (False, at(MONDAY)),
        (True, at("2026-03-02T23:00")),
        (True, at("2026-03-03T23:00")),
    ]
    assert versions[2].spec == versions[0].spec
    assert rig.clocks()[Kind.FIRST_RESPONSE].due_at == at("2026-03-04T16:00")


def test_a_span_over_two_versions_is_corrected_in_both(cast: Cast) -> None:
    rig = Rig.build(cast, at(MONDAY))
    rig.edit_calendar("2026-03-03T11:00", weekly_hours={"tue": [["09:00", "20:00"]], "wed": [["09:00", "17:00"]]})
    assert rig.clocks()[Kind.LEAD].consumed == 7 * 3600 + 3 * 3600
    remeasure(rig, "2026-03-04T10:00")
    assert rig.clocks()[Kind.LEAD].consumed == 7 * 3600 + 2 * 3600
    assert rig.check() == []


def test_before_the_first_version_the_hours_stay_what_they_were(cast: Cast, session: Session) -> None:
    rig = Rig.build(cast, at(MONDAY))
    friday = {"from_at": at("2026-02-20T00:00"), "until_at": at("2026-02-21T00:00"), "holidays": [date(2026, 2, 20)]}
    remeasure(rig, "2026-03-05T10:00", **friday)
    hours = clocks.histories(session, [rig.lead_calendar_id])[rig.lead_calendar_id]
    assert hours.is_open(at("2026-02-19T10:00"))
    assert hours.is_open(at("2026-02-23T10:00"))
    assert rig.check() == []


def test_a_day_on_which_the_first_version_began_is_corrected_whole(cast: Cast) -> None:
    rig = Rig.build(cast, at(MONDAY))
    rig.change("2026-03-02T12:00", Change.moved(State.PENDING_MEMBER))
    (lead,) = [
        each
        for each in remeasure(
            rig,
            "2026-03-05T10:00",
            from_at=at("2026-03-01T23:00"),
            until_at=at("2026-03-02T23:00"),
            holidays=[date(2026, 3, 2)],
        )
        if each.kind is Kind.LEAD
    ]
    assert (lead.before, lead.after) == (3 * 3600, 0)
    assert rig.check() == []


def test_late_by_a_correction_is_late_from_the_correction_on(cast: Cast, session: Session) -> None:
    rig = Rig.build(cast, at(MONDAY))
    rig.change("2026-03-03T15:00", Change.staff_replied())  # in fourteen of the fifteen hours
    longer = {day: [["09:00", "22:00"]] for day in ("mon", "tue")}
    changed = remeasure(
        rig,
        "2026-03-05T10:00",
        from_at=at("2026-03-02T16:00"),
        holidays=(),
        spec=office_hours("Europe/Berlin", weekly_hours=longer),
        reason="We were open until ten",
    )
    first = next(each for each in changed if each.kind is Kind.FIRST_RESPONSE)
    assert (first.before, first.after, first.is_late) == (14 * 3600, 19 * 3600, True)
    clock = rig.clocks()[Kind.FIRST_RESPONSE]
    assert (clock.state, clock.breached_at) == (ClockState.STOPPED, at("2026-03-05T10:00"))
    # On record, and nobody is hurried about what is over.
    about = [event for event in told(session, "breached") if event.payload["kind"] == "first_response"]
    assert [event.expanded_at is not None for event in about] == [True]
    assert rig.check() == []


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"reason": "  "}, "reason"),
        ({"until_at": at("2026-03-02T23:00")}, "until_at"),
        ({"until_at": at("2026-03-06T00:00")}, "until_at"),
        ({"holidays": ()}, "spec"),
        ({"holidays": (), "spec": {"tz": "Europe/Atlantis", "weekly_hours": {}}}, "tz"),
    ],
)
def test_a_correction_that_cannot_be_meant_is_refused(cast: Cast, wrong: dict[str, object], field: str) -> None:
    rig = Rig.build(cast, at(MONDAY))
    with pytest.raises(InvalidInput) as refused:
        remeasure(rig, "2026-03-05T10:00", **wrong)
    assert refused.value.field == field


def test_only_the_partys_manager_corrects_its_calendar(cast: Cast) -> None:
    rig = Rig.build(cast, at(MONDAY))
    for person in (cast.leo, cast.sofia, cast.alice):
        with pytest.raises(NotPermitted):
            remeasure(rig, "2026-03-05T10:00", actor=cast.actor(person))
    with pytest.raises(NotFound):
        remeasure(rig, "2026-03-05T10:00", calendar_id=4711)
    assert remeasure(rig, "2026-03-05T10:00", actor=cast.actor(cast.lena))


def test_a_machine_that_was_ahead_does_not_make_a_correction_known_before_what_it_wrote(cast: Cast) -> None:
    rig = Rig.build(cast, at(MONDAY))
    rig.change("2026-03-05T10:30", Change.moved(State.PENDING_MEMBER))
    remeasure(rig, "2026-03-05T10:00")
    assert rig.check() == []


def test_a_manager_puts_a_stretch_right_without_an_objection(rig: Rig, cast: Cast) -> None:
    def again(person: Person, reason: str = "The mail had come") -> list[service.Remeasured]:
        with transaction() as session:
            return service.remeasure_stretch(
                session,
                cast.actor(person),
                ticket_id=rig.ticket_id,
                kind=Kind.OVERALL,
                from_at=at("2026-03-02T10:00"),
                reason=reason,
                now=NOW,
            )

    with pytest.raises(NotPermitted):
        again(cast.leo)
    with pytest.raises(InvalidInput):
        again(cast.lena, reason="")
    (changed,) = again(cast.lena)
    assert changed.after - changed.before == 8 * 3600
    assert rig.check() == []


def with_registry(rig: Rig) -> None:
    """Handed over on Tuesday at four, ten in New York, and still there."""
    rig.change("2026-03-03T15:00", Change.escalated())
    rig.change("2026-03-03T16:00", Change.handover_answered(HandoverAnswer.RETURNED, State.PENDING_LEAD))
    with transaction() as unit:
        unit.add(TicketRegistry(ticket_id=rig.ticket_id, registry_id=rig.cast.orcid.id, since=at("2026-03-03T15:00")))


@pytest.mark.parametrize(
    "again",
    [
        {},
        {"holidays": [date(2026, 3, 3), date(2026, 3, 8)], "until_at": at("2026-03-08T23:00")},  # a Sunday
        {"holidays": [date(2026, 3, 4)]},  # outside the span
        {"holidays": (), "spec": office_hours("Europe/Berlin", holidays=["2026-03-03"])},
    ],
    ids=["the same day", "with a closed Sunday", "a day of another span", "the same hours"],
)
def test_what_would_correct_nothing_is_refused_and_writes_nothing(
    cast: Cast, session: Session, again: dict[str, Any]
) -> None:
    rig = Rig.build(cast, at(MONDAY))
    remeasure(rig, "2026-03-05T10:00")
    before = session.scalars(sa.select(sa.func.count()).select_from(CalendarVersion)).one()
    session.rollback()
    with pytest.raises(InvalidInput, match="Nothing would change"):
        remeasure(rig, "2026-03-10T10:00", **again)
    assert session.scalars(sa.select(sa.func.count()).select_from(CalendarVersion)).one() == before
    session.rollback()
    assert rig.check() == []


def test_a_holiday_keeps_its_name_and_a_new_one_is_not_called_by_the_reason(cast: Cast, session: Session) -> None:
    rig = Rig.build(cast, at(MONDAY))
    with transaction() as unit:
        for version in unit.scalars(sa.select(CalendarVersion)):
            if version.calendar_id == rig.lead_calendar_id:
                version.country, version.holiday_names = "ES", {"2026-03-03": "Founders’ day"}
    remeasure(rig, "2026-03-05T10:00", holidays=[date(2026, 3, 3), date(2026, 3, 2)], from_at=at("2026-03-01T23:00"))
    remeasure(
        rig,
        "2026-05-05T10:00",
        holidays=[date(2026, 5, 1)],
        from_at=at("2026-04-30T22:00"),
        until_at=at("2026-05-01T22:00"),
    )
    newest = session.scalars(sa.select(CalendarVersion).order_by(CalendarVersion.id.desc())).first()
    assert newest is not None
    assert newest.holiday_names == {"2026-03-02": "closed", "2026-03-03": "Founders’ day", "2026-05-01": "Labor Day"}
    assert newest.note == "Women's Day was forgotten"
