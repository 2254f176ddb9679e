"""A ticket passes to the lead of another consortium: what goes along, what stays, and what is never shown."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.accounts import service as people
from desk.accounts.models import Consortium, MemberOrg, Person
from desk.calendars import service as calendars
from desk.config import Settings
from desk.custody import queries as custody
from desk.db import transaction
from desk.domain.errors import DeskError, IllegalTransition, InvalidInput
from desk.domain.permissions import SYSTEM, Role
from desk.domain.sla import Kind
from desk.domain.vocabulary import Audience, Outcome
from desk.handover import service as handover
from desk.mail import notify
from desk.mail.models import OutboundMail
from desk.progress import service as progress
from desk.sla import queries as sla
from desk.sla import service as clocks
from desk.tickets.models import Participant, Ticket
from desk.triage import service
from tests.cast import Cast
from tests.sla.rig import office_hours
from tests.tickets.scenes import browser, filed, stored, written
from tests.tickets.test_clocks_page import words_of


@dataclass
class West:
    """Another consortium under ORCID, of which Alder University is a member too; Wanda leads it from New York."""

    consortium: Consortium
    alder: MemberOrg
    wanda: Person


@pytest.fixture
def west(cast: Cast) -> West:
    began = cast.now - timedelta(days=200)
    with transaction() as session:
        place = people.add_consortium(
            session, registry_id=cast.orcid.id, slug="west", name="Western Consortium", now=began
        )
        hours = calendars.add_calendar(
            session, SYSTEM, name="West", spec=office_hours("America/New_York"), consortium_id=place.id, now=began
        )
        people.add_team(
            session,
            tier=1,
            name="Western support",
            support_address="west@desk.example",
            calendar_id=hours.id,
            consortium_id=place.id,
        )
        org = people.add_member_org(
            session, consortium_id=place.id, name="Alder University", ror_id="https://ror.org/016cn1q84", now=began
        )
        wanda = people.add_person(
            session, name="Wanda Willow", email="wanda@west.example", timezone="Europe/Berlin", now=began
        )
        people.grant_role(session, person=wanda, role=Role.LEAD_AGENT, consortium_id=place.id, now=began)
        people.grant_role(session, person=session.merge(cast.alice), role=Role.CONTACT, member_org_id=org.id, now=began)
        return West(place, org, wanda)


def passed(cast: Cast, west: West, number: int, **more: object) -> None:
    with transaction() as session:
        service.transfer(
            session,
            cast.actor(cast.leo),
            session.get_one(Ticket, number),
            **{  # type: ignore[arg-type]
                "member_org_id": west.alder.id,
                "reason": "It is about their project.",
                "now": cast.now + timedelta(hours=2),
            }
            | more,
        )


def refusal(cast: Cast, west: West, number: int, **more: object) -> DeskError:
    with pytest.raises(DeskError) as refused:
        passed(cast, west, number, **more)
    return refused.value


def test_a_lead_passes_a_ticket_on_and_sees_it_no_more(app: Flask, cast: Cast, west: West, session: Session) -> None:
    number = filed(cast, subject="For the western project")
    leo = browser(app, cast, cast.leo)
    page = words_of(leo.get(f"/tickets/{number}/transfer").text)
    assert "Western Consortium (Alder University)" in page and "no longer see the ticket" in page
    sent = leo.post(
        f"/tickets/{number}/transfer", data={"member_org_id": west.alder.id, "reason": "It is about their project."}
    )
    assert sent.status_code == 303 and sent.location.endswith("/queue")
    assert f"#{number} is with the other consortium" in words_of(leo.get("/queue").text)
    assert leo.get(f"/tickets/{number}").status_code == 404
    ticket = stored(session, number)
    assert (ticket.consortium_id, ticket.member_org_id) == (west.consortium.id, west.alder.id)
    wanda = browser(app, cast, west.wanda)
    assert "For the western project" in wanda.get("/queue").text
    told = words_of(wanda.get(f"/tickets/{number}").text)
    assert "It is about their project." in told and "from Northern Consortium to Western Consortium" in told
    own = words_of(browser(app, cast, cast.alice).get(f"/tickets/{number}").text)
    assert "Western Consortium" in own and "It is about their project." not in own


def test_the_promise_stays_and_the_leads_clock_goes_on_in_the_other_hours(
    cast: Cast, west: West, session: Session
) -> None:
    number = filed(cast)  # at eleven in Berlin, five in the morning in New York
    before = {clock.kind: clock.due_at for clock in sla.clocks_of(session, [number])[number]}
    passed(cast, west, number)  # two hours later
    session.expire_all()
    after = {clock.kind: clock for clock in sla.clocks_of(session, [number])[number]}
    for kind in (Kind.FIRST_RESPONSE, Kind.REGULAR_UPDATE, Kind.OVERALL):
        assert after[kind].due_at == before[kind], kind
    assert (after[Kind.LEAD].consumed, after[Kind.LEAD].calendar_id) == (7200, team_of(session, west).calendar_id)
    turns = [(entry.team_id, entry.seconds) for entry, _, _ in custody.ledger(session, number)]
    assert turns == [(cast.north_desk.id, 7200), (team_of(session, west).id, None)]
    with transaction() as unit:
        assert clocks.rebuild(unit, check=True) == []


def team_of(session: Session, west: West) -> object:
    return accounts.team_of_consortium(session, west.consortium.id)


def test_what_is_the_first_desks_own_does_not_go_along(cast: Cast, west: West, session: Session) -> None:
    number = filed(cast)
    with transaction() as unit:
        ticket, leo = unit.get_one(Ticket, number), cast.actor(cast.leo)
        service.take(unit, leo, ticket, now=cast.now)
        ticket.tags = ["difficult member"]
        service.add_participant(unit, leo, ticket, person_id=cast.adam.id, now=cast.now)
    passed(cast, west, number)
    ticket = stored(session, number)
    assert (ticket.assignee_id, ticket.tags) == (None, [])
    # Adam is nobody's contact there; should he become one, that alone does not show him the ticket.
    assert session.scalar(sa.select(sa.func.count()).select_from(Participant)) == 0


def test_notes_of_the_first_desk_are_never_shown_to_another(cast: Cast, west: West) -> None:
    number = filed(cast)
    written(cast, number, cast.leo, "Between us", Audience.LEAD)
    found = refusal(cast, west, number)
    assert isinstance(found, IllegalTransition) and "notes for your team" in found.sentence


def test_what_the_registry_has_or_had_stays(cast: Cast, west: West) -> None:
    number = filed(cast)
    with transaction() as unit:
        ticket, leo = unit.get_one(Ticket, number), cast.actor(cast.leo)
        team = accounts.team_of_registry(unit, cast.orcid.id)
        handover.hand_over(unit, leo, ticket, registry_id=cast.orcid.id, team=team, tier=2, now=cast.now)
    assert "The registry has worked on this ticket" in refusal(cast, west, number).sentence


def test_a_requester_who_would_lose_sight_of_it_keeps_it_where_it_is(cast: Cast, west: West) -> None:
    number = filed(cast, cast.adam)
    assert "Adam Ash is no contact of Alder University in Western Consortium" in refusal(cast, west, number).sentence


def test_only_a_consortium_of_which_the_organisation_is_a_member_under_the_same_registry_can_take_it(
    app: Flask, cast: Cast, west: West
) -> None:
    number = filed(cast)
    for org_id in (cast.cedar.id, cast.alder.id, cast.birch.id, 0, 999):
        found = refusal(cast, west, number, member_org_id=org_id)
        assert isinstance(found, InvalidInput) and found.field == "member_org_id", org_id
    theirs = filed(cast, cast.bob)
    page = browser(app, cast, cast.leo).get(f"/tickets/{theirs}/transfer").text
    assert "Birch Library is a member of no other consortium under ORCID" in page


def test_what_is_over_or_whose_sender_is_not_proved_stays(app: Flask, cast: Cast, west: West) -> None:
    number = filed(cast)
    with transaction() as unit:
        unit.get_one(Ticket, number).unverified_sender = "alice@alder.example"
    assert "Confirm first who wrote this" in refusal(cast, west, number).sentence
    done = filed(cast)
    with transaction() as unit:
        ticket = unit.get_one(Ticket, done)
        progress.resolve(unit, cast.actor(cast.leo), ticket, outcome=Outcome.SOLVED, text="So.", now=cast.now)
    assert "stays where it is" in refusal(cast, west, done).sentence
    page = browser(app, cast, cast.leo).get(f"/tickets/{done}/transfer")
    assert page.status_code == 200 and "stays where it is" in page.text


@pytest.mark.parametrize(
    ("field", "value"), [("reason", " "), ("reason", "x" * 5000), ("member_org_id", "x"), ("member_org_id", "9" * 40)]
)
def test_bad_input_is_refused_with_a_sentence(app: Flask, cast: Cast, west: West, field: str, value: str) -> None:
    number = filed(cast)
    data = {"member_org_id": str(west.alder.id), "reason": "Theirs"} | {field: value}
    page = browser(app, cast, cast.leo).post(f"/tickets/{number}/transfer", data=data)
    assert page.status_code == 422 and "It was not passed on" in page.text


def test_strangers_find_no_such_page(app: Flask, cast: Cast, west: West) -> None:
    number = filed(cast)
    for stranger in (cast.alice, cast.bob, cast.samir, cast.rita, west.wanda, cast.ada):
        visitor = browser(app, cast, stranger)
        assert visitor.get(f"/tickets/{number}/transfer").status_code == 404, stranger.name
        data = {"member_org_id": west.alder.id, "reason": "Mine"}
        assert visitor.post(f"/tickets/{number}/transfer", data=data).status_code == 404, stranger.name


def test_the_member_and_the_new_desk_are_told(app: Flask, cast: Cast, west: West, session: Session) -> None:
    settings: Settings = app.config["DESK"]
    number = filed(cast)
    expand(settings, cast)
    with transaction() as unit:
        unit.execute(sa.delete(OutboundMail))
    passed(cast, west, number)
    expand(settings, cast)
    told = {
        mail.to_address: mail.text for mail in session.scalars(sa.select(OutboundMail).order_by(OutboundMail.id.desc()))
    }
    assert set(told) == {"alice@alder.example", "wanda@west.example"}
    assert "Northern Consortium has passed this ticket to Western Consortium" in told["alice@alder.example"]
    assert "It is about their project." not in told["alice@alder.example"]


def expand(settings: Settings, cast: Cast) -> None:
    while True:
        with transaction() as session:
            if not notify.expand_one(session, settings=settings, now=cast.now):
                return
