"""Reading hand-overs: one scope, the registry's queue, and what the ticket page shows of them."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts.models import Consortium, Person
from desk.catalogue import queries as catalogue
from desk.conversations import queries as conversations
from desk.conversations.models import Message
from desk.domain.catalogue import Entry
from desk.domain.catalogue import Field as FormField
from desk.domain.errors import NotFound
from desk.domain.escalation import (
    EDITABLE,
    LABELS,
    OPEN,
    PLACES,
    REASON_LABELS,
    STATE_LABELS,
    STATE_WORDS,
    WITH_REGISTRY,
    Brief,
    Consent,
    EscalationState,
    Move,
    Side,
    disclosed_text,
    lacks,
    possible,
)
from desk.domain.lifecycle import DONE
from desk.domain.permissions import Actor
from desk.domain.targets import Kind as ClockKind
from desk.domain.wording import ENVIRONMENT_WORDS, date_and_time
from desk.escalations.models import Escalation, EscalationRound
from desk.events.models import Event
from desk.sla.models import Clock
from desk.tickets import queries as tickets
from desk.tickets.models import Ticket

PAGE_SIZE = 50

_ENVIRONMENTS = {each.value: words for each, words in ENVIRONMENT_WORDS.items()}

CONSENT_WORDS = {
    Consent.UNANSWERED: "",
    Consent.NOT_INVOLVED: "No record holder is involved",
    Consent.GIVEN: "Given: iDs and addresses may be shown",
    Consent.NOT_GIVEN: "Not given: iDs and addresses are masked",
}


@dataclass(frozen=True)
class Line:
    """One line of a brief as a page shows it; ``value`` may have several lines."""

    label: str
    value: str


@dataclass(frozen=True)
class Disclosed:
    """Something that a registry was shown: when, by whom (None: without a choice), and of a brief its lines."""

    at: datetime
    what: str
    by: str | None
    lines: tuple[Line, ...] = ()
    written_at: datetime | None = None  # of a message or file: when it was written to the ticket


@dataclass(frozen=True)
class CameBack:
    """That the registry gave it back and the lead has to do something: when, who did, and what was written with it."""

    at: datetime
    by: str | None
    html: str


@dataclass(frozen=True)
class Panel:
    """What the ticket page shows of the newest hand-over to one reader. ``escalation`` is None before the first."""

    escalation: Escalation | None
    side: Side
    state: str = ""
    lines: tuple[Line, ...] = ()
    missing: tuple[tuple[str, str, str], ...] = ()
    moves: tuple[Move, ...] = ()
    shown: tuple[Disclosed, ...] = ()
    assignee: str | None = None
    declined_with: Entry | None = None
    came_back: CameBack | None = None
    may_prepare: bool = False
    may_edit: bool = False

    def can(self, move: str) -> bool:
        """Whether the reader may make this move now; for templates."""
        return Move(move) in self.moves


@dataclass(frozen=True)
class QueueRow:
    """One line of a queue: the hand-over, its ticket, and the clock that the registry is measured by, if it runs."""

    escalation: Escalation
    ticket: Ticket
    consortium: str
    assignee: str | None
    clock: Clock | None

    @property
    def state(self) -> str:
        """The state in a word."""
        return STATE_WORDS[self.escalation.state]


def visible_to(actor: Actor) -> sa.ColumnElement[bool]:
    """The condition on ``Escalation``: the lead sees its consortium's, a registry what was sent to it at least once.

    To be used in a select that joins ``Ticket``.
    """
    if actor.system:
        return sa.true()
    return sa.or_(
        Ticket.consortium_id.in_(actor.consortia()),
        sa.and_(Escalation.registry_id.in_(actor.registries()), Escalation.cycle > 0),
    )


def latest(session: Session, actor: Actor, ticket: Ticket) -> Escalation | None:
    """The newest hand-over of the ticket that the actor may see."""
    wanted = (
        sa.select(Escalation)
        .join(Ticket, Ticket.id == Escalation.ticket_id)
        .where(Escalation.ticket_id == ticket.id, visible_to(actor))
        .order_by(Escalation.ordinal.desc())
        .limit(1)
    )
    return session.scalars(wanted).first()


def newest(session: Session, ticket_id: int) -> Escalation | None:
    """The newest hand-over of the ticket as the database has it now, whoever asks: for verbs, under their lock."""
    wanted = (
        sa.select(Escalation)
        .where(Escalation.ticket_id == ticket_id)
        .order_by(Escalation.ordinal.desc())
        .limit(1)
        .execution_options(populate_existing=True)
    )
    return session.scalars(wanted).first()


def get(session: Session, actor: Actor, number: int) -> tuple[Ticket, Escalation]:
    """A ticket with its newest hand-over; raises ``NotFound`` when there is none that the actor may see."""
    ticket = tickets.get(session, actor, number)
    found = latest(session, actor, ticket)
    if found is None:
        raise NotFound
    return ticket, found


def queue(
    session: Session, actor: Actor, *, state: EscalationState | None = None, mine: bool = False, page: int = 1
) -> list[QueueRow]:
    """A page of hand-overs, what is due next first; one row more than a page if more follow.

    Without ``state`` the open ones: those with the registry for a registry, all of them for a lead.
    """
    states = [state] if state else sorted(WITH_REGISTRY if actor.registries() else OPEN)
    sent = Escalation.state == EscalationState.SENT
    measured = sa.or_(
        sa.and_(sent, Clock.kind == ClockKind.REGISTRY_ACCEPTANCE), sa.and_(~sent, Clock.kind == ClockKind.REGISTRY)
    )
    running = sa.and_(Clock.ticket_id == Ticket.id, measured, Clock.running_since.is_not(None))
    wanted = (
        sa.select(Escalation, Ticket, Consortium.name, Person.name, Clock)
        .join(Ticket, Ticket.id == Escalation.ticket_id)
        .join(Consortium, Consortium.id == Ticket.consortium_id)
        .outerjoin(Person, Person.id == Escalation.assignee_id)
        .outerjoin(Clock, running)
        .where(visible_to(actor), Escalation.state.in_(states))
        .order_by(Clock.due_at.asc().nulls_last(), Escalation.sent_at.asc().nulls_last(), Escalation.id)
        .limit(PAGE_SIZE + 1)
        .offset((max(page, 1) - 1) * PAGE_SIZE)
    )
    if state is None:
        wanted = wanted.where(Ticket.state.not_in(DONE))
    if mine:
        wanted = wanted.where(Escalation.assignee_id == actor.person_id)
    return [QueueRow(*row) for row in session.execute(wanted)]


def counts(session: Session, actor: Actor) -> dict[str, int]:
    """How many hand-overs the actor sees in each state: one query. Keys are state values, and ``open``.

    ``open`` counts as the queue does: a ticket that is resolved or closed asks nobody for anything.
    """
    asks = sa.case((Ticket.state.not_in(DONE), 1), else_=0)
    rows = session.execute(
        sa.select(Escalation.state, sa.func.count(), sa.func.sum(asks))
        .join(Ticket, Ticket.id == Escalation.ticket_id)
        .where(visible_to(actor))
        .group_by(Escalation.state)
    ).all()
    found = {state.value: count for state, count, _ in rows}
    states = WITH_REGISTRY if actor.registries() else OPEN
    found["open"] = sum(int(asking) for state, _, asking in rows if state in states)
    return found


def sides_of(actor: Actor, ticket: Ticket, escalation: Escalation | None) -> tuple[Side, ...]:
    """The parties of the hand-over that the actor belongs to, the lead's first; none for a member."""
    lead = (Side.LEAD,) if ticket.consortium_id in actor.consortia() else ()
    sent = escalation is not None and escalation.cycle > 0 and escalation.registry_id in actor.registries()
    return (*lead, Side.REGISTRY) if sent else lead


