"""The demo world, made through the desk's own verbs at past instants, in one unit of work: all of it or nothing."""

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.bulk_answers import service as bulk_answers
from desk.config import Settings
from desk.demo import filings, wishes
from desk.demo.doors import Doors
from desk.demo.ground import Ground, held, lay
from desk.demo.levels import Levels
from desk.demo.people import Human, everybody
from desk.demo.places import CONSORTIA
from desk.demo.plans import DAYS, Plan, Planner
from desk.demo.register import Keeper, explained
from desk.demo.stage import Register, Scene, open_ticket, perform
from desk.domain.lifecycle import State
from desk.domain.notices import Wait
from desk.events import service as events
from desk.events.models import Event
from desk.mail import notify, waiting
from desk.mail.models import OutboundMail, OutboundState, WaitingNotice
from desk.progress import service as progress
from desk.registry_actions import service as registry_actions
from desk.sla import service as sla
from desk.tickets.models import Ticket

LOADED = "demo_loaded"
BATCH = 200
SWEEP = timedelta(hours=12)
LEAD_TIME = timedelta(days=14)
"""Places and people are there some time before the first ticket."""

_NO_LETTERS = ("warned", "breached")
"""Reminders are not part of any thread."""

Act = Callable[[datetime], None]
Told = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Made:
    """How much there is."""

    people: int
    tickets: int
    events: int


def seed_of(session: Session) -> int | None:
    """The seed of the demo world in this database; None when there is none."""
    payload = session.scalar(sa.select(Event.payload).where(Event.kind == LOADED).limit(1))
    return int(payload["seed"]) if payload else None


def is_empty(session: Session) -> bool:
    """Whether nobody has set up anything yet; the demo is not mixed with a desk in use."""
    return accounts.consortium_by_slug(session, CONSORTIA[0].slug) is None and session.get(Ticket, 1) is None


def make(session: Session, *, seed: int, now: datetime, told: Told, share: float = 1.0) -> Made:
    """Make everything that happened until ``now``. ``told`` hears of every day that has passed, as (days, of days).

    ``share``: how much of the past to make; whatever it is, every state and every plot is there.
    """
    now = now.replace(microsecond=0)
    people = everybody(seed)
    since = now - timedelta(days=DAYS) - LEAD_TIME
    ground = lay(session, people, since, now)
    wishes.choose(session, people, since)
    plans = Planner(seed, people, ground.hours, ground.catalogue, explained(), now).plans(share)
    register = Register()
    acts = _in_order(ground, register, plans, people, now)
    _play(session, acts, now - timedelta(days=DAYS + 1), now, told)
    return _finish(session, people, plans, seed, now)


def _in_order(
    ground: Ground, register: Register, plans: list[Plan], people: list[Human], now: datetime
) -> Iterator[tuple[datetime, Act]]:
    """All acts of tickets, issues and service levels by their instants."""
    acts: list[tuple[datetime, int, Act]] = []
    for at, act in (*Keeper(ground, register, people, now).acts(), *Levels(ground, people, now).acts()):
        acts.append((at, len(acts), act))
    for at, act in Doors(ground, people, now).acts():
        acts.append((at, len(acts), act))
    for plan in plans:
        life = _Life(ground, register, plan)
        acts.append((plan.at, len(acts), life.begin))
        for beat, at in plan.turns:
            acts.append((at, len(acts), lambda at, life=life, beat=beat: perform(life.scene(at), beat)))  # type: ignore[misc]
    heapq.heapify(acts)
    while acts:
        at, _, act = heapq.heappop(acts)
        yield at, act


class _Life:
    """One ticket between its acts."""

    def __init__(self, ground: Ground, register: Register, plan: Plan) -> None:
        self._ground = ground
        self._register = register
        self._plan = plan
        self._ticket: Ticket | None = None

    def begin(self, _at: datetime) -> None:
        self._ticket = open_ticket(self._ground, self._plan)

    def scene(self, at: datetime) -> Scene:
        if self._ticket is None:
            raise RuntimeError("an act before the ticket was opened")
        return Scene(self._ground, self._register, self._plan, at, self._ticket)


def _play(session: Session, acts: Iterator[tuple[datetime, Act]], start: datetime, now: datetime, told: Told) -> None:
    """Let the time pass: acts at their instants, between them the desk's own sweeps, as its jobs would have made.

    How often they come changes no recorded instant: a clock's warning or breach has its own, whenever it is found.
    """
    swept = start.replace(hour=0, minute=0, second=0)
    first, days = swept, (now - swept).days
    for at, act in acts:
        while swept + SWEEP < at:
            swept += SWEEP
            _sweep(session, swept)
            if swept.hour == 0:
                told((swept - first).days, days)
        act(at)
    _sweep(session, now)
    told(days, days)


def _sweep(session: Session, at: datetime) -> None:
    while sla.act_on_due_clocks(session, at, BATCH):
        pass
    while bulk_answers.work_one(session, at):
        pass
    while progress.act_on_due_tickets(session, now=at, limit=BATCH):
        pass


def _finish(session: Session, people: list[Human], plans: list[Plan], seed: int, now: datetime) -> Made:
    filings.file_some(session, now)
    filings.let_some_write(session, now)
    wishes.give_news(session, people, now)
    while registry_actions.remind(session, now, BATCH):
        pass
    events.record(session, LOADED, at=now, payload={"seed": seed}, quiet=True)
    count = session.scalar(sa.select(sa.func.count()).select_from(Event)) or 0
    return Made(people=len(people), tickets=len(plans), events=count)


def settle_mail(session: Session, settings: Settings, now: datetime) -> int:
    """Nobody is mailed about the past; returns how many mails are recorded as sent.

    Tickets that may go on get the mails they would have had, so that the next one is threaded below them and the mail
    screen has something to show. What is over is only marked as told. What somebody's next daily mail will hold, or
    the end of their quiet hours bring, goes on waiting.
    """
    over = sa.select(Ticket.id).where(Ticket.state == State.CLOSED)
    untold = Event.expanded_at.is_(None)
    past = sa.or_(Event.ticket_id.is_(None), Event.ticket_id.in_(over), Event.kind.in_(_NO_LETTERS))
    session.execute(sa.update(Event).where(untold, past).values(expanded_at=Event.at))
    _held = [*held(session), *session.scalars(sa.select(Ticket).where(Ticket.state != State.CLOSED))]
    oldest = sa.select(Event.at).where(untold).order_by(Event.id).limit(1)
    while (at := session.scalar(oldest)) is not None:
        _write_waiting(session, settings, WaitingNotice.due_at <= at)
        notify.expand_one(session, settings=settings, now=at)
    _write_waiting(session, settings, sa.or_(WaitingNotice.due_at <= now, WaitingNotice.wait == Wait.GATHER))
    sent = sa.update(OutboundMail).where(OutboundMail.state == OutboundState.QUEUED)
    done = session.execute(sent.values(state=OutboundState.SENT, sent_at=OutboundMail.created_at, attempts=1))
    return int(getattr(done, "rowcount", 0))


def _write_waiting(session: Session, settings: Settings, which: sa.ColumnElement[bool]) -> None:
    """The mails that waited and whose moment has come, each at that moment."""
    due_at = sa.select(WaitingNotice.due_at).where(WaitingNotice.written_at.is_(None), which)
    while (due := session.scalar(due_at.order_by(WaitingNotice.due_at).limit(1))) is not None:
        waiting.write_one(session, settings=settings, now=due)
