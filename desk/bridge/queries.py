"""Reading bridges: which team is reached by mail, which escalation a number belongs to, and what a hand-over says.

``case_of`` is what the other desk is told of an escalation: the preview and the mail itself are made from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.accounts.models import Consortium, Person, Registry, Team
from desk.bridge.models import Bridge, BridgeLink, BridgeMail, BridgeNumber, BridgeSaid
from desk.catalogue import queries as catalogue
from desk.conversations import queries as conversations
from desk.conversations.models import Attachment, Message
from desk.domain.bridge import Word
from desk.domain.errors import NotFound
from desk.domain.escalation import OPEN, Brief, Consent, Side, as_disclosed, disclosed_text
from desk.domain.masking import mask
from desk.domain.permissions import Actor, BridgeSubject, Permission, may
from desk.escalations import queries as escalations
from desk.escalations.models import Escalation, EscalationRound
from desk.tickets.models import Ticket, TicketRegistry

_SHOWN = 30
_AWAITED = 100

# ------------------------------------------------------------------ whom it serves


@dataclass(frozen=True, slots=True)
class Place:
    """A team of a registry, and how it is reached by mail, if it is."""

    registry: Registry
    team: Team
    bridge: Bridge | None


def places(session: Session, actor: Actor) -> list[Place]:
    """The registries' teams that the actor may set up, by registry and tier."""
    rows = session.execute(
        sa.select(Registry, Team, Bridge)
        .join(Team, Team.registry_id == Registry.id)
        .outerjoin(Bridge, Bridge.team_id == Team.id)
        .order_by(Registry.name, Team.tier)
    ).all()
    subjects = {registry.id: subject_of(session, registry.id) for registry, _, _ in rows}
    return [Place(*row) for row in rows if may(actor, Permission.BRIDGE_EDIT, subjects[row[0].id])]


def place(session: Session, actor: Actor, team_id: int) -> Place:
    """One of them, or ``NotFound``."""
    found = next((each for each in places(session, actor) if each.team.id == team_id), None)
    if found is None:
        raise NotFound
    return found


def subject_of(session: Session, registry_id: int) -> BridgeSubject:
    """A registry as the rules see it: whose escalations its bridge carries."""
    ids = session.scalars(sa.select(Consortium.id).where(Consortium.registry_id == registry_id))
    return BridgeSubject(registry_id, frozenset(ids))


def words_of(bridge: Bridge) -> list[Word]:
    """The table as the rules read it."""
    return [Word(each.word, each.meaning, each.reason) for each in bridge.words]


# ------------------------------------------------------------------ which escalation


def bridge_for(session: Session, escalation: Escalation) -> Bridge | None:
    """How the registry is reached with this hand-over: as it was begun, else as its team is reached now."""
    link = link_of(session, escalation.id)
    if link is not None:
        return link.bridge
    team = accounts.team_of_registry(session, escalation.registry_id, escalation.tier)
    return session.scalars(sa.select(Bridge).where(Bridge.team_id == team.id, Bridge.active.is_(True))).first()


def link_of(session: Session, escalation_id: int) -> BridgeLink | None:
    """The link of an escalation that was sent by mail."""
    return session.scalars(sa.select(BridgeLink).where(BridgeLink.escalation_id == escalation_id)).first()


def link_by_number(session: Session, registry_id: int, number: str) -> BridgeLink | None:
    """The escalation to which a number of the registry's desk is bound."""
    return session.scalars(
        sa.select(BridgeLink)
        .join(BridgeNumber, BridgeNumber.link_id == BridgeLink.id)
        .where(BridgeNumber.registry_id == registry_id, BridgeNumber.number == number)
    ).first()


def bridges(session: Session) -> Sequence[Bridge]:
    """All that are in use."""
    return session.scalars(sa.select(Bridge).where(Bridge.active.is_(True)).order_by(Bridge.id)).all()


@dataclass(frozen=True, slots=True)
class Awaited:
    """An escalation that is with a registry's own desk, as it is offered to choose."""

    link: BridgeLink
    escalation: Escalation
    ticket: Ticket
    team: str

    @property
    def reference(self) -> str:
        """Its number, as the other desk reads it."""
        return reference_of(self.escalation)