def panel_for(session: Session, ticket: Ticket, actor: Actor) -> Panel | None:
    """What the ticket page shows of the hand-over; None for members, and for a registry that never had it."""
    found = latest(session, actor, ticket)
    sides = sides_of(actor, ticket, found)
    if not sides:
        return None
    lead = Side.LEAD in sides
    is_over = ticket.state in DONE
    may_prepare = lead and not is_over and (found is None or found.state not in OPEN)
    if found is None:
        return Panel(None, sides[0], may_prepare=may_prepare)
    entry = catalogue.entry_for(session, ticket.catalogue_key, ticket.consortium_id)
    brief = shown_brief(session, found, sides[0])
    assignee = session.get(Person, found.assignee_id) if found.assignee_id else None
    editable = lead and not is_over and found.state in EDITABLE
    return Panel(
        escalation=found,
        side=sides[0],
        # What is to come next is not said of a ticket that nobody works on any more.
        state=(STATE_WORDS if is_over else STATE_LABELS)[found.state],
        lines=tuple(lines_of(brief, entry)),
        missing=tuple(lacks(brief, entry)) if editable else (),
        moves=tuple(move for side in sides for move in possible(found.state, side)),
        shown=tuple(record_of(session, actor, ticket, entry)) if found.cycle or found.ordinal > 1 else (),
        assignee=assignee.name if assignee else None,
        declined_with=catalogue.entry(session, found.decline_entry_key),
        came_back=_came_back(session, found) if editable else None,
        may_prepare=may_prepare,
        may_edit=editable,
    )


