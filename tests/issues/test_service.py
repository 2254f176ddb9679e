"""The verbs of the register, on both databases: who may, what is kept, what is told."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.db import transaction
from desk.domain.errors import Conflict, DeskError, IllegalTransition, InvalidInput, NotFound, NotPermitted
from desk.domain.register import EntryAudience, IssueState
from desk.events.models import Event
from desk.issues import queries, service
from desk.issues.models import Issue, IssueMemberOrg, IssuePublication, IssueTicket
from tests.cast import Cast
from tests.issues.scenes import at_registry, draft, east, filed, handed_over, issue, linked, opened, published

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
            unit, cast.actor(cast.leo), draft(), consortium_id=cast.north.id, ticket_number=ticket, now=cast.now
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


# ------------------------------------------------------------------ publishing


def test_what_is_published_has_neither_secrets_nor_script(cast: Cast, session: Session) -> None:
    number = opened(cast)
    bad = f"<script>alert(1)</script> [x](javascript:alert(1)) <img src=x onerror=alert(1)> {TOKEN}"
    published(cast, cast.leo, number, cast.north, text=bad, workaround=bad, title=f"Empty lists {TOKEN}")
    told = session.scalars(sa.select(IssuePublication)).one()
    stored = told.title + told.text + told.workaround
    assert "4bed1e13" not in stored + told.html + told.workaround_html
    for html in (told.html, told.workaround_html):
        assert "<script" not in html and "<img" not in html and 'href="javascript' not in html
    (event,) = events(session, "issue_published")
    assert (event.issue_id, event.consortium_id, event.audience, event.expanded_at) == (
        number,
        cast.north.id,
        "member",
        None,
    )
    assert event.payload["text"] == told.text
    assert "4bed1e13" not in str(event.payload)


@pytest.mark.parametrize("name", ["alice", "olga", "samir", "sofia", "rita", "ruth", "ada"])
def test_only_the_lead_speaks_to_the_members_of_a_consortium(cast: Cast, session: Session, name: str) -> None:
    number = opened(cast)
    person = cast.people()[name]
    with pytest.raises(DeskError), transaction() as unit:
        found = issue(unit, cast, cast.leo, number)
        service.publish(
            unit, cast.actor(person), found, consortium_id=cast.north.id, title="T", text="Text", now=cast.now
        )
    assert session.scalar(sa.select(sa.func.count()).select_from(IssuePublication)) == 0


def test_a_registrys_issue_is_published_by_each_lead_to_its_own_members(cast: Cast, session: Session) -> None:
    number = at_registry(cast)
    place, _, _, emil = east(cast)
    published(cast, cast.leo, number, cast.north)
    published(cast, emil, number, place, text="The east says it in other words.")
    with pytest.raises(NotPermitted):
        published(cast, cast.leo, number, place)
    with pytest.raises(NotPermitted):
        published(cast, cast.ruth, number, cast.north)
    with pytest.raises(NotFound):
        published(cast, cast.samir, number, cast.south)


def test_publishing_again_is_an_update_and_the_same_again_is_silent(cast: Cast, session: Session) -> None:
    number = opened(cast)
    for text in ("One.", "Two.", "Two."):
        published(cast, cast.leo, number, cast.north, text=text)
    assert len(events(session, "issue_published")) == 1
    assert [event.payload["text"] for event in events(session, "issue_updated")] == ["Two."]


def test_the_second_of_two_who_publish_sees_a_conflict(cast: Cast) -> None:
    number = opened(cast)
    published(cast, cast.leo, number, cast.north, text="One.")
    published(cast, cast.leo, number, cast.north, text="Two.", version=1)
    with pytest.raises(Conflict):
        published(cast, cast.lena, number, cast.north, text="Three.", version=1)


def test_an_update_promised_in_the_past_is_refused(cast: Cast) -> None:
    with pytest.raises(InvalidInput) as refusal:
        published(cast, cast.leo, opened(cast), cast.north, next_update_at=cast.now)
    assert refusal.value.field == "next_update_at"


def test_members_follow_the_moves_of_their_leads_issue_at_once(cast: Cast, session: Session) -> None:
    number = opened(cast)
    published(cast, cast.leo, number, cast.north)
    moved(cast, cast.leo, number, IssueState.INVESTIGATING)
    assert session.scalars(sa.select(IssuePublication)).one().state is IssueState.INVESTIGATING
    assert [event.consortium_id for event in events(session, "issue_updated")] == [cast.north.id]


def test_the_move_of_a_registry_reaches_members_when_their_lead_says_so(cast: Cast, session: Session) -> None:
    number = at_registry(cast)
    published(cast, cast.leo, number, cast.north)
    moved(cast, cast.rita, number, IssueState.INVESTIGATING)
    assert session.scalars(sa.select(IssuePublication)).one().state is IssueState.IDENTIFIED
    assert events(session, "issue_updated") == []
    published(cast, cast.leo, number, cast.north)
    assert session.scalars(sa.select(IssuePublication)).one().state is IssueState.INVESTIGATING


def test_a_published_update_is_told_and_an_internal_one_is_not(cast: Cast, session: Session) -> None:
    number = opened(cast)

    def entry(audience: EntryAudience, text: str, place: int | None = None) -> None:
        with transaction() as unit:
            found = issue(unit, cast, cast.leo, number)
            service.add_update(
                unit, cast.actor(cast.leo), found, audience=audience, text=text, consortium_id=place, now=cast.now
            )

    with pytest.raises(InvalidInput):
        entry(EntryAudience.MEMBERS, "Too early.", cast.north.id)
    published(cast, cast.leo, number, cast.north)
    entry(EntryAudience.OWNER, "Only we know.")
    entry(EntryAudience.DESKS, "The registry knows too.")
    entry(EntryAudience.MEMBERS, f"Better since noon. {TOKEN}", cast.north.id)
    with pytest.raises(InvalidInput):
        entry(EntryAudience.MEMBERS, "To whom?")
    with pytest.raises(NotPermitted):
        entry(EntryAudience.MEMBERS, "To others.", cast.south.id)
    (event,) = events(session, "issue_updated")
    assert event.payload["text"].startswith("Better since noon.")
    assert "4bed1e13" not in str(event.payload)
    told = session.scalars(sa.select(IssuePublication)).one()
    assert [each.text[:6] for each in queries.published_entries(session, told)] == ["Better"]


def test_what_is_taken_back_is_no_longer_read_and_may_be_published_again(cast: Cast, session: Session) -> None:
    number = opened(cast)
    published(cast, cast.leo, number, cast.north)
    with transaction() as unit:
        service.withdraw(
            unit, cast.actor(cast.leo), issue(unit, cast, cast.leo, number), consortium_id=cast.north.id, now=cast.now
        )
    assert queries.known_issues(session, cast.actor(cast.alice)) == []
    with pytest.raises(NotFound):
        queries.known_issue(session, cast.actor(cast.alice), number)
    published(cast, cast.leo, number, cast.north)
    assert len(queries.known_issues(session, cast.actor(cast.alice))) == 1
    assert len(events(session, "issue_published")) == 2


# ------------------------------------------------------------------ what members say


def test_affects_us_counts_the_organisation_once_and_can_be_taken_back_by_a_colleague(
    cast: Cast, session: Session
) -> None:
    number = opened(cast)
    published(cast, cast.leo, number, cast.north)

    def say(person: Any, yes: bool) -> None:
        with transaction() as unit:
            found = unit.get_one(Issue, number)
            service.affects_us(unit, cast.actor(person), found, yes, member_org_id=cast.alder.id, now=cast.now)

    def members() -> int:
        return queries.affected(session, cast.actor(cast.leo), issue(session, cast, cast.leo, number)).members

    say(cast.alice, True)
    say(cast.adam, True)
    say(cast.adam, True)
    assert members() == 1
    assert queries.followers(session, number, cast.north.id, cast.now) == [cast.alice.id, cast.adam.id]
    say(cast.alice, False)
    session.expire_all()
    assert members() == 0
    assert queries.followers(session, number, cast.north.id, cast.now) == [cast.alice.id, cast.adam.id]


def test_following_can_be_ended_and_ends_with_the_role(cast: Cast, session: Session) -> None:
    number = opened(cast)
    published(cast, cast.leo, number, cast.north)
    for person, yes in ((cast.alice, True), (cast.adam, True), (cast.adam, False)):
        with transaction() as unit:
            found = unit.get_one(Issue, number)
            service.follow(unit, cast.actor(person), found, yes, member_org_id=cast.alder.id, now=cast.now)
    assert queries.followers(session, number, cast.north.id, cast.now) == [cast.alice.id]
    assert queries.followers(session, number, cast.south.id, cast.now) == []
    with transaction() as unit:
        ended = sa.text("UPDATE role_grant SET valid_until = valid_from WHERE person_id = :id")
        unit.execute(ended, {"id": cast.alice.id})
    assert queries.followers(session, number, cast.north.id, cast.now) == []


@pytest.mark.parametrize(
    ("name", "org"), [("bob", "alder"), ("carla", "cedar"), ("carla", "alder"), ("leo", "alder"), ("rita", "alder")]
)
def test_nobody_speaks_for_an_organisation_that_is_not_theirs(
    cast: Cast, session: Session, name: str, org: str
) -> None:
    number = opened(cast)
    published(cast, cast.leo, number, cast.north)
    for verb in (service.affects_us, service.follow):
        with pytest.raises(NotFound), transaction() as unit:
            found = unit.get_one(Issue, number)
            actor = cast.actor(cast.people()[name])
            verb(unit, actor, found, member_org_id=getattr(cast, org).id, now=cast.now)
    assert session.scalar(sa.select(sa.func.count()).select_from(IssueMemberOrg)) == 0


def test_an_issue_that_is_not_published_cannot_be_followed(cast: Cast) -> None:
    number = opened(cast)
    with pytest.raises(NotFound), transaction() as unit:
        found = unit.get_one(Issue, number)
        service.follow(unit, cast.actor(cast.alice), found, member_org_id=cast.alder.id, now=cast.now)


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
        lambda unit, it: service.add_update(unit, actor, it, audience=EntryAudience.OWNER, text="X", now=cast.now),
        lambda unit, it: service.withdraw(unit, actor, it, consortium_id=cast.north.id, now=cast.now),
        lambda unit, it: service.link_ticket(unit, actor, it, ticket_number=1, now=cast.now),
    ]
    before = session.scalar(sa.select(sa.func.count()).select_from(Event))
    for verb in verbs:
        with pytest.raises((NotPermitted, NotFound)), transaction() as unit:
            verb(unit, unit.get_one(Issue, number))
    assert session.scalar(sa.select(sa.func.count()).select_from(Event)) == before


def test_an_update_without_a_new_date_keeps_the_promise_that_still_stands(cast: Cast, session: Session) -> None:
    number, promised = opened(cast), cast.now + timedelta(days=5)
    published(cast, cast.leo, number, cast.north, next_update_at=promised)

    def told_at(at: Any, until: Any = None) -> Any:
        with transaction() as unit:
            service.add_update(
                unit,
                cast.actor(cast.leo),
                issue(unit, cast, cast.leo, number),
                audience=EntryAudience.MEMBERS,
                text=f"News of {at}.",
                consortium_id=cast.north.id,
                next_update_at=until,
                now=at,
            )
        session.expire_all()
        return session.scalars(sa.select(IssuePublication)).one().next_update_at

    assert told_at(cast.now + timedelta(days=1)) == promised
    later = promised + timedelta(days=2)
    assert told_at(cast.now + timedelta(days=2), later) == later
    # A promise that this update comes after is kept or broken, but no longer ahead.
    assert told_at(later + timedelta(hours=1)) is None
