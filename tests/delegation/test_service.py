"""A registry says it once: who gets a draft, what the registry learns of it, and what a correction does."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.db import transaction
from desk.delegation import queries, service
from desk.domain.delegation import DraftState, UpdateText
from desk.domain.errors import Conflict, DeskError, InvalidInput, NotPermitted
from desk.domain.register import IssueState
from desk.drafts import service as drafts
from desk.drafts.models import RegistryUpdate, UpdateDraft
from desk.events.models import Event
from desk.issues import service as issues
from desk.issues.models import IssueUpdate
from desk.issues.queries import publication as select_publication
from tests.cast import Cast
from tests.delegation.scenes import SUGGESTED, Two, corrected, draft_of, said, sent, words, worked_off
from tests.issues.scenes import at_registry, draft, east, filed, issue, linked, opened, published


def places(session: Session) -> set[int]:
    return set(session.scalars(sa.select(UpdateDraft.consortium_id)))


def test_every_lead_with_a_linked_ticket_gets_a_draft_and_the_issue_moves(cast: Cast, session: Session) -> None:
    two = Two.set(cast)
    update = session.get_one(RegistryUpdate, two.said(IssueState.KNOWN_ERROR, workaround="Load it again."))
    assert places(session) == {cast.north.id, two.place.id}
    own = two.draft()
    assert (own.state, own.text, own.workaround) == (DraftState.WAITING, SUGGESTED, "Load it again.")
    assert (own.title, own.issue_id, own.send_at) == (update.issue.title, two.number, None)
    assert (update.issue.state, update.issue.workaround) == (IssueState.KNOWN_ERROR, "Load it again.")
    assert [entry.text for entry in session.scalars(sa.select(IssueUpdate))] == ["We found it in the log."]
    told = session.scalars(sa.select(Event).where(Event.kind == "update_drafted")).all()
    assert {event.consortium_id for event in told} == {cast.north.id, two.place.id}


def test_a_part_in_the_issue_is_also_a_publication_a_follower_or_an_own_issue_below_it(
    cast: Cast, session: Session
) -> None:
    place, _, _, emil = east(cast)
    number = at_registry(cast)
    said(cast, number)
    assert places(session) == set()
    published(cast, cast.leo, number, cast.north)
    with transaction() as unit:
        below = issues.open_issue(unit, cast.actor(emil), draft(), consortium_id=place.id, now=cast.now)
        issues.link_upstream(unit, cast.actor(emil), below, upstream_number=number, now=cast.now)
        below_id = below.id
    said(cast, number)
    assert places(session) == {cast.north.id, place.id}
    assert (draft_of(session, place).issue_id, draft_of(session, cast.north).issue_id) == (below_id, number)


@pytest.mark.parametrize("name", ["alice", "leo", "lena", "samir", "dora", "dirk", "ada"])
def test_nobody_but_the_registry_writes_its_updates(cast: Cast, session: Session, name: str) -> None:
    two, person = Two.set(cast), cast.people()[name]
    with pytest.raises(NotPermitted), transaction() as unit:
        found = issue(unit, cast, cast.rita, two.number)
        text = UpdateText("a", "b")
        service.write_update(unit, cast.actor(person), found, text, to=found.state, version=found.version, now=cast.now)
    assert places(session) == set()


def test_an_update_is_of_a_registrys_issue_of_the_version_that_was_read(cast: Cast, session: Session) -> None:
    two = Two.set(cast)

    def wrote(person: Any, number: int, version: int | None, to: IssueState = IssueState.INVESTIGATING) -> None:
        with transaction() as unit:
            found = issue(unit, cast, person, number)
            version = found.version if version is None else version
            text = UpdateText("a", "b")
            service.write_update(unit, cast.actor(person), found, text, to=to, version=version, now=cast.now)

    refusals: list[tuple[type[DeskError], Any]] = [
        (InvalidInput, (cast.leo, opened(cast), None)),
        (Conflict, (cast.rita, two.number, 99)),
        (InvalidInput, (cast.rita, two.number, None, IssueState.KNOWN_ERROR)),  # without a workaround
    ]
    for kind, what in refusals:
        with pytest.raises(kind):
            wrote(*what)
    assert places(session) == set()


def test_the_registry_sees_states_and_numbers_and_no_name(cast: Cast, session: Session) -> None:
    two = Two.set(cast)
    update_id = two.said()
    sent(cast, cast.leo, cast.north, text="Ours.")
    with transaction() as unit:
        drafts.dismiss_draft(unit, cast.actor(two.emil), two.draft(two.place), reason="Eve knows.", now=cast.now)
    worked_off(cast.now)
    update = queries.update_of(session, cast.actor(cast.rita), update_id)
    assert queries.tally(session, [update_id])[update_id] == {DraftState.SENT: 1, DraftState.DISMISSED: 1}
    lines = {line.consortium: line for line in queries.lines(session, update)}
    assert (lines["Northern Consortium"].state, lines["Northern Consortium"].counts.answered) == (DraftState.SENT, 1)
    assert lines["Eastern Consortium"].state is DraftState.DISMISSED
    assert not any(word in str(lines) for word in ("Alice", "Alder", "Eve", "knows", "Ours"))


def test_a_correction_reaches_untouched_drafts_and_never_replaces_what_a_lead_wrote(
    cast: Cast, session: Session
) -> None:
    two = Two.set(cast)
    update_id = two.said()
    with transaction() as unit:
        own = draft_of(unit, cast.north)
        text = words(own, text="Leo's words.")
        drafts.save_draft(unit, cast.actor(cast.leo), own, text, version=own.version, now=cast.now)
    corrected(cast, update_id, "Newer words.")
    here, there = two.draft(), two.draft(two.place)
    assert (here.text, here.revision, there.text, there.revision) == ("Leo's words.", 1, "Newer words.", 2)
    told = session.scalars(sa.select(Event).where(Event.kind == "draft_outdated").order_by(Event.id)).all()
    assert [(event.consortium_id, event.payload["edited"]) for event in told] == [
        (cast.north.id, True),
        (two.place.id, False),
    ]
    with transaction() as unit:
        own = draft_of(unit, cast.north)
        drafts.take_newer(unit, cast.actor(cast.leo), own, version=own.version, now=cast.now)
    assert (two.draft().text, two.draft().revision) == ("Newer words.", 2)
    before = session.scalars(sa.select(Event).where(Event.kind == "update_revised")).one().payload["before"]
    assert before["member_text"] == SUGGESTED


def test_what_was_sent_stays_and_its_lead_is_told_that_there_are_newer_words(cast: Cast, session: Session) -> None:
    two = Two.set(cast)
    update_id = two.said()
    sent(cast, cast.leo, cast.north)
    with transaction() as unit:
        stale = draft_of(unit, two.place)
        version = stale.version
    corrected(cast, update_id, "Newer words.")
    assert (two.draft().text, two.draft().state) == (SUGGESTED, DraftState.SENT)
    with pytest.raises(Conflict):
        sent(cast, two.emil, two.place, version=version)
    assert two.draft(two.place).state is DraftState.WAITING


def test_what_is_fixed_promises_no_further_update_unless_it_says_so(cast: Cast, session: Session) -> None:
    two = Two.set(cast)
    two.said(next_update_at=cast.now + timedelta(days=3))
    sent(cast, cast.leo, cast.north)
    told = select_publication(session, two.number, cast.north.id)
    assert told is not None and told.next_update_at == cast.now + timedelta(days=3)
    two.said(IssueState.FIXED)
    sent(cast, cast.leo, cast.north)
    session.expire_all()
    told = select_publication(session, two.number, cast.north.id)
    assert told is not None and (told.state, told.next_update_at) == (IssueState.FIXED, None)


def test_linked_tickets_of_the_other_consortium_are_no_part_of_a_draft(cast: Cast, session: Session) -> None:
    two = Two.set(cast)
    more = filed(cast, cast.bob, cast.birch)
    linked(cast, cast.leo, two.number, more)
    two.said()
    sent(cast, cast.leo, cast.north)
    assert worked_off(cast.now) == 3  # two tickets, and the end