def _came_back(session: Session, found: Escalation) -> CameBack | None:
    """How the registry gave it back; None of one that waits for something else."""
    if found.state not in (EscalationState.RETURNED, EscalationState.DECLINED):
        return None
    wanted = (
        sa.select(Event.at, Person.name, Message.html)
        .outerjoin(Person, Person.id == Event.actor_id)
        .outerjoin(Message, Message.id == Event.message_id)
        .where(Event.escalation_id == found.id, Event.kind == found.state.value)
        .order_by(Event.id.desc())
        .limit(1)
    )
    row = session.execute(wanted).first()
    return CameBack(row[0], row[1], row[2] or "") if row else None


def record_of(session: Session, actor: Actor, ticket: Ticket, entry: Entry | None) -> list[Disclosed]:
    """What was shown to a registry and when, the first first: the lead reads all of it, a registry its own part."""
    sent = session.execute(
        sa.select(Escalation, EscalationRound, Person.name)
        .join(EscalationRound, EscalationRound.escalation_id == Escalation.id)
        .join(Ticket, Ticket.id == Escalation.ticket_id)
        .outerjoin(Person, Person.id == EscalationRound.sent_by_id)
        .where(Escalation.ticket_id == ticket.id, visible_to(actor))
        .order_by(EscalationRound.id)
    )
    briefs = [
        Disclosed(each.sent_at, _sending(found, each), who, tuple(lines_of(Brief.from_dict(each.brief), entry)))
        for found, each, who in sent
    ]
    lead = actor.system or ticket.consortium_id in actor.consortia()
    rest = [
        Disclosed(each.disclosure.at, each.what, each.by, written_at=each.written_at)
        for each in conversations.disclosed(session, ticket.id)
        if lead or each.disclosure.registry_id in actor.registries()
    ]
    return sorted([*briefs, *rest], key=lambda each: each.at)


def _sending(found: Escalation, each: EscalationRound) -> str:
    of = f" of escalation {found.ordinal}" if found.ordinal > 1 else ""
    reason = f" ({REASON_LABELS[each.return_reason].lower()})" if each.return_reason else ""
    ended = f", then {STATE_WORDS[each.outcome].lower()}{reason}" if each.outcome else ""
    return f"Brief, sending {each.cycle}{of}{ended}"


def shown_brief(session: Session, escalation: Escalation, side: Side) -> Brief:
    """The lead's working copy, or for the registry the brief of the last sending: drafts are not the registry's."""
    if side is Side.LEAD and escalation.state in EDITABLE:
        return Brief.from_dict(escalation.brief)
    last = session.scalars(
        sa.select(EscalationRound)
        .where(EscalationRound.escalation_id == escalation.id)
        .order_by(EscalationRound.cycle.desc())
        .limit(1)
    ).first()
    return Brief.from_dict(last.brief if last else escalation.brief)


def lines_of(brief: Brief, entry: Entry | None) -> list[Line]:
    """A brief as labelled lines, answered ones only."""
    values = {**brief.to_dict(), "identifiers": "\n".join(brief.identifiers), "consent": CONSENT_WORDS[brief.consent]}
    values["known_issues_checked"] = _checked(brief)
    values["environment"] = _ENVIRONMENTS.get(brief.environment, brief.environment)
    found = [Line(label, str(values[name])) for name, label in LABELS.items() if values[name]]
    labels = {each.id: each.label for each in (entry.fields if entry else ())}
    # In the order of the form: PostgreSQL's JSON keeps no order of its own.
    for key in (*(each for each in labels if each in brief.fields), *sorted(set(brief.fields) - set(labels))):
        value = brief.fields[key]
        found.append(Line(labels.get(key, key), "\n".join(value) if isinstance(value, list) else _said(value)))
    return found


def _checked(brief: Brief) -> str:
    """What was looked at and when, by number: a title could say more than the reader may know."""
    if not brief.known_issues_checked:
        return ""
    when = f", {date_and_time(datetime.fromisoformat(brief.checked_at), 'UTC')}" if brief.checked_at else ""
    looks = [
        f"{each.number} ({date_and_time(datetime.fromisoformat(each.at), 'UTC')})" for each in brief.issues_checked
    ]
    return f"Yes{when}: it is another than issue {', '.join(looks)}" if looks else f"Yes{when}"


def _instant(at: str) -> str:
    return date_and_time(datetime.fromisoformat(at), "UTC")


def _said(value: object) -> str:
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return str(value)


def extra_fields(entry: Entry | None) -> tuple[FormField, ...]:
    """The fields of the entry that the brief has no place of its own for."""
    return tuple(each for each in (entry.fields if entry else ()) if each.id not in PLACES)


def masked_texts(session: Session, ticket: Ticket, consent: Consent) -> dict[int, str]:
    """What a registry reads of each member message instead of its text, where that differs."""
    texts = {each.id: each.text for each in conversations.member_messages(session, ticket.id)}
    shown = {number: disclosed_text(text, consent) for number, text in texts.items()}
    return {number: text for number, text in shown.items() if text != texts[number]}
