"""Likely issues of a ticket: which are offered, to whom, and what the reasons tell."""

from datetime import timedelta
from typing import Any

from flask import Flask
from sqlalchemy.orm import Session

from desk.accounts.models import Person
from desk.db import transaction
from desk.domain.permissions import IssueSubject
from desk.events.models import Event
from desk.issues.models import IssueTicket
from desk.matching import queries
from desk.ticket_issues import Panel, panel_for
from desk.tickets import queries as tickets
from desk.tickets.models import Ticket
from tests.cast import Cast
from tests.issues.scenes import at_registry, catalogued, draft, filed, handed_over, issue, linked, opened, published
from tests.issues.test_queries import statements
from tests.issues.test_views import fields


def test_a_ticket_is_offered_the_issues_it_may_be_about(cast: Cast, session: Session) -> None:
    key = catalogued(cast)
    same = opened(cast, text=draft(catalogue_key=key))
    above = at_registry(cast, text=draft(symptom="API error 9016 since Monday"))
    opened(cast, text=draft(title="Invoices", symptom="The invoice names the wrong contact."))
    opened(cast, cast.samir, text=draft(catalogue_key=key), consortium_id=cast.south.id)
    ticket = filed(cast, cast.alice, cast.alder, catalogue_key=key, text="We get API error 9016 from the member API.")
    found = tickets.get(session, cast.actor(cast.leo), ticket)
    assert [each.issue.number for each in queries.candidates_for(session, cast.actor(cast.leo), found)] == [same, above]
    linked(cast, cast.leo, same, ticket)
    assert [each.issue.number for each in queries.candidates_for(session, cast.actor(cast.leo), found)] == [above]


def test_no_reason_tells_a_registry_what_was_not_disclosed(cast: Cast, session: Session) -> None:
    secret = "0000-0002-1825-0097"
    at_registry(cast, text=draft(title="Empty list of works", symptom=f"Empty list of works for {secret}."))
    ticket = filed(cast, cast.alice, cast.alder, text=f"It happens to {secret} since Monday.")
    handed_over(cast, ticket)
    for person, told in ((cast.leo, True), (cast.rita, False)):
        actor = cast.actor(person)
        found = queries.candidates_for(session, actor, tickets.get(session, actor, ticket))
        assert (secret in str([each.likeness.reasons for each in found])) is told


def test_the_panel_shows_a_desk_the_record_and_a_member_what_is_published(cast: Cast, session: Session) -> None:
    number, other = opened(cast), opened(cast, text=draft(title="Another secret title"))
    ticket = filed(cast, cast.alice, cast.alder)
    linked(cast, cast.leo, number, ticket)
    linked(cast, cast.leo, other, ticket)
    published(cast, cast.leo, number, cast.north)

    def panel(person: Person) -> Panel:
        actor = cast.actor(person)
        found = tickets.get(session, actor, ticket)
        return panel_for(session, actor, found, tickets.subject_of(session, found))

    assert [each.number for each in panel(cast.leo).linked] == [other, number]
    assert panel(cast.leo).may_link
    assert [each.publication.title for each in panel(cast.alice).published] == ["Lists may look empty"]
    assert panel(cast.alice).linked == panel(cast.alice).candidates == ()
    assert not panel(cast.alice).may_link
    handed_over(cast, ticket)
    assert (panel(cast.rita).linked, panel(cast.rita).may_link) == ((), True)


# ------------------------------------------------------------------ an issue: which tickets


def likely(session: Session, cast: Cast, person: Person, number: int) -> list[int]:
    found = queries.tickets_for(session, cast.actor(person), issue(session, cast, person, number), cast.now)
    return [each.ticket.number for each in found]


def test_an_issue_is_offered_tickets_by_kind_by_error_code_and_by_their_words(cast: Cast, session: Session) -> None:
    key = catalogued(cast)
    number = opened(
        cast,
        text=draft(
            title="Uploads of affiliations stop",
            symptom="Bulk uploads of affiliations stop halfway with error code 9016.",
            catalogue_key=key,
        ),
    )
    same_kind = filed(cast, cast.alice, cast.alder, subject="Odd", text="It is odd.", catalogue_key=key)
    same_code = filed(cast, cast.alice, cast.alder, subject="Help", text="We get API error 9016 since noon.")
    same_words = filed(cast, cast.bob, cast.birch, subject="Affiliations", text="Bulk uploads stop halfway, always.")
    other = filed(cast, cast.bob, cast.birch, subject="Invoice", text="The invoice names a wrong contact, halfway.")
    foreign = filed(
        cast, cast.carla, cast.cedar, text="Bulk uploads of affiliations stop halfway with error code 9016."
    )
    found = likely(session, cast, cast.leo, number)
    assert set(found) == {same_kind, same_code, same_words}
    assert other not in found and foreign not in found
    linked(cast, cast.leo, number, same_code)
    assert same_code not in likely(session, cast, cast.leo, number)


def test_what_people_write_is_never_an_operator_of_the_full_text(cast: Cast, session: Session) -> None:
    words = 'near quoted" OR "halfway NOT (broken* & uploads | !affiliations) <-> :* 10.1234/abc"def'
    number = opened(cast, text=draft(title="Odd 'characters'", symptom=words))
    ticket = filed(cast, cast.alice, cast.alder, subject="Odd", text="Quoted affiliations broken halfway by uploads.")
    assert likely(session, cast, cast.leo, number) == [ticket]


