"""What the tests of updates start from: a registry's issue, two consortia with tickets of it, and drafts."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts.models import Consortium, MemberOrg, Person
from desk.bulk_answers import service as bulk_answers
from desk.conversations.models import Message
from desk.db import db, transaction
from desk.delegation import service
from desk.domain.delegation import DraftText, UpdateText
from desk.domain.register import IssueState
from desk.domain.vocabulary import Audience
from desk.drafts import service as drafts
from desk.drafts.models import RegistryUpdate, UpdateDraft
from desk.issues.models import Issue
from desk.known_issues import service as known_issues
from desk.tickets.models import Ticket
from tests.cast import Cast
from tests.issues.scenes import at_registry, east, filed, issue, linked

SUGGESTED = "The list of works is **late**."


@dataclass
class Two:
    """An issue of ORCID's with a ticket of Alice's in the north and one of Eve's in the east, both linked."""

    cast: Cast
    number: int
    here: int
    there: int
    place: Consortium
    org: MemberOrg
    eve: Person
    emil: Person

    @classmethod
    def set(cls, cast: Cast) -> "Two":
        """Make it, through the verbs."""
        place, org, eve, emil = east(cast)
        number = at_registry(cast)
        here, there = filed(cast, cast.alice, cast.alder), filed(cast, eve, org)
        linked(cast, cast.leo, number, here)
        linked(cast, emil, number, there)
        return cls(cast, number, here, there, place, org, eve, emil)

    def said(self, to: IssueState = IssueState.INVESTIGATING, **more: Any) -> int:
        """The id of an update that Rita writes."""
        return said(self.cast, self.number, to, **more)

    def draft(self, place: Consortium | None = None) -> UpdateDraft:
        """The newest draft of the north, or of another consortium."""
        return draft_of(db.session(), place or self.cast.north)


def said(cast: Cast, number: int, to: IssueState = IssueState.INVESTIGATING, **more: Any) -> int:
    """The id of an update of ORCID's issue."""
    at = more.pop("now", cast.now)
    text = UpdateText(**{"text": "We found it in the log.", "member_text": SUGGESTED} | more)
    with transaction() as session:
        found = issue(session, cast, cast.rita, number)
        actor = cast.actor(cast.rita, at)
        return service.write_update(session, actor, found, text, to=to, version=found.version, now=at).id


def corrected(cast: Cast, update_id: int, member_text: str, now: datetime | None = None) -> None:
    """Rita changes what she suggested."""
    with transaction() as session:
        update = session.get_one(RegistryUpdate, update_id)
        text = UpdateText(update.text, member_text, update.workaround, update.next_update_at)
        service.revise_update(session, cast.actor(cast.ruth), update, text, version=update.version, now=now or cast.now)


def draft_of(session: Session, place: Consortium) -> UpdateDraft:
    """The newest draft of a consortium, as the database has it."""
    query = sa.select(UpdateDraft).where(UpdateDraft.consortium_id == place.id).order_by(UpdateDraft.id.desc()).limit(1)
    return session.scalars(query.execution_options(populate_existing=True)).one()


def words(draft: UpdateDraft, **more: Any) -> DraftText:
    """What stands in a draft, changed."""
    names = ("title", "text", "workaround", "next_update_at")
    return DraftText(**({name: getattr(draft, name) for name in names} | more))


def sent(cast: Cast, person: Person, place: Consortium, now: datetime | None = None, **more: Any) -> UpdateDraft:
    """A lead sends the newest draft of its consortium; keywords change its words, or are the verb's."""
    own = {name: more.pop(name) for name in ("choice", "outcome", "version") if name in more}
    with transaction() as session:
        draft, actor = draft_of(session, place), cast.actor(person, now)
        keys = {"version": draft.version} | own
        return drafts.send_draft(session, actor, draft, words(draft, **more), now=now or cast.now, **keys)


def allowed(cast: Cast, hours: int | None, now: datetime | None = None) -> None:
    """The manager of the north lets drafts go by themselves, or no longer."""
    with transaction() as session:
        drafts.allow(session, cast.actor(cast.lena, now), cast.north.id, hours=hours, now=now or cast.now)


def done(verb: Callable[[Session, datetime], int], now: datetime) -> int:
    """Units of a job until none is left; returns how many."""
    for count in range(1000):
        with transaction() as session:
            if not verb(session, now):
                return count
    raise AssertionError("the job has no end")


def worked_off(now: datetime) -> int:
    """Every ticket that waits gets its answer."""
    return done(bulk_answers.work_one, now)


def followed(cast: Cast, person: Person, org: MemberOrg, number: int) -> None:
    """A contact follows an issue that is published to them."""
    with transaction() as session:
        known_issues.follow(
            session, cast.actor(person), session.get_one(Issue, number), member_org_id=org.id, now=cast.now
        )


def heard(session: Session, ticket: int) -> list[Message]:
    """What staff wrote to the member, oldest first."""
    query = sa.select(Message).where(Message.ticket_id == ticket, Message.audience == Audience.MEMBER)
    return list(session.scalars(query.where(Message.from_staff).order_by(Message.id)))


def ticket(session: Session, number: int) -> Ticket:
    """The ticket as the database has it."""
    return session.get_one(Ticket, number, populate_existing=True)


def later(cast: Cast, hours: float) -> datetime:
    """Some hours after the present of the tests."""
    return cast.now + timedelta(hours=hours)
