"""The demo world's tickets on stage: each beat of a plot is one or two of the desk's own verbs, at its past instant."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy.orm import Session

from desk.briefs import service as briefs
from desk.conversations import queries as conversations
from desk.conversations.service import File
from desk.demo.ground import Ground
from desk.demo.plans import Plan
from desk.demo.plots import Beat
from desk.demo.stories import is_request, phrases
from desk.domain.catalogue import Entry
from desk.domain.catalogue_fields import validate_fields
from desk.domain.escalation import Brief, Consent, ReturnReason
from desk.domain.permissions import SYSTEM, Actor
from desk.domain.priority import Impact, Urgency
from desk.domain.vocabulary import Audience, Channel, Environment, Outcome, TicketKind
from desk.escalations import queries as escalation_queries
from desk.escalations import service as escalations
from desk.issues import service as issues
from desk.issues.models import Issue
from desk.matching import queries as matching
from desk.progress import service as progress
from desk.tickets import service as tickets
from desk.tickets.models import Ticket
from desk.triage import service as triage

_PRESSURE: Mapping[str, tuple[Impact, Urgency]] = {
    "P1": (Impact.HIGH, Urgency.HIGH),
    "P2": (Impact.MEDIUM, Urgency.HIGH),
    "P3": (Impact.MEDIUM, Urgency.MEDIUM),
    "P4": (Impact.LOW, Urgency.MEDIUM),
}
_RETURNED = (ReturnReason.INFORMATION_MISSING, ReturnReason.CONSENT)  # as the phrases stand
_HOLDER_FIELDS = frozenset({"orcid_id", "orcid_ids", "holder_consent", "holder_email_known"})


@dataclass
class Register:
    """Issues that tickets can be linked to, by the slug of their owner and the catalogue entry they explain."""

    issues: dict[tuple[str, str], Issue] = field(default_factory=dict)

    def about(self, plan: Plan) -> Issue:
        """The consortium's own issue about the entry, or its registry's."""
        key = plan.entry.key
        return self.issues.get((plan.consortium.slug, key)) or self.issues[plan.consortium.registry, key]


@dataclass
class Scene:
    """One ticket, at one instant."""

    ground: Ground
    register: Register
    plan: Plan
    now: datetime
    ticket: Ticket

    @property
    def session(self) -> Session:
        """The unit of work in which the whole world is made."""
        return self.ground.session

    @property
    def lead(self) -> Actor:
        """Who has the ticket at the lead."""
        return self.ground.actor(self.plan.lead)

    @property
    def agent(self) -> Actor:
        """Who has it at the registry."""
        return self.ground.actor(self.plan.agent)

    @property
    def member(self) -> Actor:
        """Who wrote it."""
        return self.ground.actor(self.plan.requester)

    def pick(self, kind: str, **more: str) -> str:
        """A phrase with the ticket's own identifiers."""
        return self.plan.teller.pick(kind, **more)

    def write(self, actor: Actor, audience: Audience, text: str, files: Sequence[File] = ()) -> None:
        """A message; a member's comes by mail as often as their first one did."""
        by_mail = audience is Audience.MEMBER and actor is self.member and self.plan.by_mail
        progress.add_message(
            self.session,
            actor,
            self.ticket,
            audience=audience,
            text=text,
            files=files,
            channel=Channel.EMAIL if by_mail else Channel.WEB,
            now=self.now,
        )

    def answer(self, text: str) -> None:
        """A public answer of the lead, with a name below."""
        self.write(self.lead, Audience.MEMBER, f"{text}\n\n{self.plan.lead.first}")

    def says(self, text: str) -> None:
        """The member writes back to the lead."""
        self.write(self.member, Audience.MEMBER, self.plan.teller.letter(self.plan.requester, text, self.plan.lead))

    def resolve(self, outcome: Outcome, text: str) -> None:
        """The lead ends it with an answer."""
        said = f"{text}\n\n{self.plan.lead.first}"
        progress.resolve(self.session, self.lead, self.ticket, outcome=outcome, text=said, now=self.now)