def awaited(session: Session, consortium_id: int, *, link_id: int | None = None) -> list[Awaited]:
    """The open escalations of a consortium that went out by mail, the newest first; with ``link_id`` that one alone."""
    wanted = (
        sa.select(BridgeLink, Escalation, Ticket, Team.name)
        .join(Escalation, Escalation.id == BridgeLink.escalation_id)
        .join(Ticket, Ticket.id == BridgeLink.ticket_id)
        .join(Bridge, Bridge.id == BridgeLink.bridge_id)
        .join(Team, Team.id == Bridge.team_id)
        .where(Ticket.consortium_id == consortium_id, Escalation.state.in_(OPEN))
        .order_by(BridgeLink.id.desc())
        .limit(_AWAITED)
    )
    if link_id is not None:
        wanted = wanted.where(BridgeLink.id == link_id)
    return [Awaited(*row) for row in session.execute(wanted)]


def numbers_of(session: Session, link_id: int) -> Sequence[BridgeNumber]:
    """The other desk's numbers of an escalation, the first one first."""
    return session.scalars(
        sa.select(BridgeNumber).where(BridgeNumber.link_id == link_id).order_by(BridgeNumber.id)
    ).all()


# ------------------------------------------------------------------ what the other desk is told


@dataclass(frozen=True, slots=True)
class Shown:
    """A member's message as it is disclosed; ``html`` is clean."""

    id: int
    author: str
    at: datetime
    text: str
    html: str
    files: tuple[Attachment, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """A hand-over as the other desk is told of it. ``sent_before``: how many messages it has already."""

    reference: str
    registry: str
    consortium: str
    team: str
    member: str
    requester: str
    subject: str
    priority: str
    tier: int
    cycle: int
    lines: tuple[escalations.Line, ...]
    messages: tuple[Shown, ...]
    sent_before: int = 0

    @property
    def files(self) -> list[Attachment]:
        """Every file that goes with it, in the order of the messages."""
        return [file for message in self.messages for file in message.files]


def reference_of(escalation: Escalation) -> str:
    """How we name an escalation to another desk: the ticket's number and which escalation of it."""
    return f"{escalation.ticket_id}-{escalation.ordinal}"


def case_previewed(session: Session, ticket: Ticket, escalation: Escalation) -> Case:
    """What the mail will say if the brief is sent as it stands."""
    brief = as_disclosed(Brief.from_dict(escalation.brief))
    case = _case(session, ticket, escalation, brief, escalation.cycle + 1, escalation.tier)
    return _with_messages(
        session, ticket, escalation, case, brief, set(escalation.chosen_messages), set(escalation.chosen_attachments)
    )


def case_sent(session: Session, ticket: Ticket, escalation: Escalation, sent_at: datetime) -> Case | None:
    """The same of the sending at that moment, from what was recorded then; None when there was none."""
    sent = session.scalars(
        sa.select(EscalationRound).where(
            EscalationRound.escalation_id == escalation.id, EscalationRound.sent_at == sent_at
        )
    ).first()
    if sent is None:
        return None
    brief = Brief.from_dict(sent.brief)
    case = _case(session, ticket, escalation, brief, sent.cycle, sent.tier)
    return _with_messages(session, ticket, escalation, case, brief, set(), set())


def case_disclosed(session: Session, ticket: Ticket, escalation: Escalation) -> Case:
    """Only what was disclosed since the last mail, without the brief."""
    named = session.scalar(
        sa.select(TicketRegistry.people_named).where(
            TicketRegistry.ticket_id == ticket.id, TicketRegistry.registry_id == escalation.registry_id
        )
    )
    brief = Brief(consent=Consent.GIVEN if named else Consent.NOT_GIVEN)
    case = replace(_case(session, ticket, escalation, brief, escalation.cycle, escalation.tier), lines=())
    return _with_messages(session, ticket, escalation, case, brief, set(), set())


def _case(session: Session, ticket: Ticket, escalation: Escalation, brief: Brief, cycle: int, tier: int) -> Case:
    requester = session.get(Person, ticket.requester_id) if ticket.requester_id else None
    entry = catalogue.entry_for(session, ticket.catalogue_key, ticket.consortium_id)
    return Case(
        reference=reference_of(escalation),
        registry=session.get_one(Registry, escalation.registry_id).name,
        consortium=ticket.consortium.name,
        team=accounts.team_of_consortium(session, ticket.consortium_id).name,
        member=ticket.member_org.name if ticket.member_org else "",
        requester=requester.name if requester else "",
        subject=disclosed_text(ticket.subject, brief.consent),
        priority=ticket.priority.value,
        tier=tier,
        cycle=cycle,
        lines=tuple(escalations.lines_of(brief, entry)),
        messages=(),
    )


def _with_messages(
    session: Session,
    ticket: Ticket,
    escalation: Escalation,
    case: Case,
    brief: Brief,
    chosen: set[int],
    chosen_files: set[int],
) -> Case:
    known = [
        each for each in conversations.disclosures_of(session, ticket.id) if each.registry_id == escalation.registry_id
    ]
    read = {each.message_id: each.text for each in known if each.message_id is not None}
    files = {each.attachment_id for each in known if each.attachment_id is not None} | chosen_files
    had_messages, had_files = _mailed(session, escalation.id)
    shown: list[Shown] = []
    before = 0
    for message in conversations.member_messages(session, ticket.id):
        if message.id not in read and message.id not in chosen:
            continue
        attached = tuple(each for each in message.attachments if each.id in files and each.id not in had_files)
        if message.id in had_messages and not attached:
            before += 1
            continue
        text = read[message.id] if message.id in read else disclosed_text(message.text, brief.consent)
        shown.append(_shown(message, message.text if text is None else text, attached))
    return replace(case, messages=tuple(shown), sent_before=before)


def _shown(message: Message, text: str, files: tuple[Attachment, ...]) -> Shown:
    author = message.author.name if message.author else mask(message.author_label)
    html = message.html if text == message.text else conversations.html_of(message, text)
    return Shown(message.id, author or "The desk", message.created_at, text, html, files)


def _mailed(session: Session, escalation_id: int) -> tuple[set[int], set[int]]:
    """Ids of messages and files that went out by mail already."""
    rows = session.execute(
        sa.select(BridgeMail.messages, BridgeMail.files)
        .join(BridgeLink, BridgeLink.id == BridgeMail.link_id)
        .where(BridgeLink.escalation_id == escalation_id)
    ).all()
    return {one for row in rows for one in row[0]}, {one for row in rows for one in row[1]}


# ------------------------------------------------------------------ for the ticket page


@dataclass(frozen=True, slots=True)
class SaidLine:
    """A word of the other desk with the names of who recorded and who decided it."""

    said: BridgeSaid
    recorded_by: str | None
    decided_by: str | None


@dataclass(frozen=True, slots=True)
class Panel:
    """What the ticket page shows of the bridge. ``link`` is None before the first mail."""

    bridge: Bridge
    team: Team
    escalation: Escalation
    link: BridgeLink | None
    numbers: Sequence[BridgeNumber]
    said: Sequence[SaidLine]
    may_act: bool
    may_edit: bool

    @property
    def to_decide(self) -> list[SaidLine]:
        """What waits for the lead's word, the newest first."""
        return [each for each in self.said if each.said.became == "to_decide"]


def panel_for(session: Session, actor: Actor, ticket: Ticket) -> Panel | None:
    """For both parties of a hand-over that goes, or went, by mail; None for everybody else."""
    found = escalations.latest(session, actor, ticket)
    if found is None or not (sides := escalations.sides_of(actor, ticket, found)):
        return None
    link = link_of(session, found.id)
    bridge = link.bridge if link is not None else bridge_for(session, found)
    if bridge is None:
        return None
    return Panel(
        bridge=bridge,
        team=session.get_one(Team, bridge.team_id),
        escalation=found,
        link=link,
        numbers=numbers_of(session, link.id) if link else (),
        said=_said(session, link.id) if link else (),
        may_act=Side.LEAD in sides and link is not None,
        may_edit=may(actor, Permission.BRIDGE_EDIT, subject_of(session, bridge.registry_id)),
    )


def _said(session: Session, link_id: int) -> list[SaidLine]:
    rows = session.scalars(
        sa.select(BridgeSaid).where(BridgeSaid.link_id == link_id).order_by(BridgeSaid.id.desc()).limit(_SHOWN)
    ).all()
    people = {one for row in rows for one in (row.recorded_by_id, row.decided_by_id) if one is not None}
    names = accounts.names_of_people(session, people)
    return [SaidLine(row, names.get(row.recorded_by_id or 0), names.get(row.decided_by_id or 0)) for row in rows]
