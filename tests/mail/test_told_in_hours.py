"""Word that time runs out: inside working hours, once, while it is news. And what the receipt counts for."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.accounts.models import Team
from desk.agreements import service as agreements
from desk.calendars import service as calendars
from desk.calendars.models import Agreement
from desk.config import Settings
from desk.conversations.models import Message
from desk.db import transaction
from desk.domain.permissions import SYSTEM
from desk.domain.priority import Priority
from desk.domain.targets import DEFAULT_LADDER, Kind, Ladder, Target, Told, hours
from desk.domain.vocabulary import Audience, Channel, Outcome
from desk.events.models import Event
from desk.extensions import mail
from desk.handover import service as handover
from desk.health import queries as health
from desk.mail import notify, outbound
from desk.mail.models import OutboundMail
from desk.progress import service as progress
from desk.sla import queries as sla
from desk.sla import service as clocks
from desk.sla.models import Clock
from desk.tickets.models import Ticket
from desk.triage import service as triage
from tests.cast import Cast
from tests.servers.sink import Sink
from tests.sla.rig import at
from tests.tickets.scenes import filed, written

FRIDAY = at("2026-03-06T16:05")  # 17:05 in Berlin: closed since five minutes
MONDAY = at("2026-03-09T08:00")  # 09:00 in Berlin
EVERYBODY = Ladder(((50, (Told.ASSIGNEE,)), (80, (Told.TEAM,))), (Told.TEAM, Told.MANAGER))


@pytest.fixture
def settings(app: Flask, sink: Sink) -> Iterator[Settings]:
    yield replace(app.config["DESK"], SMTP_HOST="127.0.0.1", SMTP_PORT=sink.port, SMTP_TIMEOUT=5)


@pytest.fixture
def ticket(cast: Cast, settings: Settings) -> int:
    """Opened on Wednesday, everybody told; nobody is promised anything yet."""
    promise(cast, cast.now, {})
    number = filed(cast)
    tell(settings, cast.now)
    with transaction() as session:
        session.execute(sa.delete(OutboundMail))
    return number


def promise(
    cast: Cast,
    when: datetime,
    row: Mapping[Kind, Target],
    ladder: Ladder = EVERYBODY,
    *,
    by_registry: bool = False,
    receipt_counts: bool = False,
) -> None:
    """From now on the lead, or the registry, promises this for every priority."""
    owner = {"registry_id": cast.orcid.id} if by_registry else {"consortium_id": cast.north.id}
    with transaction() as session:
        agreement_id = session.scalars(sa.select(Agreement.id).filter_by(**owner)).first()
        assert agreement_id is not None
        agreements.save_agreement_version(
            session,
            SYSTEM,
            agreement_id=agreement_id,
            targets=dict.fromkeys(Priority, row),
            ladder=ladder,
            receipt_counts=receipt_counts,
            now=when,
        )


def tell(settings: Settings, when: datetime) -> None:
    while True:
        with transaction() as session:
            if not notify.expand_one(session, settings=settings, now=when):
                return


def send(settings: Settings, when: datetime) -> None:
    while outbound.send_one(mail, settings=settings, now=when):
        pass


def told(session: Session, *kinds: str) -> list[tuple[str, str]]:
    """Who was written to of what, by first name, and the words."""
    session.rollback()
    wanted = sa.select(OutboundMail, Event.kind).join(Event, Event.id == OutboundMail.event_id)
    rows = session.execute(wanted.where(Event.kind.in_(kinds or ("warned", "breached"))).order_by(OutboundMail.id))
    return [(row.to_address.partition("@")[0], kind) for row, kind in rows]


def letter(session: Session, name: str) -> OutboundMail:
    session.rollback()
    wanted = sa.select(OutboundMail).where(OutboundMail.to_address.startswith(f"{name}@")).order_by(OutboundMail.id)
    found = session.scalars(wanted).all()[-1]
    return found


def clock(session: Session, number: int, kind: Kind = Kind.FIRST_RESPONSE) -> Clock:
    session.expire_all()
    return next(each for each in sla.clocks_of(session, [number])[number] if each.kind is kind)


# ------------------------------------------------------------------ when


def test_what_is_missed_on_friday_evening_is_told_on_monday_morning_and_dated_friday(
    cast: Cast, session: Session, settings: Settings, ticket: int
) -> None:
    promise(cast, FRIDAY, {Kind.FIRST_RESPONSE: hours(1)})
    assert clock(session, ticket).breached_at == FRIDAY
    for when in (FRIDAY, at("2026-03-07T12:00"), MONDAY - timedelta(seconds=1)):
        tell(settings, when)
        assert told(session) == []
    tell(settings, MONDAY)
    assert told(session) == [("leo", "breached"), ("lena", "breached")]
    text = letter(session, "leo").text
    assert "It happened Fri 6 Mar 2026, 17:05 CET, outside your working hours." in text
    tell(settings, MONDAY + timedelta(days=1))
    assert len(told(session)) == 2


def test_in_working_hours_it_is_told_at_once(cast: Cast, session: Session, settings: Settings, ticket: int) -> None:
    when = at("2026-03-06T13:00")
    promise(cast, when, {Kind.FIRST_RESPONSE: hours(1)})
    tell(settings, when)
    assert told(session) == [("leo", "breached"), ("lena", "breached")]
    assert "outside your working hours" not in letter(session, "leo").text


def test_each_desk_is_told_in_its_own_hours(cast: Cast, session: Session, settings: Settings, ticket: int) -> None:
    with transaction() as unit:
        row, team = unit.get_one(Ticket, ticket), accounts.team_of_registry(unit, cast.orcid.id)
        actor = cast.actor(cast.leo)
        handover.hand_over(unit, actor, row, registry_id=cast.orcid.id, team=team, tier=2, now=cast.now)
    ladder = Ladder((), (Told.TEAM, Told.ENGAGEMENT_LEAD))
    promise(cast, FRIDAY, {Kind.FIRST_RESPONSE: hours(1)})
    # Berlin has closed, ORCID's support works in UTC and has an hour left; at six it has closed too.
    promise(cast, at("2026-03-06T18:00"), {Kind.REGISTRY_ACCEPTANCE: hours(1)}, ladder, by_registry=True)
    tell(settings, at("2026-03-06T18:00"))
    assert told(session) == []
    tell(settings, MONDAY)
    assert {name for name, _ in told(session)} == {"leo", "lena"}
    tell(settings, MONDAY + timedelta(minutes=59))
    assert {name for name, _ in told(session)} == {"leo", "lena"}
    tell(settings, MONDAY + timedelta(hours=1))
    assert {name for name, _ in told(session)} == {"leo", "lena", "rita", "ruth"}


def test_a_team_that_never_opens_is_told_at_once(cast: Cast, session: Session, settings: Settings, ticket: int) -> None:
    with transaction() as unit:
        spec = {"tz": "Europe/Berlin", "weekly_hours": {}, "overrides": {"2020-01-06": [["09:00", "17:00"]]}}
        closed = calendars.add_calendar(
            unit, SYSTEM, name="Closed", spec=spec, consortium_id=cast.north.id, now=cast.now
        )
        unit.get_one(Team, cast.north_desk.id).calendar_id = closed.id
    promise(cast, FRIDAY, {Kind.FIRST_RESPONSE: hours(1)})
    tell(settings, FRIDAY)
    assert told(session) == [("leo", "breached"), ("lena", "breached")]


def test_what_is_used_up_at_closing_and_exceeded_at_opening_is_one_word_and_not_two(
    cast: Cast, session: Session, settings: Settings, ticket: int
) -> None:
    # From Wednesday 11:00 to Friday 17:00 in Berlin.
    promise(
        cast, at("2026-03-06T13:00"), {Kind.FIRST_RESPONSE: hours(22)}, Ladder(((100, (Told.TEAM,)),), (Told.MANAGER,))
    )
    tell(settings, MONDAY)
    sweep(at("2026-03-06T16:00"))
    tell(settings, at("2026-03-06T16:00"))
    assert told(session) == []
    tell(settings, MONDAY + timedelta(seconds=1))
    assert told(session) == [], "the breach follows within the minute"
    sweep(MONDAY + timedelta(seconds=3))
    for second in (4, 35):
        tell(settings, MONDAY + timedelta(seconds=second))
    assert sorted(told(session)) == [("lena", "breached"), ("leo", "breached")]
    assert clock(session, ticket).breached_at == MONDAY


def sweep(when: datetime) -> None:
    with transaction() as session:
        clocks.act_on_due_clocks(session, when, 50)


# ------------------------------------------------------------------ whether


def test_of_several_words_about_one_clock_only_the_last_is_sent_and_to_all_whom_they_were_for(
    cast: Cast, session: Session, settings: Settings, ticket: int
) -> None:
    # 22 working hours used by Friday's end: first 50 % for the manager, then the breach for the team.
    promise(cast, FRIDAY, {Kind.FIRST_RESPONSE: hours(40)}, Ladder(((50, (Told.MANAGER,)),), (Told.TEAM,)))
    tell(settings, FRIDAY)
    promise(cast, FRIDAY + timedelta(hours=1), {Kind.FIRST_RESPONSE: hours(2)}, Ladder((), (Told.TEAM,)))
    tell(settings, FRIDAY + timedelta(hours=1))
    kinds = [event.kind for event in session.scalars(sa.select(Event).where(Event.kind.in_(("warned", "breached"))))]
    assert kinds == ["warned", "breached"]
    tell(settings, MONDAY)
    assert sorted(told(session)) == [("lena", "breached"), ("leo", "breached")]


def test_what_was_answered_on_the_weekend_is_not_told_on_monday(
    cast: Cast, session: Session, settings: Settings, ticket: int
) -> None:
    promise(cast, FRIDAY, {Kind.FIRST_RESPONSE: hours(1)})
    tell(settings, FRIDAY)
    with transaction() as unit:
        row = unit.get_one(Ticket, ticket)
        when = at("2026-03-07T09:00")
        progress.resolve(unit, cast.actor(cast.leo), row, outcome=Outcome.SOLVED, text="Done.", now=when)
    tell(settings, MONDAY)
    assert told(session) == []


def test_who_took_it_meanwhile_is_told(cast: Cast, session: Session, settings: Settings, ticket: int) -> None:
    promise(cast, FRIDAY, {Kind.OVERALL: hours(40)}, DEFAULT_LADDER)
    tell(settings, FRIDAY)
    with transaction() as unit:
        triage.take(unit, cast.actor(cast.lena), unit.get_one(Ticket, ticket), now=at("2026-03-07T09:00"))
    tell(settings, MONDAY)
    assert told(session) == [("lena", "warned")]


def test_nobody_is_woken_by_a_second_try_at_night_and_other_mail_does_not_wait_for_it(
    cast: Cast, session: Session, settings: Settings, sink: Sink, ticket: int
) -> None:
    when = at("2026-03-06T15:59")
    promise(cast, when, {Kind.FIRST_RESPONSE: hours(1)})
    tell(settings, when)
    sink.mode = "451"
    send(settings, when)
    sink.mode = ""
    night = when + timedelta(hours=8)
    send(settings, night)
    assert sink.messages == []
    written_at(cast, ticket, night)
    tell(settings, night)
    send(settings, night)
    assert {received.recipients[0].partition("@")[0] for received in sink.messages} == {"leo", "lena"}
    assert all("wrote" in received.text or "Please hurry" in received.text for received in sink.messages)
    send(settings, MONDAY)
    assert sum("the promised time has passed" in received.text for received in sink.messages) == 2


def written_at(cast: Cast, number: int, when: datetime) -> None:
    with transaction() as unit:
        progress.add_message(
            unit,
            cast.actor(cast.alice),
            unit.get_one(Ticket, number),
            audience=Audience.MEMBER,
            text="Please hurry.",
            channel=Channel.WEB,
            now=when,
        )


def test_word_that_could_not_be_sent_in_time_is_given_up_when_it_is_over(
    cast: Cast, session: Session, settings: Settings, sink: Sink, ticket: int
) -> None:
    when = at("2026-03-06T13:00")
    promise(cast, when, {Kind.FIRST_RESPONSE: hours(1)})
    tell(settings, when)
    sink.mode = "451"
    send(settings, when)
    sink.mode = ""
    written(cast, ticket, cast.leo, "Here is your answer.")
    send(settings, when + timedelta(minutes=10))
    assert sink.messages == []
    errors = {row.last_error for row in session.scalars(sa.select(OutboundMail))}
    assert errors == {"Held back: it was no longer news when it could be sent."}


def test_what_waits_for_an_opening_is_no_reason_to_complain(
    cast: Cast, session: Session, settings: Settings, ticket: int
) -> None:
    promise(cast, FRIDAY, {Kind.FIRST_RESPONSE: hours(1)})
    tell(settings, FRIDAY)
    waiting = [said for said in health.complaints(session, FRIDAY + timedelta(hours=3)) if "Notifications" in said]
    assert waiting == []
    overdue = [said for said in health.complaints(session, MONDAY + timedelta(hours=3)) if "Notifications" in said]
    assert len(overdue) == 1


# ------------------------------------------------------------------ who, and in which words


@pytest.mark.parametrize(
    ("rung", "names"),
    [
        ((Told.ASSIGNEE,), ["leo"]),
        ((Told.TEAM,), ["leo"]),
        ((Told.MANAGER,), ["lena"]),
        ((Told.ASSIGNEE, Told.TEAM, Told.MANAGER), ["lena", "leo"]),
    ],
)
def test_a_rung_tells_whom_it_names_and_the_team_while_nobody_has_it(
    cast: Cast, session: Session, settings: Settings, ticket: int, rung: tuple[Told, ...], names: list[str]
) -> None:
    when = at("2026-03-06T13:00")
    promise(cast, when, {Kind.FIRST_RESPONSE: hours(1)}, Ladder((), rung))
    tell(settings, when)
    assert sorted(name for name, _ in told(session)) == names


def test_the_letter_says_which_clock_when_in_both_zones_what_is_used_and_whose_turn_it_is(
    cast: Cast, session: Session, settings: Settings, ticket: int
) -> None:
    with transaction() as unit:
        person = accounts.person(unit, cast.leo.id)
        person.timezone = "America/New_York"
    when = at("2026-03-06T13:00")
    promise(cast, when, {Kind.FIRST_RESPONSE: hours(23)}, EVERYBODY)
    tell(settings, when)
    for text in (letter(session, "leo").text, letter(session, "leo").html):
        assert "“First answer”: 80 % of the promised time is used." in text
        assert "Mon 9 Mar 2026, 05:00 EDT" in text and "(at the desk: Mon 9 Mar 2026, 10:00 CET)" in text
        assert "19 h of 23 h working time" in text
        assert "Whose turn it is: consortium lead" in text
        assert f"/tickets/{ticket}/clocks#first_response" in text


def test_the_member_reads_both_dates_when_an_agreement_moves_the_promise(
    cast: Cast, session: Session, settings: Settings
) -> None:
    filed(cast)
    promise(cast, cast.now + timedelta(minutes=5), {Kind.OVERALL: hours(16)})
    tell(settings, cast.now + timedelta(minutes=5))
    assert ("alice", "promise_moved") in told(session, "promise_moved")
    text = letter(session, "alice").text
    assert "What we promise has changed" in text
    assert "Until now: Wed 1 Apr 2026, 17:00 CEST" in text
    assert "From now on: Fri 6 Mar 2026, 11:00 CET" in text


# ------------------------------------------------------------------ the receipt


def receipt(cast: Cast, settings: Settings, *, counts: bool) -> int:
    """A ticket just opened, its mails written and not sent."""
    promise(cast, cast.now, {Kind.FIRST_RESPONSE: hours(4)}, receipt_counts=counts)
    number = filed(cast)
    tell(settings, cast.now)
    return number


@pytest.mark.parametrize("counts", [True, False])
def test_the_receipt_is_a_first_answer_only_where_the_agreement_says_so(
    cast: Cast, session: Session, settings: Settings, sink: Sink, counts: bool
) -> None:
    number = receipt(cast, settings, counts=counts)
    assert clock(session, number).state.value == "running", "written is not sent"
    sent = cast.now + timedelta(minutes=7)
    send(settings, sent)
    found = clock(session, number)
    assert (found.stopped_at, found.cause) == ((sent, "receipt_sent") if counts else (None, "created"))


def test_a_receipt_counts_from_the_moment_at_which_the_mail_server_took_it(
    cast: Cast, session: Session, settings: Settings, sink: Sink
) -> None:
    number = receipt(cast, settings, counts=True)
    sink.mode = "451"
    send(settings, cast.now)
    assert clock(session, number).stopped_at is None
    sink.mode = ""
    later = cast.now + timedelta(minutes=30)
    send(settings, later)
    assert clock(session, number).stopped_at == later


def test_word_to_the_desk_is_no_receipt(cast: Cast, session: Session, settings: Settings, sink: Sink) -> None:
    sink.unknown = {cast.alice.email}
    number = receipt(cast, settings, counts=True)
    send(settings, cast.now)
    assert len(sink.messages) == 2
    assert clock(session, number).stopped_at is None
    sink.unknown = set()


def test_a_receipt_that_is_held_back_or_for_a_machine_counts_for_nothing(
    cast: Cast, session: Session, settings: Settings, sink: Sink
) -> None:
    number = receipt(cast, settings, counts=True)
    with transaction() as unit:
        unit.execute(sa.update(Message).where(Message.ticket_id == number).values(machine=True))
    send(settings, cast.now)
    assert clock(session, number).stopped_at is None
    held = receipt(cast, settings, counts=True)
    with transaction() as unit:
        unit.execute(sa.update(OutboundMail).where(OutboundMail.ticket_id == held).values(state="dead"))
    send(settings, cast.now)
    assert clock(session, held).stopped_at is None
