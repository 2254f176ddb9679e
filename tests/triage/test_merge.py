"""A ticket goes on in another one of the same member: seen before, done once, and nothing shown to strangers."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.accounts.models import Person
from desk.briefs import service as briefs
from desk.config import Settings
from desk.conversations.models import Message
from desk.custody import queries as custody
from desk.db import db, transaction
from desk.domain.errors import DeskError, IllegalTransition, InvalidInput
from desk.domain.escalation import Brief
from desk.domain.lifecycle import State
from desk.domain.permissions import SYSTEM
from desk.domain.sla import ClockState, Kind
from desk.domain.vocabulary import Audience, Channel, Outcome
from desk.escalations import service as escalations
from desk.events.models import Event
from desk.handover import service as handover
from desk.mail import intake, notify
from desk.mail.models import OutboundMail
from desk.progress import service as progress
from desk.sla import queries as sla
from desk.sla import service as clocks
from desk.tickets import queries
from desk.tickets import service as tickets
from desk.tickets.models import Ticket
from desk.triage import service
from tests.cast import Cast
from tests.tickets.scenes import browser, filed, stored
from tests.tickets.test_clocks_page import words_of


def merged(cast: Cast, source: int, target: int, person: Person | None = None) -> None:
    with transaction() as session:
        actor = cast.actor(person or cast.leo)
        service.merge(session, actor, session.get_one(Ticket, source), into=target, now=cast.now + timedelta(hours=1))


def refusal(cast: Cast, source: int, target: int, person: Person | None = None) -> DeskError:
    with pytest.raises(DeskError) as refused:
        merged(cast, source, target, person)
    return refused.value


def test_a_lead_compares_two_tickets_and_merges_them(app: Flask, cast: Cast, session: Session) -> None:
    target, source = filed(cast, subject="Redirect refused"), filed(cast, cast.adam, subject="The same, again")
    leo = browser(app, cast, cast.leo)
    assert "Merge into ticket number" in words_of(leo.get(f"/tickets/{source}").text)
    page = words_of(leo.get(f"/tickets/{source}/merge?into=%23{target}").text)
    assert "Redirect refused" in page and "The same, again" in page and "Adam Ash will read and answer" in page
    assert stored(session, source).merged_into_id is None
    sent = leo.post(f"/tickets/{source}/merge", data={"into": target})
    assert sent.status_code == 303 and sent.location.endswith(f"/tickets/{target}")
    gone = stored(session, source)
    assert (gone.state, gone.outcome, gone.merged_into_id) == (State.CLOSED, Outcome.MERGED, target)
    assert gone.closed_at is not None and custody.current(session, source) is None
    adam, alice = browser(app, cast, cast.adam), browser(app, cast, cast.alice)
    # Adam follows the other one now, and reads his own words where he wrote them.
    assert "Redirect refused" in adam.get(f"/tickets/{target}").text
    own = adam.get(f"/tickets/{source}").text
    assert "The same, again" in own and f'href="/tickets/{target}"' in own and 'id="write"' not in own
    # Alice learns that something was merged into hers, and no more of it than before.
    assert "merged another ticket into this one" in words_of(alice.get(f"/tickets/{target}").text)
    assert alice.get(f"/tickets/{source}").status_code == 404


def test_the_clocks_end_in_the_one_and_the_older_question_counts_in_the_other(cast: Cast, session: Session) -> None:
    source, target = filed(cast), filed(cast)
    with transaction() as unit:
        ticket = unit.get_one(Ticket, target)
        progress.add_message(
            unit,
            cast.actor(cast.leo),
            ticket,
            audience=Audience.MEMBER,
            text="Answered.",
            channel=Channel.WEB,
            now=cast.now + timedelta(minutes=30),
        )
    merged(cast, source, target)
    ended = {clock.kind: clock.state for clock in sla.clocks_of(session, [source])[source]}
    assert set(ended.values()) == {ClockState.CANCELLED}
    asked = next(clock for clock in sla.clocks_of(session, [target])[target] if clock.kind is Kind.NEXT_RESPONSE)
    assert (asked.state, asked.started_at) == (ClockState.RUNNING, cast.now)
    with transaction() as unit:
        assert clocks.rebuild(unit, check=True) == []


def test_tickets_of_two_organisations_are_never_merged(app: Flask, cast: Cast, session: Session) -> None:
    source, target = filed(cast), filed(cast, cast.bob, subject="Bob's own words")
    found = refusal(cast, source, target)
    assert isinstance(found, InvalidInput) and found.field == "into"
    assert "of another member organisation" in found.sentence and "link both to one issue" in found.sentence
    page = browser(app, cast, cast.leo).get(f"/tickets/{source}/merge?into={target}")
    assert page.status_code == 422 and "of another member organisation" in page.text
    assert stored(session, source).state is State.NEW


def test_a_ticket_that_is_not_theirs_looks_like_one_that_is_not_there(app: Flask, cast: Cast) -> None:
    source = filed(cast)
    foreign = filed(
        cast, cast.carla, consortium_id=cast.south.id, member_org_id=cast.cedar.id, subject="Secret of south"
    )
    leo = browser(app, cast, cast.leo)
    sentences = []
    for into in (foreign, 999):
        page = leo.get(f"/tickets/{source}/merge?into={into}")
        assert page.status_code == 422 and "Secret of south" not in page.text
        sentences.append(refusal(cast, source, into).sentence.replace(str(into), "N"))
    assert set(sentences) == {"There is no ticket #N in your queue."}
    for stranger in (cast.alice, cast.bob, cast.samir, cast.rita, cast.ada):
        for answer in (
            browser(app, cast, stranger).get(f"/tickets/{source}/merge?into={source}"),
            browser(app, cast, stranger).post(f"/tickets/{source}/merge", data={"into": source}),
        ):
            assert answer.status_code == 404, stranger.name


@pytest.mark.parametrize("into", ["", "x", "#", "-1", "0", "²", "9" * 30, "1; drop", "\x00"])
def test_what_is_no_number_is_refused_with_a_sentence(app: Flask, cast: Cast, into: str) -> None:
    source = filed(cast)
    leo = browser(app, cast, cast.leo)
    page = leo.post(f"/tickets/{source}/merge", data={"into": into})
    assert page.status_code == 422
    assert "Give the number of a ticket." in page.text or "That is not the number of a ticket." in page.text


def test_what_cannot_be_merged_says_why(cast: Cast) -> None:
    source, target, done = filed(cast), filed(cast), filed(cast)
    assert refusal(cast, source, source).sentence == "A ticket cannot be merged into itself."
    with transaction() as unit:
        progress.resolve(
            unit, cast.actor(cast.leo), unit.get_one(Ticket, done), outcome=Outcome.SOLVED, text="So.", now=cast.now
        )
    assert "is resolved. Choose one that is open" in refusal(cast, source, done).sentence
    assert "cannot be merged into another" in refusal(cast, done, target).sentence
    draft = tickets.NewTicket(cast.north.id, None, "Who?", "Hello", unverified_sender="who@else.example")
    with transaction() as unit:
        unknown = tickets.open_ticket(unit, SYSTEM, draft, channel=Channel.EMAIL, now=cast.now).id
    assert "Confirm first who wrote this ticket" in refusal(cast, unknown, target).sentence
    assert f"Confirm first who wrote #{unknown}" in refusal(cast, source, unknown).sentence
    merged(cast, source, target)
    assert refusal(cast, source, done).sentence == f"This ticket was merged into #{target} already."


def test_what_the_registry_has_is_not_merged_but_something_may_be_merged_into_it(cast: Cast, session: Session) -> None:
    source, target = filed(cast), filed(cast)
    with transaction() as unit:
        team = accounts.team_of_registry(unit, cast.orcid.id)
        for number in (source, target):
            ticket, leo = unit.get_one(Ticket, number), cast.actor(cast.leo)
            handover.hand_over(unit, leo, ticket, registry_id=cast.orcid.id, team=team, tier=2, now=cast.now)
    assert isinstance(refusal(cast, source, target), IllegalTransition)
    third = filed(cast, text="For the lead's eyes")
    merged(cast, third, target)
    # What was written in the third stays there: the registry sees nothing of it.
    assert session.scalars(sa.select(Message.ticket_id).where(Message.text == "For the lead's eyes")).all() == [third]


def test_an_escalation_that_came_back_is_finished_first(app: Flask, cast: Cast) -> None:
    source, target = filed(cast), filed(cast)
    with transaction() as unit:
        briefs.save_brief(unit, cast.actor(cast.leo), unit.get_one(Ticket, source), Brief(), now=cast.now)
    assert "escalation to the registry is still open" in refusal(cast, source, target).sentence
    with transaction() as unit:
        escalations.withdraw(unit, cast.actor(cast.leo), unit.get_one(Ticket, source), now=cast.now)
    merged(cast, source, target)


def test_nobody_writes_in_a_merged_ticket_any_more(app: Flask, cast: Cast, session: Session) -> None:
    source, target = filed(cast), filed(cast)
    merged(cast, source, target)
    for person in (cast.alice, cast.leo):
        answer = browser(app, cast, person).post(
            f"/tickets/{source}/reply", data={"text": "More", "audience": "member", "send": "member", "seen": "0"}
        )
        assert answer.status_code == 409 and f"This ticket was merged into #{target}" in answer.text
    assert session.scalar(sa.select(sa.func.count()).select_from(Ticket)) == 2


def test_the_member_is_told_and_mail_to_the_old_number_arrives_in_the_other(
    app: Flask, cast: Cast, session: Session
) -> None:
    settings: Settings = app.config["DESK"]
    target, source = filed(cast), filed(cast, cast.adam)
    expand(settings, cast)
    with transaction() as unit:
        unit.execute(sa.delete(OutboundMail))
    merged(cast, source, target)
    expand(settings, cast)
    mails = list(session.scalars(sa.select(OutboundMail)))
    assert [mail.to_address for mail in mails] == [cast.adam.email]
    assert f"has merged this ticket into number {target}" in mails[0].text
    signed = intake.signer_of(settings).reply_address(source, cast.adam.id, Audience.MEMBER, cast.adam.email)
    raw = (
        f"From: {cast.adam.email}\r\nTo: {signed}\r\nSubject: Re: [#{source}] hello\r\nMessage-ID: <a@adam.example>\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n\r\nStill broken for me.\r\n"
    ).encode()
    mail_id = intake.accept(raw, mailbox=signed, envelope_from=cast.adam.email, settings=settings, now=cast.now)
    intake.read_one(mail_id, settings, cast.now)
    assert session.scalars(sa.select(Message.ticket_id).where(Message.text == "Still broken for me.")).all() == [target]


def expand(settings: Settings, cast: Cast) -> None:
    while True:
        with transaction() as session:
            if not notify.expand_one(session, settings=settings, now=cast.now):
                return


def test_who_is_no_contact_of_the_organisation_does_not_come_along(cast: Cast, session: Session) -> None:
    source, target = filed(cast), filed(cast)
    with transaction() as unit:
        ticket = unit.get_one(Ticket, source)
        service.add_participant(unit, cast.actor(cast.leo), ticket, person_id=cast.bob.id, now=cast.now)
        service.add_participant(unit, cast.actor(cast.leo), ticket, person_id=cast.adam.id, now=cast.now)
    merged(cast, source, target)
    subject = sa.select(Event.payload).where(Event.ticket_id == target, Event.kind == "absorbed")
    assert session.scalars(subject).one()["ticket_id"] == source
    found = {person.name for person in (cast.alice, cast.adam, cast.bob) if sees(cast, person, target)}
    assert found == {"Alice Alder", "Adam Ash"}


def sees(cast: Cast, person: Person, number: int) -> bool:
    return number in queries.some(db.session(), cast.actor(person), [number])


def test_of_two_who_merge_each_into_the_other_at_once_one_wins(app: Flask, cast: Cast, session: Session) -> None:
    one, two = filed(cast), filed(cast)
    told = at_once(app, cast, [(cast.leo, one, two), (cast.lena, two, one)])
    assert [error is None for error in told].count(True) == 1, told
    states = sorted(stored(session, number).state.value for number in (one, two))
    assert states == ["closed", "new"]
    with transaction() as unit:
        assert clocks.rebuild(unit, check=True) == []


def at_once(app: Flask, cast: Cast, acts: list[tuple[Person, int, int]]) -> list[DeskError | None]:
    barrier = Barrier(len(acts))
    people = [(person.id, source, target) for person, source, target in acts]
    db.session.remove()

    def act(person_id: int, source: int, target: int) -> DeskError | None:
        with app.app_context():
            try:
                actor = accounts.actor_of(db.session(), person_id, cast.now)
                db.session().rollback()
                barrier.wait(10)
                with transaction() as unit:
                    service.merge(unit, actor, unit.get_one(Ticket, source), into=target, now=cast.now)
                return None
            except DeskError as error:
                return error
            finally:
                db.session.remove()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [each.result(60) for each in [pool.submit(act, *one) for one in people]]