def open_ticket(ground: Ground, plan: Plan) -> Ticket:
    """The first letter arrives."""
    teller = plan.teller
    draft = tickets.NewTicket(
        consortium_id=ground.consortia[plan.consortium.slug],
        member_org_id=ground.members[plan.member.code],
        subject=teller.subject(),
        text="",
        service=plan.entry.service if plan.entry.service != "both" else "",
    )
    if plan.stranger:
        return _open_for_stranger(ground, plan, draft)
    draft = replace(draft, text=teller.opening(), requester_id=ground.people[plan.requester.email])
    if not plan.by_mail:
        answers = teller.answers(complete=plan.plot != "asked")
        impact, urgency = _PRESSURE[plan.entry.priority]
        draft = replace(
            draft,
            kind=_kind(plan.entry),
            catalogue_key=plan.entry.key,
            fields=validate_fields(plan.entry, answers, partial=True),
            environment=_environment(answers.get("environment")),
            impact=impact,
            urgency=urgency,
            files=[File(each.name, each.data) for each in teller.files(answers)],
        )
    channel = Channel.EMAIL if plan.by_mail else Channel.WEB
    return tickets.open_ticket(ground.session, ground.actor(plan.requester), draft, channel=channel, now=plan.at)


def _open_for_stranger(ground: Ground, plan: Plan, draft: tickets.NewTicket) -> Ticket:
    """A researcher's mail: from a member's domain it proposes that member, else nobody knows whose it is."""
    chance = plan.teller.chance
    number = chance.randrange(len(phrases()["researcher"]))
    from_member = chance.random() < 0.5
    domain = plan.member.domain if from_member else "elsewhere.example"
    draft = replace(
        draft,
        member_org_id=None,
        proposed_org_id=ground.members[plan.member.code] if from_member else None,
        subject=phrases()["researcher_subjects"][number],
        text=f"Hello,\n\n{phrases()['researcher'][number]}\n\nThank you\n{chance.choice(('R. Sample', 'M. Example'))}",
        unverified_sender=f"researcher{chance.randrange(10, 99)}@{domain}",
        kind=TicketKind.QUESTION,
        impact=Impact.LOW,
        urgency=Urgency.LOW,
    )
    return tickets.open_ticket(ground.session, SYSTEM, draft, channel=Channel.EMAIL, now=plan.at)


def perform(scene: Scene, beat: Beat) -> None:
    """Do what the beat says."""
    _BEATS[beat.does](scene)


def _kind(entry: Entry) -> TicketKind:
    if entry.key == "feedback":
        return TicketKind.FEEDBACK
    return TicketKind.SERVICE_REQUEST if is_request(entry) else TicketKind.INCIDENT


def _environment(answer: object) -> Environment | None:
    return Environment(str(answer)) if answer in list(Environment) else None


def _take(scene: Scene) -> None:
    """Take it and, where it came by mail, put it in its place in the catalogue."""
    entry, teller = scene.plan.entry, scene.plan.teller
    triage.take(scene.session, scene.lead, scene.ticket, now=scene.now)
    if scene.ticket.catalogue_key:
        return
    answers = teller.answers(complete=False)
    impact, urgency = _PRESSURE[entry.priority]
    triage.triage(
        scene.session,
        scene.lead,
        scene.ticket,
        kind=_kind(entry),
        impact=impact,
        urgency=urgency,
        catalogue_key=entry.key,
        service=scene.ticket.service,
        environment=_environment(answers.get("environment")),
        fields=validate_fields(entry, answers, partial=True),
        tags=[entry.component] if teller.chance.random() < 0.4 else [],
        version=scene.ticket.version,
        now=scene.now,
    )


def _ask(scene: Scene, text: str) -> None:
    progress.ask_member(
        scene.session,
        scene.lead,
        scene.ticket,
        text=f"{text}\n\n{scene.plan.lead.first}",
        channel=Channel.WEB,
        now=scene.now,
    )


def _reply(scene: Scene) -> None:
    teller = scene.plan.teller
    text = teller.reply()
    if scene.plan.entry.key.startswith("dc-auth"):
        text = f"{text}\n\n{scene.pick('secret_leak')}"
    attached = "attach" in text.casefold()
    files = (teller.files(teller.answers()) or (teller.attachment("approval.txt"),)) if attached else ()
    letter = teller.letter(scene.plan.requester, text, scene.plan.lead)
    scene.write(scene.member, Audience.MEMBER, letter, [File(each.name, each.data) for each in files])


