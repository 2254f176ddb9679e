"""Who is told of what, in which words, and how an answer finds its way back."""

from dataclasses import replace
from datetime import datetime
from itertools import product
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.config import Settings
from desk.db import transaction
from desk.domain import wording
from desk.domain.languages import WRITTEN
from desk.domain.permissions import Actor
from desk.domain.targets import Kind
from desk.domain.vocabulary import Audience, Channel, Party
from desk.events.service import record
from desk.mail import letter, notify, told
from desk.mail.compose import LINK_PLACE, compose
from desk.mail.message import read
from desk.mail.models import OutboundMail, OutboundState
from desk.mail.reply import REPLY_ABOVE
from desk.progress import service as progress
from desk.sla import queries as sla
from desk.tickets.models import Ticket
from desk.tickets.service import NewTicket, open_ticket
from tests.cast import Cast


@pytest.fixture
def ticket(cast: Cast, now: datetime) -> Ticket:
    draft = NewTicket(
        consortium_id=cast.north.id, member_org_id=cast.alder.id, subject="Cannot get a token", text="Error 9017."
    )
    with transaction() as session:
        return open_ticket(session, cast.actor(cast.alice), draft, channel=Channel.WEB, now=now)


def expand(settings: Settings, now: datetime) -> None:
    while True:
        with transaction() as session:
            if not notify.expand_one(session, settings=settings, now=now):
                return


def rows(session: Session) -> list[OutboundMail]:
    return list(session.scalars(sa.select(OutboundMail).order_by(OutboundMail.id)).all())


def told_of(session: Session) -> list[str]:
    """Who was told, and the list is empty for the next step."""
    names = sorted(row.to_address.partition("@")[0] for row in rows(session))
    with transaction() as unit:
        unit.execute(sa.delete(OutboundMail))
    return names


def write(cast: Cast, actor: Actor, ticket: Ticket, audience: Audience, text: str, now: datetime) -> None:
    with transaction() as unit:
        mine = unit.get_one(Ticket, ticket.id)
        progress.add_message(unit, actor, mine, audience=audience, text=text, channel=Channel.WEB, now=now)


def test_each_party_is_told_of_what_concerns_it(
    cast: Cast, session: Session, ticket: Ticket, settings: Settings, now: datetime
) -> None:
    expand(settings, now)
    assert told_of(session) == ["alice", "lena", "leo"]  # a receipt, and the desk
    write(cast, cast.actor(cast.leo), ticket, Audience.MEMBER, "Which client?", now)
    expand(settings, now)
    assert told_of(session) == ["alice"]
    write(cast, cast.actor(cast.alice), ticket, Audience.MEMBER, "This one.", now)
    expand(settings, now)
    assert told_of(session) == ["lena", "leo"]
    write(cast, cast.actor(cast.leo), ticket, Audience.LEAD, "Between us.", now)
    expand(settings, now)
    assert told_of(session) == ["lena"]


def test_a_note_reaches_no_member(
    cast: Cast, session: Session, ticket: Ticket, settings: Settings, now: datetime
) -> None:
    write(cast, cast.actor(cast.leo), ticket, Audience.LEAD, "MARKER between us", now)
    write(cast, cast.actor(cast.leo), ticket, Audience.MEMBER, "Public.", now)
    expand(settings, now)
    for row in rows(session):
        if row.to_address == cast.alice.email:
            assert "MARKER" not in row.subject + row.text + row.html


def test_an_event_is_told_once(cast: Cast, session: Session, ticket: Ticket, settings: Settings, now: datetime) -> None:
    expand(settings, now)
    count = len(rows(session))
    expand(settings, now)
    assert len(rows(session)) == count


