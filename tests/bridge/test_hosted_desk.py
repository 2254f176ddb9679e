"""A hosted desk that does everything to be hard to follow, with real SMTP both ways."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from desk.conversations.models import Message
from desk.db import db
from desk.domain.bridge import DEFAULT_WORDS
from desk.domain.escalation import EscalationState
from desk.domain.vocabulary import Audience
from desk.extensions import mail
from desk.mail import outbound
from desk.mail.sources.listener import Listener
from tests.bridge.crossing import Crossing, bridged
from tests.cast import Cast
from tests.clock import MovableClock
from tests.conftest import make_app
from tests.escalations.stage import Stage
from tests.servers.hosted import ADDRESS, FOOTER, RECEIPT, HostedDesk
from tests.servers.postman import Postman
from tests.servers.processes import free_port, until

OURS, THEIRS = "desk.example", "hosted.example"


@pytest.fixture
def hosted(app: Flask, cast: Cast) -> Iterator[HostedDesk]:
    """The hosted desk, the servers between, and our listener, which reads what it has taken."""
    desk = HostedDesk()
    postman = Postman({OURS: free_port(), THEIRS: desk.take})
    desk.port = postman.port
    port = postman.routes[OURS]
    assert isinstance(port, int)
    settings = app.config["DESK"]
    more = {"SMTP_LISTEN": f"127.0.0.1:{port}", "LMTP_LISTEN": f"127.0.0.1:{free_port()}"}
    smtp = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": postman.port, "CLOCK_OFFSET_FILE": settings.CLOCK_OFFSET_FILE}
    second = make_app(settings.DATABASE_URL, settings.INSTANCE, **more, **smtp)
    app.config["DESK"] = second.config["DESK"]
    listener = Listener(second).start()
    yield desk
    listener.stop()
    postman.close()
    with second.app_context():
        for engine in db.engines.values():
            engine.dispose()


def test_a_hosted_desk_is_followed_through_new_numbers_and_subjects(
    app: Flask, cast: Cast, session: Session, clock: MovableClock, hosted: HostedDesk
) -> None:
    stage = Stage.set(cast, session)
    bridged(cast, address=ADDRESS, number_pattern=r"#(\d{4,})", phrases=[RECEIPT], words=DEFAULT_WORDS)
    crossing = Crossing(stage, app.config["DESK"])

    def written(count: int) -> list[Message]:
        def found() -> list[Message]:
            session.rollback()
            session.expire_all()
            wanted = sa.select(Message).where(
                Message.ticket_id == stage.ticket.id, Message.audience == Audience.HANDOVER
            )
            rows = list(session.scalars(wanted.order_by(Message.id)))
            return rows if len(rows) >= count else []

        return until(found, 30, f"{count} messages of the hosted desk")

    def send(**more: str) -> None:
        stage.passed = clock.now() - cast.now
        stage.sent(**more)
        crossing.told()
        while outbound.send_one(mail, settings=crossing.settings, now=crossing.now):
            pass

    send()
    [receipt] = written(1)
    assert receipt.machine and crossing.state() is EscalationState.SENT
    assert crossing.reference() == "20501"
    hosted.say("Which browser is it?", status="Waiting for customer")
    question = written(2)[-1]
    # Our whole mail stood below it, unmarked, and their footer below that: both are folded away.
    assert question.text == "Which browser is it?\nTicket status: Waiting for customer"
    assert FOOTER in question.quoted_text
    assert crossing.state() is EscalationState.RETURNED
    send(tried="Firefox and Chromium.")
    # The subject has a number of theirs, whatever they make of it, and nothing opened a ticket here.
    until(lambda: len(hosted.came) == 2, 30, "the second mail at the hosted desk")
    assert "#20501" in str(hosted.came[-1]["Subject"])
    written(3)
    hosted.say("Found it, one moment.", status="In progress")
    written(4)
    assert crossing.state() is EscalationState.ACCEPTED
    hosted.say("It works again.", status="Solved")
    written(5)
    assert crossing.state() is EscalationState.FIXED
    assert [each.machine for each in written(5)] == [True, False, True, False, False]
    tickets = session.scalar(sa.text("SELECT count(*) FROM ticket"))
    assert tickets == 1