def _confirm(scene: Scene) -> None:
    escalations.confirm(
        scene.session, scene.member, scene.ticket, solved=True, text=scene.pick("thanks"), now=scene.now
    )


def _not_yet(scene: Scene) -> None:
    escalations.confirm(
        scene.session, scene.member, scene.ticket, solved=False, text=scene.pick("not_yet"), now=scene.now
    )


def _hold(scene: Scene) -> None:
    hours = scene.ground.hours[scene.plan.consortium.slug]
    until = hours.add_working_days(scene.now, scene.plan.teller.chance.randrange(4, 7))
    progress.hold(scene.session, scene.lead, scene.ticket, reason=scene.pick("hold"), until=until, now=scene.now)


def _link(scene: Scene) -> None:
    issue = scene.register.about(scene.plan)
    issues.link_ticket(scene.session, scene.lead, issue, ticket_number=scene.ticket.number, now=scene.now)


def _prepare(scene: Scene) -> None:
    """Write the brief, with all that the catalogue entry asks for, and choose what to disclose."""
    entry, teller = scene.plan.entry, scene.plan.teller
    answers = validate_fields(entry, teller.answers(), partial=True)
    involved = bool(_HOLDER_FIELDS & set(entry.required_fields))
    found = escalation_queries.newest(scene.session, scene.ticket.id)
    seen = answers.get("occurred_at") or answers.get("first_seen")
    brief = Brief(
        asked=scene.pick("asked"),
        service=entry.service,
        environment=str(answers.get("environment", "production")),
        identifiers=tuple(str(one["value"]) for one in scene.ticket.identifiers),
        error_text=str(answers.get("error_message", entry.title)),
        error_code=str(answers.get("error_code", "")),
        utc_times=str(seen or scene.plan.at.isoformat(timespec="minutes")),
        # What is returned lacked something: it says how to repeat it in the next sending.
        steps="" if scene.plan.plot == "returned" and found is None else scene.pick("steps"),
        tried=scene.pick("tried"),
        impact=scene.pick("impact"),
        known_issues_checked=True,
        consent=Consent.GIVEN if involved else Consent.NOT_INVOLVED,
        fields=answers,
    )
    letters = conversations.member_messages(scene.session, scene.ticket.id)
    briefs.save_brief(
        scene.session,
        scene.lead,
        scene.ticket,
        brief,
        messages=[letter.id for letter in letters],
        attachments=[file.id for letter in letters for file in letter.attachments],
        looked_at=[each.issue.number for each in matching.candidates_for(scene.session, scene.lead, scene.ticket)],
        version=found.version if found else None,
        now=scene.now,
    )


def _escalate(scene: Scene) -> None:
    _prepare(scene)
    escalations.send(scene.session, scene.lead, scene.ticket, now=scene.now)


def _resend(scene: Scene) -> None:
    scene.write(scene.lead, Audience.HANDOVER, scene.pick("resend_words"))
    _escalate(scene)


def _accept(scene: Scene) -> None:
    reference = f"{scene.plan.consortium.registry[:2].upper()}-{scene.plan.teller.chance.randrange(41000, 48000)}"
    escalations.accept(scene.session, scene.agent, scene.ticket, reference=reference, now=scene.now)


def _return(scene: Scene) -> None:
    text = scene.pick("return_words")
    reason = _RETURNED[scene.plan.teller.chosen["return_words"]]
    escalations.return_(scene.session, scene.agent, scene.ticket, reason=reason, text=text, now=scene.now)


def _decline(scene: Scene) -> None:
    """The lead could have answered it: the catalogue has the entry."""
    escalations.decline(
        scene.session,
        scene.agent,
        scene.ticket,
        entry_key=scene.plan.entry.key,
        text=scene.pick("decline_words"),
        now=scene.now,
    )


def _withdraw(scene: Scene) -> None:
    escalations.withdraw(scene.session, scene.lead, scene.ticket, text=scene.pick("withdraw_words"), now=scene.now)


