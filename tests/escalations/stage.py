"""A ticket on its way to the registry, and short words for what its parties do with it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from desk.accounts.models import Person
from desk.briefs import service as briefs
from desk.catalogue.service import load_catalogue, read_document
from desk.conversations import queries as conversations
from desk.conversations.models import Message
from desk.conversations.service import File
from desk.custody import queries as custody
from desk.db import transaction
from desk.domain.escalation import Brief, Consent
from desk.domain.vocabulary import Channel, Environment
from desk.escalations import queries, service
from desk.escalations.models import Escalation
from desk.events import queries as events
from desk.sla import queries as sla
from desk.tickets import service as tickets
from desk.tickets.models import Ticket
from tests.cast import Cast

HOUR = timedelta(hours=1)
ENTRY = "orcid-sso-no-persistent-id"
TEXT = (
    "Our sign-in fails for 0000-0002-1825-0097 (josiah@brown.example): "
    "no persistent identifier, says ORCID. client_secret=abcdefgh1234"
)


@dataclass
class Stage:
    """One ticket of Alice's in the northern consortium, and the time that has passed since she filed it."""

    cast: Cast
    session: Session
    ticket: Ticket
    passed: timedelta = field(default_factory=timedelta)

    @classmethod
    def set(cls, cast: Cast, session: Session, **more: Any) -> "Stage":
        """File the ticket, with the catalogue loaded."""
        draft = {
            "consortium_id": cast.north.id,
            "member_org_id": cast.alder.id,
            "subject": "Institutional sign-in fails",
            "text": TEXT,
            "environment": Environment.PRODUCTION,
            "catalogue_key": ENTRY,
            "files": (File("trace.txt", b"saml trace"), File("screenshot.txt", b"picture")),
        }
        with transaction() as unit:
            load_catalogue(unit, read_document(), cast.now)
            ticket = tickets.open_ticket(
                unit,
                cast.actor(cast.alice),
                tickets.NewTicket(**(draft | more)),
                channel=Channel.WEB,
                now=cast.now,
            )
        return cls(cast, session, ticket)

    def wait(self, hours: int) -> None:
        """Let working time pass."""
        self.passed += hours * HOUR

    def does(self, person: Person, verb: Callable[..., Any], **what: Any) -> Any:
        """One verb by one person now, in a unit of work of its own."""
        now = self.cast.now + self.passed
        with transaction() as unit:
            return verb(unit, self.cast.actor(person, now), self.ticket, now=now, **what)

    def brief(self, **more: Any) -> Brief:
        """A brief that lacks nothing."""
        answers = dict.fromkeys(("idp_entity_id",), "https://idp.alder.example/saml")
        given: dict[str, Any] = {
            "asked": "Please find out which identifier arrives.",
            "service": "ORCID",
            "environment": "production",
            "identifiers": ("0000-0002-1825-0097",),
            "error_text": "No persistent identifier",
            "utc_times": "2026-03-04 09:12 UTC",
            "tried": "Asked the identity team.",
            "impact": "Nobody of Alder University can sign in.",
            "known_issues_checked": True,
            "consent": Consent.NOT_INVOLVED,
            "fields": dict.fromkeys(self.entry_fields(), "given") | answers,
        }
        return Brief(**(given | more))

    def entry_fields(self) -> tuple[str, ...]:
        """Ids of what the ticket's catalogue entry asks for beyond the brief's own places."""
        entry = queries.catalogue.entry(self.session, self.ticket.catalogue_key)
        return tuple(each.id for each in queries.extra_fields(entry))

    def messages(self) -> list[Message]:
        """What was said between member and desk."""
        return list(conversations.member_messages(self.session, self.ticket.id))

    def saved(self, **more: Any) -> Escalation:
        """Leo saves a brief; ``more`` changes it."""
        present = queries.newest(self.session, self.ticket.id)
        options = {name: more.pop(name) for name in ("messages", "attachments", "looked_at") if name in more}
        open_one = present is not None and present.state in queries.OPEN
        version = present.version if present is not None and open_one else None
        escalation, _ = self.does(
            self.cast.leo, briefs.save_brief, brief=self.brief(**more), version=version, **options
        )
        return escalation  # type: ignore[no-any-return]

    def sent(self, **more: Any) -> Escalation:
        """Leo saves a brief and sends it."""
        self.saved(**more)
        return self.does(self.cast.leo, service.send)  # type: ignore[no-any-return]

    def accepted(self, **more: Any) -> Escalation:
        """The same, and Rita accepts it."""
        self.sent(**more)
        return self.does(self.cast.rita, service.accept)  # type: ignore[no-any-return]

    def clocks(self) -> dict[str, str]:
        """The state of the newest cycle of each clock."""
        now = self.cast.now + self.passed
        return {line.kind.value: line.state.value for line in sla.lines(self.session, self.ticket.id, now)}

    def ledger(self) -> list[tuple[str, str | None, int | None]]:
        """Who had it, in which team, for how many hours of working time."""
        rows = custody.ledger(self.session, self.ticket.id)
        return [
            (entry.party.value, team, None if entry.seconds is None else entry.seconds // 3600)
            for entry, team, _ in rows
        ]

    def kinds(self) -> list[str]:
        """What happened, oldest first."""
        return [event.kind for event in events.timeline(self.session, self.ticket.id)]
