"""The hand-over as verbs: the lead prepares, sends, withdraws, verifies; the registry accepts, declines, gives back.

Every verb takes the ticket's clock lock first and reads the hand-over under it, so that of two people who act at once
one wins and the other is told how it stands. The ticket's own part (state, holder, ledger, clocks, who sees what) is
done by the ticket's verbs. ``version`` is the hand-over's as the page showed it; None skips that comparison. Every verb
raises ``NotFound`` for somebody of neither party, ``IllegalTransition`` when the move does not exist from the present
state, and ``Conflict`` when somebody acted since the page was shown; nothing is changed then.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.catalogue import queries as catalogue
from desk.conversations.models import Message
from desk.domain.errors import Conflict, ForeignRegistry, InvalidInput, NotFound
from desk.domain.escalation import (
    STATE_LABELS,
    WITH_REGISTRY,
    Brief,
    Consent,
    EscalationState,
    Move,
    ReturnReason,
    Tier,
    as_disclosed,
    lacks,
    next_state,
)
from desk.domain.lifecycle import DONE
from desk.domain.permissions import SYSTEM, Actor, Permission
from desk.domain.text import cut_line
from desk.domain.vocabulary import Audience, Channel, Outcome
from desk.escalations import queries
from desk.escalations.models import Escalation, EscalationRound
from desk.handover import service as handover
from desk.progress import service as progress
from desk.tickets import service as tickets
from desk.tickets.models import Ticket

REFERENCE_LENGTH = 80
_LEAD, _REGISTRY = Permission.TICKET_ESCALATE, Permission.ESCALATION_WORK


def send(session: Session, actor: Actor, ticket: Ticket, *, version: int | None = None, now: datetime) -> Escalation:
    """Hand the ticket over with the brief as it was saved; a further sending is a new acceptance cycle of the same.

    Raises ``InvalidInput`` that names what the catalogue entry demands and the brief lacks; ``field`` is the first.
    ``ForeignRegistry``: the brief is for a registry that is not the consortium's.
    """
    turn = _begin(session, actor, ticket, _LEAD, version, now)
    found = turn.found
    state = next_state(found.state, Move.SEND)
    if found.registry_id != accounts.consortium(session, ticket.consortium_id).registry_id:
        raise ForeignRegistry
    brief = Brief.from_dict(found.brief)
    missing = lacks(brief, catalogue.entry_for(session, ticket.catalogue_key, ticket.consortium_id))
    if missing:
        names = ", ".join(f"“{label}”" for _, label, _ in missing)
        raise InvalidInput(f"Before this can be sent, please fill in: {names}.", field=missing[0][0])
    found.state, found.cycle = state, found.cycle + 1
    found.sent_at, found.accepted_at, found.answered_at, found.fixed_at = now, None, None, None
    found.return_reason, found.decline_entry_key = None, None
    session.add(
        EscalationRound(
            escalation_id=found.id,
            cycle=found.cycle,
            tier=found.tier,
            brief=as_disclosed(brief).to_dict(),
            sent_at=now,
            sent_by_id=actor.person_id,
        )
    )
    session.flush()
    team = accounts.team_of_registry(session, found.registry_id, found.tier)
    handover.hand_over(
        session,
        actor,
        ticket,
        registry_id=found.registry_id,
        team=team,
        tier=found.tier,
        now=now,
        escalation_id=found.id,
        people_named=brief.consent is Consent.GIVEN,
    )
    handover.disclose(
        session,
        actor,
        ticket,
        registry_id=found.registry_id,
        message_ids=found.chosen_messages,
        attachment_ids=found.chosen_attachments,
        masked=queries.masked_texts(session, ticket, brief.consent),
        now=now,
    )
    return found


def note_refusal(session: Session, actor: Actor, ticket: Ticket, what: str, now: datetime) -> None:
    """Keep that somebody tried a hand-over that is refused whatever the brief says. For the ticket's lead."""
    tickets.working(session, actor, ticket, _LEAD)
    tickets.record(
        session, ticket, "escalation_refused", actor, now, payload={"what": what}, audience=Audience.LEAD, quiet=True
    )


