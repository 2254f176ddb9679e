"""Verbs of the issues register: open, edit, move, decide, link. What members read and say is ``desk.known_issues``.

Who may read and edit the record is ``domain.permissions``. Everything written here loses its secrets before it is kept.
What desks of several consortia read (a registry's record, and one that is linked upward) names no member.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk import markup
from desk.accounts import queries as accounts
from desk.db import insert_ignore
from desk.domain import likeness, register
from desk.domain.errors import Conflict, InvalidInput, NotFound, NotPermitted
from desk.domain.identifiers import find
from desk.domain.naming import demand_impersonal, demand_unnamed
from desk.domain.permissions import Actor, IssueSubject, Permission, may
from desk.domain.register import EntryAudience, IssueDraft, IssueState, prose
from desk.domain.vocabulary import Audience
from desk.events import service as events
from desk.issues import queries
from desk.issues.models import Issue, IssueDecision, IssuePublication, IssueTicket, IssueUpdate
from desk.reviews import queries as reviews
from desk.tickets import queries as tickets
from desk.tickets.models import Ticket

_WRITTEN = ("title", "symptom", "cause", "workaround", "impact")

# ------------------------------------------------------------------ the record


def open_issue(
    session: Session,
    actor: Actor,
    draft: IssueDraft,
    *,
    consortium_id: int | None = None,
    registry_id: int | None = None,
    ticket_numbers: Sequence[int] = (),
    now: datetime,
) -> Issue:
    """Enter an issue in the register of a consortium or of a registry, and link the tickets it was found with, if any.

    Raises ``NotPermitted`` for another register, ``InvalidInput``, ``NotFound`` for a ticket the actor does not see.
    """
    owned = IssueSubject(consortium_id=consortium_id, registry_id=registry_id)
    if (consortium_id is None) == (registry_id is None):
        raise InvalidInput("An issue belongs to one consortium or to one registry.", field="owned_by")
    if not may(actor, Permission.ISSUE_EDIT, owned):
        raise NotPermitted
    values = _values(session, draft, owned, now)
    demand_shareable(session, owned, _texts(values))
    issue = Issue(
        consortium_id=consortium_id,
        registry_id=registry_id,
        state=IssueState.IDENTIFIED,
        created_at=now,
        created_by=actor.person_id,
        updated_at=now,
        **values,
    )
    issue.review_at = reviews.due_at(session, owned, issue.next_review_on, now)
    session.add(issue)
    session.flush()
    record(session, "issue_opened", actor, issue, now, {"title": issue.title}, quiet=True)
    for number in sorted(set(ticket_numbers)):
        link_ticket(session, actor, issue, ticket_number=number, now=now)
    return issue


def edit_issue(
    session: Session, actor: Actor, issue: Issue, draft: IssueDraft, *, version: int, now: datetime
) -> Issue:
    """Replace what people wrote. ``version`` is the one they read; raises ``Conflict`` when it is not the latest."""
    owned = demand_edit(session, actor, issue)
    if issue.version != version:
        raise Conflict
    values = _values(session, draft, owned, now, issue)
    register.demand_workaround(issue.state, values["workaround"])
    changed = sorted(name for name, value in values.items() if getattr(issue, name) != value)
    # A name that was there before its member came, or before the link, does not keep the rest from being mended.
    demand_shareable(session, owned, {name: text for name, text in _texts(values).items() if name in changed})
    if changed:
        if "next_review_on" in changed:
            # Before anything else changes: a query would flush it, and one edit would be two versions.
            issue.review_at = reviews.due_at(session, owned, values["next_review_on"], now)
        for name in changed:
            setattr(issue, name, values[name])
        issue.updated_at = now
        record(session, "issue_edited", actor, issue, now, {"fields": changed}, quiet=True)
        session.flush()
    return issue


def move_issue(
    session: Session,
    actor: Actor,
    issue: Issue,
    *,
    to: IssueState,
    note: str = "",
    version: int,
    tell: bool = True,
    now: datetime,
) -> Issue:
    """Move the issue on; ``note`` says why and becomes an entry of the owner's desk.

    What members of the owning consortium read follows at once; where another desk published it, that desk decides.
    ``tell``: followers get a mail of it; not where one that says more goes with it.
    Raises ``IllegalTransition``, ``InvalidInput`` (no workaround, no reason), ``Conflict`` (moved or edited meanwhile).
    """
    owned = demand_edit(session, actor, issue)
    if issue.version != version:
        raise Conflict("Somebody changed this issue while you were looking at it. Please look again.")
    before, note = issue.state, prose(note, "note", required=False)
    to = register.next_state(before, to, workaround=issue.workaround, note=note)
    if register.is_reviewed(to) and not register.is_reviewed(before):
        issue.review_at = reviews.due_at(session, owned, issue.next_review_on, now)
    issue.state, issue.updated_at = to, now
    if note:
        add_entry(session, actor, issue, EntryAudience.OWNER, None, note, now)
    record(session, "issue_moved", actor, issue, now, {"from": before.value, "to": to.value}, quiet=True)
    told = queries.publication(session, issue.id, issue.consortium_id) if issue.consortium_id else None
    if told is not None and told.withdrawn_at is None:
        told.state, told.updated_at = to, now
    if tell and told is not None and told.withdrawn_at is None:
        tell_members(session, "issue_updated", actor, told, now, text=f"{register.MEMBER_WORDS[to]}.")
    session.flush()
    return issue


def link_upstream(session: Session, actor: Actor, issue: Issue, *, upstream_number: int | None, now: datetime) -> Issue:
    """Point a consortium's issue to its registry's, or (None) no longer. From then on the registry reads the record.

    Raises ``InvalidInput`` when the record names a member, or the issue above is not of the consortium's registry.
    """
    owned = demand_edit(session, actor, issue)
    if issue.consortium_id is None:
        raise InvalidInput("Only a consortium's issue can point to a registry's.", field="upstream")
    upstream = None if upstream_number is None else queries.get(session, actor, upstream_number)
    registry_id = accounts.consortium(session, issue.consortium_id).registry_id
    if upstream is not None and upstream.registry_id != registry_id:
        raise InvalidInput("That is not an issue of your consortium's registry.", field="upstream")
    if upstream is not None:
        if upstream.merged_into_id is not None:
            raise Conflict(f"Issue {upstream.id} was merged into issue {upstream.merged_into_id}. Please link to that.")
        shared = "\n".join(entry.text for entry in queries.entries_of_desks(session, issue))
        would_be = replace(owned, linked_to_registry_id=registry_id)
        demand_shareable(session, would_be, {name: getattr(issue, name) for name in _WRITTEN} | {"updates": shared})
    before, issue.upstream_issue_id = issue.upstream_issue_id, upstream.id if upstream else None
    if before != issue.upstream_issue_id:
        issue.updated_at = now
        record(session, "issue_linked_upstream", actor, issue, now, {"upstream": issue.upstream_issue_id}, quiet=True)
    session.flush()
    return issue


def add_decision(session: Session, actor: Actor, issue: Issue, *, text: str, now: datetime) -> IssueDecision:
    """Write down what was decided."""
    demand_edit(session, actor, issue)
    decision = IssueDecision(issue_id=issue.id, text=prose(text, "text"), at=now, by_id=actor.person_id)
    session.add(decision)
    record(session, "issue_decided", actor, issue, now, {}, quiet=True)
    return decision


def note_refusal(session: Session, actor: Actor, issue: Issue, what: str, now: datetime) -> None:
    """Keep that somebody tried what the register refuses: a foreign ticket, a name for other desks, another's issue."""
    record(session, "issue_refused", actor, issue, now, {"what": what}, quiet=True)


