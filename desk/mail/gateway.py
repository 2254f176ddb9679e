"""What a received mail means: collects the facts, has ``threading`` decide, calls the same verbs as the pages.

Outcomes, each with its reason and evidence on the row: *opened* a ticket, *appended* to one, *held* for somebody to
look at, *duplicate* of the same mail to another address of ours, *report* about a mail of ours. A mail whose verb
refuses is held with the refusal's sentence. Nothing is answered from here: receipts come from the ticket's events.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.domain.errors import Conflict, DeskError
from desk.domain.lifecycle import State
from desk.domain.permissions import SYSTEM
from desk.domain.vocabulary import Channel
from desk.events import service as events
from desk.mail import bridge_in, queries, storms, undelivered
from desk.mail.address import Signer
from desk.mail.facts import facts_of, matches_of, person_of, rights_of
from desk.mail.message import InboundMessage
from desk.mail.models import InboundMail, InboundOutcome, InboundState
from desk.mail.opening import files_of, open_from, route_of, texts_of
from desk.mail.storms import PairCaps, counterpart
from desk.mail.threading import Decision, Verdict, decide
from desk.progress import service as progress
from desk.tickets.models import Ticket
from desk.triage import service as triage

_CAPS = PairCaps()
MOST_OTHERS = 20
_NO_LEAD = "It is not known which consortium the sender belongs to, so no lead can answer it yet."


def receive(
    session: Session,
    mail_id: int,
    message: InboundMessage,
    *,
    signer: Signer,
    now: datetime,
    caps: PairCaps = _CAPS,
) -> None:
    """Do what a kept mail asks for and mark its row, in this one transaction. Does nothing if the row is not new.

    Raises ``Conflict`` when somebody changed the ticket at the same moment: the mail stays new and is read again.
    """
    if not claim(session, mail_id):
        return
    mail = session.get_one(InboundMail, mail_id, populate_existing=True)
    decision = decision_about(session, mail, message, signer, now, caps)
    mail.counterpart = counterpart(message, mail, decision)
    outcome = InboundOutcome.HELD
    try:
        with session.begin_nested():
            if decision.verdict is Verdict.REPORT:
                outcome, decision = InboundOutcome.REPORT, _report(session, mail, message, decision, signer, now)
            elif decision.link_id is not None:
                outcome, decision = bridge_in.take(session, mail, message, decision, now)
            else:
                outcome = _act(session, mail, message, decision, now)
    except Conflict:
        raise
    except DeskError as refusal:
        decision = replace(decision, reason=f"{decision.reason} The desk refused it: {refusal.sentence}")
    mail.state, mail.outcome, mail.reason, mail.read_at = InboundState.DONE, outcome, decision.reason, now
    mail.evidence = evidence_of(message, decision) | {"addressed": _others(session, mail, message)}
    if decision.storm:
        storms.note(session, mail, reason=decision.reason, now=now)
    elif not decision.machine:
        undelivered.lift_by_mail(session, message, now)
    session.flush()


def decision_about(
    session: Session,
    mail: InboundMail,
    message: InboundMessage,
    signer: Signer,
    now: datetime,
    caps: PairCaps = _CAPS,
) -> Decision:
    """What is to be done with a mail that was read; changes nothing."""
    if not message.complete:
        return Decision(Verdict.HOLD, f"It could not be read as a whole: {'; '.join(message.defects)}.", machine=True)
    if not message.size or not (message.text.strip() or message.subject or message.attachments):
        return Decision(Verdict.HOLD, "It is empty.", machine=True)
    bridged = bridge_in.decision_for(session, mail, message, signer, caps)
    if bridged is not None:
        return bridged
    person = person_of(session, message)
    matches = list(matches_of(session, mail, message, person, signer))
    ticket_ids = {match.ticket_id for match in matches}
    rights = {ticket_id: rights_of(session, ticket_id, person, message, now) for ticket_id in ticket_ids}
    decision = decide(facts_of(session, mail, message, person, now), matches, rights)
    staff = decision.ticket_id in rights and rights[decision.ticket_id].staff
    decision = storms.silenced(session, mail, message, decision, staff=staff, caps=caps)
    if decision.verdict is Verdict.OPEN and mail.consortium_id is None:
        return _at_a_lead(session, mail, message, decision, now)
    return decision


def _at_a_lead(
    session: Session, mail: InboundMail, message: InboundMessage, decision: Decision, now: datetime
) -> Decision:
    """A registry's door opens tickets at the sender's own lead; where that is not known, somebody looks at the mail."""
    route = route_of(session, mail, message, now)
    if route.consortium_id is None:
        return replace(decision, verdict=Verdict.HOLD, reason=f"{decision.reason} {_NO_LEAD}")
    lead = accounts.consortium(session, route.consortium_id).name
    return replace(decision, reason=f"{decision.reason} The lead of {lead} answers its members first.")


def _others(session: Session, mail: InboundMail, message: InboundMessage) -> list[str]:
    """To whom else the mail went. They take part only if somebody of the desk lets them."""
    own = queries.own_addresses(session) | {mail.mailbox, message.sender.email.lower() if message.sender else ""}
    found = (one.email.lower() for one in (*message.to, *message.cc))
    return [one for one in dict.fromkeys(found) if one and one not in own and not one.startswith("reply+")][
        :MOST_OTHERS
    ]


def evidence_of(message: InboundMessage, decision: Decision) -> dict[str, Any]:
    """What the decision was made from, as the mail screen shows it. Nothing of the text."""
    return {
        "decision": decision.verdict.value,
        "said": list(decision.evidence),
        "linked": list(decision.linked),
        "defects": list(message.defects),
        "answerable": decision.answerable,
        "authentication": message.auth.value,
        "sent_at": message.sent_at.isoformat() if message.sent_at else None,
    }


def claim(
    session: Session, mail_id: int, state: InboundState = InboundState.NEW, outcome: InboundOutcome | None = None
) -> bool:
    """Take the row's lock, if it is still in this state: of two that act on one mail, the second finds it changed."""
    claimed = session.execute(
        sa.update(InboundMail)
        .where(InboundMail.id == mail_id, InboundMail.state == state, InboundMail.outcome.is_not_distinct_from(outcome))
        .values(outcome=outcome)
        .execution_options(synchronize_session=False)
    )
    return bool(getattr(claimed, "rowcount", 0))


