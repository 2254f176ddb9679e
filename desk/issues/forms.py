"""Forms of the issues register: the record, its moves, dated entries, and what members read."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session
from wtforms import (
    DateField,
    DateTimeLocalField,
    HiddenField,
    IntegerField,
    SearchField,
    SelectField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Length, NumberRange, Optional
from wtforms.widgets import HiddenInput

from desk.accounts.models import Consortium, Person, Registry
from desk.catalogue import queries as catalogue
from desk.db import LARGEST_ID
from desk.domain.errors import NotFound
from desk.domain.permissions import Actor, IssueSubject, Permission, may
from desk.domain.register import (
    AUDIENCE_WORDS,
    MOVES,
    REFERENCE_LENGTH,
    STAFF_WORDS,
    TEXT_LENGTH,
    TITLE_LENGTH,
    EntryAudience,
    IssueDraft,
    IssueState,
)
from desk.domain.vocabulary import Audience, Environment
from desk.domain.wording import ENVIRONMENT_WORDS
from desk.forms import Form, optional_id
from desk.issues import queries
from desk.issues.models import Issue
from desk.known_issues import queries as known
from desk.tickets import queries as tickets

SERVICES = (("ORCID", "ORCID"), ("DataCite", "DataCite"), ("both", "Both, or between them"))
_FITS = Length(max=TEXT_LENGTH, message=f"Please use at most {TEXT_LENGTH:,} characters.")
_TITLE_FITS = Length(max=TITLE_LENGTH, message=f"Please use at most {TITLE_LENGTH} characters.")
_ENVIRONMENTS = [("", "Any, or not known"), *((key.value, text) for key, text in ENVIRONMENT_WORDS.items())]
_STATES = [(each.value, STAFF_WORDS[each]) for each in IssueState]
_SHOWN = [("live", "All that are not fixed"), ("overdue", "Review overdue"), ("all", "All"), *_STATES]
_SECRETS = "Passwords and tokens are removed."


def _is_id(field: str) -> NumberRange:
    return NumberRange(min=1, max=LARGEST_ID, message=f"That is not the number of {field}.")


class IssueForm(Form):
    """The internal record. What members read is published apart."""

    owned_by = SelectField("Whose register", choices=[])
    title = StringField("Title", [InputRequired("Give it a title."), _TITLE_FITS])
    symptom = TextAreaField(
        "Symptom",
        [InputRequired("Describe what people see."), _FITS],
        description="What people see, with exact messages.",
    )
    cause = TextAreaField("Cause", [_FITS], description="As far as it is known.")
    workaround = TextAreaField("Workaround", [_FITS], description="Needed before it can be called a known error.")
    impact = TextAreaField("Impact", [_FITS], description="What cannot be done meanwhile, and by whom.")
    service = SelectField("Service", choices=SERVICES)
    environment = SelectField("Environment", choices=_ENVIRONMENTS)
    catalogue_key = SelectField("Catalogue entry", choices=[])
    owner_id = SelectField("Responsible at the lead", coerce=optional_id, choices=[])
    problem_manager_id = SelectField("Problem manager at the registry", coerce=optional_id, choices=[])
    registry_reference = StringField("Reference at the registry", [Length(max=REFERENCE_LENGTH)])
    first_seen = DateField("First seen", [InputRequired("Say when it was first seen.")])
    next_review_on = DateField(
        "Next review", [Optional()], description="Marked in the register once the day has passed."
    )
    version = IntegerField(widget=HiddenInput())

    def offer_registers(self, session: Session, actor: Actor, wanted: str | None) -> dict[str, int]:
        """Fill the registers this person may enter issues in, and return the chosen one as the keyword of the verb."""
        registers = _registers(session, actor)
        self.owned_by.choices = registers
        chosen = self.owned_by.data or wanted or registers[0][0]
        if chosen not in dict(registers):
            raise NotFound
        self.owned_by.data = chosen
        kind, _, key = chosen.partition(":")
        return {f"{kind}_id": int(key)}

    def offer(self, session: Session, owned: IssueSubject, now: datetime, issue: Issue | None = None) -> None:
        """Fill the choices; whoever and whatever the issue has already stays among them."""
        responsible, in_charge = (list(people) for people in queries.people_for(session, owned, now))
        entries = {each.key: f"{each.service}: {each.title}" for each in catalogue.entries(session)}
        if issue is not None:
            del self.owned_by
            responsible += [issue.owner] if issue.owner else []
            in_charge += [issue.problem_manager] if issue.problem_manager else []
            if issue.catalogue_key:
                entries.setdefault(issue.catalogue_key, issue.catalogue_key)
        self.catalogue_key.choices = [("", "None, or not known"), *entries.items()]
        self.owner_id.choices = _people(responsible)
        self.problem_manager_id.choices = _people(in_charge)

    def draft(self) -> IssueDraft:
        """What was written, as the verb takes it."""
        return IssueDraft(
            title=self.title.data,
            symptom=self.symptom.data,
            service=self.service.data,
            first_seen=self.first_seen.data,
            cause=self.cause.data or "",
            workaround=self.workaround.data or "",
            impact=self.impact.data or "",
            environment=Environment(self.environment.data) if self.environment.data else None,
            catalogue_key=self.catalogue_key.data or None,
            owner_id=self.owner_id.data,
            problem_manager_id=self.problem_manager_id.data,
            registry_reference=self.registry_reference.data or None,
            next_review_on=self.next_review_on.data,
        )


def _people(people: Iterable[Person]) -> list[tuple[str, str]]:
    return [("", "Nobody yet"), *{str(one.id): one.name for one in people}.items()]


def _registers(session: Session, actor: Actor) -> list[tuple[str, str]]:
    own = sa.select(Consortium).where(Consortium.id.in_(actor.consortia())).order_by(Consortium.name)
    desks = sa.select(Registry).where(Registry.id.in_(actor.registries())).order_by(Registry.name)
    return [
        *((f"consortium:{one.id}", one.name) for one in session.scalars(own)),
        *((f"registry:{one.id}", one.name) for one in session.scalars(desks)),
    ]


def said_by_ticket(session: Session, actor: Actor, number: int) -> dict[str, Any]:
    """What a ticket says for a new issue, as far as this reader sees it. Raises ``NotFound``."""
    ticket = tickets.get(session, actor, number)
    shown = tickets.messages_for(session, actor, ticket)
    # What was masked for this reader is not prefilled either.
    said = [each.message for each in shown if each.html == each.message.html]
    is_lead = ticket.consortium_id in actor.consortia()
    return {
        "owned_by": f"consortium:{ticket.consortium_id}" if is_lead else f"registry:{ticket.consortium.registry_id}",
        "title": tickets.subject_for(session, actor, ticket),
        "symptom": next((message.text for message in said if message.audience is Audience.MEMBER), ""),
        "service": ticket.service,
        "environment": ticket.environment,
        "catalogue_key": ticket.catalogue_key,
        "first_seen": ticket.created_at.astimezone(ZoneInfo(actor.timezone)).date(),
    }


class MoveForm(Form):
    """The next state, and why where that is asked."""

    to = SelectField("New state", choices=_STATES)
    note = TextAreaField(
        "Reason", [_FITS], id="move-note", description="Needed to close without a fix and to open again."
    )
    version = IntegerField("Version", [InputRequired()], id="move-version", widget=HiddenInput())

    def offer(self, state: IssueState) -> None:
        """Show the moves that exist from ``state``, the usual next step first. A stale page is refused by the verb."""
        self.to.choices = [(each.value, STAFF_WORDS[each]) for each in MOVES[state]]


class EntryForm(Form):
    """A dated entry and its readers."""

    text = TextAreaField("Update", [InputRequired("Write something."), _FITS], id="entry-text", description=_SECRETS)
    audience = SelectField("Who reads this?", choices=[])
    next_update_at = DateTimeLocalField(
        "Next update, for members", [Optional()], description="In your time zone. Members see it as a promise."
    )

    def offer(self, session: Session, actor: Actor, issue: Issue) -> None:
        """The readers that this person may write to: the desks of the owner, members where it is published."""
        edits = may(actor, Permission.ISSUE_EDIT, queries.subject_of(session, issue))
        own = [(each.value, AUDIENCE_WORDS[each]) for each in (EntryAudience.OWNER, EntryAudience.DESKS)]
        members = [
            (f"{EntryAudience.MEMBERS.value}:{place.id}", f"Members of {place.name}")
            for place, told in known.publications_for(session, actor, issue)
            if told is not None and told.withdrawn_at is None
        ]
        self.audience.choices = [*(own if edits else []), *members]

    def readers(self) -> tuple[EntryAudience, int | None]:
        """The chosen audience, and the consortium whose members it is."""
        audience, _, place = str(self.audience.data).partition(":")
        return EntryAudience(audience), int(place) if place else None


class DecisionForm(Form):
    """What was decided."""

    text = TextAreaField("Decision", [InputRequired("Say what was decided."), _FITS], id="decision-text")


class UpstreamForm(Form):
    """The registry's issue behind a consortium's."""

    upstream = SelectField("Issue of the registry", coerce=optional_id, choices=[])

    def offer(self, issues: Iterable[Issue], present: Issue | None) -> None:
        """The registry's live issues, and the one it points to already."""
        shown = {each.id: each.title for each in [*([present] if present else []), *issues]}
        self.upstream.choices = [("", "None"), *((str(key), f"{key}: {title}") for key, title in shown.items())]


class LinkForm(Form):
    """An issue and a ticket; ``back`` says from whose page it was sent."""

    issue = IntegerField("Number of the issue", [InputRequired("Enter an issue."), _is_id("an issue")])
    ticket = IntegerField("Number of the ticket", [InputRequired("Enter a ticket."), _is_id("a ticket")])
    back = HiddenField()


class RegisterForm(Form):
    """The filter of the register; sent by GET, so it can be bookmarked."""

    class Meta(Form.Meta):
        """No token: the filter changes nothing."""

        csrf = False

    state = SelectField(
        "State",
        choices=[("live", "All that are not fixed"), ("overdue", "Review overdue"), ("all", "All"), *_STATES],
        default="live",
    )
    service = SelectField("Service", choices=[("", "Any service"), *SERVICES], default="")
    q = SearchField("Words", [Length(max=200)])
    page = IntegerField(default=1)
