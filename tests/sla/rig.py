"""A ticket with its calendars and agreement, to which things happen at given moments."""

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts import service as accounts
from desk.accounts.models import Consortium, Team
from desk.agreements import service as agreements
from desk.calendars import service as calendars
from desk.calendars.models import Calendar
from desk.db import db, transaction
from desk.domain.lifecycle import State
from desk.domain.permissions import SYSTEM, Actor
from desk.domain.priority import Impact, Priority, Urgency
from desk.domain.sla import Change, Kind
from desk.domain.targets import DEFAULT_LADDER, Target
from desk.domain.vocabulary import Channel, TicketKind
from desk.sla import queries, service
from desk.sla.models import Clock
from desk.tickets.models import Ticket
from desk.working_hours import service as working_hours
from tests.cast import Cast

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri")
_names = itertools.count(1)


def at(text: str) -> datetime:
    """An instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def office_hours(tz: str, **more: Any) -> dict[str, Any]:
    """Monday to Friday, nine to five."""
    return {"tz": tz, "weekly_hours": {day: [["09:00", "17:00"]] for day in WEEKDAYS}, **more}


@dataclass
class Rig:
    """One ticket. In early March 2026 Berlin is an hour ahead of UTC, New York five hours behind."""

    cast: Cast
    ticket_id: int
    lead_calendar_id: int
    registry_calendar_id: int
    agreement_id: int

    @classmethod
    def build(
        cls,
        cast: Cast,
        now: datetime,
        *,
        opened_by_staff: bool = False,
        calendars: bool = True,
        consortium: "Rig | None" = None,
        **agreement: Any,
    ) -> "Rig":
        """Open a ticket of priority P3: of the northern consortium, of ``consortium``'s, or where nobody has hours."""
        with transaction() as session:
            ids = (0, 0, 0)
            if consortium is not None:
                ids = (consortium.lead_calendar_id, consortium.registry_calendar_id, consortium.agreement_id)
            elif calendars:
                ids = _calendars(session, cast, now, agreement)
            place = cast.north if calendars else _place_without_hours(session, now)
            ticket = _ticket(session, cast, place, now)
            service.start_clocks(
                session,
                ticket_id=ticket.id,
                consortium_id=place.id,
                registry_id=place.registry_id,
                lead_calendar_id=ids[0] or None,
                priority=ticket.priority,
                opened_by_staff=opened_by_staff,
                actor_id=cast.alice.id,
                now=now,
            )
            return cls(cast, ticket.id, *ids)

    def clocks(self) -> dict[Kind, Clock]:
        """The latest cycles as they are stored."""
        db.session.expire_all()
        return {clock.kind: clock for clock in queries.clocks_of(db.session(), [self.ticket_id])[self.ticket_id]}

    def change(self, when: str, change: Change, **more: Any) -> None:
        """Let something happen to the ticket."""
        self.apply(at(when), change, **more)

    def apply(self, now: datetime, change: Change, actor_id: int | None = None, reason: str | None = None) -> None:
        """The same at an instant."""
        with transaction() as session:
            service.apply_change(session, self.ticket_id, change, actor_id=actor_id, reason=reason, now=now)
            if change.state is not None:
                session.get_one(Ticket, self.ticket_id).state = change.state

    def sweep(self, when: str) -> int:
        """Act on whatever is due by then."""
        with transaction() as session:
            return service.act_on_due_clocks(session, at(when), 100)

    def check(self) -> list[str]:
        """What a replay of the events would have otherwise."""
        with transaction() as session:
            return service.rebuild(session, check=True)

    def add_calendar(self, session: Session, tz: str, consortium_id: int) -> Calendar:
        """Office hours somewhere else."""
        return calendars.add_calendar(
            session, SYSTEM, name=tz, spec=office_hours(tz), consortium_id=consortium_id, now=at("2026-01-01T00:00")
        )

    def edit_calendar(
        self, when: str, effective_from: datetime | None = None, actor: Actor = SYSTEM, **spec: Any
    ) -> None:
        """Give the lead other hours."""
        with transaction() as session:
            working_hours.save_calendar_version(
                session,
                actor,
                calendar_id=self.lead_calendar_id,
                spec=office_hours("Europe/Berlin") | spec,
                effective_from=effective_from,
                now=at(when),
            )

    def edit_agreement(self, when: str, targets: Mapping[Kind, Mapping[str, int]], **more: Any) -> None:
        """Promise something else, the same for every priority."""
        row = {kind: Target.from_json(target) for kind, target in targets.items()}
        with transaction() as session:
            agreements.save_agreement_version(
                session,
                SYSTEM,
                agreement_id=self.agreement_id,
                targets=dict.fromkeys(Priority, row),
                ladder=DEFAULT_LADDER,
                now=at(when),
                **more,
            )


@contextmanager
def counted_queries() -> Iterator[list[str]]:
    """The statements sent to the database inside the block."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith("BEGIN"):
            sent.append(statement)

    sa.event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        sa.event.remove(db.engine, "before_cursor_execute", note)


def _calendars(session: Session, cast: Cast, now: datetime, agreement: Mapping[str, Any]) -> tuple[int, int, int]:
    lead = calendars.add_calendar(
        session, SYSTEM, name="North", spec=office_hours("Europe/Berlin"), consortium_id=cast.north.id, now=now
    )
    registry = calendars.add_calendar(
        session, SYSTEM, name="Registry", spec=office_hours("America/New_York"), registry_id=cast.orcid.id, now=now
    )
    support = session.get(Team, cast.orcid_support.id)
    assert support is not None
    support.calendar_id = registry.id
    promised = calendars.add_agreement(
        session, SYSTEM, name="To our members", consortium_id=cast.north.id, now=now, **agreement
    )
    return lead.id, registry.id, promised.id


def _place_without_hours(session: Session, now: datetime) -> Consortium:
    registry = accounts.add_registry(session, slug="bare", name="Bare", service="ORCID", now=now)
    return accounts.add_consortium(session, registry_id=registry.id, slug="bare", name="Bare", now=now)


def _ticket(session: Session, cast: Cast, place: Consortium, now: datetime) -> Ticket:
    ticket = Ticket(
        kind=TicketKind.INCIDENT,
        subject=f"Sign-in fails {next(_names)}",
        consortium_id=place.id,
        member_org_id=cast.alder.id,
        requester_id=cast.alice.id,
        channel=Channel.WEB,
        state=State.NEW,
        holder_team_id=cast.north_desk.id,
        impact=Impact.MEDIUM,
        urgency=Urgency.MEDIUM,
        priority=Priority.P3,
        service="ORCID",
        created_at=now,
        updated_at=now,
    )
    session.add(ticket)
    session.flush()
    return ticket
