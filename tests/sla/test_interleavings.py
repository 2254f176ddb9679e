"""Law 11 over the real service: whatever happens, in whatever order, a replay of the events gives what is stored.

A machine of rules drives the verbs on a real database, in transactions of their own, with clocks of machines that are
behind, hours and promises edited for now and for later, corrections of the past, and sweeps at any time.
"""

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy.orm import Session

from desk.accounts.models import Team
from desk.agreements import service as agreements
from desk.calendars.models import Agreement
from desk.corrections import service as corrections
from desk.db import db, transaction
from desk.domain.clocks import EventType
from desk.domain.errors import DeskError
from desk.domain.lifecycle import State
from desk.domain.permissions import SYSTEM
from desk.domain.priority import Impact, Priority, Urgency
from desk.domain.sla import ClockState, Kind, fold
from desk.domain.targets import DEFAULT_LADDER, Target
from desk.domain.vocabulary import Audience, Channel, Outcome, TicketKind
from desk.handover import service as handover
from desk.progress import service as progress
from desk.sla import queries, service
from desk.sla.models import ClockEvent, ClockSegment
from desk.tickets import service as tickets
from desk.tickets.models import Ticket
from desk.triage import service as triage
from desk.working_hours import service as working_hours
from desk.zones import service as zones
from tests.cast import Cast
from tests.conftest import dispose
from tests.servers.postgres import Postgres
from tests.sla.rig import office_hours
from tests.zones.crafted import ZoneData, zone_data

DAY = 86_400
GAPS = st.one_of(
    st.sampled_from([-3, -1, 0, 1, 59, 3_600, 7 * 3_600, DAY, 3 * DAY]),
    st.integers(0, 2 * DAY),
)
HOURS: tuple[dict[str, Any], ...] = (
    {},
    {"weekly_hours": {day: [["08:00", "12:00"], ["13:00", "16:00"]] for day in ("mon", "wed", "fri")}},
    {"holidays": [f"2026-03-{day:02}" for day in range(5, 30, 3)]},
    {"weekly_hours": {"sat": [["22:00", "06:00"]], "tue": [["00:00", "24:00"]]}},
    {"tz": "Africa/Cairo"},
)
PROMISES: tuple[dict[Kind, Target], ...] = (
    {
        Kind.FIRST_RESPONSE: Target(seconds=3_600),
        Kind.LEAD: Target(seconds=7_200),
        Kind.OVERALL: Target(working_days=1),
    },
    {Kind.NEXT_RESPONSE: Target(seconds=600), Kind.LEAD: Target(working_days=5)},
    {},
    dict.fromkeys(Kind, Target(working_days=2)),
)


