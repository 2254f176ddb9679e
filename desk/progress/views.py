"""A ticket on its way, in the browser: written on, confirmed by the member, held, resolved and reopened by the lead."""

from datetime import datetime
from typing import Any

from flask import Blueprint, request
from sqlalchemy.orm import Session

from desk import ticket_page
from desk.access import current_actor, requires
from desk.db import db
from desk.domain.lifecycle import State
from desk.domain.permissions import Actor, Permission
from desk.domain.vocabulary import Channel, Outcome
from desk.escalations import service as escalations
from desk.progress import service
from desk.tickets import forms
from desk.tickets import queries as tickets
from desk.tickets.models import Ticket

blueprint = Blueprint("progress", __name__, url_prefix="/tickets/<int:number>")


@blueprint.post("/reply")
@requires(Permission.MESSAGE_ADD)
def reply(number: int) -> Any:
    """Write to one audience. Held back when somebody has written since the page was shown."""
    form = forms.ReplyForm()
    form.audience.choices = ticket_page.audience_choices(number)

    def write(session: Session, actor: Actor, ticket: Ticket, now: datetime) -> object:
        sent = {"text": form.text.data, "files": forms.files_of(form.files), "seen_message_id": form.seen.data}
        if form.audience.data == forms.ASK:
            return service.ask_member(session, actor, ticket, channel=Channel.WEB, now=now, **sent)
        audience = forms.audience_of(form.audience.data)
        return service.add_message(session, actor, ticket, audience=audience, channel=Channel.WEB, now=now, **sent)

    return ticket_page.act(number, _SENT.get(form.audience.data or "", ""), write, form, "reply")


_SENT = {
    "member": "Sent to the member.",
    forms.ASK: "Sent to the member; it is their turn now.",
    "lead": "The note is kept for the lead's team.",
    "handover": "Sent to the other desk; the member does not read it.",
    "registry": "The note is kept for the registry's team.",
}


@blueprint.post("/confirm")
@requires(Permission.TICKET_CONFIRM)
def confirm(number: int) -> Any:
    """The member says whether it is solved."""
    form, solved = forms.ConfirmForm(), request.form.get("solved") == "yes"
    ticket = tickets.get(db.session(), current_actor(), number)
    if not solved:
        done = "Your consortium lead takes it up again."
    elif State.ESCALATED in (ticket.state, ticket.state_before):
        done = "Your consortium lead is told that it is solved."
    else:
        done = "The ticket is closed; an answer to it opens another."

    def say(session: Session, actor: Actor, ticket: Ticket, now: datetime) -> None:
        escalations.confirm(session, actor, ticket, solved=solved, text=form.text.data or "", now=now)

    return ticket_page.act(number, f"Thank you. {done}", say, form, "confirm")


@blueprint.post("/hold")
@requires(Permission.TICKET_WORK)
def hold(number: int) -> Any:
    """Wait for an agreed day."""
    form = forms.HoldForm()
    return ticket_page.act(
        number,
        "The ticket is on hold.",
        lambda s, a, t, now: service.hold(s, a, t, reason=form.reason.data, until=form.moment(a.timezone), now=now),
        form,
        "hold",
    )


@blueprint.post("/wake")
@requires(Permission.TICKET_WORK)
def wake(number: int) -> Any:
    """Go on before the day."""
    return ticket_page.act(number, "The ticket goes on.", lambda s, a, t, now: service.wake(s, a, t, now=now))


@blueprint.post("/resolve")
@requires(Permission.TICKET_WORK)
def resolve(number: int) -> Any:
    """Say how it ended."""
    form = forms.ResolveForm()
    return ticket_page.act(
        number,
        "The ticket is resolved. The member is asked whether it is.",
        lambda s, a, t, now: service.resolve(s, a, t, outcome=Outcome(form.outcome.data), text=form.text.data, now=now),
        form,
        "resolve",
    )


@blueprint.post("/reopen")
@requires(Permission.TICKET_WORK)
def reopen(number: int) -> Any:
    """Take a resolved ticket up again."""
    return ticket_page.act(number, "The ticket is open again.", lambda s, a, t, now: service.reopen(s, a, t, now=now))
