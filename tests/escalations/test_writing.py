"""The registry writes to the member only where the lead lets it: on the page, by verb and by mail, until taken back."""

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from desk.accounts.models import Consortium
from desk.db import transaction
from desk.domain.errors import IllegalTransition, NotFound
from desk.domain.escalation import ReturnReason
from desk.domain.lifecycle import State
from desk.domain.permissions import MessageSubject, Permission, may
from desk.domain.vocabulary import Audience, Channel
from desk.escalations import service
from desk.events.models import Event
from desk.handover import service as handover
from desk.mail import notify
from desk.mail.models import OutboundMail
from desk.progress import service as progress
from desk.tickets import queries as tickets
from tests.cast import Cast
from tests.escalations.stage import Stage

ASK = {"text": "Which browser was it?", "channel": Channel.WEB}
ANSWER = {"audience": Audience.MEMBER, "text": "Firefox, of josiah@brown.example.", "channel": Channel.WEB}


def read_by(stage: Stage, name: str) -> list[str]:
    shown = tickets.messages_for(stage.session, stage.cast.actor(stage.cast.people()[name]), stage.ticket)
    return [each.text for each in shown]


def test_the_registry_asks_the_member_only_where_the_lead_lets_it(stage: Stage, cast: Cast) -> None:
    stage.accepted()
    with pytest.raises(NotFound):
        stage.does(cast.rita, progress.ask_member, **ASK)
    assert stage.does(cast.leo, handover.let_registry_write, allowed=True)
    assert not stage.does(cast.lena, handover.let_registry_write, allowed=True)
    stage.does(cast.rita, progress.ask_member, **ASK)
    assert (stage.ticket.state, stage.clocks()["registry"]) == (State.PENDING_MEMBER, "paused")
    stage.does(cast.alice, progress.add_message, **ANSWER)
    assert (stage.ticket.state, stage.clocks()["registry"]) == (State.ESCALATED, "running")
    assert read_by(stage, "rita") == ["Which browser was it?", "Firefox, of •••@brown.example."]
    assert ANSWER["text"] in read_by(stage, "leo")
    assert [kind for kind in stage.kinds() if kind.startswith("registry_")] == ["registry_let_write"]


def test_what_the_member_writes_otherwise_is_not_shown(stage: Stage, cast: Cast) -> None:
    stage.accepted()
    stage.does(cast.alice, progress.add_message, **ANSWER)
    stage.does(cast.leo, handover.let_registry_write, allowed=True)
    stage.does(cast.leo, progress.add_message, **ANSWER | {"text": "From the lead."})
    assert read_by(stage, "rita") == []
    stage.does(cast.rita, service.return_, reason=ReturnReason.CONSENT, text="Please ask.")
    stage.does(cast.alice, progress.add_message, **ANSWER)
    assert read_by(stage, "rita") == ["Please ask."]


def test_taken_back_it_writes_no_longer_on_any_door(stage: Stage, cast: Cast, app: Flask) -> None:
    stage.accepted()
    stage.does(cast.leo, handover.let_registry_write, allowed=True)
    rita, path = cast.sign_in(app.test_client(), cast.rita), f"/tickets/{stage.ticket.number}"
    assert "Ask the member" in rita.get(path).text
    leo = cast.sign_in(app.test_client(), cast.leo)
    assert leo.post(f"{path}/registry-writes", data={"allowed": "no"}).status_code == 303
    assert "Ask the member" not in rita.get(path).text
    for audience in ("ask", "member"):
        sent = {"audience": audience, "text": "Which browser?", "seen": "99"}
        assert rita.post(f"{path}/reply", data=sent).status_code in (404, 422)
    subject = MessageSubject(tickets.subject_of(stage.session, stage.ticket), Audience.MEMBER)
    assert not may(cast.actor(cast.rita), Permission.MESSAGE_ADD, subject)  # what the mail door asks
    assert "Which browser?" not in str(read_by(stage, "alice"))
    assert "Ask the member" in leo.get(path).text


