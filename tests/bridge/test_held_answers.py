"""A held mail that somebody says is the registry's answer: whose word it then is, and what is refused."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.bridge.models import Became, BridgeSaid
from desk.conversations.models import Message
from desk.db import transaction
from desk.domain.errors import Conflict, IllegalTransition, NotFound
from desk.domain.escalation import EscalationState
from desk.domain.vocabulary import Audience, Channel
from desk.escalations import service as verbs
from desk.events.models import Event
from desk.mail import quarantine
from desk.mail.message import read
from desk.mail.models import InboundMail, InboundOutcome
from desk.storage import store
from tests.bridge.crossing import Crossing
from tests.cast import Cast
from tests.escalations.stage import Stage
from tests.mail.taking import SOUTH

PERSONAL = "robin@home.example"  # of somebody at the registry, who answers from the train
UNPROVED = "desk.example; dmarc=pass header.from=home.example"


def held(crossing: Crossing, text: str = "We mended it.\n\nStatus: Resolved", subject: str = "[#4711] Re: x") -> int:
    """Their answer from an address that is not the desk's."""
    mail = crossing.answers(text, subject=subject, sender=PERSONAL, vouched=UNPROVED, envelope=PERSONAL)
    assert (mail.outcome, crossing.state()) == (InboundOutcome.HELD, EscalationState.SENT)
    return mail.id


def take(person_id: int, mail_id: int, link_id: int, now: datetime) -> BridgeSaid:
    """Somebody says so."""
    with transaction() as unit:
        mail = unit.get_one(InboundMail, mail_id)
        message = read(store().get(mail.key))
        actor = accounts.actor_of(unit, person_id, now)
        return quarantine.take_as_answer(unit, actor, mail, message, link_id=link_id, now=now)


def handover(session: Session, ticket_id: int) -> list[Message]:
    session.expire_all()
    wanted = sa.select(Message).where(Message.ticket_id == ticket_id, Message.audience == Audience.HANDOVER)
    return list(session.scalars(wanted.order_by(Message.id)))


def test_one_press_makes_it_the_registrys_answer_with_who_said_so(
    crossing: Crossing, cast: Cast, client: FlaskClient
) -> None:
    crossing.sent()
    mail_id, link_id = held(crossing), crossing.link.id
    browser = cast.sign_in(client, cast.lena)
    page = browser.get(f"/mail/{mail_id}").text
    assert f"This is the answer of ORCID support to escalation {crossing.stage.ticket.id}-1" in page
    done = browser.post(f"/mail/{mail_id}/answer", data={"link_id": link_id}, follow_redirects=True).text
    assert "It counts as the registry&#39;s answer." in done
    assert (crossing.state(), crossing.reference()) == (EscalationState.FIXED, "4711")
    [written] = handover(crossing.session, crossing.stage.ticket.id)
    assert "We mended it." in written.text
    assert (written.author_label, written.channel) == ("ORCID support, recorded by Lena Linden", Channel.EMAIL)
    mail = crossing.session.get_one(InboundMail, mail_id)
    assert (mail.outcome, mail.ticket_message_id) == (InboundOutcome.APPENDED, written.id)
    assert mail.reason.startswith("Lena Linden says that it is the answer to escalation")
    said = crossing.said()[-1]
    assert (said.became, said.recorded_by_id, said.sender) == (Became.MOVED, cast.lena.id, PERSONAL)
    assert "This is the answer of" not in browser.get(f"/mail/{mail_id}").text


def test_what_a_machine_wrote_binds_its_number_and_moves_nothing(crossing: Crossing, cast: Cast) -> None:
    crossing.sent()
    mail = crossing.answers(
        "Status: Resolved", subject="[#4712] x", sender=PERSONAL, vouched=UNPROVED, Auto_Submitted="auto-replied"
    )
    assert take(cast.lena.id, mail.id, crossing.link.id, crossing.now).became is Became.TO_DECIDE
    assert (crossing.state(), crossing.reference()) == (EscalationState.SENT, "4712")


