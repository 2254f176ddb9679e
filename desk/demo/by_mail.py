"""In the demo world one registry keeps a desk of its own: what it has now went there by mail, and was receipted."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.answers import service as answers
from desk.answers.service import Heard
from desk.bridge import queries
from desk.bridge import service as bridges
from desk.bridge.models import BridgeMail
from desk.config import Settings
from desk.domain.bridge_pattern import Number
from desk.domain.escalation import WITH_REGISTRY
from desk.domain.permissions import SYSTEM
from desk.escalations.models import Escalation
from desk.events.models import Event
from desk.mail import bridge_out
from desk.mail.models import OutboundMail, OutboundState

REGISTRY = "datacite"
ADDRESS = "support@helpdesk.datacite.example"
_AT_MOST = 6
_RECEIPT = "Thank you for your request. We have opened a ticket for it and will be in touch."
_ANSWERS = (
    ("We have put this to the team that runs the service; there is a window for it next week.", "Scheduled"),
    ("We can see it on our side, too, and are looking into it.", "In progress"),
)


def introduce(session: Session, settings: Settings, now: datetime) -> None:
    """Reach that registry by mail from now on, and let what it has at the moment have gone there by mail."""
    registry = accounts.registry_by_slug(session, REGISTRY)
    if registry is None:
        return
    team = accounts.team_of_registry(session, registry.id)
    draft = bridges.Draft(ADDRESS, phrases=["We have opened a ticket for it"])
    bridges.save(session, SYSTEM, team, draft, own_domain=settings.MAIL_DOMAIN, version=None, now=now)
    wanted = (
        sa.select(Escalation)
        .where(Escalation.registry_id == registry.id, Escalation.state.in_(WITH_REGISTRY))
        .order_by(Escalation.sent_at.desc(), Escalation.id)
        .limit(_AT_MOST)
    )
    for place, found in enumerate(session.scalars(wanted).all()):
        _by_mail(session, found, settings, place, now)


def _by_mail(session: Session, found: Escalation, settings: Settings, place: int, now: datetime) -> None:
    event = session.scalars(
        sa.select(Event)
        .where(Event.escalation_id == found.id, Event.kind == "escalated")
        .order_by(Event.id.desc())
        .limit(1)
    ).first()
    # What the registry took on itself was never sent to it.
    if event is None or not bridge_out.tell(session, event, settings, event.at):
        return
    link = queries.link_of(session, found.id)
    if link is None:
        return
    ours = sa.select(BridgeMail.outbound_mail_id).where(BridgeMail.link_id == link.id)
    session.execute(
        sa.update(OutboundMail)
        .where(OutboundMail.id.in_(ours))
        .values(state=OutboundState.SENT, sent_at=event.at, attempts=1)
    )
    number = str(70_411 + 23 * place)
    receipt = Heard(ADDRESS, _RECEIPT, machine=True, number=Number(number, f"[#{number}]"))
    answers.hear(session, link, receipt, now=min(event.at + timedelta(minutes=2), now))
    if place < len(_ANSWERS):
        text, word = _ANSWERS[place]
        answers.hear(session, link, Heard(ADDRESS, text, word=word), now=now)