class Interleavings(RuleBasedStateMachine):
    """Up to three tickets of one consortium, and everybody who does something to them."""

    def __init__(self, cast: Cast, reset: Callable[[], None], zones: ZoneData) -> None:
        super().__init__()
        self.cast, self.reset, self.zones = cast, reset, zones
        self.elsewhere = ["Europe/Athens", "Africa/Cairo", "Asia/Tokyo", "Europe/Lisbon"]
        self.now = cast.now
        self.numbers: list[int] = []
        self.merged: set[int] = set()

    @initialize(later=st.sampled_from([0, 22 * DAY]), promise=st.sampled_from(PROMISES))
    def begin(self, later: int, promise: dict[Kind, Target]) -> None:
        self.reset()
        self.zones.give("Europe/Berlin", "Europe/Berlin")
        while self._watch(self.now):
            pass
        self.now += timedelta(seconds=later)  # the other start is just before Berlin's clocks go forward
        with transaction() as session:
            self._promise(session, self.now, self.now, promise)
        self.open(0, False, Impact.MEDIUM)

    # --- what people do

    @precondition(lambda self: len(self.numbers) < 3)
    @rule(gap=GAPS, by_staff=st.booleans(), impact=st.sampled_from(list(Impact)))
    def open(self, gap: int, by_staff: bool, impact: Impact) -> None:
        """A ticket is opened, by the member or in the member's name."""
        now = self._at(gap)
        person = self.cast.leo if by_staff else self.cast.alice
        draft = tickets.NewTicket(
            consortium_id=self.cast.north.id,
            member_org_id=self.cast.alder.id,
            subject=f"Ticket {len(self.numbers)}",
            text="It does not work.",
            impact=impact,
            requester_id=self.cast.alice.id,
        )
        with transaction() as session:
            actor = self.cast.actor(person, now)
            self.numbers.append(tickets.open_ticket(session, actor, draft, channel=Channel.WEB, now=now).id)

    @rule(gap=GAPS, which=st.integers(0, 2), public=st.booleans(), staff=st.booleans())
    def write(self, gap: int, which: int, public: bool, staff: bool) -> None:
        """An answer, a note, or words of the member, which reopen what was resolved."""
        person = self.cast.leo if staff else self.cast.alice
        audience = Audience.MEMBER if public or not staff else Audience.LEAD
        self._do(
            gap,
            which,
            lambda session, ticket, now: progress.add_message(
                session,
                self.cast.actor(person, now),
                ticket,
                audience=audience,
                text="Words.",
                channel=Channel.WEB,
                now=now,
            ),
        )

    @rule(gap=GAPS, which=st.integers(0, 2))
    def ask(self, gap: int, which: int) -> None:
        """The member is asked something."""
        self._do(
            gap,
            which,
            lambda session, ticket, now: progress.ask_member(
                session, self.cast.actor(self.cast.leo, now), ticket, text="Which one?", channel=Channel.WEB, now=now
            ),
        )

    @rule(gap=GAPS, which=st.integers(0, 2), wakes=st.integers(1, 5 * DAY))
    def hold(self, gap: int, which: int, wakes: int) -> None:
        """It waits until a date; or it goes on, when it waits already."""

        def act(session: Session, ticket: Ticket, now: datetime) -> None:
            actor = self.cast.actor(self.cast.leo, now)
            if ticket.state is State.ON_HOLD:
                progress.wake(session, actor, ticket, now=now)
            else:
                until = now + timedelta(seconds=wakes)
                progress.hold(session, actor, ticket, reason="The release", until=until, now=now)

        self._do(gap, which, act)

    @rule(gap=GAPS, which=st.integers(0, 2), with_words=st.booleans())
    def resolve(self, gap: int, which: int, with_words: bool) -> None:
        """It is resolved, with words to the member or without."""
        text = "It works again." if with_words else None
        self._do(
            gap,
            which,
            lambda session, ticket, now: progress.resolve(
                session, self.cast.actor(self.cast.leo, now), ticket, outcome=Outcome.SOLVED, text=text, now=now
            ),
        )

    @rule(gap=GAPS, which=st.integers(0, 2), again=st.booleans())
    def reopen_or_close(self, gap: int, which: int, again: bool) -> None:
        """What was resolved is taken up again or closed."""
        verb = progress.reopen if again else progress.close
        self._do(
            gap,
            which,
            lambda session, ticket, now: verb(session, self.cast.actor(self.cast.leo, now), ticket, now=now),
        )

    @rule(
        gap=GAPS, which=st.integers(0, 2), impact=st.sampled_from(list(Impact)), urgency=st.sampled_from(list(Urgency))
    )
    def prioritise(self, gap: int, which: int, impact: Impact, urgency: Urgency) -> None:
        """Another priority."""
        self._do(
            gap,
            which,
            lambda session, ticket, now: triage.triage(
                session,
                self.cast.actor(self.cast.leo, now),
                ticket,
                kind=TicketKind.INCIDENT,
                impact=impact,
                urgency=urgency,
                catalogue_key=None,
                service="ORCID",
                environment=None,
                fields={},
                tags=(),
                version=ticket.version,
                now=now,
            ),
        )

    @rule(
        gap=GAPS,
        which=st.integers(0, 2),
        answer=st.sampled_from(["accept", "returned", "declined", "fixed", "withdraw"]),
    )
    def hand_over_or_answer(self, gap: int, which: int, answer: str) -> None:
        """It goes to the registry; or the registry that has it answers, or the lead takes it back."""

        def act(session: Session, ticket: Ticket, now: datetime) -> None:
            lead, registry = self.cast.actor(self.cast.leo, now), self.cast.actor(self.cast.rita, now)
            team = session.get_one(Team, self.cast.orcid_support.id)
            if ticket.state not in (State.ESCALATED, State.PENDING_MEMBER):
                handover.hand_over(session, lead, ticket, registry_id=self.cast.orcid.id, team=team, tier=2, now=now)
            elif answer == "accept":
                handover.accept_handover(session, registry, ticket, now=now)
            elif answer == "withdraw":
                handover.withdraw(session, lead, ticket, now=now)
            else:
                handover.hand_back(session, registry, ticket, kind=answer, now=now)

        self._do(gap, which, act)

    @rule(gap=GAPS, which=st.integers(0, 2), to=st.sampled_from(["north", "south"]))
    def transfer(self, gap: int, which: int, to: str) -> None:
        """Another lead's hours count for Tier 1 from now on."""

        def act(session: Session, ticket: Ticket, now: datetime) -> None:
            consortium = getattr(self.cast, to)
            service.transfer_lead(
                session,
                ticket.id,
                consortium_id=consortium.id,
                lead_calendar_id=getattr(self.cast, f"{to}_desk").calendar_id,
                actor_id=self.cast.leo.id,
                now=now,
            )

        self._do(gap, which, act)

    @precondition(lambda self: len(self._open()) > 1)
    @rule(gap=GAPS, which=st.integers(0, 2))
    def merge(self, gap: int, which: int) -> None:
        """One ticket's clocks end in another's."""
        numbers = self._open()
        source, target = numbers[which % len(numbers)], numbers[(which + 1) % len(numbers)]

        def act(session: Session, ticket: Ticket, now: datetime) -> None:
            triage.merge(session, self.cast.actor(self.cast.leo, now), ticket, into=target, now=now)
            self.merged.add(source)

        self._do(gap, which, act)

    # --- what is edited while clocks run

    @rule(
        gap=GAPS,
        hours=st.sampled_from(HOURS),
        ahead=st.sampled_from([0, 0, 5 * 3_600, 2 * DAY]),
        registry=st.booleans(),
    )
    def edit_hours(self, gap: int, hours: dict[str, Any], ahead: int, registry: bool) -> None:
        """Other working hours, from now or from later on."""
        now = self._at(gap)
        team = self.cast.orcid_support if registry else self.cast.north_desk
        with transaction() as session:
            working_hours.save_calendar_version(
                session,
                SYSTEM,
                calendar_id=team.calendar_id or 0,
                spec=office_hours("Europe/Berlin") | hours,
                effective_from=now + timedelta(seconds=ahead),
                now=now,
            )

    @rule(gap=GAPS, promise=st.sampled_from(PROMISES), ahead=st.sampled_from([0, 0, 5 * 3_600, 2 * DAY]))
    def edit_promise(self, gap: int, promise: dict[Kind, Target], ahead: int) -> None:
        """Another agreement, from now or from later on."""
        now = self._at(gap)
        with transaction() as session:
            self._promise(session, now, now + timedelta(seconds=ahead), promise)

    @rule(gap=GAPS, which=st.integers(0, 2), kind=st.sampled_from([Kind.LEAD, Kind.OVERALL]), number=st.integers(0, 20))
    def correct_a_stretch(self, gap: int, which: int, kind: Kind, number: int) -> None:
        """A stretch that ran does not count, or one in which it stood does."""

        def act(session: Session, ticket: Ticket, now: datetime) -> None:
            accounts = [each for each in queries.account(session, ticket.id, now) if each.clock.kind is kind]
            if not accounts or not accounts[0].stretches:
                return
            stretches = accounts[0].stretches
            corrections.remeasure_stretch(
                session,
                self.cast.actor(self.cast.lena, now),
                ticket_id=ticket.id,
                kind=kind,
                from_at=stretches[number % len(stretches)].start,
                reason="It was ours.",
                now=now,
            )

        self._do(gap, which, act)

    @rule(gap=GAPS, back=st.integers(1, 5), length=st.integers(1, 3))
    def correct_the_hours(self, gap: int, back: int, length: int) -> None:
        """For some past days other hours had been true."""
        now = self._at(gap)
        start = now - timedelta(days=back)
        self._try(
            lambda session: corrections.remeasure(
                session,
                SYSTEM,
                calendar_id=self.cast.north_desk.calendar_id or 0,
                from_at=start,
                until_at=min(start + timedelta(days=length), now),
                reason="A holiday that was forgotten.",
                spec=office_hours("Europe/Berlin", weekly_hours={"wed": [["09:00", "12:00"]]}),
                now=now,
            )
        )

    # --- the machines

    @precondition(lambda self: self.elsewhere)
    @rule(gap=GAPS)
    def learn_the_rules_of_a_zone(self, gap: int) -> None:
        """All machines are started again with newer data, by which Berlin lies somewhere else."""
        self.zones.give("Europe/Berlin", self.elsewhere.pop(0))
        now = self._at(gap)
        while self._watch(now):
            pass

    def _watch(self, now: datetime) -> int:
        with transaction() as session:
            return zones.watch_zones(session, now, 2)

    @rule(gap=GAPS, limit=st.sampled_from([1, 100]))
    def sweep(self, gap: int, limit: int) -> None:
        """The jobs look at what is due: once, for some of it or for all."""
        now = self._at(gap)
        with transaction() as session:
            service.act_on_due_clocks(session, now, limit)
        with transaction() as session:
            agreements.carry_out(session, now, limit)
        with transaction() as session:
            progress.act_on_due_tickets(session, now=now, limit=limit)

    # --- what must always hold

    @invariant()
    def a_replay_gives_what_is_stored(self) -> None:
        """Law 11."""
        with transaction() as session:
            assert service.rebuild(session, check=True) == []

    @invariant()
    def the_rules_say_what_the_rows_say(self) -> None:
        """The pure fold of the events, as of now, agrees with the rows that pages and lists read, swept or not."""
        db.session.expire_all()
        session = db.session()
        happened = queries.events_of(session, self.numbers)
        rows = queries.clocks_of(session, self.numbers)
        sets = {row.ticket_id: row for row in queries.sets_of(session, self.numbers)}
        known = queries.histories(session, queries.calendars_of(sets.values(), happened))
        for number in self.numbers:
            # In the next second: what is written in this one may still be followed by a change in the same.
            now = max(self.now.replace(microsecond=0), sets[number].last_at) + timedelta(seconds=1)
            clocks = fold(happened[number], known, {}, now)
            assert set(clocks) == {row.kind for row in rows[number]}
            for row in rows[number]:
                clock = clocks[row.kind]
                assert (row.state, row.consumed, row.due_at, row.breach_at, row.running_since) == (
                    clock.state,
                    clock.settled,
                    clock.due_at,
                    clock.breach_at,
                    clock.running_since,
                )
                assert row.is_late(now) == (clock.breached_at is not None), (row.kind, clock)
                if row.breached_at is None and row.state is not ClockState.CANCELLED:
                    late = clock.target_seconds is not None and clock.consumed > clock.target_seconds
                    assert row.is_late(now) == late
        session.rollback()

    @invariant()
    def no_second_of_a_party_is_counted_twice(self) -> None:
        """Stretches of one clock never overlap, nor do those of the lead with those of the registry."""
        session = db.session()
        for kinds in ([Kind.LEAD, Kind.REGISTRY], [Kind.OVERALL], [Kind.REGISTRY_ACCEPTANCE]):
            spans = session.execute(
                sa.select(ClockSegment.ticket_id, ClockSegment.from_at, ClockSegment.until_at)
                .join(ClockEvent, ClockEvent.id == ClockSegment.closed_by)
                .where(ClockSegment.kind.in_(kinds), ClockEvent.type != EventType.REMEASURED)
                .order_by(ClockSegment.ticket_id, ClockSegment.from_at, ClockSegment.until_at)
            ).all()
            for (ticket, _, until), (following, start, _) in pairwise(spans):
                assert ticket != following or until <= start
        session.rollback()

    @invariant()
    def a_breach_is_recorded_once(self) -> None:
        """By whatever machine, at whatever time."""
        session = db.session()
        times = session.scalars(
            sa.select(sa.func.count())
            .where(ClockEvent.type == EventType.BREACHED)
            .group_by(ClockEvent.ticket_id, ClockEvent.kind, ClockEvent.cycle)
        )
        assert set(times) <= {1}
        session.rollback()

    # --- how

    def _at(self, gap: int) -> datetime:
        """The present; a negative gap is a machine whose clock is behind, and the others' goes on as it was."""
        if gap < 0:
            return self.now + timedelta(seconds=gap)
        self.now += timedelta(seconds=gap)
        return self.now

    def _open(self) -> list[int]:
        return [number for number in self.numbers if number not in self.merged]

    def _do(self, gap: int, which: int, act: Callable[[Session, Ticket, datetime], object]) -> None:
        """One verb on one ticket. What is illegal at its turn is refused, and nothing of it stays."""
        now, numbers = self._at(gap), self._open()
        number = numbers[which % len(numbers)]
        self._try(lambda session: act(session, session.get_one(Ticket, number), now))

    def _try(self, act: Callable[[Session], object]) -> None:
        try:
            with transaction() as session:
                act(session)
        except DeskError:
            pass

    def _promise(self, session: Session, now: datetime, moment: datetime, promise: dict[Kind, Target]) -> None:
        wanted = sa.select(Agreement.id).where(Agreement.consortium_id == self.cast.north.id)
        agreements.save_agreement_version(
            session,
            SYSTEM,
            agreement_id=session.scalars(wanted).one(),
            targets=dict.fromkeys(Priority, promise) | {Priority.P1: {Kind.LEAD: Target(seconds=1_800)}},
            ladder=DEFAULT_LADDER,
            hold_pauses_overall=Kind.NEXT_RESPONSE in promise,
            effective_from=moment,
            now=now,
        )


@pytest.fixture
def reset(
    app: Flask, cast: Cast, database_url: str, request: pytest.FixtureRequest, databases: Path
) -> Callable[[], None]:
    """Makes the database again what it was when the test began: the cast, and nothing else."""

    def fresh() -> None:
        dispose()
        if database_url.startswith("sqlite"):
            for path in databases.glob("desk.db*"):
                path.unlink()
            shutil.copyfile(request.getfixturevalue("sqlite_cast"), databases / "desk.db")
            return
        server: Postgres = request.getfixturevalue("postgres")
        name = database_url.rpartition("/")[2]
        server.drop(name)
        server.create(name, request.getfixturevalue("postgres_cast"))

    return fresh


def test_law_11_replaying_the_events_gives_what_is_stored_after_any_interleaving(
    cast: Cast, reset: Callable[[], None], tmp_path: Path
) -> None:
    with zone_data(tmp_path / "zones") as zones:
        run(lambda: Interleavings(cast, reset, zones))


def run(machine: Callable[[], Interleavings]) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine,
        settings=settings(
            max_examples=20,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
        ),
    )