def _move(scene: Scene, tier: int, text: str) -> None:
    actor = scene.agent if tier == 3 else scene.ground.actor(scene.plan.engineer)
    escalations.move_tier(scene.session, actor, scene.ticket, tier=tier, text=text, now=scene.now)


def _fix(scene: Scene) -> None:
    escalations.report_fix(scene.session, scene.agent, scene.ticket, text=scene.pick("fix_words"), now=scene.now)


def _verify(scene: Scene) -> None:
    escalations.verify(scene.session, scene.lead, scene.ticket, text=scene.pick("resolve_glad"), now=scene.now)


def _close_escalation(scene: Scene) -> None:
    escalations.close(scene.session, scene.lead, scene.ticket, now=scene.now)


def _workaround(scene: Scene) -> str:
    issue = scene.register.about(scene.plan)
    return scene.pick("workaround", fix=issue.workaround or scene.plan.teller.fix())


def _note(kind: str, audience: Audience, who: str) -> Callable[[Scene], None]:
    return lambda scene: scene.write(scene.ground.actor(getattr(scene.plan, who)), audience, scene.pick(kind))


_BEATS: Mapping[str, Callable[[Scene], None]] = {
    "take": _take,
    "ask": lambda scene: _ask(scene, scene.plan.teller.question()),
    "ask_again": lambda scene: _ask(scene, scene.pick("asks_again")),
    "ask_more": lambda scene: _ask(scene, scene.pick("ask_more")),
    "fix_told": lambda scene: _ask(scene, scene.pick("fix_told")),
    "tell": lambda scene: scene.answer(scene.pick("escalate_told")),
    "answer_fix": lambda scene: scene.answer(scene.plan.teller.answer()),
    "second_answer": lambda scene: scene.answer(scene.pick("second_answer")),
    "follow_up_answer": lambda scene: scene.answer(scene.pick("follow_up_answer")),
    "hold_answer": lambda scene: scene.answer(scene.pick("hold_answer")),
    "reply": _reply,
    "reply_more": lambda scene: scene.says(scene.pick("reply_more")),
    "follow_up": lambda scene: scene.says(scene.pick("follow_up")),
    "thanks": lambda scene: scene.says(scene.pick("thanks")),
    "found_it": lambda scene: scene.says(scene.pick("found_it")),
    "verified": lambda scene: scene.says(scene.pick("verified")),
    "confirm": _confirm,
    "not_yet": _not_yet,
    "note": _note("notes", Audience.LEAD, "lead"),
    "handover_ask": _note("handover_ask", Audience.HANDOVER, "agent"),
    "handover_answer": _note("handover_answer", Audience.HANDOVER, "lead"),
    "registry_note": _note("registry_notes", Audience.REGISTRY, "agent"),
    "engineer_note": _note("engineer_notes", Audience.REGISTRY, "engineer"),
    "hold": _hold,
    "link": _link,
    "resolve_fix": lambda scene: scene.resolve(Outcome.SOLVED, scene.plan.teller.answer()),
    "resolve_glad": lambda scene: scene.resolve(Outcome.SOLVED, scene.pick("resolve_glad")),
    "resolve_silent": lambda scene: scene.resolve(Outcome.WITHDRAWN, scene.pick("resolve_silent")),
    "resolve_workaround": lambda scene: scene.resolve(Outcome.WORKAROUND, _workaround(scene)),
    "resolve_known_error": lambda scene: scene.resolve(Outcome.KNOWN_ERROR, scene.pick("known_error")),
    "resolve_duplicate": lambda scene: scene.resolve(Outcome.DUPLICATE, scene.pick("duplicate")),
    "resolve_redirect": lambda scene: scene.resolve(Outcome.REDIRECTED, scene.pick("redirect")),
    "prepare": _prepare,
    "escalate": _escalate,
    "resend": _resend,
    "accept": _accept,
    "return": _return,
    "decline": _decline,
    "withdraw": _withdraw,
    "to_engineering": lambda scene: _move(scene, 3, scene.pick("registry_notes")),
    "to_support": lambda scene: _move(scene, 2, scene.pick("engineer_notes")),
    "fix": _fix,
    "verify": _verify,
    "close_escalation": _close_escalation,
}
