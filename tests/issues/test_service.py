"""The verbs of the register, on both databases: who may, what is kept, what is told."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from desk.db import transaction
from desk.domain.errors import Conflict, IllegalTransition, InvalidInput, NotFound, NotPermitted
from desk.domain.register import EntryAudience, IssueState
from desk.events.models import Event
from desk.issues import queries, service
from desk.issues.models import Issue, IssueTicket
from desk.known_issues import service as known_issues
from tests.cast import Cast
from tests.issues.scenes import at_registry, draft, filed, handed_over, issue, linked, opened

TOKEN = "Authorization: Bearer 4bed1e13-7792-4129-9f07-aaf7b88ba88f"


def events(session: Session, kind: str) -> list[Event]:
    return list(session.scalars(sa.select(Event).where(Event.kind == kind).order_by(Event.id)))


def moved(cast: Cast, person: Any, number: int, to: IssueState, note: str = "", version: int | None = None) -> None:
    with transaction() as session:
        found = issue(session, cast, person, number)
        version = found.version if version is None else version
        service.move_issue(session, cast.actor(person), found, to=to, note=note, version=version, now=cast.now)


# ------------------------------------------------------------------ the record


def test_a_lead_enters_an_issue_and_its_identifiers_are_found(cast: Cast, session: Session) -> None:
    text = draft(symptom=f"Error code 9016 for APP-AAAA1111BBBB2222. {TOKEN}", catalogue_key="orcid-api-not-found")
    found = issue(session, cast, cast.leo, opened(cast, text=text))
    assert (found.state, found.consortium_id, found.registry_id) == (IssueState.IDENTIFIED, cast.north.id, None)
    assert "4bed1e13" not in found.symptom
    assert {(one["kind"], one["value"]) for one in found.identifiers} >= {
        ("orcid_error", "9016"),
        ("client_id", "APP-AAAA1111BBBB2222"),
    }
    assert [event.issue_id for event in events(session, "issue_opened")] == [found.id]


@pytest.mark.parametrize("name", ["alice", "olga", "bob", "carla", "samir", "sofia", "rita", "dora", "ada"])
def test_nobody_enters_an_issue_in_the_register_of_another_desk(cast: Cast, session: Session, name: str) -> None:
    with pytest.raises(NotPermitted):
        opened(cast, cast.people()[name], consortium_id=cast.north.id)
    assert session.scalar(sa.select(sa.func.count()).select_from(Issue)) == 0


@pytest.mark.parametrize("name", ["alice", "leo", "lena", "samir", "dora", "dirk", "ada"])
def test_nobody_but_its_own_desk_enters_an_issue_of_a_registry(cast: Cast, name: str) -> None:
    with pytest.raises(NotPermitted):
        opened(cast, cast.people()[name], registry_id=cast.orcid.id)


def test_an_issue_has_one_owner(cast: Cast) -> None:
    with pytest.raises(InvalidInput):
        opened(cast, consortium_id=cast.north.id, registry_id=cast.orcid.id)


def test_who_answers_for_it_is_of_the_right_desk(cast: Cast, session: Session) -> None:
    found = issue(
        session, cast, cast.leo, opened(cast, text=draft(owner_id=cast.lena.id, problem_manager_id=cast.rita.id))
    )
    assert (found.owner_id, found.problem_manager_id) == (cast.lena.id, cast.rita.id)
    for wrong in ({"owner_id": cast.samir.id}, {"owner_id": cast.alice.id}, {"problem_manager_id": cast.dora.id}):
        with pytest.raises(InvalidInput) as refusal:
            opened(cast, text=draft(**wrong))
        assert refusal.value.field in wrong
    with pytest.raises(InvalidInput):
        at_registry(cast, text=draft(owner_id=cast.leo.id))


def test_an_edit_is_kept_and_the_second_of_two_sees_a_conflict(cast: Cast, session: Session) -> None:
    number = opened(cast)
    version = issue(session, cast, cast.leo, number).version
    for person, title in ((cast.leo, "Leo's title"), (cast.lena, "Lena's title")):
        try:
            with transaction() as unit:
                found = issue(unit, cast, person, number)
                service.edit_issue(unit, cast.actor(person), found, draft(title=title), version=version, now=cast.now)
        except Conflict:
            assert person is cast.lena
    session.expire_all()
    assert issue(session, cast, cast.leo, number).title == "Leo's title"
    assert events(session, "issue_edited")[0].payload == {"fields": ["title"]}


def test_an_edit_that_changes_nothing_leaves_no_trace(cast: Cast, session: Session) -> None:
    number = opened(cast)
    with transaction() as unit:
        found = issue(unit, cast, cast.leo, number)
        service.edit_issue(unit, cast.actor(cast.leo), found, draft(), version=found.version, now=cast.now)
    assert issue(session, cast, cast.leo, number).version == 1
    assert events(session, "issue_edited") == []


def test_somebody_who_left_stays_named_until_another_is_chosen(cast: Cast, session: Session) -> None:
    number = opened(cast, text=draft(owner_id=cast.lena.id))
    later = cast.now + timedelta(days=1)
    with transaction() as unit:
        unit.execute(sa.text("UPDATE person SET active = :no WHERE id = :id"), {"no": False, "id": cast.lena.id})
    with transaction() as unit:
        found = issue(unit, cast, cast.leo, number)
        text = draft(owner_id=cast.lena.id, cause="A stale index.")
        service.edit_issue(unit, cast.actor(cast.leo), found, text, version=found.version, now=later)
        assert found.cause == "A stale index."


def test_a_known_error_keeps_its_workaround(cast: Cast, session: Session) -> None:
    number = opened(cast, text=draft(workaround="Reload the page."))
    moved(cast, cast.leo, number, IssueState.KNOWN_ERROR)
    with pytest.raises(InvalidInput), transaction() as unit:
        found = issue(unit, cast, cast.leo, number)
        service.edit_issue(unit, cast.actor(cast.leo), found, draft(), version=found.version, now=cast.now)
    session.expire_all()
    assert issue(session, cast, cast.leo, number).workaround == "Reload the page."


def test_a_move_is_kept_with_its_reason(cast: Cast, session: Session) -> None:
    number = opened(cast)
    moved(cast, cast.leo, number, IssueState.CLOSED, note=f"A duplicate. {TOKEN}")
    found = issue(session, cast, cast.leo, number)
    assert found.state is IssueState.CLOSED
    entries = queries.entries_for(session, cast.actor(cast.leo), found)
    assert [(entry.audience, entry.text.split(".")[0]) for entry in entries] == [(EntryAudience.OWNER, "A duplicate")]
    assert "4bed1e13" not in entries[0].text + entries[0].html
    assert events(session, "issue_moved")[0].payload == {"from": "identified", "to": "closed"}


def test_a_move_needs_the_state_that_was_read(cast: Cast) -> None:
    number = opened(cast)
    moved(cast, cast.leo, number, IssueState.INVESTIGATING)
    with pytest.raises(Conflict):
        moved(cast, cast.lena, number, IssueState.FIX_PLANNED, version=1)
    with pytest.raises(IllegalTransition):
        moved(cast, cast.lena, number, IssueState.IDENTIFIED)
    with pytest.raises(InvalidInput):
        moved(cast, cast.lena, number, IssueState.KNOWN_ERROR)


# ------------------------------------------------------------------ tickets


def test_opening_from_a_ticket_links_it(cast: Cast, session: Session) -> None:
    ticket = filed(cast, cast.alice, cast.alder)
    with transaction() as unit:
        found = service.open_issue(
            unit, cast.actor(cast.leo), draft(), consortium_id=cast.north.id, ticket_numbers=[ticket], now=cast.now
        )
    assert [each.number for each in queries.linked_tickets(session, cast.actor(cast.leo), found)] == [ticket]
    (event,) = events(session, "issue_linked")
    assert (event.ticket_id, event.issue_id, event.audience) == (ticket, found.id, "lead")


def test_a_link_is_made_once_undone_and_made_again(cast: Cast, session: Session) -> None:
    number, ticket = opened(cast), filed(cast, cast.alice, cast.alder)

    def change(verb: Any) -> bool:
        with transaction() as unit:
            found = issue(unit, cast, cast.leo, number)
            return bool(verb(unit, cast.actor(cast.leo), found, ticket_number=ticket, now=cast.now))

    verbs = (
        service.link_ticket,
        service.link_ticket,
        service.unlink_ticket,
        service.unlink_ticket,
        service.link_ticket,
    )
    assert [change(verb) for verb in verbs] == [True, False, True, False, True]
    assert session.scalar(sa.select(sa.func.count()).select_from(IssueTicket)) == 1
    assert len(events(session, "issue_linked")) == 2
    assert len(events(session, "issue_unlinked")) == 1


def test_a_foreign_ticket_is_not_found(cast: Cast, session: Session) -> None:
    number, foreign = opened(cast), filed(cast, cast.carla, cast.cedar, service="DataCite")
    for ticket in (foreign, 4711):
        with pytest.raises(NotFound):
            linked(cast, cast.leo, number, ticket)
    assert session.scalar(sa.select(sa.func.count()).select_from(IssueTicket)) == 0


def test_a_ticket_of_another_consortium_does_not_fit_a_consortiums_issue_even_for_the_lead_of_both(
    cast: Cast, session: Session
) -> None:
    number, foreign = opened(cast), filed(cast, cast.carla, cast.cedar, service="DataCite")
    with transaction() as unit:
        unit.execute(
            sa.text("UPDATE role_grant SET person_id = :leo WHERE person_id = :samir"),
            {"leo": cast.leo.id, "samir": cast.samir.id},
        )
    with pytest.raises(NotFound):
        linked(cast, cast.leo, number, foreign)


def test_a_registrys_issue_takes_what_was_handed_over_and_what_a_lead_links(cast: Cast, session: Session) -> None:
    number, kept, given = at_registry(cast), *(filed(cast, cast.alice, cast.alder) for _ in range(2))
    handed_over(cast, given)
    with pytest.raises(NotFound):
        linked(cast, cast.rita, number, kept)
    linked(cast, cast.rita, number, given)
    linked(cast, cast.leo, number, kept)
    assert {event.audience for event in events(session, "issue_linked")} == {"handover"}
    with pytest.raises(NotFound):
        linked(cast, cast.samir, number, filed(cast, cast.carla, cast.cedar, service="DataCite"))


def test_a_registry_agent_does_not_link_to_an_issue_that_is_only_shown_to_them(cast: Cast) -> None:
    number, above, ticket = opened(cast), at_registry(cast), filed(cast, cast.alice, cast.alder)
    handed_over(cast, ticket)
    with transaction() as unit:
        found = issue(unit, cast, cast.leo, number)
        service.link_upstream(unit, cast.actor(cast.leo), found, upstream_number=above, now=cast.now)
    with pytest.raises(NotFound):
        linked(cast, cast.rita, number, ticket)


def test_upward_goes_only_to_an_issue_of_the_own_registry(cast: Cast, session: Session) -> None:
    number, other = opened(cast), opened(cast)
    elsewhere = opened(cast, cast.dora, registry_id=cast.datacite.id)
    above = at_registry(cast)
    for wrong, refusal in ((other, InvalidInput), (elsewhere, NotFound), (4711, NotFound)):
        with pytest.raises(refusal), transaction() as unit:
            found = issue(unit, cast, cast.leo, number)
            service.link_upstream(unit, cast.actor(cast.leo), found, upstream_number=wrong, now=cast.now)
    with pytest.raises(InvalidInput), transaction() as unit:
        found = issue(unit, cast, cast.rita, above)
        service.link_upstream(unit, cast.actor(cast.rita), found, upstream_number=above, now=cast.now)


@pytest.mark.parametrize("name", ["alice", "samir", "rita", "ada"])
def test_every_verb_of_the_record_asks_who_may(cast: Cast, session: Session, name: str) -> None:
    number = opened(cast)
    actor = cast.actor(cast.people()[name])
    verbs: list[Any] = [
        lambda unit, it: service.edit_issue(unit, actor, it, draft(title="X"), version=it.version, now=cast.now),
        lambda unit, it: service.move_issue(
            unit, actor, it, to=IssueState.INVESTIGATING, version=it.version, now=cast.now
        ),
        lambda unit, it: service.link_upstream(unit, actor, it, upstream_number=None, now=cast.now),
        lambda unit, it: service.add_decision(unit, actor, it, text="X", now=cast.now),
        lambda unit, it: known_issues.add_update(unit, actor, it, audience=EntryAudience.OWNER, text="X", now=cast.now),
        lambda unit, it: known_issues.withdraw(unit, actor, it, consortium_id=cast.north.id, now=cast.now),
        lambda unit, it: service.link_ticket(unit, actor, it, ticket_number=1, now=cast.now),
    ]
    before = session.scalar(sa.select(sa.func.count()).select_from(Event))
    for verb in verbs:
        with pytest.raises((NotPermitted, NotFound)), transaction() as unit:
            verb(unit, unit.get_one(Issue, number))
    assert session.scalar(sa.select(sa.func.count()).select_from(Event)) == before


# ------------------------------------------------------------------ names of members


def test_an_upward_link_that_would_name_a_member_is_refused_and_recorded(
    app: Flask, cast: Cast, session: Session
) -> None:
    number, above = opened(cast, text=draft(symptom="Works of Alder University are not shown.")), at_registry(cast)
    leo = cast.sign_in(app.test_client(), cast.leo)
    page = leo.post(f"/issues/{number}/upstream", data={"upstream": above})
    assert page.status_code == 422
    assert "The symptom names “Alder University”" in page.text
    assert [event.payload for event in events(session, "issue_refused")] == [{"what": "an upward link"}]
    assert cast.sign_in(app.test_client(), cast.rita).get(f"/issues/{number}").status_code == 404
    with transaction() as unit:
        found = issue(unit, cast, cast.leo, number)
        service.edit_issue(unit, cast.actor(cast.leo), found, draft(), version=found.version, now=cast.now)
    assert leo.post(f"/issues/{number}/upstream", data={"upstream": above}).status_code == 303


def test_a_members_contact_is_not_named_upward_either(cast: Cast) -> None:
    """A symptom is often begun with a member's mail, and that ends with the sender's name."""
    number, above = (
        opened(cast, text=draft(symptom="The list stays empty. Best wishes, Alice Alder")),
        at_registry(cast),
    )
    with transaction() as unit:
        found = issue(unit, cast, cast.leo, number)
        with pytest.raises(InvalidInput) as refusal:
            service.link_upstream(unit, cast.actor(cast.leo), found, upstream_number=above, now=cast.now)
    assert refusal.value.field == "symptom" and "“Alice Alder”" in refusal.value.sentence


def test_what_is_linked_upward_is_not_given_a_members_name_afterwards(cast: Cast) -> None:
    number, above = opened(cast), at_registry(cast)
    with transaction() as unit:
        found = issue(unit, cast, cast.leo, number)
        service.link_upstream(unit, cast.actor(cast.leo), found, upstream_number=above, now=cast.now)

    def write(verb: Any, **values: Any) -> None:
        with transaction() as unit:
            verb(unit, cast.actor(cast.leo), issue(unit, cast, cast.leo, number), **values, now=cast.now)

    for verb, values in (
        (service.edit_issue, {"draft": draft(cause="A setting at birch.example"), "version": 2}),
        (known_issues.add_update, {"audience": EntryAudience.DESKS, "text": "Birch Library confirms it."}),
    ):
        with pytest.raises(InvalidInput) as refusal:
            write(verb, **values)
        assert "The registry would read it" in refusal.value.sentence
    write(known_issues.add_update, audience=EntryAudience.OWNER, text="Birch Library confirms it.")


def test_a_registrys_record_names_no_member_to_the_leads(cast: Cast, session: Session) -> None:
    with pytest.raises(InvalidInput) as refusal:
        at_registry(cast, text=draft(title="Alder University cannot sign in"))
    assert refusal.value.field == "title"
    # Of another registry it knows nothing, so that a refusal tells nothing of its members.
    at_registry(cast, text=draft(title="Cedar Institute cannot sign in"))


def test_a_foreign_ticket_is_refused_and_recorded_without_a_word_of_it(
    app: Flask, cast: Cast, session: Session
) -> None:
    number, foreign = opened(cast), filed(cast, cast.carla, cast.cedar, subject="A foreign subject")
    leo = cast.sign_in(app.test_client(), cast.leo)
    for ticket in (foreign, 4711):
        page = leo.post("/issues/link", data={"issue": number, "ticket": ticket})
        assert page.status_code == 404 and "foreign" not in page.text
    assert {str(event.payload) for event in events(session, "issue_refused")} == {"{'what': 'a ticket of elsewhere'}"}