# ------------------------------------------------------------------ its tickets


def link_ticket(session: Session, actor: Actor, issue: Issue, *, ticket_number: int, now: datetime) -> bool:
    """Say that the issue explains the ticket; False when it was linked already.

    A consortium's issue takes tickets of that consortium, a registry's those of its consortia. A ticket of elsewhere,
    or one that the actor does not see, is ``NotFound``.
    """
    ticket = _linkable(session, actor, issue, ticket_number)
    values = {"linked_at": now, "linked_by": actor.person_id}
    fresh = insert_ignore(session, IssueTicket, issue_id=issue.id, ticket_id=ticket.id, **values)
    if not fresh and not _set_link(session, issue, ticket, linked=True, **values, unlinked_at=None, unlinked_by=None):
        return False
    _record_link(session, "issue_linked", actor, issue, ticket, now)
    return True


def unlink_ticket(session: Session, actor: Actor, issue: Issue, *, ticket_number: int, now: datetime) -> bool:
    """Take the link back; False when there was none."""
    ticket = _linkable(session, actor, issue, ticket_number)
    if not _set_link(session, issue, ticket, linked=False, unlinked_at=now, unlinked_by=actor.person_id):
        return False
    _record_link(session, "issue_unlinked", actor, issue, ticket, now)
    return True


def _linkable(session: Session, actor: Actor, issue: Issue, number: int) -> Ticket:
    demand_unmerged(session, issue)
    ticket = tickets.get(session, actor, number)
    place, subject = queries.subject_of(session, issue), tickets.subject_of(session, ticket)
    if place.consortium_id is not None:
        fits = ticket.consortium_id == place.consortium_id and may(actor, Permission.ISSUE_EDIT, place)
    else:
        works = (Permission.TICKET_WORK, Permission.ESCALATION_WORK)
        at_home = accounts.consortium(session, ticket.consortium_id).registry_id == place.registry_id
        fits = at_home and any(may(actor, right, subject) for right in works)
    if not fits or not may(actor, Permission.ISSUE_READ, place):
        raise NotFound
    return ticket


