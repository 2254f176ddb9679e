"""The timed jobs: an alarm clock, and for each alarm a loop over one service call in its own transaction.

APScheduler only wakes; what is due is a row with its own moment. Any number of processes may run these ticks, on any
number of machines: rows are claimed, so a tick that runs twice, late or beside another does no harm.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger
from flask import Flask

from desk.agreements import service as agreements
from desk.bulk_answers import service as bulk_answers
from desk.clock import utcnow
from desk.config import Settings
from desk.db import AWAY, transaction
from desk.drafts import service as drafts
from desk.extensions import mail
from desk.mail import intake, notify, outbound, silence, waiting
from desk.mail.sources.fetcher import Fetchers
from desk.progress import service as progress
from desk.registry_actions import service as registry_actions
from desk.reviews import service as reviews
from desk.sla import service as sla
from desk.working_hours import service as working_hours
from desk.zones import queries as zone_queries
from desk.zones import service as zones

BATCH = 50
MAIL_SECONDS = 1.0
"""Mail is looked for every second: a person waits at the other end."""

ZONES_SECONDS = 86_400.0
"""A process reads a zone once, so its first look is at its start; the others take over from one that was stopped."""

SILENCE_SECONDS = 86_400.0
"""Silence is measured in days."""

HOURS_SECONDS = 900.0
"""A calendar that opens no more is no emergency of seconds: its next opening would have been days away."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tick:
    """A job: every ``seconds`` it works off what is due. ``once`` does one unit and says how much that was."""

    name: str
    seconds: float
    once: Callable[[], int]


def ticks(settings: Settings) -> tuple[Tick, ...]:
    """All jobs of the desk, in the order in which one pass makes sense: what came in, what is due, who is told."""
    return (
        Tick("mail read", MAIL_SECONDS, lambda: intake.read_pending(settings, utcnow())),
        Tick("agreements due", settings.TICK_SECONDS, _carry_out_agreements),
        Tick("clocks due", settings.TICK_SECONDS, _act_on_clocks),
        Tick("zones watched", ZONES_SECONDS, _watch_zones),
        Tick("silence heard", SILENCE_SECONDS, _hear_silence),
        Tick("hours looked at", HOURS_SECONDS, _look_at_hours),
        Tick("tickets due", settings.TICK_SECONDS, _act_on_tickets),
        Tick("drafts due", settings.TICK_SECONDS, _send_drafts),
        Tick("tickets answered", MAIL_SECONDS, _answer_tickets),
        Tick("tickets that came back", settings.TICK_SECONDS, _note_came_back),
        Tick("reviews due", settings.TICK_SECONDS, _remind_of_reviews),
        Tick("registry actions due", settings.TICK_SECONDS, _remind_of_registry_actions),
        Tick("events told", MAIL_SECONDS, lambda: _expand_events(settings)),
        Tick("notices due", MAIL_SECONDS, lambda: _write_notices(settings)),
        Tick("mail sent", MAIL_SECONDS, lambda: outbound.send_one(mail, settings=settings, now=utcnow())),
    )


def _hear_silence() -> int:
    with transaction() as session:
        return silence.tell_of_silent(session, utcnow())


def _look_at_hours() -> int:
    with transaction() as session:
        return working_hours.tell_of_closed(session, utcnow())


def _carry_out_agreements() -> int:
    with transaction() as session:
        return agreements.carry_out(session, utcnow(), BATCH)


def _watch_zones() -> int:
    with transaction() as session:
        done = zones.watch_zones(session, utcnow(), BATCH)
        for tz in () if done else zone_queries.behind(session):
            log.warning("This machine's time zone data is older than what the desk has seen of %s: update tzdata", tz)
        return done


def _act_on_clocks() -> int:
    with transaction() as session:
        return sla.act_on_due_clocks(session, utcnow(), BATCH)


def _act_on_tickets() -> int:
    with transaction() as session:
        return progress.act_on_due_tickets(session, now=utcnow(), limit=BATCH)


def _send_drafts() -> int:
    with transaction() as session:
        return drafts.send_due(session, utcnow())


def _answer_tickets() -> int:
    with transaction() as session:
        return bulk_answers.work_one(session, utcnow())


def _note_came_back() -> int:
    with transaction() as session:
        return bulk_answers.note_came_back(session, utcnow(), BATCH)


def _remind_of_reviews() -> int:
    with transaction() as session:
        return reviews.remind(session, utcnow(), BATCH)


def _remind_of_registry_actions() -> int:
    with transaction() as session:
        return registry_actions.remind(session, utcnow(), BATCH)


def _expand_events(settings: Settings) -> int:
    with transaction() as session:
        return notify.expand_one(session, settings=settings, now=utcnow())


def _write_notices(settings: Settings) -> int:
    with transaction() as session:
        return waiting.write_one(session, settings=settings, now=utcnow())


class Jobs:
    """The alarm clock of one process; ``stop`` lets the unit in hand finish and starts no other."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._stopping = threading.Event()
        self._ticks = ticks(app.config["DESK"])
        self._fetchers = Fetchers(app)
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": {"type": "threadpool", "max_workers": len(self._ticks)}},
            # Never piles up: several missed alarms are one, however late, since only rows say what is due.
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        # It warns whenever an alarm comes while the same job is still at work, which is no news here.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)

    def start(self) -> "Jobs":
        """Begin; returns at once."""
        for tick in self._ticks:
            trigger = IntervalTrigger(seconds=tick.seconds, timezone=UTC)
            first = {"next_run_time": utcnow()} if tick.seconds >= ZONES_SECONDS else {}
            self._scheduler.add_job(self._run, trigger, args=(tick,), id=tick.name, **first)
        self._scheduler.start()
        self._fetchers.start()
        return self

    def stop(self) -> None:
        """End after what is in hand."""
        self._stopping.set()
        # An alarm that rings at this very moment finds nobody to take it, and the scheduler would log that as a fault.
        logging.getLogger("apscheduler").setLevel(logging.CRITICAL)
        self._fetchers.stop()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)

    def _run(self, tick: Tick) -> None:
        with self._app.app_context():
            work_off(tick, self._stopping)


def work_off(tick: Tick, stopping: threading.Event | None = None) -> int:
    """Do units until none is left; returns how much was done. A failure ends this pass, the next alarm tries again."""
    done = 0
    while stopping is None or not stopping.is_set():
        try:
            count = tick.once()
        except AWAY as error:
            cause = getattr(error, "orig", error)
            log.warning("%s: the database is away (%s); trying again at the next alarm", tick.name, cause)
            break
        except Exception:
            log.exception("%s failed; trying again at the next alarm", tick.name)
            break
        if not count:
            break
        done += count
    return done


def tick_all(app: Flask, *, until_idle: bool = False) -> dict[str, int]:
    """One pass of every job, for cron and tests; ``until_idle``: passes until one finds nothing to do."""
    done = {tick.name: 0 for tick in ticks(app.config["DESK"])}
    with app.app_context():
        while True:
            counts = {tick.name: work_off(tick) for tick in ticks(app.config["DESK"])}
            for name, count in counts.items():
                done[name] += count
            if not until_idle or not any(counts.values()):
                return done
