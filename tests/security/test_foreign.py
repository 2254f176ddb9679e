"""Every endpoint with everybody else's things: what is not yours answers to the letter like what is not there."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from desk.accounts import service as people
from desk.accounts.models import Person, RoleGrant
from desk.calendars.models import Agreement, Calendar
from desk.conversations.models import Attachment
from desk.conversations.service import File
from desk.db import Base, transaction
from desk.domain.vocabulary import Audience
from desk.mail.models import (
    Cause,
    InboundMail,
    InboundOutcome,
    InboundState,
    OutboundMail,
    OutboundState,
    SuppressedAddress,
)
from tests.cast import Cast
from tests.delegation.scenes import draft_of, said, sent
from tests.issues.scenes import at_registry, handed_over, linked, opened, published
from tests.security.doors import addresses, guarded, kind_of
from tests.tickets.scenes import filed, with_catalogue, written

MISSING = 2_000_000_000

SENT: Mapping[str, str] = {
    "text": "words", "audience": "member", "solved": "yes", "reason": "why", "until": "2026-04-01", "outcome": "solved",
    "kind": "incident", "impact": "low", "urgency": "low", "catalogue_key": "", "service": "ORCID", "environment": "",
    "tags": "x", "version": "1", "title": "t", "symptom": "s", "first_seen": "2026-03-01", "owner_id": "",
    "problem_manager_id": "", "to": "investigating", "note": "n", "upstream": "", "member_org_id": "1", "yes": "1",
    "entry_key": "", "tier": "3", "asked": "a", "assignee_id": "", "person": "1:1",
}  # fmt: skip
"""A form that every POST finds something in, so that no refusal of a form hides a missing check."""


@dataclass
class Scene:
    """What there is of the north: an escalated ticket of Alice's with a file, an issue that is published, its mail."""

    ticket: int
    file: int
    issue: int
    mail: int
    stuck: int
    stopped: int
    calendar: int
    agreement: int
    update: int
    draft: int
    answer: int
    team: int

    @classmethod
    def set(cls, cast: Cast, session: Session) -> "Scene":
        """Make it, through the verbs."""
        with_catalogue(cast)
        ticket = filed(cast, files=(File("log.txt", b"a log"),))
        handed_over(cast, ticket)
        written(cast, ticket, cast.leo, "Between the desks.", Audience.HANDOVER)
        issue = opened(cast)
        published(cast, cast.leo, issue, cast.north)
        mail, stuck, stopped = _mail(cast, ticket)
        file = session.scalars(sa.select(Attachment.id)).one()
        calendar = session.scalars(sa.select(Calendar.id).where(Calendar.consortium_id == cast.north.id)).one()
        agreement = session.scalars(sa.select(Agreement.id).where(Agreement.consortium_id == cast.north.id)).one()
        drafted = _drafted(cast, session, ticket)
        return cls(ticket, file, issue, mail, stuck, stopped, calendar, agreement, *drafted, cast.orcid_support.id)


def _drafted(cast: Cast, session: Session, ticket: int) -> tuple[int, int, int]:
    """An update of ORCID's with a draft that waits, and the answer that an earlier one became."""
    number = at_registry(cast)
    linked(cast, cast.leo, number, ticket)
    said(cast, number)
    answer = sent(cast, cast.leo, cast.north).bulk_answer_id
    update = said(cast, number)
    assert answer is not None
    return update, draft_of(session, cast.north).id, answer


def _mail(cast: Cast, ticket: int) -> tuple[int, int, int]:
    came = InboundMail(
        mailbox="north@desk.example",
        message_id="1@a.example",
        content_sha256="0" * 64,
        key="0" * 64,
        size=1,
        received_at=cast.now,
        state=InboundState.DONE,
        outcome=InboundOutcome.HELD,
        consortium_id=cast.north.id,
    )
    went = OutboundMail(
        to_address=cast.alice.email,
        message_id="2@desk.example",
        from_header="Desk <desk@desk.example>",
        subject="mail",
        text="text",
        ticket_id=ticket,
        state=OutboundState.DEAD,
        created_at=cast.now,
        next_try_at=cast.now,
    )
    gone = SuppressedAddress(
        address=cast.alice.email, cause=Cause.BOUNCE, why="there is no such mailbox", since=cast.now, last_at=cast.now
    )
    with transaction() as unit:
        unit.add_all([came, went, gone])
        unit.flush()
        return came.id, went.id, gone.id


