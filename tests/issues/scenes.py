"""What the tests of the register start from: tickets, issues, and what was published of them."""

from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.accounts import service as people
from desk.accounts.models import Consortium, MemberOrg, Person
from desk.catalogue import service as catalogue
from desk.db import transaction
from desk.domain.permissions import Role
from desk.domain.register import IssueDraft
from desk.domain.vocabulary import Channel
from desk.handover import service as handover
from desk.issues import queries, service
from desk.issues.models import Issue
from desk.known_issues import service as telling
from desk.tickets import service as tickets
from desk.tickets.models import Ticket
from tests.cast import Cast


def draft(**more: Any) -> IssueDraft:
    """What a person writes of an issue."""
    values: dict[str, Any] = {
        "title": "Works are not shown",
        "symptom": "The list of works stays empty after an update.",
        "service": "ORCID",
        "first_seen": date(2026, 3, 2),
    }
    return IssueDraft(**(values | more))


def catalogued(cast: Cast) -> str:
    """The key of an entry, once the catalogue is loaded."""
    with transaction() as session:
        catalogue.load_catalogue(session, catalogue.read_document(), cast.now)
    return "orcid-api-not-found"


def opened(cast: Cast, person: Person | None = None, *, text: IssueDraft | None = None, **more: Any) -> int:
    """The number of an issue that a lead of the north enters, or somebody else elsewhere."""
    with transaction() as session:
        place = more or {"consortium_id": cast.north.id}
        return service.open_issue(session, cast.actor(person or cast.leo), text or draft(), **place, now=cast.now).id


def at_registry(cast: Cast, **more: Any) -> int:
    """The number of an issue of ORCID's."""
    return opened(cast, cast.rita, registry_id=cast.orcid.id, **more)


def issue(session: Session, cast: Cast, person: Person, number: int) -> Issue:
    """The issue as this person finds it."""
    return queries.get(session, cast.actor(person), number)


def published(cast: Cast, person: Person, number: int, consortium: Consortium, **more: Any) -> None:
    """A lead publishes the issue to the members of a consortium."""
    values = {"title": "Lists may look empty", "text": "We know that **lists** may look empty."}
    with transaction() as session:
        found = issue(session, cast, person, number)
        telling.publish(
            session, cast.actor(person), found, consortium_id=consortium.id, now=cast.now, **(values | more)
        )


def filed(cast: Cast, person: Person, org: MemberOrg, **more: Any) -> int:
    """The number of a ticket that a member files."""
    values: dict[str, Any] = {
        "consortium_id": org.consortium_id,
        "member_org_id": org.id,
        "subject": "Empty list of works",
        "text": "Since Monday the list of works stays empty.",
        "service": "ORCID",
    }
    with transaction() as session:
        ticket = tickets.open_ticket(
            session, cast.actor(person), tickets.NewTicket(**(values | more)), channel=Channel.WEB, now=cast.now
        )
        return ticket.number


def handed_over(cast: Cast, number: int) -> None:
    """The lead of the north gives the ticket to ORCID."""
    with transaction() as session:
        ticket = session.query(Ticket).filter_by(id=number).one()
        team = accounts.team_of_registry(session, cast.orcid.id)
        handover.hand_over(
            session, cast.actor(cast.leo), ticket, registry_id=cast.orcid.id, team=team, tier=2, now=cast.now
        )


def linked(cast: Cast, person: Person, number: int, *ticket_numbers: int) -> None:
    """Tickets that somebody links to an issue."""
    with transaction() as session:
        for ticket_number in ticket_numbers:
            found = issue(session, cast, person, number)
            service.link_ticket(session, cast.actor(person), found, ticket_number=ticket_number, now=cast.now)


def east(cast: Cast) -> tuple[Consortium, MemberOrg, Person, Person]:
    """A second consortium under ORCID, with a member, its contact and a lead."""
    with transaction() as session:
        place = people.add_consortium(
            session, registry_id=cast.orcid.id, slug="east", name="Eastern Consortium", now=cast.now
        )
        people.add_team(session, tier=1, name="Eastern support", consortium_id=place.id)
        org = people.add_member_org(
            session,
            consortium_id=place.id,
            name="Elm College",
            ror_id=None,
            country="XX",
            mail_domains=[],
            now=cast.now,
        )
        contact, lead = (
            people.add_person(session, name=name, email=address, timezone="UTC", now=cast.now)
            for name, address in (("Eve Elm", "eve@elm.example"), ("Emil East", "emil@east.example"))
        )
        people.grant_role(session, person=contact, role=Role.CONTACT, member_org_id=org.id, now=cast.now)
        people.grant_role(session, person=lead, role=Role.LEAD_AGENT, consortium_id=place.id, now=cast.now)
        return place, org, contact, lead
