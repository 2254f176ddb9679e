"""Two running desks, each with numbers and wording of its own, and real SMTP between them: one escalates to the other.

The other desk knows nothing of escalations: to it each is a request of somebody unknown, which it receipts, asks about,
answers and resolves as it does with any.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from desk import storage
from desk.accounts.models import Person, Team
from desk.bridge.models import BridgeNumber
from desk.conversations.models import Message
from desk.db import db, transaction
from desk.domain.bridge import Meaning, Word
from desk.domain.escalation import EscalationState, ReturnReason
from desk.domain.vocabulary import Audience, Channel, Outcome
from desk.escalations import service as escalations
from desk.mail.models import InboundMail, InboundOutcome, InboundState, OutboundMail, OutboundState
from desk.progress import service as progress
from desk.tickets import service as filing
from desk.tickets.models import Ticket
from tests.bridge.crossing import Crossing, bridged
from tests.cast import Cast
from tests.clock import MovableClock
from tests.conftest import dispose, make_app
from tests.escalations.stage import Stage
from tests.servers.desk import Desk
from tests.servers.postman import Postman
from tests.servers.processes import free_port, until

OURS, THEIRS, ADDRESS = "desk.example", "other.example", "help@other.example"
TABLE = (
    Word("received; your consortium lead will answer first", Meaning.NONE),
    Word("your consortium lead is working on it", Meaning.ACCEPTED),
    Word("waiting for your answer", Meaning.RETURNED, ReturnReason.INFORMATION_MISSING),
    Word("answered; tell us if it is not solved", Meaning.FIXED),
)
"""How the other desk calls its states when it writes to who asked."""


class Other:
    """The registry's own desk: what Leo of it does with the only ticket that came from us."""

    def __init__(self, app: Flask, clock: MovableClock) -> None:
        self._app, self._clock = app, clock

    def read(self, what: Callable[[Session], Any]) -> Any:
        with self._app.app_context():
            db.session.remove()
            return what(db.session())

    def does(self, verb: Callable[..., Any], **what: Any) -> None:
        with self._app.app_context(), transaction() as unit:
            cast = Cast(now=self._clock.now(), **_rows(unit))
            ticket = unit.scalars(sa.select(Ticket).where(Ticket.unverified_sender.like("esc+%"))).one()
            verb(unit, cast.actor(cast.leo), ticket, now=self._clock.now(), **what)

    def messages(self) -> list[tuple[bool, str]]:
        wanted = (
            sa.select(Message.machine, Message.text)
            .join(Ticket, Ticket.id == Message.ticket_id)
            .where(Ticket.unverified_sender.like("esc+%"))
            .order_by(Message.id)
        )
        return [tuple(row) for row in self.read(lambda session: session.execute(wanted).all())]

    def number(self) -> int | None:
        found = sa.select(Ticket.id).where(Ticket.unverified_sender.like("esc+%"))
        return self.read(lambda session: session.scalar(found))  # type: ignore[no-any-return]


def _rows(session: Session) -> dict[str, Any]:
    return {"leo": session.scalars(sa.select(Person).where(Person.email == "leo@north.example")).one()} | dict.fromkeys(
        [name for name in Cast.__dataclass_fields__ if name not in ("now", "leo")]
    )


@pytest.fixture
def postman() -> Iterator[Postman]:
    made = Postman({OURS: free_port(), THEIRS: free_port()})
    yield made
    made.close()


@pytest.fixture
def other(
    app: Flask, cast: Cast, sqlite_cast: Path, clock: MovableClock, postman: Postman, tmp_path_factory: Any
) -> Iterator[Other]:
    """The other desk, running: on a database of its own, in which tickets have been filed already."""
    folder = tmp_path_factory.mktemp("other")
    shutil.copyfile(sqlite_cast, folder / "desk.db")
    url = f"sqlite:///{folder / 'desk.db'}"
    ours = storage.store()
    second = make_app(url, folder, MAIL_DOMAIN=THEIRS, AUTHSERV_ID=THEIRS, CLOCK_OFFSET_FILE=clock.file)
    with second.app_context():
        found = Cast.load(cast.now)
        assert found is not None
        with transaction() as unit:
            team = unit.get_one(Team, found.north_desk.id)
            team.name, team.support_address, team.signature = "ORCID helpdesk", ADDRESS, "Your ORCID helpdesk"
            for number in range(3):
                draft = filing.NewTicket(found.north.id, found.alder.id, f"Older {number}", "An older one.")
                filing.open_ticket(unit, found.actor(found.alice), draft, channel=Channel.WEB, now=cast.now)
        dispose()
    storage.configure(ours)
    installation = Desk(folder, url, CLOCK_OFFSET_FILE=str(clock.file), MAIL_DOMAIN=THEIRS, AUTHSERV_ID=THEIRS)
    run(installation, postman, THEIRS)
    yield Other(second, clock)
    installation.close()
    with second.app_context():
        dispose()