def strangers(cast: Cast, kind: str) -> Iterator[Person]:
    """Who has no part in a thing of this kind, each for a reason of their own."""
    elsewhere = [cast.carla, cast.samir, cast.sofia, cast.dora, cast.dirk, cast.ada]
    yield from elsewhere[: -1 if kind == "team" else None]  # the administrator sets up the registries' desks
    if kind == "team":
        yield from (cast.alice, cast.leo, cast.rita)
    if kind in ("ticket", "file"):
        yield from (cast.bob, cast.adam)
    if kind == "update":
        yield from (cast.alice, cast.leo, cast.lena)
    if kind in ("issue", "mail", "stuck", "stopped", "calendar", "agreement", "draft", "answer"):
        yield from (cast.alice, cast.rita, cast.ruth)
    if kind in ("mail", "stuck", "stopped"):
        yield cast.leo


def asked(client: FlaskClient, method: str, path: str) -> tuple[int, str]:
    """Status and text of an answer, without what knows the second: the token of its forms, the page's own moment."""
    answer = client.open(path, method=method, data=dict(SENT) if method == "POST" else None)
    return answer.status_code, re.sub(r'name="csrf_token"[^>]*|data-now="[^"]*"', "", answer.text)


def stored(session: Session) -> str:
    """A fingerprint of all that the database holds, but for the record that something was tried and refused."""
    session.rollback()
    digest = hashlib.sha256()
    for table in Base.metadata.sorted_tables:
        rows = sa.select(table)
        if table.name == "event":
            rows = rows.where(table.c.kind != "issue_refused")
        digest.update(repr(sorted(map(str, session.execute(rows).all()))).encode())
    session.rollback()
    return digest.hexdigest()


def test_what_is_not_yours_answers_like_what_is_not_there(app: Flask, cast: Cast, session: Session) -> None:
    scene = Scene.set(cast, session)
    before = stored(session)
    wrong, tried = {}, 0
    for rule, method in guarded(app):
        kind = kind_of(rule)
        number = getattr(scene, "issue" if kind == "published" else kind)
        for person in strangers(cast, kind):
            client = cast.sign_in(app.test_client(), person)
            ours, theirs = addresses(app, rule, number, cast), addresses(app, rule, MISSING, cast)
            nothing = asked(client, method, theirs[0])
            for path in ours:
                tried += 1
                found = asked(client, method, path)
                if found != nothing or found[0] != 404:
                    wrong[f"{person.name}: {method} {path}"] = found[0]
    assert wrong == {}
    assert tried > 250, "hardly anything was tried"
    assert stored(session) == before


def test_a_role_whose_time_is_over_opens_nothing_from_that_instant_on(
    app: Flask, cast: Cast, session: Session, clock: Any
) -> None:
    """Nobody signs them out and no job runs: the cookie is as it was, and gives nothing."""
    scene = Scene.set(cast, session)
    with transaction() as unit:
        unit.execute(sa.update(RoleGrant).values(valid_until=cast.now + timedelta(hours=1)))
    owners = {"ticket": cast.leo, "file": cast.alice, "issue": cast.leo, "published": cast.alice}
    owners |= {
        "mail": cast.lena,
        "stuck": cast.lena,
        "stopped": cast.lena,
        "calendar": cast.lena,
        "agreement": cast.lena,
        "draft": cast.leo,
        "answer": cast.leo,
        "update": cast.rita,
        "team": cast.ruth,
    }
    browsers = {kind: cast.sign_in(app.test_client(), person) for kind, person in owners.items()}
    pages = [(rule, kind_of(rule)) for rule, method in guarded(app) if method == "GET" and "move" not in rule.arguments]

    def opened_now() -> dict[str, int]:
        return {
            path: browsers[kind].get(path).status_code
            for rule, kind in pages
            for path in addresses(app, rule, getattr(scene, "issue" if kind == "published" else kind), cast)
        }

    assert list(opened_now().values()).count(200) >= 7
    clock.move(timedelta(hours=2))
    assert set(opened_now().values()) == {404}
    lists = ("/tickets", "/tickets/new", "/queue", "/issues", "/known-issues", "/mail", "/escalations")
    for path in (*lists, "/service-levels/hours"):
        assert {client.get(path).status_code for client in browsers.values()} == {404}, path


