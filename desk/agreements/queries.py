"""Reading agreements: whose they are, what is in force and what is to come, and what another version would change."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.accounts.models import Consortium, Person, Registry
from desk.calendars.models import Agreement, AgreementVersion, CalendarVersion
from desk.calendars.queries import agreement_in_force, calendar_of_party, history
from desk.domain.calendar import NoOpening
from desk.domain.calendar_history import CalendarHistory
from desk.domain.calendar_year import Note, days, notes
from desk.domain.clock_moments import view
from desk.domain.clocks import Clock
from desk.domain.errors import NotFound
from desk.domain.hours_words import hours_in_words
from desk.domain.permissions import Actor, Permission, Place, may
from desk.domain.promise_change import Line, Preview, moves
from desk.domain.sla import Change
from desk.domain.targets import (
    CONSORTIUM_KINDS,
    DEFAULT_CONSORTIUM_TARGETS,
    DEFAULT_REGISTRY_TARGETS,
    REGISTRY_KINDS,
    Kind,
    Ladder,
    TargetTable,
    table_from_json,
)
from desk.sla import queries as clocks
from desk.tickets import queries as tickets
from desk.tickets.models import Ticket

LOOKED_AT = 5_000
"""A preview looks at so many tickets at most: one who waits longer for it than for the change reads it no more."""
SHOWN = 50
SOON = timedelta(days=60)
"""Days so far ahead on which the desk keeps other hours than usual are named to those who wait for it."""
_BATCH = 200
_REGISTRY_TIER = 2
_TO_MEMBERS = (Kind.FIRST_RESPONSE, Kind.NEXT_RESPONSE, Kind.REGULAR_UPDATE, Kind.OVERALL)


# ------------------------------------------------------------------ versions


def newest_version(session: Session, agreement_id: int) -> int:
    """The version that was saved last, in force already or not; 0 without one."""
    wanted = sa.select(sa.func.max(AgreementVersion.id)).where(AgreementVersion.agreement_id == agreement_id)
    return session.scalar(wanted) or 0


def replaced(session: Session, agreement_id: int, now: datetime) -> Sequence[int]:
    """The versions whose moment has come and that another one has followed."""
    return session.scalars(
        sa.select(AgreementVersion.id)
        .where(AgreementVersion.agreement_id == agreement_id, AgreementVersion.effective_from <= now)
        .order_by(AgreementVersion.effective_from.desc(), AgreementVersion.id.desc())
    ).all()[1:]


def to_carry_out(session: Session, now: datetime) -> Sequence[int]:
    """Agreements of which a version came into force that live tickets may not be under yet."""
    return session.scalars(
        sa.select(AgreementVersion.agreement_id)
        .where(AgreementVersion.carried_out_at.is_(None), AgreementVersion.effective_from <= now)
        .distinct()
        .order_by(AgreementVersion.agreement_id)
    ).all()


def between(
    session: Session,
    consortium_id: int | None,
    registry_id: int | None,
    member_org_id: int | None = None,
    to_consortium_id: int | None = None,
) -> int | None:
    """The agreement of exactly these two, or with all where no other is named; the newest if there are several."""
    return session.scalars(
        sa.select(Agreement.id)
        .where(
            Agreement.consortium_id.is_not_distinct_from(consortium_id),
            Agreement.registry_id.is_not_distinct_from(registry_id),
            Agreement.member_org_id.is_not_distinct_from(member_org_id),
            Agreement.to_consortium_id.is_not_distinct_from(to_consortium_id),
        )
        .order_by(Agreement.id.desc())
        .limit(1)
    ).first()


# ------------------------------------------------------------------ the lists


@dataclass(frozen=True, slots=True)
class Version:
    """One version as a page shows it."""

    id: int
    effective_from: datetime
    table: TargetTable
    ladder: Ladder
    receipt_counts: bool
    hold_pauses_overall: bool
    note: str
    author: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """An agreement: with whom, what is in force (None: not yet), what is to come, and what was before, newest first."""

    agreement: Agreement
    to: str
    current: Version | None
    ahead: tuple[Version, ...]
    past: tuple[Version, ...]

    @property
    def latest(self) -> Version | None:
        """The version that was saved last."""
        every = (each for each in (self.current, *self.ahead, *self.past) if each is not None)
        return max(every, key=lambda each: each.id, default=None)

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """What is promised in an agreement of this giver."""
        return CONSORTIUM_KINDS if self.agreement.consortium_id is not None else REGISTRY_KINDS


@dataclass(frozen=True, slots=True)
class Giver:
    """A party that promises, as its own people see it: a consortium to its members, a registry to its consortia."""

    place: Place
    name: str
    edits: bool
    held: tuple[Held, ...]
    others: tuple[tuple[int, str], ...] = ()  # with whom there is no agreement of their own

    @property
    def slug(self) -> str:
        """``consortium-3``: how a form names it."""
        return (
            f"registry-{self.place.registry_id}" if self.place.registry_id else f"consortium-{self.place.consortium_id}"
        )

    @property
    def has_general(self) -> bool:
        """Whether there is one for all."""
        return any(_to_all(each.agreement) for each in self.held)


def givers(session: Session, actor: Actor, now: datetime) -> list[Giver]:
    """The parties at whose desks the actor works, with all their agreements."""
    consortia = sa.select(Consortium).where(Consortium.id.in_(actor.consortia())).order_by(Consortium.name)
    registries = sa.select(Registry).where(Registry.id.in_(actor.registries())).order_by(Registry.name)
    places = [(Place(consortium_id=row.id), row.name) for row in session.scalars(consortia)]
    places += [(Place(registry_id=row.id), row.name) for row in session.scalars(registries)]
    return [_giver(session, actor, place, name, now) for place, name in places]


def giver(session: Session, actor: Actor, slug: str, now: datetime) -> Giver:
    """The party of this name, for somebody who works at its desk. Raises ``NotFound``."""
    found = next((each for each in givers(session, actor, now) if each.slug == slug), None)
    if found is None:
        raise NotFound
    return found


def held(session: Session, actor: Actor, agreement_id: int, now: datetime) -> tuple[Giver, Held]:
    """One agreement with its party, for somebody who works at its desk. Raises ``NotFound``."""
    for each in givers(session, actor, now):
        for one in each.held:
            if one.agreement.id == agreement_id:
                return each, one
    raise NotFound


def _giver(session: Session, actor: Actor, place: Place, name: str, now: datetime) -> Giver:
    mine = Agreement.consortium_id == place.consortium_id
    if place.registry_id is not None:
        mine = Agreement.registry_id == place.registry_id
        partners = session.execute(
            sa.select(Consortium.id, Consortium.name)
            .where(Consortium.registry_id == place.registry_id)
            .order_by(Consortium.name)
        )
        names = {row.id: row.name for row in partners}
    else:
        names = {org.id: org.name for org in accounts.member_orgs_of_consortium(session, place.consortium_id or 0)}
    rows = session.scalars(sa.select(Agreement).where(mine).order_by(Agreement.id.desc())).all()
    # Of two with the same partner the newer one counts; the older is no longer used for anything new.
    chosen = {(row.member_org_id, row.to_consortium_id): row for row in reversed(rows)}
    versions = _versions(session, [row.id for row in chosen.values()])
    found = [_held(row, names, versions.get(row.id, []), now) for row in chosen.values()]
    own = {row.member_org_id or row.to_consortium_id for row in chosen.values()}
    return Giver(
        place,
        name,
        may(actor, Permission.CALENDAR_EDIT, place),
        tuple(sorted(found, key=lambda each: (not _to_all(each.agreement), each.to.casefold()))),
        tuple((key, text) for key, text in names.items() if key not in own),
    )


def _to_all(agreement: Agreement) -> bool:
    return agreement.member_org_id is None and agreement.to_consortium_id is None


def _held(agreement: Agreement, names: dict[int, str], versions: Sequence[Version], now: datetime) -> Held:
    partner = agreement.member_org_id or agreement.to_consortium_id
    everybody = "All members" if agreement.consortium_id is not None else "All consortia"
    begun = [each for each in versions if each.effective_from <= now]
    # Of two with the same moment the later one counts: it took the other's place before that could begin.
    ahead = {each.effective_from: each for each in versions if each.effective_from > now}
    counting = {each.id for each in ahead.values()}
    over = [each for each in versions if each not in begun[-1:] and each.id not in counting]
    return Held(
        agreement,
        everybody if partner is None else names.get(partner, agreement.name),
        begun[-1] if begun else None,
        tuple(ahead.values()),
        tuple(sorted(over, key=lambda each: each.id, reverse=True)),
    )


def _versions(session: Session, agreement_ids: Sequence[int]) -> dict[int, list[Version]]:
    """In the order in which they come into force."""
    found: dict[int, list[Version]] = {}
    for row, author in session.execute(
        sa.select(AgreementVersion, Person.name)
        .outerjoin(Person, Person.id == AgreementVersion.created_by)
        .where(AgreementVersion.agreement_id.in_(agreement_ids))
        .order_by(AgreementVersion.effective_from, AgreementVersion.id)
    ):
        found.setdefault(row.agreement_id, []).append(_version(row, author))
    return found


def _version(row: AgreementVersion, author: str | None) -> Version:
    return Version(
        row.id,
        row.effective_from,
        table_from_json(row.targets),
        Ladder.from_json(row.ladder),
        row.receipt_counts,
        row.hold_pauses_overall,
        row.note,
        author or "Consortium Desk",
        row.created_at,
    )


# ------------------------------------------------------------------ hours, and what somebody was promised


@dataclass(frozen=True, slots=True)
class Hours:
    """When a party works: its zone, its week in words, when it opens next (None: never), and days unlike others."""

    tz: str
    words: str
    is_open: bool
    opens_at: datetime | None
    coming: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class Promise:
    """What one party promised another: the targets by priority, the two choices, and what is to come."""

    giver: str
    to: str
    kinds: tuple[Kind, ...]
    table: TargetTable
    since: datetime | None
    hours: Hours | None
    receipt_counts: bool
    hold_pauses_overall: bool
    ahead: tuple[Version, ...]


def hours_of(session: Session, place: Place, now: datetime) -> Hours | None:
    """When the party's desk works; None without a calendar."""
    found = history(session, _calendar(session, place))
    if found is None:
        return None
    version = found.version_at(now)
    keys = [each.key for each in found.versions]
    chosen = sa.select(CalendarVersion).where(CalendarVersion.id.in_(keys))
    rows: dict[int | str | None, CalendarVersion] = {row.id: row for row in session.scalars(chosen)}
    today, names = version.calendar.day_of(now), {key: row.holiday_names for key, row in rows.items()}
    return Hours(
        version.calendar.tz,
        hours_in_words(rows[version.key].spec["weekly_hours"]),
        found.is_open(now),
        _opening(found, now),
        tuple(notes(list(days(found, names, today, today + SOON)))),
    )


