"""The scope in SQL and the rule over values say the same, for everybody of the cast and every kind of ticket."""

from datetime import timedelta

from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.accounts import service as people
from desk.db import transaction
from desk.domain.errors import NotFound
from desk.domain.permissions import SYSTEM, MessageSubject, Permission, Role, may
from desk.domain.vocabulary import Audience, Channel
from desk.handover import service as handover
from desk.progress import service as progress
from desk.tickets import queries
from desk.tickets import service as tickets
from desk.tickets.models import Ticket
from desk.triage import service as triage
from tests.cast import Cast


def world(cast: Cast) -> list[Ticket]:
    """A ticket of each kind for each member: plain, followed by somebody, escalated; and one of an unknown sender."""
    made = []
    for person, org in (
        (cast.alice, cast.alder),
        (cast.adam, cast.alder),
        (cast.bob, cast.birch),
        (cast.carla, cast.cedar),
    ):
        for kind in ("plain", "escalated", "followed"):
            with transaction() as session:
                draft = tickets.NewTicket(org.consortium_id, org.id, f"{kind} of {person.name}", "Something is wrong.")
                ticket = tickets.open_ticket(session, cast.actor(person), draft, channel=Channel.WEB, now=cast.now)
                made.append(ticket)
            with transaction() as session:
                lead = cast.actor(cast.leo if org is not cast.cedar else cast.samir)
                if kind == "escalated":
                    registry = cast.orcid if org is not cast.cedar else cast.datacite
                    team = accounts.team_of_registry(session, registry.id)
                    handover.hand_over(session, lead, ticket, registry_id=registry.id, team=team, tier=2, now=cast.now)
                if kind == "followed" and org is not cast.cedar:
                    follower = cast.bob if org is cast.alder else cast.adam
                    triage.add_participant(session, lead, ticket, person_id=follower.id, now=cast.now)
    with transaction() as session:
        unknown = tickets.NewTicket(cast.north.id, None, "Who am I?", "Hello", unverified_sender="who@else.example")
        made.append(tickets.open_ticket(session, SYSTEM, unknown, channel=Channel.EMAIL, now=cast.now))
    return made


def test_what_is_listed_can_be_opened_and_the_reverse(cast: Cast, session: Session) -> None:
    made = world(cast)
    with transaction() as unit:
        grant = unit.merge(cast.adam).roles[0]
        grant.sees_all = True
    seen = 0
    for person in cast.people().values():
        actor = cast.actor(person)
        listed = set(session.scalars(session.query(Ticket.id).where(queries.visible_to(actor)).statement))
        for ticket in made:
            readable = may(actor, Permission.TICKET_READ, queries.subject_of(session, ticket))
            assert (ticket.id in listed) is readable, (person.name, ticket.subject)
            assert opens(session, actor, ticket) is readable
            seen += readable
    assert seen > len(made)


def opens(session: Session, actor: object, ticket: Ticket) -> bool:
    try:
        queries.get(session, actor, ticket.number)  # type: ignore[arg-type]
    except NotFound:
        return False
    return True


def test_a_role_that_ended_takes_everything_away_at_once(cast: Cast, session: Session) -> None:
    made = world(cast)
    later = cast.now + timedelta(hours=1)
    for person in (cast.alice, cast.olga, cast.leo, cast.rita):
        assert any(opens(session, cast.actor(person), ticket) for ticket in made)
        with transaction() as unit:
            for grant in unit.merge(person).roles:
                people.end_role(unit, grant, now=later)
        assert not any(opens(session, cast.actor(person, later), ticket) for ticket in made)


def test_a_contact_who_moved_to_another_member_leaves_their_tickets_behind(cast: Cast, session: Session) -> None:
    made = world(cast)
    with transaction() as unit:
        alice = unit.merge(cast.alice)
        people.end_role(unit, alice.roles[0], now=cast.now)
        people.grant_role(unit, person=alice, role=Role.CONTACT, member_org_id=cast.birch.id, now=cast.now)
    assert not any(opens(session, cast.actor(cast.alice), ticket) for ticket in made)


def test_every_message_is_shown_exactly_to_those_who_may_read_it(cast: Cast, session: Session) -> None:
    ticket = next(ticket for ticket in world(cast) if ticket.subject == "escalated of Alice Alder")
    writers = {
        Audience.MEMBER: cast.leo,
        Audience.LEAD: cast.leo,
        Audience.HANDOVER: cast.rita,
        Audience.REGISTRY: cast.rita,
    }
    for audience, writer in writers.items():
        with transaction() as unit:
            progress.add_message(
                unit,
                cast.actor(writer),
                ticket,
                audience=audience,
                text=f"For {audience.value}.",
                channel=Channel.WEB,
                now=cast.now,
            )
    subject = queries.subject_of(session, ticket)
    for person in cast.people().values():
        actor = cast.actor(person)
        shown = {one.message.audience for one in queries.messages_for(session, actor, ticket)}
        allowed = {each for each in Audience if may(actor, Permission.MESSAGE_READ, MessageSubject(subject, each))}
        assert shown == allowed, person.name
