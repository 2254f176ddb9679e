"""Worked examples of the desk's own clocks, told in events, and played through the verbs that people use.

``OWN`` were worked out by hand, with a calendar on paper; a corpus beside the checkout may hold more in the same form.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from desk.accounts import service as people
from desk.accounts.models import Person, Team
from desk.calendars import service as calendars
from desk.db import db, transaction
from desk.domain.lifecycle import State
from desk.domain.permissions import SYSTEM, Actor, Role
from desk.domain.priority import Impact, Priority, Urgency
from desk.domain.sla import Clock, Kind, Target
from desk.domain.vocabulary import Audience, Channel, Outcome, TicketKind
from desk.handover import service as handover
from desk.progress import service as progress
from desk.sla import queries, service
from desk.tickets import service as tickets
from desk.tickets.models import Ticket
from desk.triage import service as triage
from desk.working_hours import service as working_hours
from tests.cast import Cast

KINDS = {
    "tier1": Kind.LEAD,
    "tier23": Kind.REGISTRY,
    "overall": Kind.OVERALL,
    "first_response": Kind.FIRST_RESPONSE,
    "next_response": Kind.NEXT_RESPONSE,
}
STATES = {
    "waiting_on_member": State.PENDING_MEMBER,
    "escalated_to_registry": State.ESCALATED,
    "waiting_on_lead": State.PENDING_LEAD,
}
_ANSWERS = ("first_response", "next_response")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


class Life:
    """One ticket of Alice's, lived as the events of a case say."""

    def __init__(self, cast: Cast, case: dict[str, Any]) -> None:
        self.cast, self.case = cast, case
        self.number = 0
        self.lead_calendar_id = 0
        # Who asks a member writes to them, which answers what waited: no verb stops the clocks in silence.
        self.asked = False

    def play(self, event: dict[str, Any]) -> None:
        """One event, through the verb that does it."""
        now = at(event["at"])
        with transaction() as session:
            match event["type"]:
                case "created":
                    self._open(session, event, now)
                case "staff_reply":
                    self._write(session, self.cast.leo, now)
                case "member_message":
                    self._write(session, self.cast.alice, now)
                case "state":
                    self._move(session, STATES.get(event["to"]) or State(event["to"]), now)
                case "priority":
                    self._prioritise(session, now)
                case "calendar_change":
                    # Both calendars of a case are the lead's own: it is saved once.
                    if event["which"] == "lead":
                        self._save(session, self.lead_calendar_id, event["calendar"], now)
                case "transfer":
                    self._transfer(session, event, now)
                case "merged_into":
                    self._merge(session, now)
                case unknown:
                    raise AssertionError(unknown)

    def clocks(self, as_of: datetime) -> dict[Kind, Clock]:
        """The clocks as their account tells them, whatever was written since."""
        db.session.expire_all()
        return {each.clock.kind: each.clock for each in queries.account(db.session(), self.number, as_of)}

    def state(self) -> State:
        db.session.expire_all()
        return db.session.get_one(Ticket, self.number).state

    def compare(self, expected: dict[str, Any]) -> None:
        """Hold the clocks as of a moment against what the case expects."""
        clocks = self.clocks(at(expected["as_of"]))
        for name, kind in KINDS.items():
            clock = clocks.get(kind)
            found = {
                "consumed": clock.consumed if clock else 0,
                "due": shown(clock.due_at if clock else None),
                "breach_at": shown(clock.breach_at if clock else None),
                "breached_at": shown(clock.breached_at if clock else None),
                "breached": bool(clock and clock.breached_at),
            }
            for key, value in found.items():
                if f"{name}_{key}" in expected and not (self.asked and name in _ANSWERS):
                    assert value == expected[f"{name}_{key}"], (name, key, expected["as_of"])

    def check(self) -> list[str]:
        with transaction() as session:
            return service.rebuild(session, check=True)

    def _actor(self, person: Person) -> Actor:
        return self.cast.actor(person)

    def _ticket(self, session: Session) -> Ticket:
        return session.get_one(Ticket, self.number)

    def _open(self, session: Session, event: dict[str, Any], now: datetime) -> None:
        """Opened by Alice, of priority P3; the targets that come with another priority are those of P1."""
        later = next((e["targets"] for e in self.case["events"] if e["type"] == "priority"), event["targets"])
        tables = {Priority.P3: event["targets"], Priority.P1: later}
        owners: tuple[tuple[Team, dict[str, int]], ...] = (
            (self.cast.north_desk, {"consortium_id": self.cast.north.id}),
            (self.cast.orcid_support, {"registry_id": self.cast.orcid.id}),
        )
        for (team, owner), name in zip(owners, ("lead", "registry"), strict=True):
            made = calendars.add_calendar(session, SYSTEM, name=name, spec=event[name], now=now, **owner)
            session.get_one(Team, team.id).calendar_id = made.id
            self.lead_calendar_id = self.lead_calendar_id or made.id
            kinds = ("tier23",) if name == "registry" else tuple(set(KINDS) - {"tier23"})
            targets = {
                priority: {KINDS[kind]: Target(seconds=table[kind]) for kind in kinds if kind in table}
                for priority, table in tables.items()
            }
            calendars.add_agreement(session, SYSTEM, name=name, targets=targets, now=now, **owner)
        session.flush()
        draft = tickets.NewTicket(
            consortium_id=self.cast.north.id,
            member_org_id=self.cast.alder.id,
            subject="Redirect URI refused",
            text="Since this morning.",
            impact=Impact.MEDIUM,
        )
        actor = self._actor(self.cast.alice)
        made = tickets.open_ticket(session, actor, draft, channel=Channel.WEB, now=now)
        self.number = made.id
        assert made.priority is Priority.P3

    def _write(self, session: Session, person: Person, now: datetime) -> None:
        progress.add_message(
            session,
            self._actor(person),
            self._ticket(session),
            audience=Audience.MEMBER,
            text="Good morning.",
            channel=Channel.WEB,
            now=now,
        )

    def _move(self, session: Session, state: State, now: datetime) -> None:
        ticket, leo, rita = self._ticket(session), self._actor(self.cast.leo), self._actor(self.cast.rita)
        match state, ticket.state:
            case State.PENDING_MEMBER, _:
                self.asked = True
                progress.ask_member(session, leo, ticket, text="Which one?", channel=Channel.WEB, now=now)
            case State.ESCALATED, _:
                team = session.get_one(Team, self.cast.orcid_support.id)
                handover.hand_over(session, leo, ticket, registry_id=self.cast.orcid.id, team=team, tier=2, now=now)
                handover.accept_handover(session, rita, ticket, now=now)
            case State.PENDING_LEAD, _:
                handover.hand_back(session, rita, ticket, kind="returned", now=now)
            case State.ON_HOLD, _:
                progress.hold(session, leo, ticket, reason="Agreed", until=now + timedelta(days=30), now=now)
            case State.RESOLVED, _:
                progress.resolve(session, leo, ticket, outcome=Outcome.SOLVED, text=None, now=now)
            case State.OPEN, State.ESCALATED:
                handover.withdraw(session, leo, ticket, now=now)
            case State.OPEN, State.ON_HOLD:
                progress.wake(session, leo, ticket, now=now)
            case State.OPEN, State.PENDING_MEMBER:
                # The lead goes on without the member's answer: held and woken in the same second.
                progress.hold(session, leo, ticket, reason="Found out", until=now + timedelta(days=1), now=now)
                progress.wake(session, leo, ticket, now=now)
            case unknown:
                raise AssertionError(unknown)

    def _prioritise(self, session: Session, now: datetime) -> None:
        ticket = self._ticket(session)
        triage.triage(
            session,
            self._actor(self.cast.leo),
            ticket,
            kind=TicketKind.INCIDENT,
            impact=Impact.HIGH,
            urgency=Urgency.HIGH,
            catalogue_key=None,
            service="ORCID",
            environment=None,
            fields={},
            tags=(),
            version=ticket.version,
            now=now,
        )
        assert ticket.priority is Priority.P1

    def _save(self, session: Session, calendar_id: int, spec: dict[str, Any], now: datetime) -> None:
        lena = self._actor(self.cast.lena)
        working_hours.save_calendar_version(session, lena, calendar_id=calendar_id, spec=spec, now=now)

    def _transfer(self, session: Session, event: dict[str, Any], now: datetime) -> None:
        place = people.add_consortium(session, registry_id=self.cast.orcid.id, slug="west", name="West", now=now)
        hours = calendars.add_calendar(
            session, SYSTEM, name="West", spec=event["lead"], consortium_id=place.id, now=now
        )
        people.add_team(session, tier=1, name="West", calendar_id=hours.id, consortium_id=place.id)
        org = session.get_one(type(self.cast.alder), self.cast.alder.id).organisation
        there = people.add_member_org(session, consortium_id=place.id, name=org.name, ror_id=org.ror_id, now=now)
        alice = session.merge(self.cast.alice)
        people.grant_role(session, person=alice, role=Role.CONTACT, member_org_id=there.id, now=now)
        session.flush()
        actor, ticket = self._actor(self.cast.leo), self._ticket(session)
        triage.transfer(session, actor, ticket, member_org_id=there.id, reason="They know it better", now=now)

    def _merge(self, session: Session, now: datetime) -> None:
        draft = tickets.NewTicket(
            consortium_id=self.cast.north.id, member_org_id=self.cast.alder.id, subject="The same", text="Again."
        )
        other = tickets.open_ticket(session, self._actor(self.cast.alice), draft, channel=Channel.WEB, now=now)
        triage.merge(session, self._actor(self.cast.leo), self._ticket(session), into=other.id, now=now)


