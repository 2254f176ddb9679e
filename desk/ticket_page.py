"""The ticket page: one for all parties, the scope decides what each sees; and the way from it to a verb and back."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import flash, redirect, render_template, request, url_for
from sqlalchemy.orm import Session

from desk import ticket_issues
from desk.access import current_actor
from desk.accounts import queries as accounts
from desk.accounts.models import MemberOrg, Person
from desk.catalogue import queries as catalogue
from desk.clock import utcnow
from desk.conversations.queries import ShownMessage
from desk.db import db, transaction
from desk.domain.catalogue import Catalogue, Entry
from desk.domain.classify import Match, classify
from desk.domain.errors import Conflict, DeskError, NotFound, NotPermitted
from desk.domain.escalation import ASKS_MEMBER
from desk.domain.lifecycle import DONE, Action, State, may_move
from desk.domain.permissions import Actor, MessageSubject, Permission, TicketSubject, may
from desk.domain.vocabulary import Audience
from desk.errors import status_of
from desk.escalations import queries as escalations
from desk.registry_actions import queries as registry_actions
from desk.ticket_clocks import ClockPanel, Side, panel_of, side_of
from desk.ticket_timeline import Happening, timeline
from desk.tickets import forms, queries
from desk.tickets.models import Ticket

PROPOSED = 3
"""Catalogue entries that are named to a lead who has not classified a ticket yet."""

LATEST = 200
"""Messages that a page shows beside the first; a conversation of thousands would take long to send and to read."""


@dataclass(frozen=True)
class TicketPage:
    """Everything that ``tickets/show.html`` needs to know."""

    ticket: Ticket
    side: Side
    subject: TicketSubject
    messages: Sequence[ShownMessage]
    left_out: int  # messages between the first and the latest ones, unless the whole was asked for
    audiences: tuple[Audience, ...]
    time: ClockPanel
    timeline: Sequence[Happening]
    entry: Entry | None
    proposals: Sequence[Match]  # what the words point to, while nobody has classified the ticket
    people: Sequence[Person]
    contacts: Sequence[tuple[MemberOrg, Person]]
    followers: Sequence[str]
    may_follow: Sequence[Person]
    target: Ticket | None  # into which this one was merged, if the reader sees it
    escalation_panel: escalations.Panel | None
    issues_panel: ticket_issues.Panel
    registry_actions: registry_actions.Panel
    registry_reads: str  # the registry that has it and reads what the member writes, by name; else empty

    @property
    def latest_id(self) -> int:
        """The newest message that the reader sees; an answer is held back when somebody has written since."""
        return self.messages[-1].message.id if self.messages else 0

    @property
    def is_over(self) -> bool:
        """Resolved or closed."""
        return self.ticket.state in DONE


def assemble(session: Session, actor: Actor, ticket: Ticket, now: datetime) -> TicketPage:
    """Read everything that the page of ``ticket`` shows to ``actor``."""
    subject = queries.subject_of(session, ticket)
    side = side_of(actor, subject)
    messages = queries.messages_for(session, actor, ticket, subject)
    left_out = 0 if request.args.get("all") else max(len(messages) - LATEST - 1, 0)
    today = now.astimezone(ZoneInfo(actor.timezone)).date()
    lead, target_id = side is Side.LEAD, ticket.merged_into_id
    unproved = lead and (ticket.unverified_sender is not None or ticket.requester_id is None)
    return TicketPage(
        ticket=ticket,
        side=side,
        subject=subject,
        messages=[*messages[:1], *messages[1 + left_out :]],
        left_out=left_out,
        audiences=tuple(_writable(actor, subject, side)) if not target_id else (),
        time=panel_of(session, ticket, side, now),
        timeline=timeline(session, ticket, side),
        entry=catalogue.entry(session, ticket.catalogue_key),
        proposals=_proposals(session, ticket, messages) if lead and not ticket.catalogue_key else (),
        people=accounts.lead_people(session, ticket.consortium_id, now) if lead else (),
        contacts=accounts.contacts_of_consortium(session, ticket.consortium_id, now) if unproved else (),
        followers=sorted(accounts.names_of_people(session, subject.participant_ids).values()) if lead else (),
        may_follow=_may_follow(session, ticket, subject, now) if lead else (),
        target=queries.some(session, actor, [target_id]).get(target_id) if target_id else None,
        escalation_panel=escalations.panel_for(session, ticket, actor),
        issues_panel=ticket_issues.panel_for(session, actor, ticket, subject),
        registry_actions=registry_actions.panel_for(session, actor, ticket, today, subject),
        registry_reads=_registry_that_reads(ticket, subject),
    )


def _registry_that_reads(ticket: Ticket, subject: TicketSubject) -> str:
    registry, with_it = ticket.consortium.parent_registry, State.ESCALATED in (ticket.state, ticket.state_before)
    return registry.name if ticket.registry_may_write and with_it and registry.id in subject.registry_ids else ""


def _proposals(session: Session, ticket: Ticket, messages: Sequence[ShownMessage]) -> Sequence[Match]:
    said = next((each.message.text for each in messages if each.message.audience is Audience.MEMBER), "")
    return classify(f"{ticket.subject}\n{said}", catalogue.catalogue(session), service=ticket.service)[:PROPOSED]


def _may_follow(session: Session, ticket: Ticket, subject: TicketSubject, now: datetime) -> list[Person]:
    """Contacts of the ticket's organisation who do not see it yet as its requester or as somebody who follows."""
    if ticket.member_org_id is None:
        return []
    known = subject.participant_ids | {subject.requester_id}
    return [each for each in accounts.contacts_of(session, ticket.member_org_id, now) if each.id not in known]