def _set_link(session: Session, issue: Issue, ticket: Ticket, *, linked: bool, **values: Any) -> bool:
    """Compare and set: of two people who press the same button one changes something."""
    is_off = IssueTicket.unlinked_at.is_not(None)
    change = (
        sa.update(IssueTicket)
        .where(IssueTicket.issue_id == issue.id, IssueTicket.ticket_id == ticket.id, is_off if linked else ~is_off)
        .values(**values)
    )
    return bool(getattr(session.execute(change), "rowcount", 0))


def _record_link(session: Session, kind: str, actor: Actor, issue: Issue, ticket: Ticket, now: datetime) -> None:
    # The registry reads its own issues and those linked upward; anything else is the lead's affair.
    shared = issue.registry_id is not None or issue.upstream_issue_id is not None
    audience = Audience.HANDOVER if shared else Audience.LEAD
    payload = {"title": issue.title, "number": issue.id}
    record(session, kind, actor, issue, now, payload, ticket_id=ticket.id, audience=audience.value)


# ------------------------------------------------------------------ what they share


def demand_edit(session: Session, actor: Actor, issue: Issue) -> IssueSubject:
    """The issue as the rules see it, for its owner's desk.

    Raises ``NotPermitted`` for anybody else, ``Conflict`` when it was merged into another meanwhile.
    """
    subject = queries.subject_of(session, issue)
    if not may(actor, Permission.ISSUE_EDIT, subject):
        raise NotPermitted
    demand_unmerged(session, issue)
    return subject


def demand_unmerged(session: Session, issue: Issue) -> None:
    """Raises ``Conflict`` when the issue lives on in another; until the end of the transaction it is not merged."""
    # Shared among all who write to it, against the one who merges it: what they add must not stay behind.
    found = sa.select(Issue.merged_into_id).where(Issue.id == issue.id).with_for_update(read=True)
    into = session.scalar(found)
    if into is not None:
        raise Conflict(f"Issue {issue.id} was merged into issue {into} meanwhile. Please go on there.")


def demand_shareable(session: Session, owned: IssueSubject, texts: Mapping[str, str]) -> None:
    """Refuse texts, by field, that name a member to desks which may only know how many, or show it a person."""
    if owned.registry_id is not None:
        names = accounts.names_of_members(session, registry_id=owned.registry_id)
        demand_unnamed(texts, names, readers="Every consortium lead of the registry")
    elif owned.linked_to_registry_id is not None:
        names = accounts.names_of_members(session, consortium_id=owned.consortium_id)
        demand_unnamed(texts, names, readers="The registry")
        demand_impersonal(texts, readers="The registry")


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: values[name] for name in _WRITTEN}


def _values(
    session: Session, draft: IssueDraft, owned: IssueSubject, now: datetime, issue: Issue | None = None
) -> dict[str, Any]:
    """The columns that people write, cleaned, with the identifiers that stand in them; people of the right desks."""
    draft = draft.cleaned()
    chosen = zip(("owner_id", "problem_manager_id"), queries.people_for(session, owned, now), strict=True)
    for name, people in chosen:
        # Somebody who has left stays until another is chosen.
        allowed = {None, getattr(issue, name, None), *(person.id for person in people)}
        if getattr(draft, name) not in allowed:
            raise InvalidInput("Please choose one of the people listed.", field=name)
    return {**draft.columns(), "identifiers": likeness.stored(find(f"{draft.title}\n{draft.symptom}\n{draft.cause}"))}


def add_entry(
    session: Session, actor: Actor, issue: Issue, audience: EntryAudience, place: int | None, text: str, now: datetime
) -> IssueUpdate:
    """A dated entry, as it is kept. ``place``: the consortium whose members read it, None for those of the desks."""
    entry = IssueUpdate(issue_id=issue.id, audience=audience, consortium_id=place, text=text, at=now)
    entry.html, entry.author_id = markup.markdown(text), actor.person_id
    session.add(entry)
    return entry


def news_of(told: IssuePublication, text: str) -> dict[str, Any]:
    """What an event tells the members of one consortium: everything in it was published to them."""
    return {
        "number": told.issue_id,
        "title": told.title,
        "state": told.state.value,
        "text": text,
        "workaround": told.workaround,
        "next_update_at": told.next_update_at.isoformat() if told.next_update_at else None,
    }


def tell_members(
    session: Session, kind: str, actor: Actor, told: IssuePublication, now: datetime, *, text: str
) -> None:
    """The event from which mail to the members is made."""
    payload = news_of(told, text) | {"members": queries.members_affected(session, told.issue_id)}
    places: dict[str, Any] = {"issue_id": told.issue_id, "consortium_id": told.consortium_id}
    events.record(session, kind, at=now, actor_id=actor.person_id, audience="member", payload=payload, **places)


def record(
    session: Session, kind: str, actor: Actor, issue: Issue, now: datetime, payload: dict[str, Any], **more: Any
) -> None:
    """Note what happened to the issue, as an affair of its owner unless ``more`` says otherwise."""
    places = {"consortium_id": issue.consortium_id, "registry_id": issue.registry_id}
    events.record(
        session, kind, at=now, actor_id=actor.person_id, issue_id=issue.id, payload=payload, **{**places, **more}
    )
