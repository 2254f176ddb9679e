"""Who is told of an event, in one function. The audience of what is told is checked at this moment, for each of them.

Nobody is told of what they did themselves; a receipt for one's own request is no news but proof that it arrived.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.accounts.models import Person
from desk.bulk_answers import queries as bulk_answers
from desk.conversations import queries as conversations
from desk.conversations.models import Message
from desk.corrections.models import Objection
from desk.domain.bulk_answer import EVENT_KEY
from desk.domain.languages import ENGLISH
from desk.domain.permissions import MessageSubject, Permission, Role, may
from desk.domain.registry_action import ActionState
from desk.domain.targets import REGISTRY_KINDS
from desk.domain.vocabulary import Audience
from desk.events.models import Event
from desk.mail import late, queries, told_of_issues
from desk.mail.models import OutboundMail
from desk.mail.recipient import Recipient
from desk.registry_actions.models import RegistryAction
from desk.tickets import queries as tickets
from desk.tickets.models import Participant, Ticket

_HEADS = frozenset({Role.LEAD_MANAGER, Role.REGISTRY_MANAGER})


def told(session: Session, event: Event, now: datetime) -> list[Recipient]:
    """Everybody who is told of an event, each address once."""
    rule = _TOLD.get(event.kind)
    found = _not_told_elsewhere(session, event, rule(session, event, now)) if rule else []
    chosen: dict[str, Recipient] = {}
    for recipient in found:
        person = recipient.person
        if person is not None and (not person.active or _did_it(event, recipient, person)):
            continue
        if _may_read(session, event, recipient, now):
            chosen.setdefault(recipient.address.lower(), recipient)
    return list(chosen.values())


def _not_told_elsewhere(session: Session, event: Event, found: list[Recipient]) -> list[Recipient]:
    """Of one of many answers alike everybody is told once: about one of their tickets, or else as who follows."""
    bulk_answer_id = event.payload.get(EVENT_KEY)
    if bulk_answer_id is None:
        return found
    reached = bulk_answers.told_about(session, bulk_answer_id, event.ticket_id)
    about_a_ticket = event.ticket_id is not None
    return [one for one in found if one.person and (one.person.id in reached) == about_a_ticket]


def _did_it(event: Event, recipient: Recipient, person: Person) -> bool:
    """Whether it would be news of their own act; a receipt for their request is none."""
    return person.id == event.actor_id and not (event.kind == "opened" and recipient.side == "member")


def kinds() -> frozenset[str]:
    """The events of which anybody is told; each has a folder in ``templates/mail``."""
    return frozenset(_TOLD)


def may_still_read(session: Session, mail: OutboundMail, now: datetime) -> bool:
    """Whether a mail that was written may still be sent: roles end, and issues are no longer followed, meanwhile."""
    person = session.get(Person, mail.person_id) if mail.person_id else None
    if person is None:
        return True
    recipient = Recipient(mail.to_address, "", mail.audience or Audience.MEMBER, person)
    return all(may_be_told(session, event, recipient, now) for event in queries.events_of(session, mail))


def may_be_told(session: Session, event: Event, recipient: Recipient, now: datetime) -> bool:
    """Whether somebody who was to be told of an event may be told at this moment."""
    person = recipient.person
    if person is None:
        return True
    if event.kind in _FOR_FOLLOWERS:
        return person.id in told_of_issues.following(session, event, now)
    if (rule := _ASKED_AGAIN.get(event.kind)) is not None:
        return person.id in {one.person.id for one in rule(session, event, now) if one.person}
    return person.active and _may_read(session, event, recipient, now)


def _may_read(session: Session, event: Event, recipient: Recipient, now: datetime) -> bool:
    """Whether they may read what the mail shows, now and not when it was written."""
    if recipient.person is None or event.ticket_id is None:
        return True
    ticket = session.get_one(Ticket, event.ticket_id)
    actor = accounts.actor_of(session, recipient.person.id, now)
    subject = tickets.subject_of(session, ticket)
    message = session.get(Message, event.message_id) if event.message_id else None
    if message is not None:
        disclosed = conversations.disclosed_to(session, message.id)
        return may(actor, Permission.MESSAGE_READ, MessageSubject(subject, message.audience, disclosed))
    return may(actor, Permission.TICKET_READ, subject)


def _members(session: Session, event: Event, now: datetime) -> list[Recipient]:
    """Requester and participants; the address that wrote, while it belongs to nobody known."""
    ticket = session.get_one(Ticket, event.ticket_id)
    people = session.scalars(
        sa.select(Person).where(
            sa.or_(
                Person.id == ticket.requester_id,
                Person.id.in_(sa.select(Participant.person_id).where(Participant.ticket_id == ticket.id)),
            )
        )
    ).all()
    found = [Recipient(person.email, "member", Audience.MEMBER, person) for person in people]
    if ticket.requester_id is None and ticket.unverified_sender and "@" in ticket.unverified_sender:
        spoken = accounts.consortium(session, ticket.consortium_id).language
        found.append(Recipient(ticket.unverified_sender, "member", Audience.MEMBER, spoken=spoken))
    return found


def _sender(session: Session, event: Event, now: datetime) -> list[Recipient]:
    """Who wrote an unverified mail, unless it was a machine or its sender failed authentication."""
    mail = queries.mail_of_message(session, event.message_id) if event.message_id else None
    answerable = mail.evidence.get("answerable") if mail is not None else event.payload.get("answerable")
    return _members(session, event, now) if answerable else []


def _redirected(session: Session, event: Event, now: datetime) -> list[Recipient]:
    """A researcher who was sent elsewhere: by their ticket, or by their address where none was made of their mail."""
    if event.ticket_id is None:
        place = accounts.consortium(session, event.consortium_id) if event.consortium_id is not None else None
        spoken = place.language if place is not None else ENGLISH
        return [Recipient(str(event.payload["address"]), "member", Audience.MEMBER, spoken=spoken)]
    ticket = session.get_one(Ticket, event.ticket_id)
    if ticket.unverified_sender is None:
        return _members(session, event, now)
    mail = queries.mail_of_message(session, tickets.first_message(session, ticket).id)
    return _members(session, event, now) if mail is None or mail.evidence.get("answerable") else []


def _desk(session: Session, event: Event, now: datetime, audience: Audience = Audience.MEMBER) -> list[Recipient]:
    """Everybody of the lead's desk."""
    ticket = session.get_one(Ticket, event.ticket_id)
    people = accounts.lead_people(session, ticket.consortium_id, now)
    return [Recipient(person.email, "lead", audience, person) for person in people]