def accept(
    session: Session, actor: Actor, ticket: Ticket, *, reference: str = "", version: int | None = None, now: datetime
) -> Escalation:
    """The registry takes it on; who accepts is its problem manager. ``reference``: its number at their desk."""
    turn = _begin(session, actor, ticket, _REGISTRY, version, now)
    found = turn.found
    found.state = next_state(found.state, Move.ACCEPT)
    found.accepted_at = found.answered_at = now
    found.assignee_id = actor.person_id
    found.registry_reference = cut_line(reference, REFERENCE_LENGTH) or found.registry_reference
    turn.round().accepted_at = now
    session.flush()
    handover.accept_handover(session, actor, ticket, now=now, escalation_id=found.id)
    return found


def decline(
    session: Session,
    actor: Actor,
    ticket: Ticket,
    *,
    entry_key: str,
    text: str = "",
    version: int | None = None,
    now: datetime,
) -> Escalation:
    """The registry gives it back as one that the lead can answer, with the catalogue entry that does.

    ``text`` becomes a hand-over message; the entry's fix when it is empty. ``InvalidInput``: there is no such entry.
    """
    turn = _begin(session, actor, ticket, _REGISTRY, version, now)
    state = next_state(turn.found.state, Move.DECLINE)
    entry = catalogue.entry(session, entry_key)
    if entry is None:
        raise InvalidInput("Please choose the catalogue entry that answers this.", field="entry_key")
    turn.found.decline_entry_key = turn.round().decline_entry_key = entry.key
    said = turn.note(text if text.strip() else f"This can be answered by the lead: {entry.title}. {entry.fix}")
    turn.hand_back(state, "declined", said, {"entry": entry.key, "title": entry.title})
    return turn.found


def return_(
    session: Session,
    actor: Actor,
    ticket: Ticket,
    *,
    reason: ReturnReason,
    text: str,
    version: int | None = None,
    now: datetime,
) -> Escalation:
    """The registry gives it back; ``text``, required, says what it needs and becomes a hand-over message."""
    turn = _begin(session, actor, ticket, _REGISTRY, version, now)
    state = next_state(turn.found.state, Move.RETURN)
    turn.found.return_reason = turn.round().return_reason = reason
    said = turn.note(text, missing="What is needed")
    turn.hand_back(state, "returned", said, {"reason": reason.value})
    return turn.found


def report_fix(
    session: Session, actor: Actor, ticket: Ticket, *, text: str, version: int | None = None, now: datetime
) -> Escalation:
    """The registry says, in ``text``, what was mended and how to verify it; the lead asks the member."""
    turn = _begin(session, actor, ticket, _REGISTRY, version, now)
    state = next_state(turn.found.state, Move.REPORT_FIX)
    turn.found.fixed_at = now
    turn.hand_back(state, "fixed", turn.note(text, missing="What was done"), {})
    return turn.found


def move_tier(
    session: Session,
    actor: Actor,
    ticket: Ticket,
    *,
    tier: int,
    text: str = "",
    version: int | None = None,
    now: datetime,
) -> Escalation:
    """The registry moves it between its support (2) and its engineers (3); ``text`` becomes a note of the registry."""
    turn = _begin(session, actor, ticket, _REGISTRY, version, now)
    found = turn.found
    found.state = next_state(found.state, Move.MOVE_TIER)
    if tier not in (Tier.SUPPORT, Tier.ENGINEERING):
        raise InvalidInput("The registry's tiers are 2 and 3.", field="tier")
    if tier == found.tier:
        raise InvalidInput(f"It is at tier {tier} already.", field="tier")
    found.tier = tier
    session.flush()
    if text.strip():
        turn.note(text, audience=Audience.REGISTRY)
    team = accounts.team_of_registry(session, found.registry_id, tier)
    handover.move_tier(session, actor, ticket, team=team, tier=tier, now=now, escalation_id=found.id)
    return found


def withdraw(
    session: Session, actor: Actor, ticket: Ticket, *, text: str = "", version: int | None = None, now: datetime
) -> Escalation:
    """The lead takes it back, or gives up one that was not sent or came back; what was disclosed stays disclosed."""
    turn = _begin(session, actor, ticket, _LEAD, version, now)
    found = turn.found
    was_sent, with_registry = found.cycle > 0, found.state in WITH_REGISTRY
    found.state, found.closed_at = next_state(found.state, Move.WITHDRAW), now
    if was_sent:
        turn.end_round()
    session.flush()
    said = turn.note(text) if text.strip() and was_sent else None
    if with_registry:
        handover.withdraw(session, actor, ticket, now=now, escalation_id=found.id, message=said)
    else:
        turn.record("withdrawn", message=said, quiet=not was_sent)
    return found