def test_every_answer_threads_and_finds_its_way_back(
    cast: Cast, session: Session, ticket: Ticket, settings: Settings, now: datetime
) -> None:
    expand(settings, now)
    write(cast, cast.actor(cast.leo), ticket, Audience.MEMBER, "First answer.", now)
    expand(settings, now)
    write(cast, cast.actor(cast.leo), ticket, Audience.MEMBER, "Second answer.", now)
    expand(settings, now)
    receipt, first, second = [row for row in rows(session) if row.to_address == cast.alice.email]
    assert second.in_reply_to == first.message_id
    assert second.references == [receipt.message_id, first.message_id]
    assert receipt.subject == first.subject == f"[#{ticket.id}] Cannot get a token"
    message = compose(second)
    assert message["In-Reply-To"] == f"<{first.message_id}>"
    assert message["Reply-To"].startswith("reply+")
    assert "Leo Larch" in message["From"]
    assert "north@desk.example" in message["From"]
    assert message["Auto-Submitted"] is None
    plain = message.get_body(("plain",))
    assert plain is not None
    text = plain.get_content()
    assert text.index(REPLY_ABOVE) < text.index("Second answer.") < text.index(f"Ticket #{ticket.id}")
    assert message.get_body(("html",)) is not None


def test_long_ids_are_not_folded_into_something_no_client_reads(now: datetime) -> None:
    ids = [f"{'d' * 61}{number}@support.consortium.example.org" for number in range(10)]
    row = OutboundMail(
        to_address="a@x.example",
        message_id=ids[0],
        in_reply_to=ids[1],
        references=ids,
        from_header="Größe <d@desk.example>",
        reply_to="",
        subject="täglich " * 30,
        text="ü" * 2000,
        html="",
        automatic=False,
        created_at=now,
    )
    raw = compose(row).as_bytes()
    received = read(raw)
    assert (received.message_id, received.in_reply_to, list(received.references)) == (ids[0], (ids[1],), ids)
    assert received.subject == ("täglich " * 30).strip()
    assert max(map(len, raw.splitlines())) <= 998
    assert raw.isascii()


def test_automatic_mail_is_marked_and_has_the_null_sender(
    cast: Cast, session: Session, ticket: Ticket, settings: Settings, now: datetime
) -> None:
    expand(settings, now)
    receipt = next(row for row in rows(session) if row.to_address == cast.alice.email)
    message = compose(receipt)
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Desk-Automatic"] == "yes"
    assert receipt.envelope_from == ""
    # The recipient's zone: Berlin is an hour ahead of the cast's UTC.
    assert "11:00 CET" in receipt.text


def test_a_deactivated_person_is_told_nothing(
    cast: Cast, session: Session, ticket: Ticket, settings: Settings, now: datetime
) -> None:
    with transaction() as unit:
        unit.merge(cast.alice).active = False
    write(cast, cast.actor(cast.leo), ticket, Audience.MEMBER, "Answer.", now)
    expand(settings, now)
    assert cast.alice.email not in [row.to_address for row in rows(session)]


def test_a_ticket_gets_so_many_automatic_mails_an_hour(
    cast: Cast, session: Session, ticket: Ticket, settings: Settings, now: datetime
) -> None:
    expand(replace(settings, MAIL_PER_TICKET_AND_HOUR=2), now)
    states = sorted(row.state.value for row in rows(session))
    assert states == ["dead", "queued", "queued"]
    assert all(row.last_error.startswith("Held back") for row in rows(session) if row.state is OutboundState.DEAD)