def test_a_registry_finds_tickets_by_what_it_was_told_and_not_by_what_it_was_not(cast: Cast, session: Session) -> None:
    number = at_registry(cast, text=draft(title="Token endpoint", symptom="Confidential outage of the token endpoint"))
    ticket = filed(cast, cast.alice, cast.alder, subject="Help", text="Confidential outage of the token endpoint")
    kept = filed(cast, cast.alice, cast.alder, subject="Confidential outage of the token endpoint")
    handed_over(cast, ticket)
    assert likely(session, cast, cast.rita, number) == []
    handed_over(cast, kept)
    # Its subject is on the registry's own list.
    assert likely(session, cast, cast.rita, number) == [kept]


def test_old_and_merged_tickets_are_not_offered(cast: Cast, session: Session) -> None:
    number = opened(cast, text=draft(symptom="Error code 9016"))
    old, merged = (filed(cast, cast.alice, cast.alder, text="API error 9016") for _ in range(2))
    with transaction() as unit:
        unit.get_one(Ticket, old).created_at = cast.now - queries.LOOKED_BACK - timedelta(days=1)
        unit.get_one(Ticket, merged).merged_into_id = old
    assert likely(session, cast, cast.leo, number) == []


def test_the_cost_does_not_grow_with_the_tickets(cast: Cast, session: Session) -> None:
    number = opened(cast, text=draft(symptom="Error code 9016"))

    def asked() -> int:
        session.expire_all()
        with statements() as found:
            assert likely(session, cast, cast.leo, number)
        return len(found)

    filed(cast, cast.alice, cast.alder, text="API error 9016")
    few = asked()
    for _ in range(12):
        filed(cast, cast.bob, cast.birch, text="API error 9016")
    assert asked() <= few + 1  # the second member, once


# ------------------------------------------------------------------ tickets that look alike


def test_three_alike_are_a_group_until_they_have_an_issue(cast: Cast, session: Session) -> None:
    same = [filed(cast, cast.alice, cast.alder, text="API error 9016 when we write works") for _ in range(2)]
    same.append(filed(cast, cast.bob, cast.birch, text="Error code 9016 when we write works"))
    filed(cast, cast.bob, cast.birch, subject="Invoice", text="The invoice is wrong.")
    filed(cast, cast.carla, cast.cedar, text="API error 9016 when we write works")
    place = IssueSubject(consortium_id=cast.north.id)

    def groups(person: Person) -> list[Any]:
        return queries.alike(session, cast.actor(person), place, cast.now)

    (group,) = groups(cast.leo)
    assert sorted(each.ticket.number for each in group.tickets) == sorted(same)
    assert group.members == 2
    assert "error code 9016" in group.reasons
    assert groups(cast.samir) == []
    linked(cast, cast.leo, opened(cast), *same)
    assert groups(cast.leo) == []


# ------------------------------------------------------------------ linking several


def test_several_are_linked_in_one_press_all_or_none(app: Flask, cast: Cast, session: Session) -> None:
    number = opened(cast, text=draft(symptom="Error code 9016"))
    mine = [filed(cast, person, org, text="API error 9016") for person, org in ((cast.alice, cast.alder),) * 3]
    foreign = filed(cast, cast.carla, cast.cedar, text="API error 9016")
    leo = cast.sign_in(app.test_client(), cast.leo)
    page = leo.get(f"/issues/{number}/likely-tickets")
    assert page.text.count('name="ticket"') == 3 and "Says so: error code 9016" in page.text
    path = f"/issues/{number}/likely-tickets"
    assert leo.post(path, data={"ticket": [mine[0], foreign]}).status_code == 404
    assert session.query(IssueTicket).count() == 0
    assert [event.payload for event in session.query(Event).filter_by(kind="issue_refused")] == [
        {"what": "a ticket of elsewhere"}
    ]
    assert leo.post(path, data={"ticket": []}).status_code == 422
    assert leo.post(path, data={"ticket": ["x"]}).status_code == 422
    sent = leo.post(path, data={"ticket": mine})
    assert sent.location == f"/issues/{number}#tickets"
    session.expire_all()
    assert session.query(IssueTicket).count() == 3
    assert leo.post(path, data={"ticket": mine}).status_code == 303
    for stranger in (cast.samir, cast.rita, cast.alice):
        client = cast.sign_in(app.test_client(), stranger)
        assert client.get(path).status_code == 404
        assert client.post(path, data={"ticket": mine}).status_code == 404


def test_an_issue_is_entered_for_all_that_look_alike(app: Flask, cast: Cast, session: Session) -> None:
    mine = [filed(cast, cast.alice, cast.alder, text="API error 9016 when we write works") for _ in range(3)]
    leo = cast.sign_in(app.test_client(), cast.leo)
    page = leo.get("/issues/alike")
    assert "3 tickets of 1 member" in page.text
    place = f"consortium:{cast.north.id}"
    form = leo.get("/issues/new", query_string={"ticket": mine, "register": place})
    assert form.text.count('type="hidden" name="ticket"') == 3
    sent = leo.post("/issues/new", data=fields(owned_by=place, ticket=mine))
    assert sent.status_code == 303
    assert session.query(IssueTicket).count() == 3
    assert "No tickets look alike" in leo.get("/issues/alike").text
