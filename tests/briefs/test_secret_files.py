"""Text files that hold something secret stay with the lead: no brief, bridge or note takes them to a registry."""

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from desk.bridge import queries as bridges
from desk.briefs import service as briefs
from desk.conversations import queries as conversations
from desk.conversations.service import File
from desk.db import transaction
from desk.domain.errors import InvalidInput
from desk.domain.vocabulary import Audience, Channel
from desk.escalations import queries as escalations
from desk.escalations import service as handovers
from desk.escalations.models import Escalation
from desk.events.models import Event
from desk.progress import service as progress
from desk.storage import store
from tests.bridge.crossing import Crossing, bridged
from tests.cast import Cast
from tests.escalations.stage import Stage

SECRET = b'POST /oauth/token {"client_secret": "abcdefgh1234"}'
FILES = (File("trace.log", SECRET), File("screen.txt", b"an empty page"))


@pytest.fixture
def stage(cast: Cast, session: Session) -> Stage:
    """Alice sends a log with a secret in it, and a text without."""
    return Stage.set(cast, session, files=FILES)


def files_of(stage: Stage) -> dict[str, int]:
    return {each.file_name: each.id for message in stage.messages() for each in message.attachments}


def test_a_file_with_a_secret_is_taken_out_of_the_brief_and_the_writer_told(stage: Stage, cast: Cast) -> None:
    [message] = stage.messages()
    files = files_of(stage)
    chosen = {"messages": [message.id], "attachments": list(files.values())}
    _, removed = stage.does(cast.leo, briefs.save_brief, brief=stage.brief(), **chosen)
    assert "the file “trace.log” (client secret or token)" in removed
    found = escalations.newest(stage.session, stage.ticket.id)
    assert found is not None and found.chosen_attachments == [files["screen.txt"]]
    event = stage.session.scalars(sa.select(Event).where(Event.kind == "brief_cleaned")).one()
    assert event.payload["files"] == [files["trace.log"]] and "abcdefgh1234" not in str(event.payload)
    # The lead's side keeps it as it came.
    kept = next(each for each in message.attachments if each.file_name == "trace.log")
    assert store().get(kept.key) == SECRET


def test_what_was_chosen_before_is_withheld_at_the_last_door(app: Flask, cast: Cast, stage: Stage) -> None:
    bridged(cast)
    crossing = Crossing(stage, app.config["DESK"])
    [message] = stage.messages()
    files = files_of(stage)
    stage.saved(messages=[message.id])
    with transaction() as unit:
        found = unit.scalars(sa.select(Escalation)).one()
        found.chosen_attachments = sorted(files.values())
    stage.session.expire_all()
    stage.does(cast.leo, handovers.send)
    crossing.told()
    shown = {each.attachment_id for each in conversations.disclosures_of(stage.session, stage.ticket.id)}
    assert shown == {None, files["screen.txt"]}
    escalation = escalations.newest(stage.session, stage.ticket.id)
    assert escalation is not None and escalation.sent_at is not None
    case = bridges.case_sent(stage.session, stage.ticket, escalation, escalation.sent_at)
    assert case is not None and "trace.log" not in str(case) + crossing.mails()[-1].text


def test_a_note_to_the_registry_with_such_a_file_is_refused_with_a_sentence(stage: Stage, cast: Cast) -> None:
    stage.sent()
    note = {"audience": Audience.HANDOVER, "text": "The log.", "channel": Channel.WEB}
    with pytest.raises(InvalidInput, match=r"“trace.log” holds something secret: client secret or token") as refused:
        stage.does(cast.leo, progress.add_message, files=FILES, **note)
    assert refused.value.field == "files" and "abcdefgh1234" not in refused.value.sentence
    stage.does(cast.leo, progress.add_message, files=FILES[1:], **note)
    # Inside the lead's team it is theirs to look at.
    stage.does(cast.leo, progress.add_message, files=FILES, **(note | {"audience": Audience.LEAD}))
