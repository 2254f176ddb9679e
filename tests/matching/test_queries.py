"""Likely issues of a ticket: which are offered, to whom, and what the reasons tell."""

from sqlalchemy.orm import Session

from desk.accounts.models import Person
from desk.matching import queries
from desk.ticket_issues import Panel, panel_for
from desk.tickets import queries as tickets
from tests.cast import Cast
from tests.issues.scenes import at_registry, catalogued, draft, filed, handed_over, linked, opened, published


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
        return panel_for(session, actor, tickets.get(session, actor, ticket))

    assert [each.number for each in panel(cast.leo).linked] == [other, number]
    assert panel(cast.leo).may_link
    assert [each.publication.title for each in panel(cast.alice).published] == ["Lists may look empty"]
    assert panel(cast.alice).linked == panel(cast.alice).candidates == ()
    assert not panel(cast.alice).may_link
    handed_over(cast, ticket)
    assert (panel(cast.rita).linked, panel(cast.rita).may_link) == ((), True)
