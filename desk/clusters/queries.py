"""Reading the open escalations of a registry that no issue explains, as it was shown them, and which look alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts.models import Consortium
from desk.domain import likeness
from desk.domain.clusters import Cluster, clusters
from desk.domain.escalation import TEXTS
from desk.domain.identifiers import Kind, find
from desk.domain.likeness import Evidence
from desk.domain.permissions import Actor
from desk.domain.vocabulary import Environment
from desk.issues import queries as issues
from desk.issues.models import Issue, IssueTicket
from desk.problems.queries import LAST, SINCE, sent_and_open
from desk.tickets import queries as tickets
from desk.tickets.models import Ticket

COMPARED_AT_MOST = 500
"""Of the newest open escalations without an issue: each is compared with those before it."""


@dataclass(frozen=True, slots=True)
class Lonely:
    """An open escalation that no issue explains, with the brief that the registry reads."""

    ticket: int
    subject: str
    consortium: str
    consortium_id: int
    member_org_id: int | None
    service: str
    environment: Environment | None
    entry_key: str | None
    brief: Mapping[str, Any]
    since: datetime


@dataclass(frozen=True, slots=True)
class Alike:
    """Some that look alike, and what they have in common."""

    rows: Sequence[Lonely]
    common: Cluster

    @property
    def members(self) -> int:
        """How many member organisations have it; those without one count for none."""
        return len({row.member_org_id for row in self.rows if row.member_org_id is not None})

    @property
    def consortia(self) -> list[str]:
        """In which consortia."""
        return sorted({row.consortium for row in self.rows})


def lonely(session: Session, actor: Actor, registry_id: int, numbers: Sequence[int] | None = None) -> list[Lonely]:
    """Open escalations without an issue that the registry reads, the newest first; of ``numbers`` only, if given."""
    explained = (
        sa.exists()
        .where(
            IssueTicket.ticket_id == Ticket.id,
            IssueTicket.unlinked_at.is_(None),
            Issue.id == IssueTicket.issue_id,
            # What a consortium keeps in its own register is not the registry's to know.
            issues.visible_to(actor),
        )
        .correlate(Ticket)
    )
    columns = (
        Ticket.id,
        Ticket.subject,
        Consortium.name,
        Ticket.consortium_id,
        Ticket.member_org_id,
        Ticket.service,
        Ticket.environment,
        Ticket.catalogue_key,
        LAST.brief,
        SINCE,
    )
    wanted = sent_and_open(actor, registry_id, *columns).join(Consortium, Consortium.id == Ticket.consortium_id)
    if numbers is not None:
        wanted = wanted.where(Ticket.id.in_(numbers))
    wanted = wanted.where(~explained).order_by(SINCE.desc(), Ticket.id.desc()).limit(COMPARED_AT_MOST)
    rows = session.execute(wanted).all()
    names = tickets.subjects_for(session, actor, {row[0]: row[1] for row in rows})
    return [Lonely(row[0], names[row[0]], *row[2:]) for row in rows]


def alike(session: Session, actor: Actor, registry_id: int) -> list[Alike]:
    """Groups of open escalations that look alike and have no issue, the largest first; one query."""
    rows = {row.ticket: row for row in lonely(session, actor, registry_id)}
    found = clusters({number: _evidence(row) for number, row in sorted(rows.items())})
    return [Alike([rows[number] for number in each.keys], each) for each in found]


def common(rows: Sequence[Lonely]) -> Alike:
    """What some have in common, whether they are alike or not."""
    first, *rest = sorted(rows, key=lambda row: row.ticket)
    seed = _evidence(first)
    together = Cluster([first.ticket], seed, seed.entry_key, seed.things, seed.said)
    for row in rest:
        together.add(row.ticket, _evidence(row))
    return Alike([first, *rest], together)


def _evidence(row: Lonely) -> Evidence:
    """What the registry was shown: the brief with what was masked in it, never the ticket's own texts."""
    text = "\n".join([row.subject, *(str(row.brief.get(name) or "") for name in TEXTS)])
    things = likeness.stored(find(text[: likeness.READ_AT_MOST]))
    code = str(row.brief.get("error_code") or "").strip()
    if code:
        things.append({"kind": Kind.ORCID_ERROR.value, "value": code})
    return likeness.evidence(
        text, service=row.service, environment=row.environment, entry_key=row.entry_key, identifiers=things
    )
