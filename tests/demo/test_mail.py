"""The demo's post office: what the desk sends stays on the machine, is read there, and is answered like any mail."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from desk.accounts import queries as accounts
from desk.accounts.models import Person
from desk.config import Settings
from desk.conversations.models import Message
from desk.db import db, transaction
from desk.demo import letters, sink
from desk.demo.sink import Sink
from desk.domain.lifecycle import State
from desk.domain.vocabulary import Audience, Channel
from desk.jobs import tick_all
from desk.mail.sources.listener import Listener
from desk.progress import service as progress
from desk.tickets.models import Ticket
from tests.clock import MovableClock
from tests.servers.processes import until


@pytest.fixture
def post(demo: Flask) -> Iterator[Path]:
    """Sink and listener as ``serve`` has them; the folder in which mail ends."""
    settings: Settings = demo.config["DESK"]
    folder = settings.INSTANCE / "demo-mail"
    outbox, listener = Sink(folder, settings.DEMO_SINK_LISTEN).start(), Listener(demo).start()
    yield folder
    listener.stop()
    outbox.stop()


def answered(clock: MovableClock) -> tuple[Ticket, Person]:
    """A ticket on which the lead has just written, and who will be told."""
    with transaction() as session:
        ticket = session.scalars(
            sa.select(Ticket).where(Ticket.state == State.OPEN, Ticket.assignee_id.is_not(None)).limit(1)
        ).one()
        lead = accounts.actor_of(session, ticket.assignee_id or 0, clock.now())
        progress.add_message(
            session,
            lead,
            ticket,
            audience=Audience.MEMBER,
            text="Which iD is it?",
            channel=Channel.WEB,
            now=clock.now(),
        )
        return ticket, session.get_one(Person, ticket.requester_id)


def test_a_mail_goes_out_to_the_sink_is_read_and_answered_and_comes_back(
    demo: Flask, post: Path, clock: MovableClock
) -> None:
    ticket, requester = answered(clock)
    tick_all(demo, until_idle=True)
    (mail,) = sink.kept(post, requester.email)
    assert f"#{ticket.number}" in mail.subject

    browser: FlaskClient = demo.test_client()
    page = browser.get("/demo/mail", query_string={"to": requester.email})
    assert page.status_code == 200
    assert mail.key in page.text
    letter = browser.get(f"/demo/mail/{mail.key}")
    assert "Which iD is it?" in letter.text
    before = db.session.scalar(sa.select(sa.func.max(Message.id)))
    sent = browser.post(f"/demo/mail/{mail.key}", data={"text": "It is 0000-0002-1825-0097."})
    assert sent.status_code == 303

    def arrived() -> Message | None:
        db.session.rollback()
        return db.session.scalars(sa.select(Message).where(Message.id > before)).first()

    message = until(arrived, what="the answer")
    assert message is not None
    assert (message.ticket_id, message.author_id, message.channel) == (ticket.id, requester.id, Channel.EMAIL)
    assert message.text == "It is 0000-0002-1825-0097."


def test_a_contacts_first_mail_becomes_their_ticket(demo: Flask, post: Path) -> None:
    browser: FlaskClient = demo.test_client()
    form = browser.get("/demo/mail/write")
    assert "help@albion.example.org" in form.text
    contact = db.session.scalars(sa.select(Person).where(Person.email.like("%@ashc.example"))).first()
    assert contact is not None
    values = {"sender": contact.email, "to": "help@albion.example.org", "subject": "A first mail", "text": "It fails."}
    assert browser.post("/demo/mail/write", data=values).status_code == 303

    def opened() -> Ticket | None:
        db.session.rollback()
        return db.session.scalars(sa.select(Ticket).where(Ticket.subject == "A first mail")).first()

    ticket = until(opened, what="the ticket")
    assert ticket is not None
    assert (ticket.requester_id, ticket.unverified_sender, ticket.channel) == (contact.id, None, Channel.EMAIL)


def test_the_html_part_is_shown_in_a_sandbox(demo: Flask, post: Path, clock: MovableClock) -> None:
    _, requester = answered(clock)
    tick_all(demo, until_idle=True)
    (mail,) = sink.kept(post, requester.email)
    shown = demo.test_client().get(f"/demo/mail/{mail.key}/html")
    assert shown.status_code == 200
    assert shown.headers["Content-Security-Policy"].startswith("sandbox;")
    assert "<script" not in shown.text


def test_a_mail_that_is_not_there_is_not_found(demo: Flask) -> None:
    browser: FlaskClient = demo.test_client()
    assert browser.get("/demo/mail/none").status_code == 404
    assert browser.get("/demo/mail/none/html").status_code == 404
    assert browser.get("/demo/mail").status_code == 200


def test_an_empty_answer_is_asked_for_again(demo: Flask, post: Path, clock: MovableClock) -> None:
    _, requester = answered(clock)
    tick_all(demo, until_idle=True)
    (mail,) = sink.kept(post, requester.email)
    page = demo.test_client().post(f"/demo/mail/{mail.key}", data={"text": " "})
    assert page.status_code == 200
    assert "Please write something." in page.text


def test_without_a_listener_the_letter_is_kept_in_the_form(demo: Flask) -> None:
    values = {
        "sender": letters_sender(),
        "to": "help@albion.example.org",
        "subject": "Nobody listens",
        "text": "Hello?",
    }
    page = demo.test_client().post("/demo/mail/write", data=values)
    assert page.status_code == 200
    assert "does not answer" in page.text
    assert "Hello?" in page.text


def letters_sender() -> str:
    found = db.session.scalars(sa.select(Person.email).where(Person.email.like("%@ashc.example"))).first()
    assert found is not None
    return found


def test_these_pages_exist_in_a_demo_only(app: Flask, client: FlaskClient) -> None:
    assert client.get("/demo/mail").status_code == 404


def test_an_answer_carries_the_thread_and_the_quotation() -> None:
    original = letters.first_letter("Desk", "help@desk.example", "alice@alder.example", "Your ticket", "Which iD?")
    original["Reply-To"] = "reply+abc@desk.example"
    written = letters.answer(original, "Alice", "alice@alder.example", "This one.")
    assert written["To"] == "reply+abc@desk.example"
    assert written["Subject"] == "Re: Your ticket"
    assert written["In-Reply-To"] == original["Message-ID"]
    assert original["Message-ID"] in written["References"]
    assert "> Which iD?" in written.get_content()
