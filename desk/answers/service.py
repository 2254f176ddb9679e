"""What a registry says from a desk of its own, and what that does here. The verbs of ``escalations`` make the moves.

``hear`` takes it from mail, ``record_answer`` from a lead who has it by telephone. Whether a mail is the registry's
word at all is decided before, by its sender or by somebody who says so; here a number is bound, the text kept, and a
known word carried out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts.models import Team
from desk.bridge import queries
from desk.bridge import service as bridges
from desk.bridge.models import Became, BridgeLink, BridgeNumber, BridgeSaid
from desk.conversations import service as conversations
from desk.conversations.models import Message
from desk.conversations.service import File
from desk.db import insert_ignore
from desk.domain.bridge import MEANING_LABELS, TIER_OF, WORD_LENGTH, Meaning, Word, meaning_of, moves_for, reason_of
from desk.domain.bridge_pattern import NUMBER_LENGTH, Number
from desk.domain.errors import Conflict, DeskError, ForeignNumber, InvalidInput, NotFound
from desk.domain.escalation import EscalationState, Move, ReturnReason
from desk.domain.permissions import Actor, Permission
from desk.domain.text import cut_line
from desk.domain.vocabulary import Audience, Channel
from desk.escalations import queries as escalations
from desk.escalations import service as verbs
from desk.escalations.models import Escalation
from desk.tickets import service as tickets
from desk.tickets.models import Ticket

TOLD_AGAIN = timedelta(hours=1)
"""So long nobody is told again that an answer about the same escalation is held; each of them is shown."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A mail that is the registry's word, or claims to be. ``doubt``: why it is not taken as that, in a sentence.

    ``text`` is what is new in it; ``word`` the status as their desk wrote it; ``echo``: it holds nothing but ours.
    """

    sender: str
    text: str
    quoted_text: str = ""
    files: Sequence[File] = ()
    machine: bool = False
    echo: bool = False
    doubt: str = ""
    number: Number | None = None
    word: str = ""
    answer_to: str = ""
    inbound_mail_id: int | None = None


def hear(
    session: Session, link: BridgeLink, heard: Heard, *, recorded_by: Actor | None = None, now: datetime
) -> BridgeSaid:
    """Take a word of the registry's desk: bind its number, keep its text on ``handover``, do what its status means.

    What is refused (a doubt about the sender, a number of another escalation) is written down and told to the lead, and
    nothing else happens. What a machine wrote binds a number and moves nothing. ``recorded_by``: who of ours says that
    it is the registry's word. Raises ``Conflict`` when somebody changed the ticket at the same moment.
    """
    turn = _Turn.begin(session, link, now, recorded_by)
    why = heard.doubt or turn.foreign(heard.number)
    if why:
        turn.tell_refused(why)
        return turn.note(heard, Became.REFUSED, why)
    if heard.number is not None:
        turn.bind(heard.number)
    if heard.answer_to:
        link.answer_to = heard.answer_to
    if heard.echo:
        return turn.note(heard, Became.NOTED, "It holds only what we wrote ourselves.")
    known = meaning_of(heard.word, queries.words_of(link.bridge)) if heard.word else None
    if heard.machine:
        message = turn.write(heard)
        moving = known is not None and moves_for(known.meaning, turn.found.state, turn.found.tier)
        became, why = (Became.TO_DECIDE if moving else Became.NOTED), "A machine wrote it, so nothing moved by itself."
        return turn.note(heard, became, why, message, known.meaning if known else None)
    if heard.word and known is None:
        message = turn.write(heard)
        return turn.note(heard, Became.TO_DECIDE, "The word is not in the table.", message)
    if known is None and link.bridge.first_answer_accepts and turn.found.state is EscalationState.SENT:
        known, why = Word("", Meaning.ACCEPTED), "The first answer of a person counts as accepted."
    if known is None:
        return turn.note(heard, Became.NOTED, "", turn.write(heard))
    return turn.carry_out(heard, known, why)


def record_answer(
    session: Session,
    actor: Actor,
    ticket: Ticket,
    *,
    meaning: Meaning,
    text: str,
    reason: ReturnReason | None = None,
    reference: str = "",
    now: datetime,
) -> BridgeSaid:
    """The lead writes down what the registry said elsewhere, such as by telephone; it counts as if it had come by mail.

    Raises ``IllegalTransition`` when the move does not exist now, ``InvalidInput``, ``NotFound``; ``ForeignNumber`` for
    a reference that is another escalation's.
    """
    link = _own_link(session, actor, ticket)
    turn = _Turn.begin(session, link, now, recorded_by=actor)
    number = (
        Number(cut_line(reference, NUMBER_LENGTH), cut_line(reference, NUMBER_LENGTH)) if reference.strip() else None
    )
    if why := turn.foreign(number):
        raise ForeignNumber(why, field="reference")
    if number is not None:
        turn.bind(number)
    heard = Heard(sender="", text=text)
    if meaning is Meaning.NONE or not moves_for(meaning, turn.found.state, turn.found.tier):
        if meaning is not Meaning.NONE:
            raise InvalidInput("It stands like that already.", field="meaning")
        return turn.note(heard, Became.NOTED, "", turn.write(heard), meaning)
    message = turn.move(heard, Word("", meaning, reason_of(meaning, reason)))
    return turn.note(heard, Became.MOVED, "", message, meaning)


def note_refusal(session: Session, actor: Actor, ticket: Ticket, why: str, now: datetime) -> BridgeSaid:
    """Keep that a lead wrote down what is refused, with who did; raises ``NotFound``."""
    turn = _Turn.begin(session, _own_link(session, actor, ticket), now, recorded_by=actor)
    return turn.note(Heard(sender="", text=""), Became.REFUSED, why)


def decide(
    session: Session,
    actor: Actor,
    ticket: Ticket,
    said_id: int,
    *,
    meaning: Meaning,
    reason: ReturnReason | None = None,
    remember: bool = False,
    now: datetime,
) -> BridgeSaid:
    """The lead says what a word means that the table does not know; ``remember`` puts it into the table.

    Raises ``Conflict`` when somebody has decided meanwhile, ``IllegalTransition``, ``NotFound``.
    """
    link = _own_link(session, actor, ticket)
    turn = _Turn.begin(session, link, now, recorded_by=actor)
    said = session.get(BridgeSaid, said_id, populate_existing=True)
    if said is None or said.link_id != link.id:
        raise NotFound
    if said.became is not Became.TO_DECIDE:
        raise Conflict("Somebody has decided this meanwhile.")
    if moves_for(meaning, turn.found.state, turn.found.tier):
        label = MEANING_LABELS[meaning].lower()
        quoted = f"“{said.word}”" if said.word else "Their answer"
        turn.move(
            Heard(sender="", text=f"{quoted} means: {label}. What they wrote stands above."), Word("", meaning, reason)
        )
        said.became = Became.MOVED
    else:
        said.became = Became.NOTED
    said.meaning, said.decided_by_id, said.decided_at = meaning, actor.person_id, now
    if remember and said.word:
        bridges.remember(session, actor, link.bridge, Word(said.word, meaning, reason_of(meaning, reason)), now)
    session.flush()
    return said


def _own_link(session: Session, actor: Actor, ticket: Ticket) -> BridgeLink:
    """The link of the ticket's newest escalation, for its lead."""
    tickets.working(session, actor, ticket, Permission.TICKET_ESCALATE)
    found = escalations.newest(session, ticket.id)
    link = queries.link_of(session, found.id) if found else None
    if link is None:
        raise NotFound
    return link