def test_a_ticket_that_is_back_with_the_lead_is_not_the_registrys_to_ask_about(stage: Stage, cast: Cast) -> None:
    stage.sent()
    stage.does(cast.leo, handover.let_registry_write, allowed=True)
    stage.does(cast.rita, service.return_, reason=ReturnReason.CONSENT, text="Please ask.")
    with pytest.raises(IllegalTransition, match="back with the lead"):
        stage.does(cast.rita, progress.ask_member, **ASK)


def test_only_the_tickets_own_lead_turns_the_switch(stage: Stage, cast: Cast) -> None:
    stage.sent()
    for name, person in cast.people().items():
        if name not in ("leo", "lena"):
            with pytest.raises(NotFound):
                stage.does(person, handover.let_registry_write, allowed=True)


def test_the_member_sees_who_reads_and_the_registry_is_mailed_what_it_may_read(
    stage: Stage, cast: Cast, app: Flask, session: Session
) -> None:
    stage.accepted()
    alice, path = cast.sign_in(app.test_client(), cast.alice), f"/tickets/{stage.ticket.number}"
    assert "Send to your consortium lead and ORCID" not in alice.get(path).text
    stage.does(cast.leo, handover.let_registry_write, allowed=True)
    assert "Send to your consortium lead and ORCID" in alice.get(path).text
    stage.does(cast.rita, progress.ask_member, **ASK)
    stage.does(cast.alice, progress.add_message, **ANSWER)
    for _ in range(50):
        with transaction() as unit:
            if not notify.expand_one(unit, settings=app.config["DESK"], now=cast.now + stage.passed):
                break
    told: dict[str, str] = {}
    for row in session.scalars(sa.select(OutboundMail)):
        told[row.to_address] = told.get(row.to_address, "") + row.text + row.html
    assert "Firefox, of •••@brown.example." in told["rita@orcid.example"]
    assert "josiah" not in told["rita@orcid.example"]
    assert "Rita Rowan asked the member" in told["leo@north.example"]
    assert ANSWER["text"] in told["leo@north.example"]


def test_the_leads_manager_chooses_what_a_new_ticket_begins_with(
    app: Flask, cast: Cast, session: Session, stage: Stage
) -> None:
    path = f"/escalations/sent/writing/{cast.north.slug}"
    lena = cast.sign_in(app.test_client(), cast.lena)
    assert f'href="{path}"' in lena.get("/escalations/sent").text
    assert lena.post(path, data={"allowed": "perhaps"}).status_code == 422
    for _ in range(2):  # said twice it is kept once
        assert lena.post(path, data={"allowed": "yes"}).status_code == 303
    assert "may write to the member too" in lena.get("/escalations/sent").text
    newer = Stage.set(cast, session)
    session.refresh(stage.ticket)
    assert (stage.ticket.registry_may_write, newer.ticket.registry_may_write) == (False, True)
    assert lena.post(path, data={"allowed": "no"}).status_code == 303
    session.rollback()
    chosen = session.scalars(sa.select(Event).where(Event.kind == "registry_writing_chosen").order_by(Event.id)).all()
    assert [(each.actor_id, each.consortium_id, each.payload, each.ticket_id) for each in chosen] == [
        (cast.lena.id, cast.north.id, {"allowed": True}, None),
        (cast.lena.id, cast.north.id, {"allowed": False}, None),
    ]
    assert all(each.expanded_at is not None for each in chosen), "nobody is mailed about it"


def test_nobody_but_the_leads_own_manager_chooses_it(app: Flask, cast: Cast, session: Session) -> None:
    path = f"/escalations/sent/writing/{cast.north.slug}"
    for name, person in cast.people().items():
        if name == "lena":
            continue
        client = cast.sign_in(app.test_client(), person)
        assert client.get(path).status_code == client.post(path, data={"allowed": "yes"}).status_code == 404, name
        with pytest.raises(NotFound):
            handover.let_registry_write_at_first(session, cast.actor(person), cast.north.id, allowed=True, now=cast.now)
    page = cast.sign_in(app.test_client(), cast.leo).get("/escalations/sent").text
    assert "only you write to members; ORCID asks you" in page and path not in page
    session.rollback()
    session.expire_all()
    assert not session.get_one(Consortium, cast.north.id).registry_may_write
    assert cast.sign_in(app.test_client(), cast.lena).get("/escalations/sent/writing/nowhere").status_code == 404