def _whose_it_is(
    session: Session, event: Event, now: datetime, audience: Audience = Audience.MEMBER
) -> list[Recipient]:
    """Who has taken the ticket, else everybody of the lead's desk."""
    ticket = session.get_one(Ticket, event.ticket_id)
    everybody = _desk(session, event, now, audience)
    return [one for one in everybody if one.person and one.person.id == ticket.assignee_id] or everybody


def _registries(session: Session, event: Event, now: datetime) -> list[Recipient]:
    """The desks of the registries that the ticket was handed to."""
    ticket = session.get_one(Ticket, event.ticket_id)
    audience = Audience.REGISTRY if event.audience == Audience.REGISTRY.value else Audience.HANDOVER
    return [
        Recipient(person.email, "registry", audience, person)
        for registry_id in sorted(tickets.subject_of(session, ticket).registry_ids)
        for person in accounts.registry_people(session, registry_id, now)
    ]


def _about_the_work(session: Session, event: Event, now: datetime) -> list[Recipient]:
    """The lead's side of a hand-over."""
    return _whose_it_is(session, event, now, Audience.HANDOVER)


def _readers_of_a_note(session: Session, event: Event, now: datetime) -> list[Recipient]:
    if event.audience == Audience.LEAD.value:
        return _whose_it_is(session, event, now, Audience.LEAD)
    lead = _about_the_work(session, event, now) if event.audience == Audience.HANDOVER.value else []
    return [*lead, *_registries(session, event, now)]


def _member_wrote(session: Session, event: Event, now: datetime) -> list[Recipient]:
    """Whose it is, and a registry that may write to the member, since the answer is meant for it too."""
    read = conversations.disclosed_to(session, event.message_id) if event.message_id else frozenset()
    people = [person for place in sorted(read) for person in accounts.registry_people(session, place, now)]
    asked = [Recipient(person.email, "registry", Audience.MEMBER, person) for person in people]
    return [*_whose_it_is(session, event, now), *asked]


def _member_is_told(session: Session, event: Event, now: datetime) -> list[Recipient]:
    """The member; and the lead, where a registry wrote to them: the lead stays accountable."""
    lead = _whose_it_is(session, event, now)
    wrote = conversations.disclosed_to(session, event.message_id) if event.message_id else frozenset()
    by_lead = event.actor_id in {one.person.id for one in _desk(session, event, now) if one.person}
    return [*_members(session, event, now), *(lead if wrote and not by_lead else ())]


def _assignee(session: Session, event: Event, now: datetime) -> list[Recipient]:
    ticket = session.get_one(Ticket, event.ticket_id)
    everybody = _desk(session, event, now, Audience.LEAD)
    return [one for one in everybody if one.person and one.person.id == ticket.assignee_id]


def _the_other_side(session: Session, event: Event, now: datetime) -> list[Recipient]:
    """The desk when the member reopened it; the member when the desk did."""
    by_desk = event.actor_id in {one.person.id for one in _desk(session, event, now) if one.person}
    return _members(session, event, now) if by_desk else _whose_it_is(session, event, now)


def _opened(session: Session, event: Event, now: datetime) -> list[Recipient]:
    """The desk, and a receipt for who asked even though they did it themselves."""
    return [*_members(session, event, now), *_desk(session, event, now)]


def _escorted(session: Session, event: Event, now: datetime) -> list[Recipient]:
    """The member, and everybody of the desk that has it now."""
    return [*_members(session, event, now), *_desk(session, event, now)]


def _received(session: Session, event: Event, now: datetime) -> list[Recipient]:
    return [*_sender(session, event, now), *_desk(session, event, now)]