@dataclass(frozen=True)
class _Turn:
    """One word of the other desk, under the ticket's lock. ``actor`` is its team: nobody of ours, with its name."""

    session: Session
    link: BridgeLink
    ticket: Ticket
    found: Escalation
    actor: Actor
    now: datetime
    recorded_by: Actor | None = None

    @classmethod
    def begin(cls, session: Session, link: BridgeLink, now: datetime, recorded_by: Actor | None = None) -> "_Turn":
        ticket = session.get_one(Ticket, link.ticket_id)
        tickets.locked(session, ticket)
        found = session.get_one(Escalation, link.escalation_id, populate_existing=True)
        team = session.get_one(Team, link.bridge.team_id)
        name = f"{team.name}, recorded by {recorded_by.name}" if recorded_by else team.name
        actor = Actor(person_id=None, name=name, system=True)
        return cls(session, link, ticket, found, actor, now, recorded_by)

    def foreign(self, number: Number | None) -> str:
        """Why a number is refused: it is another escalation's."""
        if number is None:
            return ""
        owner = queries.link_by_number(self.session, self.link.bridge.registry_id, number.number)
        if owner is None or owner.id == self.link.id:
            return ""
        return f"The number {number.number} of the registry's desk belongs to another escalation already."

    def bind(self, number: Number) -> None:
        """A number that is bound already stays as it is."""
        insert_ignore(
            self.session,
            BridgeNumber,
            link_id=self.link.id,
            registry_id=self.link.bridge.registry_id,
            number=number.number,
            written=number.written,
            bound_at=self.now,
        )
        if not self.found.registry_reference:
            self.found.registry_reference = number.number
            self.session.flush()

    def carry_out(self, heard: Heard, word: Word, why: str) -> BridgeSaid:
        """Do what a known word means; what cannot be done now is kept, and the lead decides."""
        moves = moves_for(word.meaning, self.found.state, self.found.tier)
        if not moves:
            return self.note(heard, Became.NOTED, why, self.write(heard), word.meaning)
        try:
            with self.session.begin_nested():
                message = self.move(heard, word)
        except Conflict:
            raise
        except DeskError as refusal:
            self.session.refresh(self.found)
            self.session.refresh(self.ticket)
            return self.note(heard, Became.TO_DECIDE, refusal.sentence, self.write(heard), word.meaning)
        return self.note(heard, Became.MOVED, why, message, word.meaning)

    def move(self, heard: Heard, word: Word) -> Message | None:
        """The verbs of a word, with what was written; returns the message that holds it."""
        moves = moves_for(word.meaning, self.found.state, self.found.tier)
        text = heard.text.strip() or "(no text)"
        to_lead = {Move.RETURN, Move.DECLINE, Move.REPORT_FIX} & set(moves)
        message = None if to_lead or not (heard.text.strip() or heard.files) else self.write(heard)
        for move in moves:
            self._verb(move, text, word)
        return self._as_it_came(heard) if to_lead else message

    def _verb(self, move: Move, text: str, word: Word) -> None:
        who = (self.session, self.actor, self.ticket)
        if move is Move.ACCEPT:
            verbs.accept(*who, now=self.now)
        elif move is Move.RETURN:
            reason = word.reason or ReturnReason.INFORMATION_MISSING
            verbs.return_(*who, reason=reason, text=text, now=self.now)
        elif move is Move.DECLINE:
            if not self.ticket.catalogue_key:
                raise InvalidInput(
                    "Classify the ticket first: a decline names the entry that answers it.", field="meaning"
                )
            verbs.decline(*who, entry_key=self.ticket.catalogue_key, text=text, now=self.now)
        elif move is Move.REPORT_FIX:
            verbs.report_fix(*who, text=text, now=self.now)
        else:
            verbs.move_tier(*who, tier=TIER_OF[word.meaning], now=self.now)

    def write(self, heard: Heard) -> Message:
        """Keep what was written as a hand-over message."""
        message = tickets.write(
            self.session,
            self.actor,
            self.ticket,
            heard.text.strip() or ("" if heard.files else "(no text)"),
            heard.files,
            self._channel(heard),
            self.now,
            author_label=self.actor.name,
            from_staff=True,
            audience=Audience.HANDOVER,
            quoted_text=heard.quoted_text,
            machine=heard.machine,
        )
        kind = "machine_wrote" if heard.machine else "noted"
        tickets.record(self.session, self.ticket, kind, self.actor, self.now, message=message, quiet=heard.machine)
        return message

    def _channel(self, heard: Heard) -> Channel:
        by_hand = self.recorded_by is not None and heard.inbound_mail_id is None
        return Channel.WEB if by_hand else Channel.EMAIL

    def _as_it_came(self, heard: Heard) -> Message:
        """What a verb wrote for the registry is shown as the mail that it was, with its files."""
        newest = sa.select(Message).where(Message.ticket_id == self.ticket.id).order_by(Message.id.desc()).limit(1)
        message = self.session.scalars(newest).one()
        conversations.as_it_came(
            message,
            author_label=self.actor.name,
            channel=self._channel(heard),
            quoted_text=heard.quoted_text,
            files=heard.files,
            now=self.now,
        )
        self.session.flush()
        return message

    def note(
        self, heard: Heard, became: Became, why: str, message: Message | None = None, meaning: Meaning | None = None
    ) -> BridgeSaid:
        """Write down what was said, by whom, and what became of it."""
        said = BridgeSaid(
            link_id=self.link.id,
            at=self.now,
            inbound_mail_id=heard.inbound_mail_id,
            message_id=message.id if message else None,
            sender=heard.sender,
            recorded_by_id=self.recorded_by.person_id if self.recorded_by else None,
            machine=heard.machine,
            word=cut_line(heard.word, WORD_LENGTH),
            meaning=meaning,
            became=became,
            why=cut_line(why, 500),
        )
        self.session.add(said)
        self.session.flush()
        return said

    def tell_refused(self, why: str) -> None:
        """The lead is told that an answer is held; not of each of many, which anybody may send to that address."""
        since = self.now - TOLD_AGAIN
        before = sa.select(BridgeSaid.id).where(
            BridgeSaid.link_id == self.link.id, BridgeSaid.became == Became.REFUSED, BridgeSaid.at > since
        )
        if self.session.scalars(before.limit(1)).first() is not None:
            return
        tickets.record(
            self.session,
            self.ticket,
            "registry_answer_held",
            self.actor,
            self.now,
            escalation_id=self.found.id,
            payload={"why": why, "team": self.actor.name},
        )
