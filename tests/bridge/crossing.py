"""An escalation that goes by mail, and short words for what passes between the desk and the registry's own."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts.models import Team
from desk.bridge import queries, service
from desk.bridge.models import Bridge, BridgeLink, BridgeSaid
from desk.config import Settings
from desk.db import transaction
from desk.domain.escalation import EscalationState
from desk.escalations import queries as escalations
from desk.mail import bridge_out, intake, notify
from desk.mail.models import InboundMail, OutboundMail
from tests.cast import Cast
from tests.escalations.stage import Stage

THEIRS = "help@registry.example"
VOUCHED = "desk.example; dmarc=pass header.from=registry.example"


def bridged(cast: Cast, team: Team | None = None, **more: Any) -> Bridge:
    """ORCID's support, or another team of it, is reached by mail from now on."""
    with transaction() as unit:
        draft = service.Draft(**({"address": THEIRS} | more))
        return service.save(
            unit,
            cast.actor(cast.ruth),
            team or cast.orcid_support,
            draft,
            own_domain="desk.example",
            version=None,
            now=cast.now,
        )


@dataclass
class Crossing:
    """One ticket of Alice's, its escalation by mail, and what the other desk writes."""

    stage: Stage
    settings: Settings
    numbers: list[int] = field(default_factory=list)

    @property
    def session(self) -> Session:
        return self.stage.session

    @property
    def now(self) -> datetime:
        return self.stage.cast.now + self.stage.passed

    def told(self) -> None:
        """Everybody who is to be told of what happened is written to."""
        more = True
        while more:
            with transaction() as unit:
                more = notify.expand_one(unit, settings=self.settings, now=self.now)

    def sent(self, **more: Any) -> OutboundMail:
        """Leo sends the escalation, and the mail of it is written."""
        self.stage.sent(**more)
        self.told()
        return self.mails()[-1]

    @property
    def link(self) -> BridgeLink:
        found = escalations.newest(self.session, self.stage.ticket.id)
        link = queries.link_of(self.session, found.id) if found else None
        assert link is not None
        return link

    def mails(self) -> list[OutboundMail]:
        """What went to the other desk, the oldest first."""
        self.session.expire_all()
        return list(reversed(bridge_out.deliveries(self.session, self.link.id)))

    def own(self) -> str:
        """The address signed for the escalation."""
        return intake.signer_of(self.settings).escalation_address(self.link.id)

    def answers(
        self,
        text: str = "We look at it.",
        *,
        subject: str = "Re: your request",
        sender: str = THEIRS,
        to: str = "",
        vouched: str = VOUCHED,
        envelope: str = THEIRS,
        files: tuple[tuple[str, bytes], ...] = (),
        **headers: str,
    ) -> InboundMail:
        """A mail of the other desk arrives and is read; returns its row."""
        self.stage.passed += timedelta(minutes=1)
        message = EmailMessage()
        if vouched:
            message["Authentication-Results"] = vouched
        message["From"], message["To"], message["Subject"] = sender, to or self.own(), subject
        self.numbers.append(1)
        message["Message-ID"] = f"<{len(self.numbers)}.answer@registry.example>"
        for name, value in headers.items():
            message[name.replace("_", "-")] = value
        message.set_content(text)
        for name, data in files:
            message.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
        return self.arrives(message.as_bytes(), envelope, to)

    def arrives(self, raw: bytes, envelope: str, to: str = "") -> InboundMail:
        """Any mail arrives and is read; returns its row."""
        mail_id = intake.accept(
            raw, mailbox=to or self.own(), envelope_from=envelope, settings=self.settings, now=self.now
        )
        intake.read_one(mail_id, self.settings, self.now)
        self.session.rollback()
        self.session.expire_all()
        return self.session.get_one(InboundMail, mail_id)

    def state(self) -> EscalationState:
        """How the hand-over stands."""
        self.session.expire_all()
        found = escalations.newest(self.session, self.stage.ticket.id)
        assert found is not None
        return found.state

    def said(self) -> list[BridgeSaid]:
        """What the other desk said, the oldest first."""
        self.session.expire_all()
        return list(self.session.scalars(sa.select(BridgeSaid).order_by(BridgeSaid.id)))

    def reference(self) -> str | None:
        """Their number as the hand-over shows it."""
        self.session.expire_all()
        found = escalations.newest(self.session, self.stage.ticket.id)
        return found.registry_reference if found else None
