"""What is published and said, on both databases: who may, what is kept, what is told."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.db import transaction
from desk.domain.errors import Conflict, DeskError, InvalidInput, NotFound, NotPermitted
from desk.domain.register import EntryAudience, IssueState
from desk.domain.script import HoldsScript
from desk.events.models import Event
from desk.issues import queries as issues
from desk.issues import service as register
from desk.issues.models import Issue, IssueMemberOrg, IssuePublication
from desk.known_issues import queries, service
from tests.cast import Cast
from tests.issues.scenes import at_registry, east, issue, opened, published

TOKEN = "Authorization: Bearer 4bed1e13-7792-4129-9f07-aaf7b88ba88f"


def events(session: Session, kind: str) -> list[Event]:
    return list(session.scalars(sa.select(Event).where(Event.kind == kind).order_by(Event.id)))


def moved(cast: Cast, person: Any, number: int, to: IssueState) -> None:
    with transaction() as session:
        found = issue(session, cast, person, number)
        register.move_issue(session, cast.actor(person), found, to=to, version=found.version, now=cast.now)


# ------------------------------------------------------------------ publishing


@pytest.mark.parametrize("field", ["title", "text", "workaround"])
@pytest.mark.parametrize("bad", ["<script>alert(1)</script>", "<img onerror=alert(1)>", "[x](javascript:alert(1))"])
def test_a_text_with_script_is_refused_at_its_field_and_nothing_is_kept(
    cast: Cast, session: Session, field: str, bad: str
) -> None:
    number = opened(cast)
    with pytest.raises(HoldsScript) as refusal:
        published(cast, cast.leo, number, cast.north, **{field: f"It helps. {bad}"})
    assert refusal.value.field == field and "alert" not in refusal.value.sentence
    assert session.scalars(sa.select(IssuePublication)).all() == []
    assert events(session, "issue_published") == []


def test_an_update_with_script_is_refused_for_members_and_other_desks(cast: Cast, session: Session) -> None:
    number = opened(cast)
    published(cast, cast.leo, number, cast.north)
    for audience, place in ((EntryAudience.MEMBERS, cast.north.id), (EntryAudience.DESKS, None)):
        with pytest.raises(HoldsScript), transaction() as unit:
            service.add_update(
                unit, cast.actor(cast.leo), issue(unit, cast, cast.leo, number),
                audience=audience, text="<svg onload=alert(1)>", consortium_id=place, now=cast.now,
            )  # fmt: skip
    assert events(session, "issue_updated") == []


def test_what_is_published_has_neither_secrets_nor_script(cast: Cast, session: Session) -> None:
    number = opened(cast)
    bad = f"`<script>alert(1)</script> [x](javascript:alert(1)) <img src=x onerror=alert(1)>` {TOKEN}"
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
        return issues.affected(session, cast.actor(cast.leo), issue(session, cast, cast.leo, number)).members

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
