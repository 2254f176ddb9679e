"""A world in which every thing that the access table speaks of carries a word that stands nowhere else.

Whoever reads a word has seen its thing, whatever the door; ``READERS`` says who may, cell by cell.
"""

from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts import service as people
from desk.accounts.models import Person
from desk.briefs import service as briefs
from desk.conversations.models import Attachment, Message
from desk.conversations.service import File
from desk.db import transaction
from desk.domain.escalation import Brief, Consent
from desk.domain.permissions import Role
from desk.domain.vocabulary import Audience, Channel
from desk.drafts import service as drafts
from desk.escalations import service as escalations
from desk.issues import queries as issues
from desk.issues import service as register
from desk.progress import service as progress
from desk.tickets.models import Ticket
from desk.triage import service as triage
from tests.cast import Cast
from tests.delegation import scenes
from tests.issues.scenes import at_registry, draft, east, opened, published
from tests.tickets.scenes import filed, with_catalogue

REQUESTER, PARTICIPANT, ORG_MANAGER = "requester", "participant", "organisation manager"
LEAD_AGENT, LEAD_MANAGER = "lead agent", "lead manager"
REGISTRY_AGENT, REGISTRY_MANAGER = "registry agent", "registry manager"
ADMINISTRATOR = "administrator"
COLLEAGUE, OTHER_MEMBER = "colleague without a part in it", "another member"
OTHER_CONSORTIUM, OTHER_REGISTRY = "another consortium's", "another registry's"
NEIGHBOUR_LEAD, NEIGHBOUR_MEMBER = "a neighbour consortium's lead", "a neighbour consortium's member"

_MEMBER = frozenset({REQUESTER, PARTICIPANT, ORG_MANAGER})
_OF_THE_MEMBER = _MEMBER | {COLLEAGUE}
_LEAD = frozenset({LEAD_AGENT, LEAD_MANAGER})
_REGISTRY = frozenset({REGISTRY_AGENT, REGISTRY_MANAGER})

READERS: dict[str, frozenset[str]] = {
    # ticket of the consortium, never escalated
    "wordoftheplainsubject": _MEMBER | _LEAD,
    "wordoftheplaintext": _MEMBER | _LEAD,
    "wordoftheplainfile": _MEMBER | _LEAD,
    "wordoftheplainleadnote": _LEAD,
    # ticket that is or was escalated to the registry
    "wordofthesubject": _MEMBER | _LEAD | _REGISTRY,
    "wordofthebrief": _LEAD | _REGISTRY,
    "wordofthedisclosed": _MEMBER | _LEAD | _REGISTRY,
    "wordofthedisclosedfile": _MEMBER | _LEAD | _REGISTRY,
    "wordoftheheldbackfile": _MEMBER | _LEAD,
    "wordofthekeptback": _MEMBER | _LEAD,
    "wordoftheanswer": _MEMBER | _LEAD,
    "wordoftheleadnote": _LEAD,
    "wordoftheleadfile": _LEAD,
    "wordofthehandover": _LEAD | _REGISTRY,
    "wordofthehandoverfile": _LEAD | _REGISTRY,
    "wordoftheregistrynote": _REGISTRY,
    "wordoftheregistryfile": _REGISTRY,
    # issue of the consortium: the internal record, and what members read of it
    "wordoftheownissue": _LEAD,
    "wordofitspublishedtext": _OF_THE_MEMBER | {OTHER_MEMBER} | _LEAD,
    # the same, linked upward
    "wordofthelinkedissue": _LEAD | _REGISTRY,
    # issue of the registry: leads read its text, members what their own lead published
    "wordoftheregistryissue": _LEAD | _REGISTRY | {NEIGHBOUR_LEAD},
    "wordofthedecision": _REGISTRY,
    "wordofthenorthstext": _OF_THE_MEMBER | {OTHER_MEMBER} | _LEAD,
    # its update: to the desks, suggested to the leads, and what one of them makes of it before it is sent
    "wordoftheupdate": _LEAD | _REGISTRY | {NEIGHBOUR_LEAD},
    "wordofthesuggestion": _LEAD | _REGISTRY,
    "wordofthedraft": _LEAD,
}
"""Who may read the thing that carries the word: the cells of the access table that speak of text."""

FILES = {
    "wordoftheplainfile",
    "wordofthedisclosedfile",
    "wordoftheheldbackfile",
    "wordoftheleadfile",
    "wordofthehandoverfile",
    "wordoftheregistryfile",
}
"""Words that stand in a file: its name carries the word too."""

CONVERSATION = {word for word in READERS if word not in FILES and "issue" not in word} - {
    "wordofthebrief",
    "wordofthedecision",
    "wordofitspublishedtext",
    "wordofthenorthstext",
    "wordoftheupdate",
    "wordofthesuggestion",
    "wordofthedraft",
}
"""Words of subjects and messages, which a search finds."""


@dataclass
class World:
    """Everybody by the table's column, and the numbers of what they ask for."""

    people: dict[str, Person]
    plain: int
    escalated: int
    issues: dict[str, int] = field(default_factory=dict)
    update: int = 0
    draft: int = 0
    files: dict[str, int] = field(default_factory=dict)

    @classmethod
    def create(cls, cast: Cast, session: Session) -> "World":
        """Make it through the verbs, so that what is kept is what real use keeps."""
        with_catalogue(cast)
        _, _, eve, emil = east(cast)
        world = cls(_everybody(cast, eve, emil), *_tickets(cast))
        world.issues = _issues(cast, session, world)
        world.update, world.draft = _drafted(cast, session, world.issues["upper"])
        rows = session.execute(sa.select(Attachment.file_name, Attachment.id)).all()
        world.files = {name.removesuffix(".txt"): key for name, key in rows}
        session.rollback()
        return world