def test_a_number_of_another_escalation_is_refused_written_down_and_the_mail_stays_held(
    crossing: Crossing, cast: Cast, client: FlaskClient
) -> None:
    crossing.sent()
    crossing.answers("Got it.", subject="[#4711] Re: first")
    other = Crossing(Stage.set(cast, crossing.session, subject="Another"), crossing.settings, [1] * 50)
    other.sent()
    mail_id, why = held(other), "The number 4711 of the registry&#39;s desk belongs to another escalation already."
    page = cast.sign_in(client, cast.lena).get(f"/mail/{mail_id}").text
    # Both can be chosen; the one that it points at stands first.
    assert page.index(f"escalation {other.stage.ticket.id}-1") < page.index(f"escalation {crossing.stage.ticket.id}-1")
    answer = client.post(f"/mail/{mail_id}/answer", data={"link_id": other.link.id}, follow_redirects=True)
    assert why in answer.text
    assert (other.state(), other.reference(), handover(other.session, other.stage.ticket.id)) == (
        EscalationState.SENT,
        None,
        [],
    )
    assert other.session.get_one(InboundMail, mail_id).outcome is InboundOutcome.HELD
    said = other.said()[-1]
    assert (said.became, said.recorded_by_id) == (Became.REFUSED, cast.lena.id)
    kinds = other.session.scalars(sa.select(Event.kind).where(Event.ticket_id == other.stage.ticket.id)).all()
    assert "registry_answer_held" in kinds
    # It is the answer to the one whose number it names.
    assert take(cast.lena.id, mail_id, crossing.link.id, crossing.now).became is Became.MOVED


def test_only_open_escalations_of_the_mailboxs_own_consortium_can_be_chosen(
    crossing: Crossing, cast: Cast, client: FlaskClient
) -> None:
    crossing.sent()
    mail_id, link_id = held(crossing), crossing.link.id
    theirs = crossing.answers("", subject="", sender="x@else.example", vouched="", to=SOUTH)
    assert theirs.outcome is InboundOutcome.HELD
    sofia = cast.sign_in(client, cast.sofia)
    assert "registry’s answer" not in sofia.get(f"/mail/{theirs.id}").text
    assert sofia.post(f"/mail/{theirs.id}/answer", data={"link_id": link_id}).status_code == 404
    assert sofia.post(f"/mail/{mail_id}/answer", data={"link_id": link_id}).status_code == 404
    for name in ("leo", "rita", "ruth", "alice", "ada"):
        answer = cast.sign_in(client, cast.people()[name]).post(f"/mail/{mail_id}/answer", data={"link_id": link_id})
        assert answer.status_code in (403, 404), name
    assert cast.sign_in(client, cast.lena).post(f"/mail/{mail_id}/answer", data={"link_id": "x"}).status_code == 404
    crossing.stage.does(cast.leo, verbs.withdraw)
    assert "This is the answer of" not in client.get(f"/mail/{mail_id}").text
    with pytest.raises(NotFound):
        take(cast.lena.id, mail_id, link_id, crossing.now)
    assert handover(crossing.session, crossing.stage.ticket.id) == []


def test_of_two_who_say_so_at_once_one_is_told_and_it_counts_once(crossing: Crossing, cast: Cast, app: Flask) -> None:
    crossing.sent()
    pressed = (cast.lena.id, held(crossing), crossing.link.id, crossing.now)

    def press(_: int) -> str:
        with app.app_context():
            try:
                return take(*pressed).became.value
            except Conflict as late:
                return late.sentence

    crossing.session.rollback()
    with ThreadPoolExecutor(2) as two:
        results = sorted(two.map(press, range(2)))
    assert results == ["Somebody has dealt with this mail meanwhile.", "moved"]
    assert len(handover(crossing.session, crossing.stage.ticket.id)) == 1


def test_a_mail_of_our_own_that_came_back_is_nobodys_answer(crossing: Crossing, cast: Cast) -> None:
    own = crossing.sent()
    mail = crossing.answers("x", sender=PERSONAL, vouched=UNPROVED, X_Desk_Escalation=f"{own.ticket_id}-1")
    with pytest.raises(IllegalTransition, match="our own mail"):
        take(cast.lena.id, mail.id, crossing.link.id, crossing.now)
    assert crossing.session.get_one(InboundMail, mail.id).outcome is InboundOutcome.HELD