# ------------------------------------------------------------------ acts


def _act(
    session: Session, mail: InboundMail, message: InboundMessage, decision: Decision, now: datetime
) -> InboundOutcome:
    twin = twin_of(session, mail, message, decision, now)
    if twin is not None:
        mail.ticket_id = twin.ticket_id
        _belongs_to(session, mail, twin.ticket_id)
        return InboundOutcome.DUPLICATE
    match decision.verdict:
        case Verdict.APPEND:
            return _append(session, mail, message, decision, now)
        case Verdict.OPEN:
            return open_from(session, mail, message, decision, now)
        case _:
            mail.ticket_id = decision.ticket_id
            _belongs_to(session, mail, decision.ticket_id)
            return InboundOutcome.HELD


def twin_of(
    session: Session, mail: InboundMail, message: InboundMessage, decision: Decision, now: datetime
) -> InboundMail | None:
    """The same mail by another of our addresses, if it is with the desk to which this one would go: a member who writes
    to their own lead and to another consortium's asks once.
    """
    match decision.verdict:
        case Verdict.OPEN:
            return queries.twin(session, mail, route_of(session, mail, message, now).consortium_id)
        case Verdict.APPEND if mail.registry_id is None and decision.link_id is None:
            return queries.twin(session, mail, session.get_one(Ticket, decision.ticket_id).consortium_id)
        case Verdict.APPEND:
            return queries.twin(session, mail, mail.consortium_id)
        case _:
            return None


def _append(
    session: Session, mail: InboundMail, message: InboundMessage, decision: Decision, now: datetime
) -> InboundOutcome:
    ticket = session.get_one(Ticket, decision.ticket_id)
    if decision.person_id is None and ticket.state is State.CLOSED:
        # A follow-up belongs to somebody; of a sender who is not known only the address is, and a new ticket keeps it.
        return open_from(session, mail, message, replace(decision, linked=(ticket.id,)), now)
    actor = SYSTEM if decision.person_id is None else accounts.actor_of(session, decision.person_id, now)
    if decision.person_id is not None and not decision.machine:
        _confirm_proposed(session, ticket, decision.person_id, now)
    new, rest = texts_of(message)
    written = progress.add_message(
        session,
        actor,
        ticket,
        audience=decision.audience,
        text=new,
        quoted_text=rest,
        files=files_of(message),
        channel=Channel.EMAIL,
        machine=decision.machine,
        author_label=message.sender.email.lower() if message.sender and actor.system else "",
        now=now,
    )
    mail.ticket_id, mail.ticket_message_id = written.ticket_id, written.id
    _belongs_to(session, mail, written.ticket_id)
    if written.secrets_removed and decision.person_id is not None and not decision.machine:
        # The page would say so at once; who writes by mail is told by mail.
        events.record(
            session,
            "secret_removed",
            at=now,
            audience=written.audience.value,
            ticket_id=written.ticket_id,
            message_id=written.id,
            person_id=decision.person_id,
            consortium_id=mail.consortium_id,
        )
    return InboundOutcome.APPENDED


def _confirm_proposed(session: Session, ticket: Ticket, person_id: int, now: datetime) -> None:
    """A ticket proposed for a contact becomes theirs once they answered through the signed address."""
    if ticket.requester_id == person_id and ticket.unverified_sender and ticket.proposed_org_id:
        triage.confirm_requester(
            session, SYSTEM, ticket, member_org_id=ticket.proposed_org_id, person_id=person_id, now=now
        )


def _belongs_to(session: Session, mail: InboundMail, ticket_id: int | None) -> None:
    """Show the mail to the managers of the ticket's consortium, unless it came to a registry: it stays theirs."""
    ticket = session.get(Ticket, ticket_id) if ticket_id else None
    if ticket is not None and mail.registry_id is None:
        mail.consortium_id = ticket.consortium_id


def _report(
    session: Session, mail: InboundMail, message: InboundMessage, decision: Decision, signer: Signer, now: datetime
) -> Decision:
    """Note what a report proves, and say so; it is shown where the mail of ours is that it is about."""
    noted = undelivered.note_report(session, mail, message, signer=signer, now=now)
    if noted.about is not None:
        mail.ticket_id = noted.about.ticket_id
        _belongs_to(session, mail, noted.about.ticket_id)
    return replace(decision, reason=noted.reason, evidence=(*decision.evidence, *noted.said))