def _everybody(cast: Cast, eve: Person, emil: Person) -> dict[str, Person]:
    with transaction() as session:
        colleague = people.add_person(
            session, name="Nora Ness", email="nora@alder.example", timezone="UTC", now=cast.now
        )
        people.grant_role(session, person=colleague, role=Role.CONTACT, member_org_id=cast.alder.id, now=cast.now)
    return {
        REQUESTER: cast.alice,
        PARTICIPANT: cast.adam,
        ORG_MANAGER: cast.olga,
        COLLEAGUE: colleague,
        OTHER_MEMBER: cast.bob,
        LEAD_AGENT: cast.leo,
        LEAD_MANAGER: cast.lena,
        REGISTRY_AGENT: cast.rita,
        REGISTRY_MANAGER: cast.ruth,
        ADMINISTRATOR: cast.ada,
        NEIGHBOUR_LEAD: emil,
        NEIGHBOUR_MEMBER: eve,
        OTHER_CONSORTIUM + " member": cast.carla,
        OTHER_CONSORTIUM + " lead": cast.samir,
        OTHER_CONSORTIUM + " manager": cast.sofia,
        OTHER_REGISTRY + " agent": cast.dora,
        OTHER_REGISTRY + " manager": cast.dirk,
    }


def _tickets(cast: Cast) -> tuple[int, int]:
    plain = filed(
        cast, subject="wordoftheplainsubject", text="wordoftheplaintext", files=(_file("wordoftheplainfile"),)
    )
    said(cast, plain, cast.leo, "wordoftheplainleadnote", Audience.LEAD)
    files = (_file("wordofthedisclosedfile"), _file("wordoftheheldbackfile"))
    number = filed(cast, subject="wordofthesubject", text="wordofthedisclosed", files=files)
    for ticket in (plain, number):
        _acts(cast, ticket, cast.leo, triage.add_participant, person_id=cast.adam.id)
    said(cast, number, cast.alice, "wordofthekeptback", Audience.MEMBER)
    said(cast, number, cast.leo, "wordoftheanswer", Audience.MEMBER)
    said(cast, number, cast.leo, "wordoftheleadnote", Audience.LEAD, "wordoftheleadfile")
    _escalate(cast, number)
    said(cast, number, cast.leo, "wordofthehandover", Audience.HANDOVER, "wordofthehandoverfile")
    said(cast, number, cast.rita, "wordoftheregistrynote", Audience.REGISTRY, "wordoftheregistryfile")
    return plain, number


def _escalate(cast: Cast, number: int) -> None:
    brief = Brief(
        asked="wordofthebrief",
        service="ORCID",
        environment="production",
        tried="Everything.",
        impact="Nobody can sign in.",
        known_issues_checked=True,
        consent=Consent.NOT_INVOLVED,
    )
    with transaction() as session:
        message = session.scalars(sa.select(Message).where(Message.text.contains("wordofthedisclosed"))).one()
        kept = next(file.id for file in message.attachments if file.file_name.startswith("wordofthedisclosedfile"))
    chosen = {"messages": (message.id,), "attachments": (kept,)}
    _acts(cast, number, cast.leo, briefs.save_brief, brief=brief, **chosen)
    _acts(cast, number, cast.leo, escalations.send)


def _issues(cast: Cast, session: Session, world: World) -> dict[str, int]:
    own = opened(cast, text=draft(title="wordoftheownissue", symptom="wordoftheownissue"))
    linked = opened(cast, text=draft(title="wordofthelinkedissue", symptom="wordofthelinkedissue"))
    upper = at_registry(cast, text=draft(title="wordoftheregistryissue", symptom="wordoftheregistryissue"))
    published(cast, cast.leo, own, cast.north, title="wordofitspublishedtext", text="wordofitspublishedtext")
    published(cast, cast.leo, upper, cast.north, title="wordofthenorthstext", text="wordofthenorthstext")
    with transaction() as unit:
        actor = cast.actor(cast.leo)
        found = issues.get(unit, actor, linked)
        register.link_upstream(unit, actor, found, upstream_number=upper, now=cast.now)
    with transaction() as unit:
        actor = cast.actor(cast.rita)
        register.add_decision(unit, actor, issues.get(unit, actor, upper), text="wordofthedecision", now=cast.now)
    return {"own": own, "linked": linked, "upper": upper}


def _drafted(cast: Cast, session: Session, upper: int) -> tuple[int, int]:
    update = scenes.said(cast, upper, text="wordoftheupdate", member_text="wordofthesuggestion")
    with transaction() as unit:
        draft = scenes.draft_of(unit, cast.north)
        text = scenes.words(draft, text="wordofthedraft")
        drafts.save_draft(unit, cast.actor(cast.leo), draft, text, version=draft.version, now=cast.now)
        return update, draft.id


def said(cast: Cast, number: int, person: Person, word: str, audience: Audience, file: str = "") -> None:
    """Somebody writes the word to these readers, with a file that carries another."""
    files = (_file(file),) if file else ()
    more = {"audience": audience, "text": word, "files": files, "channel": Channel.WEB}
    _acts(cast, number, person, progress.add_message, **more)


def _file(word: str) -> File:
    return File(f"{word}.txt", word.encode())


def _acts(cast: Cast, number: int, person: Person, verb: Any, **what: Any) -> None:
    with transaction() as session:
        verb(session, cast.actor(person), session.get_one(Ticket, number), now=cast.now, **what)