def test_a_letter_that_cannot_be_written_holds_up_nobody(
    cast: Cast, session: Session, ticket: Ticket, settings: Settings, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transaction() as unit:
        record(unit, "resolved", at=now, ticket_id=ticket.id, consortium_id=cast.north.id, payload={"due_at": "never"})
    write(cast, cast.actor(cast.leo), ticket, Audience.MEMBER, "Answer.", now)
    expand(settings, now)
    dead = [row for row in rows(session) if row.state is OutboundState.DEAD]
    assert [row.to_address for row in dead] == [cast.alice.email]
    assert any("Answer." in row.text for row in rows(session))


def test_a_sign_in_link_is_not_in_the_database(cast: Cast, session: Session, settings: Settings, now: datetime) -> None:
    with transaction() as unit:
        record(unit, "sign_in_link_issued", at=now, person_id=cast.alice.id, payload={"link_id": 1})
    expand(settings, now)
    [row] = rows(session)
    assert "/link/" not in row.text + row.html
    assert LINK_PLACE in row.text


# ------------------------------------------------------------------ the letters

FULL: dict[str, Any] = {
    "secrets": ["API key"],
    "side": "member",
    "name": "Alice",
    "desk": "Northern support",
    "signature": "",
    "actor": "Leo",
    "base_url": "https://desk.example.org",
    "link_place": LINK_PLACE,
    "choice_url": "https://desk.example.org/profile/mail",
    "unsubscribe_url": "https://desk.example.org/unsubscribe/x",
    "payload": {
        "title": "Tokens <b>",
        "text": "text",
        "workaround": "wait",
        "number": 3,
        "kind": "first",
        "percent": 75,
    },
    "message": {
        "author": "Leo",
        "text": "{{ 7 * 7 }} <script>",
        "html": "<p>{{ 7 * 7 }}</p>",
        "files": ["a.txt"],
        "audience": "member",
    },
    "ticket": {
        "number": 12,
        "subject": "A <b> subject",
        "state": "Open",
        "organisation": "Alder",
        "priority": "P2",
        "url": "https://desk.example.org/tickets/12",
        "unverified_sender": None,
    },
}
CLOCK: dict[str, Any] = {
    "label": "First answer",
    "percent": 80,
    "consumed": 3_600,
    "target": None,
    "stands_still": True,
    "turn": Party.LEAD,
    "zone": None,
    "url": "https://desk.example.org/tickets/12/clocks#first_response",
}
EMPTY = FULL | {"secrets": [], "message": None, "ticket": None, "name": "", "actor": "", "payload": {}}


def test_every_event_that_is_told_has_a_letter_and_no_letter_is_left_over() -> None:
    assert letter.kinds() == told.kinds() | letter.COLLECTIONS


@pytest.mark.parametrize("kind", sorted(told.kinds()))
@pytest.mark.parametrize("side", ["member", "lead", "registry"])
@pytest.mark.parametrize("filled", [True, False])
def test_every_letter_can_be_written_for_every_reader(kind: str, side: str, filled: bool, now: datetime) -> None:
    values = FULL if filled else EMPTY | {"ticket": FULL["ticket"] | {"subject": "", "organisation": "", "url": ""}}
    for due_at, language in product((now, None), WRITTEN):
        context = {**values, "side": side, "at": now, "at_now": now, "due_at": due_at, "answer_by": due_at}
        context |= {"before": due_at, "clock": CLOCK | {"due_at": due_at, "happened_at": now, "waited": filled}}
        written = letter.write(kind, context, zone="Europe/Berlin", language=language, with_marker=True)
        assert written.subject
        assert written.text.strip()
        assert "49" not in written.text
        assert "<b>" not in written.html.replace("</b>", "")
        assert max(map(len, written.html.splitlines())) < 900


def test_the_receipt_promises_an_answer_in_the_members_own_zone(
    cast: Cast, session: Session, ticket: Ticket, settings: Settings, now: datetime
) -> None:
    expand(settings, now)
    due = next(line.due_at for line in sla.lines(session, ticket.id, now) if line.kind is Kind.FIRST_RESPONSE)
    assert due is not None
    promised = wording.date_and_time(due, cast.alice.timezone)
    (receipt,) = [row for row in rows(session) if row.to_address == cast.alice.email]
    assert f"You get an answer by {promised}" in receipt.text
    assert f"You get an answer by {promised}" in receipt.html
    others = [row for row in rows(session) if row.to_address != cast.alice.email]
    assert not [row for row in others if "You get an answer" in row.text]