def run(installation: Desk, postman: Postman, domain: str) -> None:
    """One process with pages, jobs and listeners, as ``make run`` starts it."""
    smtp, port = postman.routes[domain], free_port()
    installation.env |= {
        "DESK_SMTP_LISTEN": f"127.0.0.1:{smtp}",
        "DESK_LMTP_LISTEN": f"127.0.0.1:{free_port()}",
        "DESK_SMTP_HOST": "127.0.0.1",
        "DESK_SMTP_PORT": str(postman.port),
    }
    assert isinstance(smtp, int)
    installation.start("serve", "--port", str(port)).wait_for_port(smtp, 120)


def test_an_escalation_crosses_to_another_desk_and_back_until_it_is_verified(
    app: Flask, cast: Cast, session: Session, desk: Desk, clock: MovableClock, postman: Postman, other: Other
) -> None:
    stage = Stage.set(cast, session)
    bridged(cast, address=ADDRESS, number_pattern=r"\[#(\d+)\]", words=TABLE)
    crossing = Crossing(stage, replace(app.config["DESK"]))
    run(desk, postman, OURS)

    def now(verb: Callable[[], Any]) -> Any:
        stage.passed = clock.now() - cast.now
        return verb()

    def stands(state: EscalationState) -> None:
        def as_wanted() -> bool:
            session.rollback()
            return crossing.state() is state

        until(as_wanted, 60, f"the escalation to be {state.value}")

    [message] = stage.messages()
    disclosed = {"messages": [message.id], "attachments": [each.id for each in message.attachments]}
    now(lambda: stage.sent(**disclosed))
    number = until(other.number, 60, "a ticket at the other desk")
    assert number != stage.ticket.id

    # Its receipt brings the number, and nothing else.
    def bound() -> bool:
        session.rollback()
        return crossing.reference() == str(number)

    until(bound, 60, "the number of the other desk")
    stands(EscalationState.SENT)

    other.does(progress.ask_member, text="Which identity provider is it?", channel=Channel.WEB)
    stands(EscalationState.RETURNED)
    now(lambda: stage.sent(tried="It is the one in Berlin.", **disclosed))
    until(lambda: len(other.messages()) == 3, 60, "the completed brief at the other desk")
    assert "It is the one in Berlin." in other.messages()[-1][1]

    answer = {"audience": Audience.MEMBER, "text": "We look for it now.", "channel": Channel.WEB}
    other.does(progress.add_message, **answer)
    stands(EscalationState.ACCEPTED)
    other.does(progress.resolve, outcome=Outcome.SOLVED, text="The identifier is sent again. Please try.")
    stands(EscalationState.FIXED)
    now(lambda: stage.does(cast.leo, escalations.verify))
    until(lambda: len(other.messages()) == 6, 60, "word at the other desk that it works")

    # Nothing is under way any more, on either side: no loop, no echo, no second ticket.
    until(lambda: is_quiet(session) and other.read(is_quiet), 60, "both desks to be quiet")
    assert other.read(lambda theirs: theirs.scalar(sa.select(sa.func.count()).select_from(Ticket))) == 4
    assert len(postman.to(THEIRS)) == 3
    assert [each.message["Auto-Submitted"] is not None for each in postman.to(OURS)] == [True, False, False, False]
    wanted = sa.select(Message).where(Message.ticket_id == stage.ticket.id, Message.audience == Audience.HANDOVER)
    session.rollback()
    written = list(session.scalars(wanted.order_by(Message.id)))
    texts = [each.text for each in written if not each.machine]
    said = ["Which identity provider is it?", "We look for it now.", "The identifier is sent again. Please try."]
    # In the words of their letters, and without our own text, their marker and their signature.
    assert [one in text for one, text in zip(said, texts, strict=True)] == [True] * 3
    assert not [text for text in texts if "##" in text or "Escalation" in text or "helpdesk" in text]
    assert {each.author_label for each in written} == {"ORCID support"}
    assert session.scalars(sa.select(BridgeNumber.number)).all() == [str(number)]
    outcomes = set(session.scalars(sa.select(InboundMail.outcome)))
    assert outcomes == {InboundOutcome.APPENDED}
    # It is resolved there and stays so: word that it works is no reason to take it up again.
    assert other.messages()[-1][0] is True
    [state] = other.read(lambda theirs: theirs.scalars(sa.select(Ticket.state).where(Ticket.id == number)).all())
    assert state.value == "resolved"


def is_quiet(session: Session) -> bool:
    """Nothing is to be sent, and nothing to be read."""
    session.rollback()
    under_way = OutboundMail.state.in_((OutboundState.QUEUED, OutboundState.SENDING))
    waiting = session.scalar(sa.select(sa.func.count()).select_from(OutboundMail).where(under_way))
    unread = sa.select(sa.func.count()).select_from(InboundMail).where(InboundMail.state == InboundState.NEW)
    return not waiting and not session.scalar(unread)