def _calendar(session: Session, place: Place) -> int | None:
    if place.registry_id is not None:
        return calendar_of_party(session, registry_id=place.registry_id, tier=_REGISTRY_TIER)
    return calendar_of_party(session, consortium_id=place.consortium_id)


def _opening(calendar: CalendarHistory, now: datetime) -> datetime | None:
    try:
        return calendar.next_opening(now)
    except NoOpening:
        return None


def promises(session: Session, actor: Actor, now: datetime) -> list[Promise]:
    """What was promised to the actor's organisations, and to the consortia whose lead the actor works for."""
    found = []
    for org in accounts.member_orgs_of(session, actor):
        place = Place(consortium_id=org.consortium_id)
        version = agreement_in_force(session, now, consortium_id=org.consortium_id, member_org_id=org.id)
        found.append(_promise(session, org.consortium.name, org.name, place, version, now))
    wanted = sa.select(Consortium).where(Consortium.id.in_(actor.consortia())).order_by(Consortium.name)
    for consortium in session.scalars(wanted):
        place = Place(registry_id=consortium.registry_id)
        version = agreement_in_force(session, now, registry_id=consortium.registry_id, to_consortium_id=consortium.id)
        found.append(_promise(session, consortium.parent_registry.name, consortium.name, place, version, now))
    return found