def _escalated(session: Session, event: Event, now: datetime) -> list[Recipient]:
    return [*_members(session, event, now), *_registries(session, event, now)]


def _waved_through(session: Session, event: Event, now: datetime) -> list[Recipient]:
    """The member, and everybody of the lead's desk: the registry took it on itself."""
    return [*_members(session, event, now), *_desk(session, event, now, Audience.HANDOVER)]


def _late(session: Session, event: Event, now: datetime) -> list[Recipient]:
    """Whoever's clock it is; see ``desk.mail.late``."""
    ours = event.registry_id is None
    side, audience = ("lead", Audience.LEAD) if ours else ("registry", Audience.HANDOVER)
    return [Recipient(person.email, side, audience, person) for person in late.people(session, event, now)]


def _objected(session: Session, event: Event, now: datetime) -> list[Recipient]:
    """The managers who decide: of the registry where its own clock is disputed, else of the lead."""
    ticket = session.get_one(Ticket, event.ticket_id)
    if event.payload["kind"] in set(REGISTRY_KINDS):
        place, side = {"registry_id": event.registry_id}, "registry"
    else:
        place, side = {"consortium_id": ticket.consortium_id}, "lead"
    managers = accounts.people_with_roles(session, _HEADS, now, **place)
    audience = Audience(event.audience) if event.audience else Audience.HANDOVER
    return [Recipient(person.email, side, audience, person) for person in managers]


def _objectors(session: Session, event: Event, now: datetime) -> list[Recipient]:
    """Who raised the objection."""
    objection = session.get(Objection, event.payload["objection_id"])
    person = session.get(Person, objection.raised_by) if objection is not None else None
    audience = Audience(event.audience) if event.audience else Audience.HANDOVER
    side = str(event.payload["party"])
    return [Recipient(person.email, side, audience, person)] if person is not None else []


def _heads(session: Session, event: Event, now: datetime) -> list[Recipient]:
    """The managers of the desk that it is about."""
    place = {"consortium_id": event.consortium_id} if event.consortium_id else {"registry_id": event.registry_id}
    side, audience = ("lead", Audience.LEAD) if event.consortium_id else ("registry", Audience.REGISTRY)
    managers = accounts.people_with_roles(session, _HEADS, now, **place)
    return [Recipient(person.email, side, audience, person) for person in managers]


def _that_person(session: Session, event: Event, now: datetime) -> list[Recipient]:
    person_id = event.person_id or event.payload.get("person_id")
    person = session.get(Person, person_id) if person_id else None
    audience = Audience(event.audience) if event.audience else Audience.MEMBER
    return [Recipient(person.email, "member", audience, person)] if person else []


def _awaiting(session: Session, event: Event, now: datetime) -> list[Recipient]:
    """Whose ticket it is, while the registry has not answered what was filed for it."""
    action = session.get(RegistryAction, event.payload["action_id"])
    awaited = action is not None and action.state is ActionState.FILED
    return _whose_it_is(session, event, now, Audience.LEAD) if awaited else []


_FOR_FOLLOWERS = frozenset({"issue_published", "issue_updated"})

_ASKED_AGAIN: Mapping[str, Callable[[Session, Event, datetime], list[Recipient]]] = {
    "issue_review_due": told_of_issues.keepers,
    "registry_action_overdue": _awaiting,
}
"""What may be over when the mail goes: whom it concerns is asked once more."""

_TOLD: Mapping[str, Callable[[Session, Event, datetime], list[Recipient]]] = {
    "opened": _opened,
    "received_unverified": _received,
    "requester_confirmed": _members,
    "participant_added": _that_person,
    "assigned": _assignee,
    "answered": _member_is_told,
    "asked_member": _member_is_told,
    "resolved": _members,
    "redirected": _redirected,
    "member_wrote": _member_wrote,
    "confirmed": _whose_it_is,
    "reopened": _the_other_side,
    "noted": _readers_of_a_note,
    "escalated": _escalated,
    "waved_through": _waved_through,
    "tier_moved": _registries,
    "accepted": _about_the_work,
    "declined": _about_the_work,
    "returned": _about_the_work,
    "fixed": _about_the_work,
    "withdrawn": _registries,
    "verified": _registries,
    "warned": _late,
    "breached": _late,
    "promise_moved": _members,
    "merged": _members,
    "transferred": _escorted,
    "objection_raised": _objected,
    "objection_confirmed": _objectors,
    "objection_refused": _objectors,
    "calendar_never_opens": _heads,
    "mail_returned": _readers_of_a_note,
    "registry_answer_held": _about_the_work,
    "storm_stopped": _heads,
    "mailbox_fell_silent": _heads,
    "secret_removed": _that_person,
    "sign_in_link_issued": _that_person,
    "issue_published": told_of_issues.followers,
    "issue_updated": told_of_issues.followers,
    "issue_came_back": told_of_issues.owner_of_issue,
    "update_drafted": told_of_issues.readers_of_a_draft,
    "draft_outdated": told_of_issues.readers_of_a_draft,
    **_ASKED_AGAIN,
}