def shown(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


_DAYS = ("mon", "tue", "wed", "thu", "fri")
_LISBON = {"tz": "Europe/Lisbon", "weekly_hours": {day: [["09:00", "12:00"], ["13:00", "18:00"]] for day in _DAYS}}
_CHICAGO = {"tz": "America/Chicago", "weekly_hours": {day: [["08:00", "16:00"]] for day in _DAYS}, "holidays": []}
_LEAD = {**_LISBON, "holidays": ["2026-02-17"]}
_HOUR = 3600
_TARGETS = {
    "tier1": 8 * _HOUR,
    "tier23": 16 * _HOUR,
    "overall": 24 * _HOUR,
    "first_response": 4 * _HOUR,
    "next_response": 8 * _HOUR,
}


def _created(when: str, **targets: int) -> dict[str, Any]:
    return {"at": _utc(when), "type": "created", "lead": _LEAD, "registry": _CHICAGO, "targets": _TARGETS | targets}


def _utc(when: str) -> str:
    return f"2026-02-{when}:00+00:00"


def _event(when: str, type_: str, **more: Any) -> dict[str, Any]:
    return {"at": _utc(when), "type": type_, **more}


def _expected(when: str, **values: Any) -> dict[str, Any]:
    return {
        "as_of": _utc(when),
        **{key: _utc(value) if isinstance(value, str) else value for key, value in values.items()},
    }


# February 2026: the 2nd is a Monday, Lisbon is on UTC, Chicago six hours behind; Tuesday the 17th is a holiday.
OWN: list[dict[str, Any]] = [
    {
        "id": "lunch-is-not-worked",
        "events": [_created("02T11:00"), _event("02T14:00", "staff_reply")],
        "expect": [
            _expected("02T12:30", tier1_consumed=_HOUR, first_response_due="02T16:00", tier1_due="03T11:00"),
            _expected("02T14:00", first_response_consumed=2 * _HOUR, first_response_due=None, tier1_due="03T11:00"),
        ],
    },
    {
        "id": "handed-over-twice",
        "events": [
            _created("02T09:00"),
            _event("02T15:00", "state", to="escalated_to_registry"),
            _event("02T17:00", "state", to="waiting_on_lead"),
            _event("03T14:30", "state", to="escalated_to_registry"),
            _event("03T18:00", "state", to="open"),
        ],
        "expect": [
            _expected("02T17:00", tier1_consumed=5 * _HOUR, tier23_consumed=2 * _HOUR, tier23_due=None),
            # One hour of Monday and four and a half of Tuesday; the lead had 2.5 hours left and is late by two.
            _expected("03T14:30", tier1_consumed=10.5 * _HOUR, tier1_breached_at="03T11:00", tier23_due="04T20:30"),
            _expected("03T18:00", tier23_consumed=5.5 * _HOUR, overall_consumed=16 * _HOUR, overall_due="04T18:00"),
        ],
    },
    {
        "id": "asked-over-a-holiday",
        "events": [
            _created("16T16:00"),
            _event("16T17:00", "state", to="waiting_on_member"),
            _event("18T10:00", "member_message"),
        ],
        "expect": [
            _expected("17T12:00", overall_consumed=_HOUR, overall_due=None, tier1_due=None),
            _expected("18T10:00", overall_consumed=_HOUR, overall_due="20T18:00", tier1_due="18T18:00"),
        ],
    },
    {
        "id": "held-and-promised",
        "events": [
            _created("02T09:00"),
            _event("02T11:00", "state", to="on_hold"),
            _event("03T09:00", "state", to="open"),
        ],
        "expect": [
            _expected("02T18:00", tier1_consumed=2 * _HOUR, tier1_due=None, overall_consumed=8 * _HOUR),
            _expected("03T09:00", tier1_due="03T16:00", overall_due="04T18:00", overall_breach_at="05T09:00"),
        ],
    },
    {
        "id": "friday-evening",
        "events": [_created("06T13:00", first_response=5 * _HOUR), _event("07T22:00", "staff_reply")],
        "expect": [
            _expected("06T13:00", first_response_due="06T18:00", first_response_breach_at="09T09:00"),
            _expected("09T09:01", first_response_breached=False, first_response_consumed=5 * _HOUR),
        ],
    },
    {
        "id": "resolved-in-silence",
        "events": [
            _created("02T09:00"),
            _event("02T12:00", "state", to="resolved"),
            _event("04T09:00", "member_message"),
            _event("04T10:00", "staff_reply"),
        ],
        "expect": [
            _expected("03T18:00", first_response_breached=False, first_response_due=None, overall_consumed=3 * _HOUR),
            _expected("04T09:00", next_response_due="04T18:00", tier1_due="04T15:00", overall_due="06T15:00"),
            _expected("04T10:00", next_response_due=None, next_response_consumed=_HOUR),
        ],
    },
    {
        "id": "raised-and-lowered",
        "events": [
            _created("02T09:00"),
            _event("02T15:00", "priority", targets={**_TARGETS, "tier1": 2 * _HOUR, "first_response": _HOUR}),
        ],
        "expect": [
            _expected("02T14:59", tier1_breached_at=None, tier1_due="02T18:00"),
            # Four hours were up at two o'clock; what the new target makes late is late from the change on.
            _expected("02T15:00", tier1_breached_at="02T15:00", first_response_breached_at="02T14:00"),
        ],
    },
    {
        "id": "closed-on-the-morrow",
        "events": [
            _created("02T16:00"),
            _event("02T17:00", "calendar_change", which="lead", calendar={**_LEAD, "holidays": ["2026-02-03"]}),
        ],
        "expect": [
            _expected("02T16:59", tier1_due="03T16:00"),
            _expected("02T17:00", tier1_due="04T16:00", overall_due="06T16:00", first_response_due="04T11:00"),
        ],
    },
    {
        "id": "merged-and-quiet",
        "events": [_created("02T09:00"), _event("02T10:00", "merged_into", ticket=2)],
        "expect": [_expected("20T10:00", tier1_consumed=_HOUR, tier1_due=None, overall_breached=False)],
    },
]