def _promise(session: Session, name: str, to: str, place: Place, version_id: int | None, now: datetime) -> Promise:
    row = session.get(AgreementVersion, version_id) if version_id is not None else None
    version = _version(row, None) if row is not None else None
    defaults = DEFAULT_REGISTRY_TARGETS if place.registry_id is not None else DEFAULT_CONSORTIUM_TARGETS
    every = _versions(session, [row.agreement_id])[row.agreement_id] if row is not None else []
    return Promise(
        name,
        to,
        REGISTRY_KINDS if place.registry_id is not None else _TO_MEMBERS,
        version.table if version is not None else defaults,
        version.effective_from if version is not None else None,
        hours_of(session, place, now),
        version is not None and version.receipt_counts,
        version is not None and version.hold_pauses_overall,
        tuple({each.effective_from: each for each in every if each.effective_from > now}.values()),
    )


# ------------------------------------------------------------------ before saving


def preview(
    session: Session, actor: Actor, agreement: Agreement, supposed: AgreementVersion, at: datetime, now: datetime
) -> Preview:
    """What a version of an agreement, not stored, would change if it came into force ``at``. Nothing is written."""
    every = sa.select(AgreementVersion.id).where(AgreementVersion.agreement_id == agreement.id)
    live = clocks.live_tickets_under(session, session.scalars(every).all(), LOOKED_AT + 1)
    found = Preview(looked_at=min(len(live), LOOKED_AT), more=len(live) > LOOKED_AT)
    for start in range(0, found.looked_at, _BATCH):
        rows = clocks.sets_of(session, live[start : min(start + _BATCH, LOOKED_AT)])
        for unit in clocks.read(session, rows, now):
            found.add(unit.row.ticket_id, moves(*_before_and_after(unit, agreement, supposed, at)))
    found.lines.sort(key=lambda line: (not line.move.late, line.number))
    found.lines = _named(session, actor, found.lines[:SHOWN])
    return found