@pytest.mark.parametrize("how", ["signed out", "role ended", "new password", "deactivated"])
def test_a_copy_of_a_cookie_is_worth_nothing_afterwards(app: Flask, cast: Cast, session: Session, how: str) -> None:
    number = filed(cast)
    client = cast.sign_in(app.test_client(), cast.alice)
    copy = cast.sign_in(app.test_client(), cast.alice)
    assert copy.get(f"/tickets/{number}").status_code == 200
    if how == "signed out":
        client.post("/sign-out")
    else:
        with transaction() as unit:
            alice = unit.merge(cast.alice)
            if how == "role ended":
                people.end_role(unit, alice.roles[0], now=cast.now)
            elif how == "new password":
                people.set_password(unit, alice, "a few good words", now=cast.now)
            else:
                people.deactivate(unit, alice, now=cast.now)
    answer = copy.get(f"/tickets/{number}")
    assert answer.status_code == 302 and "/sign-in" in answer.location


def test_foreign_ids_in_a_form_of_ones_own_are_refused_and_change_nothing(
    app: Flask, cast: Cast, session: Session
) -> None:
    scene = Scene.set(cast, session)
    south = filed(cast, cast.carla, consortium_id=cast.south.id, member_org_id=cast.cedar.id)
    foreign_message = written(cast, south, cast.carla, "Ours.")
    theirs = opened(cast, cast.samir, consortium_id=cast.south.id)
    ticket, issue = f"/tickets/{scene.ticket}", f"/issues/{scene.issue}"
    tries: list[tuple[Person, str, dict[str, object]]] = [
        (cast.alice, "/tickets/new", {"member_org_id": cast.birch.id, "subject": "s"}),
        (cast.alice, "/tickets/new", {"member_org_id": cast.cedar.id, "subject": "s"}),
        (cast.leo, "/tickets/new", {"behalf": f"{cast.cedar.id}:{cast.carla.id}", "subject": "s"}),
        (cast.leo, "/tickets/new", {"behalf": f"{cast.alder.id}:{cast.carla.id}", "subject": "s"}),
        (cast.leo, f"{ticket}/assign", {"assignee_id": cast.samir.id}),
        (cast.leo, f"{ticket}/assign", {"assignee_id": cast.alice.id}),
        (cast.leo, f"{ticket}/requester", {"person": f"{cast.cedar.id}:{cast.carla.id}"}),
        (cast.leo, f"{ticket}/requester", {"person": f"{cast.alder.id}:{cast.bob.id}"}),
        (cast.leo, f"{ticket}/escalate", {"messages": foreign_message}),
        (cast.alice, f"{ticket}/reply", {"audience": "lead"}),
        (cast.alice, f"{ticket}/reply", {"audience": "handover"}),
        (cast.alice, f"{ticket}/reply", {"audience": "registry"}),
        (cast.alice, f"{ticket}/reply", {"audience": "ask"}),
        (cast.alice, f"{ticket}/reply", {"audience": "member", "send": "lead"}),
        (cast.rita, f"{ticket}/reply", {"audience": "lead"}),
        (cast.rita, f"{ticket}/reply", {"audience": "member"}),
        (cast.leo, f"{ticket}/reply", {"audience": "registry"}),
        (cast.leo, "/issues/link", {"issue": scene.issue, "ticket": south}),
        (cast.leo, "/issues/link", {"issue": theirs, "ticket": scene.ticket}),
        (cast.rita, "/issues/link", {"issue": scene.issue, "ticket": scene.ticket}),
        (cast.leo, "/issues/new", {"owned_by": f"consortium:{cast.south.id}"}),
        (cast.leo, "/issues/new", {"owned_by": f"registry:{cast.orcid.id}"}),
        (cast.leo, "/issues/new", {"owned_by": f"consortium:{cast.north.id}", "owner_id": cast.samir.id}),
        (cast.leo, "/issues/new", {"owned_by": f"consortium:{cast.north.id}", "ticket": south}),
        (cast.leo, f"{issue}/edit", {"owner_id": cast.samir.id}),
        (cast.leo, f"{issue}/upstream", {"upstream": theirs}),
        (cast.leo, f"{issue}/updates", {"audience": f"members:{cast.south.id}"}),
        (cast.leo, f"{issue}/publish/{cast.south.id}", {}),
        (cast.alice, f"/known-issues/{scene.issue}/affects", {"member_org_id": cast.birch.id}),
        (cast.alice, f"/known-issues/{scene.issue}/follow", {"member_org_id": cast.cedar.id}),
    ]
    before = stored(session)
    taken = {}
    for person, path, more in tries:
        client = cast.sign_in(app.test_client(), person)
        answer = client.post(path, data={**SENT, **more})
        if answer.status_code not in (404, 409, 422):
            taken[f"{person.name} {path} {more}"] = answer.status_code
    assert taken == {}
    assert stored(session) == before
