"""Telling people later: quick changes in one mail, quiet hours, the daily mail, and what somebody does not want."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from desk.accounts.models import Person, RoleGrant
from desk.config import Settings
from desk.db import db, transaction
from desk.domain.escalation import ReturnReason
from desk.domain.notices import Topic
from desk.domain.vocabulary import Audience, Channel
from desk.escalations import service as escalations
from desk.events import service as events
from desk.extensions import mail
from desk.issues.models import Issue
from desk.known_issues import service as issues
from desk.mail import drafting, notify, outbound, waiting
from desk.mail.compose import compose
from desk.mail.models import OutboundMail, OutboundState, WaitingNotice
from desk.preferences import service as preferences
from desk.progress import service as progress
from desk.tickets.models import Ticket
from desk.triage import service as triage
from tests.cast import Cast
from tests.escalations.stage import Stage
from tests.issues.scenes import filed, opened, published

GATHER = timedelta(minutes=2)


@pytest.fixture
def settings(app: Flask) -> Settings:
    return replace(app.config["DESK"], MAIL_GATHER_SECONDS=int(GATHER.total_seconds()))


@pytest.fixture
def number(cast: Cast, settings: Settings) -> int:
    """A ticket of Alice whose first mails are out of the way."""
    found = filed(cast, cast.alice, cast.alder)
    work(settings, cast.now)
    with transaction() as unit:
        unit.execute(sa.delete(OutboundMail))
    return found


def work(settings: Settings, now: datetime) -> None:
    """What the jobs do at this moment, short of sending."""
    for step in (notify.expand_one, waiting.write_one):
        more = True
        while more:
            with transaction() as unit:
                more = step(unit, settings=settings, now=now)


def mails(session: Session, person: Person) -> list[OutboundMail]:
    session.rollback()
    session.expire_all()
    wanted = sa.select(OutboundMail).where(OutboundMail.to_address == person.email).order_by(OutboundMail.id)
    return list(session.scalars(wanted))


def write(cast: Cast, person: Person, number: int, audience: Audience, text: str, now: datetime) -> None:
    with transaction() as unit:
        ticket = unit.get_one(Ticket, number)
        progress.add_message(
            unit, cast.actor(person), ticket, audience=audience, text=text, channel=Channel.WEB, now=now
        )


def wish(person: Person, now: datetime, **chosen: Any) -> None:
    nothing: dict[str, Any] = {"daily_at": None, "quiet_from": None, "quiet_until": None, "off": ()}
    with transaction() as unit:
        preferences.save(unit, unit.get_one(Person, person.id), **(nothing | chosen), now=now)


def gone(person: Person, now: datetime) -> None:
    """Their roles have ended."""
    with transaction() as unit:
        unit.execute(sa.update(RoleGrant).where(RoleGrant.person_id == person.id).values(valid_until=now))


# ------------------------------------------------------------------ quick changes


def test_what_happens_quickly_is_one_mail_in_its_order(
    cast: Cast, session: Session, settings: Settings, number: int, now: datetime
) -> None:
    for step, text in enumerate(("First note.", "Second note.", "Third note.")):
        write(cast, cast.leo, number, Audience.LEAD, text, now + timedelta(seconds=30 * step))
        work(settings, now + timedelta(seconds=30 * step))
    assert mails(session, cast.lena) == []
    # The wait does not grow with each note: it is that of the first.
    work(settings, now + GATHER)
    (mail,) = mails(session, cast.lena)
    assert "3 things happened" in mail.text
    order = [mail.text.index(word) for word in ("First note.", "Second note.", "Third note.")]
    assert order == sorted(order)
    assert "Third note." in mail.html and "<p>First note.</p>" in mail.html
    assert mail.subject == f"[#{number}] Empty list of works"
    assert (mail.audience, mail.automatic, mail.unsubscribe) == (Audience.LEAD, True, "")
    work(settings, now + timedelta(days=1))
    assert len(mails(session, cast.lena)) == 1


def test_one_thing_alone_is_its_ordinary_letter(
    cast: Cast, session: Session, settings: Settings, number: int, now: datetime
) -> None:
    write(cast, cast.leo, number, Audience.LEAD, "Only note.", now)
    work(settings, now)
    work(settings, now + GATHER)
    (mail,) = mails(session, cast.lena)
    assert "Leo Larch wrote a note for your team only:" in mail.text and "happened" not in mail.text


def test_what_other_readers_would_answer_is_not_put_into_one_mail(
    cast: Cast, session: Session, settings: Settings, number: int, now: datetime
) -> None:
    """An answer to a note stays in the team, an answer to the member goes to the member: one address cannot do both."""
    write(cast, cast.leo, number, Audience.LEAD, "A note.", now)
    write(cast, cast.alice, number, Audience.MEMBER, "From the member.", now)
    work(settings, now)
    work(settings, now + GATHER)
    assert [mail.audience for mail in mails(session, cast.lena)] == [Audience.LEAD, Audience.MEMBER]


def test_an_answer_goes_at_once_and_what_waited_goes_before_it(
    cast: Cast, session: Session, settings: Settings, number: int, now: datetime
) -> None:
    with transaction() as unit:
        payload = {"before": now.isoformat(), "due_at": (now + timedelta(days=1)).isoformat(), "by": "hours"}
        events.record(unit, "promise_moved", at=now, ticket_id=number, consortium_id=cast.north.id, payload=payload)
    work(settings, now)
    assert mails(session, cast.alice) == []
    write(cast, cast.leo, number, Audience.MEMBER, "Please try again.", now)
    work(settings, now)
    moved, answer = mails(session, cast.alice)
    assert "Please try again." in answer.text and "Please try again." not in moved.text
    assert answer.references[-1] == moved.message_id
    work(settings, now + GATHER)
    assert len(mails(session, cast.alice)) == 2


def test_events_that_cannot_be_told_together_are_told_one_by_one(
    cast: Cast, session: Session, settings: Settings, number: int, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> OutboundMail:
        raise RuntimeError("a letter of several")

    monkeypatch.setattr(drafting, "add_gathered", fails)
    for text in ("First note.", "Second note."):
        write(cast, cast.leo, number, Audience.LEAD, text, now)
    work(settings, now)
    work(settings, now + GATHER)
    assert ["First note." in mail.text for mail in mails(session, cast.lena)] == [True, False]


def test_several_processes_write_each_of_them_once(
    app: Flask, cast: Cast, session: Session, settings: Settings, number: int, now: datetime
) -> None:
    for text in ("First note.", "Second note.", "Third note."):
        write(cast, cast.leo, number, Audience.LEAD, text, now)
        write(cast, cast.alice, number, Audience.MEMBER, f"And from the member: {text}", now)
    work(settings, now)

    def process(_: int) -> None:
        with app.app_context():
            work(settings, now + GATHER)
            db.session.remove()

    session.rollback()
    with ThreadPoolExecutor(4) as several:
        list(several.map(process, range(4)))
    gathered = [row for person in (cast.lena, cast.leo) for row in mails(session, person)]
    told = session.execute(sa.select(WaitingNotice.event_id, WaitingNotice.mail_id)).all()
    assert len(told) == 9  # the member's to both of the desk, the notes to who did not write them
    assert {mail_id for _, mail_id in told} == {row.id for row in gathered}
    assert sum(row.text.count("First note.") for row in gathered) == 3


# ------------------------------------------------------------------ quiet hours


def test_in_quiet_hours_nothing_comes_but_what_is_urgent_and_then_in_order(
    cast: Cast, session: Session, settings: Settings, number: int, now: datetime
) -> None:
    wish(cast.alice, now, quiet_from=10, quiet_until=13)  # in Berlin it is eleven
    write(cast, cast.leo, number, Audience.MEMBER, "First answer.", now)
    write(cast, cast.leo, number, Audience.MEMBER, "Second answer.", now)
    work(settings, now)
    with transaction() as unit:
        events.record(unit, "sign_in_link_issued", at=now, person_id=cast.alice.id, payload={"link_id": 1})
    work(settings, now)
    assert ["sign-in link" in mail.subject for mail in mails(session, cast.alice)] == [True]
    work(settings, now + timedelta(hours=1, minutes=59))
    assert len(mails(session, cast.alice)) == 1
    work(settings, now + timedelta(hours=2))
    _, first, second = mails(session, cast.alice)
    assert "First answer." in first.text and "Second answer." in second.text
    assert second.in_reply_to == first.message_id


def test_what_waited_for_company_until_quiet_hours_began_waits_on(
    cast: Cast, session: Session, settings: Settings, number: int, now: datetime
) -> None:
    start = now + timedelta(minutes=59)
    wish(cast.lena, now, quiet_from=12, quiet_until=13)
    write(cast, cast.leo, number, Audience.LEAD, "A note.", start)
    work(settings, start)
    work(settings, start + GATHER)
    assert mails(session, cast.lena) == []
    work(settings, now + timedelta(hours=2))
    assert len(mails(session, cast.lena)) == 1


def test_a_p1_ticket_passes_the_quiet_hours_of_staff(
    cast: Cast, session: Session, settings: Settings, number: int, now: datetime
) -> None:
    wish(cast.lena, now, quiet_from=0, quiet_until=23)
    with transaction() as unit:
        unit.execute(sa.update(Ticket).where(Ticket.id == number).values(priority="P1"))
    write(cast, cast.leo, number, Audience.LEAD, "Everything stands still.", now)
    work(settings, now)
    assert len(mails(session, cast.lena)) == 1


def test_a_mail_that_could_not_be_sent_before_quiet_hours_waits_for_their_end(
    cast: Cast, session: Session, settings: Settings, number: int, now: datetime
) -> None:
    write(cast, cast.leo, number, Audience.MEMBER, "An answer.", now)
    work(settings, now)
    wish(cast.alice, now, quiet_from=11, quiet_until=13)
    while outbound.send_one(mail, settings=settings, now=now):
        pass
    (row,) = mails(session, cast.alice)
    assert (row.state, row.attempts, row.next_try_at) == (OutboundState.QUEUED, 0, now + timedelta(hours=2))


# ------------------------------------------------------------------ the daily mail


def test_the_daily_mail_comes_once_at_its_hour_with_everything_that_was_not_urgent(
    cast: Cast, session: Session, settings: Settings, number: int, now: datetime
) -> None:
    wish(cast.lena, now, daily_at=8)
    other = filed(cast, cast.bob, cast.birch, subject="Another question")
    write(cast, cast.leo, number, Audience.LEAD, "A note. " + "word " * 300, now)
    write(cast, cast.alice, number, Audience.MEMBER, "From the member.", now)
    work(settings, now)
    work(settings, now + GATHER)
    morning = now + timedelta(hours=21)  # eight o'clock in Berlin
    work(settings, morning - timedelta(minutes=1))
    assert mails(session, cast.lena) == []
    work(settings, morning)
    (digest,) = mails(session, cast.lena)
    assert digest.subject == "Your day in one mail: 3 pieces of news"
    for word in (f"#{number} Empty list of works", f"#{other} Another question", "From the member.", "A note."):
        assert word in digest.text and word in digest.html, word
    assert digest.text.count("word ") < 200
    assert digest.text.count("Which mails you get, and when:") == 1
    assert (digest.ticket_id, digest.reply_to, digest.event_id) == (None, "", None)
    work(settings, morning + timedelta(days=1))
    assert len(mails(session, cast.lena)) == 1


def test_one_click_on_the_daily_mail_ends_the_topics_that_it_held(
    cast: Cast, session: Session, settings: Settings, number: int, now: datetime
) -> None:
    wish(cast.lena, now, daily_at=8)
    write(cast, cast.leo, number, Audience.LEAD, "A note.", now)
    work(settings, now)
    work(settings, now + timedelta(days=1))
    (digest,) = mails(session, cast.lena)
    message = compose(digest)
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = str(message["List-Unsubscribe"]).strip("<>")
    with transaction() as unit:
        token = link.rpartition("/")[2]
        assert preferences.read_token(unit, token, settings.SECRET_KEY)[1] == [Topic.NOTES]


def test_what_may_no_longer_be_read_in_the_morning_is_not_in_the_daily_mail(
    cast: Cast, session: Session, settings: Settings, number: int, now: datetime
) -> None:
    wish(cast.lena, now, daily_at=8)
    write(cast, cast.leo, number, Audience.LEAD, "A note.", now)
    work(settings, now)
    gone(cast.lena, now + timedelta(hours=1))
    work(settings, now + timedelta(days=1))
    assert mails(session, cast.lena) == []
    assert session.scalars(sa.select(WaitingNotice.id).where(WaitingNotice.written_at.is_(None))).all() == []


def test_a_daily_mail_of_which_a_part_may_no_longer_be_read_is_written_anew_without_it(
    cast: Cast, session: Session, settings: Settings, number: int, now: datetime
) -> None:
    """Access is checked again at sending: somebody may have stopped following one thing and still have the other."""
    wish(cast.alice, now, daily_at=8)
    lists = opened(cast)
    published(cast, cast.leo, lists, cast.north)
    with transaction() as unit:
        found = unit.get_one(Issue, lists)
        issues.follow(unit, cast.actor(cast.alice), found, member_org_id=cast.alder.id, now=now)
        payload = {"before": now.isoformat(), "due_at": (now + timedelta(days=1)).isoformat(), "by": "hours"}
        events.record(unit, "promise_moved", at=now, ticket_id=number, consortium_id=cast.north.id, payload=payload)
        place = {"issue_id": lists, "consortium_id": cast.north.id}
        events.record(unit, "issue_updated", at=now, **place, payload={"title": "Lists", "text": "Better."})
    work(settings, now)
    work(settings, now + timedelta(days=1))
    (digest,) = mails(session, cast.alice)
    assert "Better." in digest.text and f"#{number}" in digest.text
    with transaction() as unit:
        found = unit.get_one(Issue, lists)
        issues.follow(unit, cast.actor(cast.alice), found, False, member_org_id=cast.alder.id, now=now)
    assert outbound.send_one(mail, settings=settings, now=now + timedelta(days=1))
    work(settings, now + timedelta(days=1))
    dead, anew = mails(session, cast.alice)
    assert (dead.state, anew.state) == (OutboundState.DEAD, OutboundState.QUEUED)
    assert "Better." not in anew.text and f"#{number}" in anew.text
    assert anew.message_id != dead.message_id
    # By hand it is refused for the same reason.
    with transaction() as unit:
        outbound.send_again(unit, unit.get_one(OutboundMail, dead.id), now=now + timedelta(days=1))
        unit.execute(sa.update(OutboundMail).where(OutboundMail.id == anew.id).values(state=OutboundState.DEAD))
    assert outbound.send_one(mail, settings=settings, now=now + timedelta(days=1))
    assert mails(session, cast.alice)[0].state is OutboundState.DEAD


# ------------------------------------------------------------------ what somebody does not want


def test_what_is_switched_off_is_not_told_and_the_rest_is(
    cast: Cast, session: Session, settings: Settings, number: int, now: datetime
) -> None:
    wish(cast.lena, now, off=[Topic.NOTES])
    write(cast, cast.leo, number, Audience.LEAD, "A note.", now)
    write(cast, cast.alice, number, Audience.MEMBER, "From the member.", now)
    work(settings, now)
    work(settings, now + GATHER)
    (told,) = mails(session, cast.lena)
    assert "From the member." in told.text and "A note." not in told.text


def test_what_is_switched_off_while_it_waits_is_not_told(
    cast: Cast, session: Session, settings: Settings, number: int, now: datetime
) -> None:
    write(cast, cast.leo, number, Audience.LEAD, "A note.", now)
    work(settings, now)
    wish(cast.lena, now, off=[Topic.NOTES])
    work(settings, now + GATHER)
    assert mails(session, cast.lena) == []


@pytest.mark.parametrize("both", [False, True])
def test_a_new_ticket_that_everybody_at_the_desk_has_switched_off_is_told_to_everybody(
    cast: Cast, session: Session, settings: Settings, now: datetime, both: bool
) -> None:
    wish(cast.leo, now, off=[Topic.NEW_TICKETS])
    if both:
        wish(cast.lena, now, off=[Topic.NEW_TICKETS])
    filed(cast, cast.alice, cast.alder)
    work(settings, now)
    assert (len(mails(session, cast.leo)), len(mails(session, cast.lena))) == (int(both), 1)


def test_answers_on_own_tickets_come_and_those_on_a_colleagues_can_be_switched_off(
    cast: Cast, session: Session, settings: Settings, number: int, now: datetime
) -> None:
    with transaction() as unit:
        ticket = unit.get_one(Ticket, number)
        triage.add_participant(unit, cast.actor(cast.leo), ticket, person_id=cast.adam.id, now=now)
    for person in (cast.alice, cast.adam):
        wish(person, now, off=list(Topic))
    write(cast, cast.leo, number, Audience.MEMBER, "The answer.", now)
    work(settings, now)
    assert ["The answer." in each.text for each in mails(session, cast.alice)] == [True]
    assert not [each for each in mails(session, cast.adam) if "The answer." in each.text]


# ------------------------------------------------------------------ List-Unsubscribe


def followed(cast: Cast, settings: Settings, now: datetime) -> None:
    """Alice follows an issue, and there is news of it."""
    lists = opened(cast)
    published(cast, cast.leo, lists, cast.north)
    with transaction() as unit:
        found = unit.get_one(Issue, lists)
        issues.follow(unit, cast.actor(cast.alice), found, member_org_id=cast.alder.id, now=now)
        place = {"issue_id": lists, "consortium_id": cast.north.id}
        events.record(unit, "issue_updated", at=now, **place, payload={"title": "Lists", "text": "Better."})
    work(settings, now)


def answered(cast: Cast, settings: Settings, now: datetime) -> None:
    """Alice has asked, and is answered."""
    write(cast, cast.leo, filed(cast, cast.alice, cast.alder), Audience.MEMBER, "Try again.", now)
    work(settings, now)


@pytest.mark.parametrize(("scene", "offered"), [(followed, True), (answered, False)])
def test_what_is_followed_offers_one_click_and_what_is_personal_does_not(
    cast: Cast,
    session: Session,
    settings: Settings,
    now: datetime,
    scene: Callable[[Cast, Settings, datetime], None],
    offered: bool,
) -> None:
    scene(cast, replace(settings, BASE_URL="https://desk.example.org"), now)
    row = mails(session, cast.alice)[-1]
    message = compose(row)
    assert (message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click") is offered
    header = str(message["List-Unsubscribe"] or "")
    assert header.startswith("<https://desk.example.org/unsubscribe/") is offered
    assert ("No more mails like this" in row.text) is offered
    # One line of one address: folded as an encoded word it would be none to any mail program.
    raw = message.as_bytes()
    assert (f"List-Unsubscribe: {header}\r\n".encode() in raw) is offered
    assert message["Content-Language"] == "en"


def test_what_is_so_again_after_a_return_is_said_once_and_the_registry_reads_that_it_came_again(
    app: Flask, cast: Cast, session: Session, settings: Settings, now: datetime
) -> None:
    stage = Stage.set(cast, session)
    work(settings, now)
    wish(cast.adam, now, daily_at=8)
    with transaction() as unit:
        unit.execute(sa.delete(OutboundMail))
        triage.add_participant(unit, cast.actor(cast.leo), stage.ticket, person_id=cast.adam.id, now=now)
    stage.sent()
    stage.wait(1)
    stage.does(cast.rita, escalations.return_, reason=ReturnReason.CONSENT, text="In writing, please.")
    stage.saved(tried="We have it in writing.")
    stage.does(cast.leo, escalations.send)
    work(settings, now)
    work(settings, now + GATHER)
    work(settings, now + timedelta(days=1))
    (gathered,), (digest,), (registry,) = (mails(session, each) for each in (cast.alice, cast.adam, cast.ruth))
    for one in (gathered, digest):
        for text in (one.text, one.html):
            assert text.count("with the registry's support team") + text.count("with the registry&#39;s") == 1
        assert "12:00 CET" in one.text  # when it was so last
    assert digest.subject == "Your day in one mail: 2 pieces of news"
    assert "things happened" not in gathered.text
    assert registry.text.count("handed this ticket over to you on") == 1
    assert registry.text.count("handed this ticket over to you again on") == 1


# ------------------------------------------------------------------ on the mail screen


def test_managers_see_what_waits_for_whom_and_when_it_goes_and_nobody_elses(
    cast: Cast, client: FlaskClient, settings: Settings, number: int, now: datetime
) -> None:
    wish(cast.leo, now, daily_at=8)
    for text in ("MARKER one", "MARKER two"):
        write(cast, cast.lena, number, Audience.LEAD, text, now)
    work(settings, now)
    write(cast, cast.leo, number, Audience.LEAD, "MARKER three", now)
    work(settings, now)
    page = cast.sign_in(client, cast.lena).get("/mail/out?show=waiting").text
    assert 'To be gathered <span class="n">3</span>' in page
    assert page.index("Lena Linden") < page.index("Leo Larch")  # whoever is told first
    for word in ("2 notices", "1 notice", "their daily mail", "what else happens on the ticket", f"#{number}</a>"):
        assert word in page, word
    assert "MARKER" not in page
    for other in (cast.sofia, cast.ruth):
        page = cast.sign_in(client, other).get("/mail/out?show=waiting").text
        assert "Nothing waits" in page and "Leo Larch" not in page
    assert cast.sign_in(client, cast.leo).get("/mail/out?show=waiting").status_code in (403, 404)
