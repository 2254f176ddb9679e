"""Opening an issue with the escalations that look alike, in one step."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from desk.catalogue import queries as catalogue
from desk.clusters import queries
from desk.clusters.queries import Alike
from desk.domain.catalogue import Entry
from desk.domain.clusters import SMALLEST
from desk.domain.errors import Conflict
from desk.domain.permissions import Actor
from desk.domain.register import TITLE_LENGTH, IssueDraft
from desk.domain.text import cut_line
from desk.domain.wording import counted
from desk.issues import service as issues
from desk.issues.models import Issue


def open_issue_with(
    session: Session, actor: Actor, *, registry_id: int, numbers: Sequence[int], now: datetime
) -> Issue:
    """Enter an issue in the registry's register and link these tickets, which no issue explains yet.

    Every lead of the registry reads its text, so it says only what the catalogue says and what all have in common:
    no subject, no name, no record of a single member.

    Raises:
        Conflict: fewer than two are still open and without an issue; nothing is entered.
        NotPermitted: the actor keeps no register of this registry.
    """
    rows = queries.lonely(session, actor, registry_id, numbers)
    if len(rows) < SMALLEST:
        raise Conflict("Meanwhile these have an issue, or are over. Please look again.")
    found = queries.common(rows)
    issue = issues.open_issue(session, actor, _draft(session, actor, found), registry_id=registry_id, now=now)
    for row in found.rows:
        issues.link_ticket(session, actor, issue, ticket_number=row.ticket, now=now)
    return issue


def _draft(session: Session, actor: Actor, found: Alike) -> IssueDraft:
    entry = catalogue.entry(session, found.common.entry_key)
    first = min(found.rows, key=lambda row: row.since)
    same = len({row.environment for row in found.rows}) == 1
    return IssueDraft(
        title=cut_line(_title(found, entry), TITLE_LENGTH),
        symptom=_symptom(found, entry),
        service=first.service or "both",
        first_seen=first.since.astimezone(ZoneInfo(actor.timezone)).date(),
        environment=first.environment if same else None,
        catalogue_key=entry.key if entry is not None else None,
        problem_manager_id=actor.person_id,
    )


def _title(found: Alike, entry: Entry | None) -> str:
    codes = f" ({', '.join(found.common.codes)})" if found.common.codes else ""
    return f"{entry.title if entry is not None else 'Escalations that look alike'}{codes}"


def _symptom(found: Alike, entry: Entry | None) -> str:
    told = (
        f"Found in {counted(len(found.rows), 'escalation')} of {counted(found.members, 'member')}"
        f" in {'one consortium' if len(found.consortia) == 1 else f'{len(found.consortia)} consortia'}."
    )
    return f"{entry.symptom}\n\n{told}" if entry is not None and entry.symptom else told