def _writable(actor: Actor, subject: TicketSubject, side: Side) -> Iterator[Audience]:
    """The audiences the reader may write to, the likeliest first."""
    order = {
        Side.LEAD: (Audience.MEMBER, Audience.LEAD, Audience.HANDOVER),
        Side.REGISTRY: (Audience.HANDOVER, Audience.REGISTRY, Audience.MEMBER),
        Side.MEMBER: (Audience.MEMBER,),
    }
    for audience in order[side]:
        allowed = may(actor, Permission.MESSAGE_ADD, MessageSubject(subject, audience))
        if allowed and queries.handover_allowed(subject, audience):
            yield audience


# ------------------------------------------------------------------ showing it, and acting from it

Verb = Callable[[Session, Actor, Ticket, datetime], object]


def show(number: int, **kept: Any) -> str:
    """The page; ``kept`` holds a form that was refused, so that what was typed is still there."""
    session, actor = db.session(), current_actor()
    ticket = queries.get(session, actor, number)
    page = assemble(session, actor, ticket, utcnow())
    context = _forms(page, catalogue.catalogue(session)) | kept
    seen = context["reply"].seen.data
    context["reply"].audience.choices = _audience_choices(ticket, page.side, page.audiences)
    return render_template("tickets/show.html", page=page, ticket=ticket, side=page.side.value, seen=seen, **context)


def act(number: int, done: str, verb: Verb, form: Any = None, name: str = "") -> Any:
    """Run one verb in one unit of work; a refusal shows the page again, with the form as it was filled in."""
    actor = current_actor()
    if form is not None and not form.validate():
        return show(number, **{name: form}), 422
    try:
        with transaction() as unit:
            made = verb(unit, actor, queries.get(unit, actor, number), utcnow())
    except (NotFound, NotPermitted):
        raise
    except DeskError as error:
        if form is None:
            return show(number, refused=error.sentence), status_of(error)
        form.refuse(getattr(error, "field", None), error.sentence)
        return show(number, conflict=isinstance(error, Conflict), **{name: form}), status_of(error)
    flash(done, "success")
    # An answer to a closed ticket opens another one.
    return redirect(url_for("tickets.show", number=getattr(made, "ticket_id", number)), 303)


def audience_choices(number: int) -> list[tuple[str, str]]:
    """Whom this reader may write to on this ticket."""
    session, actor = db.session(), current_actor()
    ticket = queries.get(session, actor, number)
    subject = queries.subject_of(session, ticket)
    side = side_of(actor, subject)
    return _audience_choices(ticket, side, _writable(actor, subject, side))


_READERS = {
    Side.LEAD: {
        Audience.MEMBER: "Answer the member",
        Audience.LEAD: "Note for your team",
        Audience.HANDOVER: "Write to the registry",
    },
    Side.REGISTRY: {
        Audience.HANDOVER: "Write to the consortium lead",
        Audience.REGISTRY: "Note for your team",
        Audience.MEMBER: "Answer the member",
    },
    Side.MEMBER: {Audience.MEMBER: "Your consortium lead"},
}


def _audience_choices(ticket: Ticket, side: Side, audiences: Iterable[Audience]) -> list[tuple[str, str]]:
    choices = [(each.value, _READERS[side][each]) for each in audiences]
    writes_to_member = any(value == Audience.MEMBER.value for value, _ in choices)
    asks = side is Side.LEAD or (side is Side.REGISTRY and State.ESCALATED in (ticket.state, ticket.state_before))
    if asks and writes_to_member and may_move(ticket.state, Action.ASK_MEMBER):
        choices.insert(1, (forms.ASK, "Ask the member"))
    return choices


def _forms(page: TicketPage, known: Catalogue) -> dict[str, Any]:
    """The page's forms, as they are before anybody fills them in."""
    reply = forms.ReplyForm(formdata=None, seen=page.latest_id)
    reply.audience.data = _first_choice(page)
    context: dict[str, Any] = {"reply": reply, "confirm": forms.ConfirmForm(formdata=None), "conflict": False}
    if page.side is Side.LEAD:
        triage = forms.triage_form(page.ticket, known, formdata=None)
        if page.proposals:
            triage.catalogue_key.data = page.proposals[0].key
        context |= {
            "triage": triage,
            "hold": forms.HoldForm(formdata=None),
            "resolve": forms.ResolveForm(formdata=None),
        }
    return context


def _first_choice(page: TicketPage) -> str:
    """While the registry has it, a lead most often writes to the registry; what it asks for the member mostly knows."""
    panel = page.escalation_panel
    returned = panel.escalation.return_reason if panel and panel.came_back and panel.escalation else None
    if returned in ASKS_MEMBER and Audience.MEMBER in page.audiences:
        if may_move(page.ticket.state, Action.ASK_MEMBER):
            return forms.ASK
    if page.side is Side.LEAD and page.ticket.state is State.ESCALATED and Audience.HANDOVER in page.audiences:
        return Audience.HANDOVER.value
    return page.audiences[0].value if page.audiences else ""