def verify(
    session: Session, actor: Actor, ticket: Ticket, *, text: str = "", version: int | None = None, now: datetime
) -> Escalation:
    """The member says that it works: the ticket is resolved, with ``text`` to the member if there is any.

    With that the hand-over is closed, since nothing more is expected of anybody.
    """
    turn = _begin(session, actor, ticket, _LEAD, version, now)
    turn.found.state, turn.found.verified_at = next_state(turn.found.state, Move.VERIFY), now
    session.flush()
    if ticket.state not in DONE:
        progress.resolve(session, actor, ticket, outcome=Outcome.SOLVED, text=text, now=now)
    turn.record("verified")
    turn.file_away()
    return turn.found


def confirm(session: Session, actor: Actor, ticket: Ticket, *, solved: bool, text: str, now: datetime) -> None:
    """The member says whether it is solved, as in ``progress``; a yes verifies the fix that the registry reported."""
    progress.confirm(session, actor, ticket, solved=solved, text=text, now=now)
    found = queries.newest(session, ticket.id)
    if solved and found is not None and found.state is EscalationState.FIXED:
        found.state, found.verified_at = next_state(found.state, Move.VERIFY), now
        session.flush()
        # Who said so stands beside it in "confirmed"; the registry is told by this one, and needs no name.
        turn = _Turn(session, SYSTEM, ticket, found, now)
        turn.record("verified")
        turn.file_away()


def close(session: Session, actor: Actor, ticket: Ticket, *, version: int | None = None, now: datetime) -> Escalation:
    """The lead files a declined one away that needs no further sending."""
    turn = _begin(session, actor, ticket, _LEAD, version, now)
    turn.file_away()
    return turn.found


@dataclass(frozen=True)
class _Turn:
    """One act on one hand-over, under the lock."""

    session: Session
    actor: Actor
    ticket: Ticket
    found: Escalation
    now: datetime

    def round(self) -> EscalationRound:
        """The present sending."""
        wanted = sa.select(EscalationRound).where(
            EscalationRound.escalation_id == self.found.id, EscalationRound.cycle == self.found.cycle
        )
        return self.session.scalars(wanted).one()

    def end_round(self) -> None:
        """How the present sending ended, unless it had ended before."""
        last = self.round()
        if last.ended_at is None:
            last.ended_at, last.outcome = self.now, self.found.state

    def note(self, text: str, *, audience: Audience = Audience.HANDOVER, missing: str = "The message") -> Message:
        """What the person wrote with it, as a message."""
        how = {"from_staff": True, "audience": audience, "missing": missing}
        return tickets.write(self.session, self.actor, self.ticket, text, (), Channel.WEB, self.now, **how)

    def hand_back(self, state: EscalationState, kind: str, message: Message, payload: dict[str, Any]) -> None:
        """The registry gives the ticket back to the lead."""
        self.found.state = state
        self.found.answered_at = self.found.answered_at or self.now
        self.end_round()
        self.session.flush()
        handover.hand_back(
            self.session,
            self.actor,
            self.ticket,
            kind=kind,
            now=self.now,
            escalation_id=self.found.id,
            payload={**payload, "cycle": self.found.cycle},
            message=message,
        )

    def file_away(self) -> None:
        """Nothing more is expected of anybody."""
        self.found.state, self.found.closed_at = next_state(self.found.state, Move.CLOSE), self.now
        self.session.flush()
        self.record("escalation_closed", quiet=True)

    def record(self, kind: str, *, message: Message | None = None, quiet: bool = False) -> None:
        """An event that no verb of the ticket writes."""
        payload = {"cycle": self.found.cycle, "tier": self.found.tier}
        tickets.record(
            self.session,
            self.ticket,
            kind,
            self.actor,
            self.now,
            message=message,
            escalation_id=self.found.id,
            payload=payload,
            quiet=quiet,
        )


def _begin(
    session: Session, actor: Actor, ticket: Ticket, permission: Permission, version: int | None, now: datetime
) -> _Turn:
    """Lock, and read the newest hand-over; a registry finds only what was sent to it."""
    tickets.working(session, actor, ticket, permission)
    found = queries.newest(session, ticket.id)
    own = permission is not _REGISTRY or actor.system
    if found is None or not (own or (found.cycle and found.registry_id in actor.registries())):
        raise NotFound
    if version not in (None, found.version):
        raise Conflict(f"Somebody acted meanwhile: the escalation is {STATE_LABELS[found.state]}. Please look again.")
    return _Turn(session, actor, ticket, found, now)