def _before_and_after(
    unit: clocks.Unit, agreement: Agreement, supposed: AgreementVersion, at: datetime
) -> tuple[dict[Kind, Clock], dict[Kind, Clock]]:
    when, book = max(at, unit.at), unit.book
    pinned = unit.versions.get(unit.row.agreement_version_id or 0)
    registry = unit.versions.get(unit.row.registry_agreement_version_id or 0)
    ours = agreement.consortium_id is not None
    then = clocks.applied_under(unit.row, supposed if ours else pinned, registry if ours else supposed)
    before = {kind: view(clock, book.calendars, when) for kind, clock in book.clocks.items()}
    book.apply(Change.agreement_changed(unit.row.state), then.terms, when, percents=then.percents)
    return before, {kind: view(clock, book.calendars, when) for kind, clock in book.clocks.items()}


def _named(session: Session, actor: Actor, lines: list[Line]) -> list[Line]:
    """With the subjects of the tickets that the actor may open; the others are counted only."""
    numbers = {line.number for line in lines}
    wanted = sa.select(Ticket.id, Ticket.subject).where(Ticket.id.in_(numbers), tickets.visible_to(actor))
    names = tickets.subjects_for(session, actor, {row.id: row.subject for row in session.execute(wanted)})
    return [Line(line.number, names[line.number], line.move) for line in lines if line.number in names]
