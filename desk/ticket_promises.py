"""What stands behind a clock of a ticket: the working hours that counted for it, and the agreement that promised it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from desk.calendars import queries as calendars
from desk.calendars.models import Agreement, AgreementVersion, Calendar, CalendarVersion
from desk.domain.account import Account
from desk.domain.clocks import EventType
from desk.domain.hours_words import closures_in_words, hours_in_words
from desk.domain.targets import REGISTRY_KINDS
from desk.sla.models import ClockSet

TARGETED = frozenset({EventType.STARTED, EventType.RESUMED, EventType.RETARGETED, EventType.CALENDAR_CHANGED})
"""What gives a clock its target."""


@dataclass(frozen=True, slots=True)
class Hours:
    """The working hours that a clock is or was measured in. ``since`` is empty for the first ones."""

    name: str
    tz: str
    words: str
    closed: str  # days within the clock's life on which it is closed or open otherwise
    since: datetime | None


def hours_of(account: Account, versions: Sequence[tuple[Calendar, CalendarVersion]], now: datetime) -> Iterator[Hours]:
    """The versions that counted for this clock, and the one in force in its calendar now."""
    counted = {stretch.version for stretch in account.stretches if stretch.ran}
    present = [version for calendar, version in versions if calendar.id == account.clock.calendar]
    in_force = [version for version in present if version.effective_from <= now] or present[:1]
    if account.clock.live and in_force:
        counted.add(max(in_force, key=lambda version: (version.effective_from, version.id)).id)
    chosen = [(calendar, version) for calendar, version in versions if version.id in counted]
    clock = account.clock
    last = max(clock.due_at or now, now) if clock.live else clock.stopped_at or now
    for place, (calendar, version) in enumerate(sorted(chosen, key=lambda pair: pair[1].effective_from)):
        zone = ZoneInfo(version.spec["tz"])
        span_of_days = clock.started_at.astimezone(zone).date(), last.astimezone(zone).date()
        yield Hours(
            name=calendar.name,
            tz=version.spec["tz"],
            words=hours_in_words(version.spec["weekly_hours"]),
            closed=closures_in_words(version.spec, version.holiday_names, *span_of_days),
            since=version.effective_from if place else None,
        )


def source_of(session: Session, account: Account, row: ClockSet | None) -> str:
    """The agreement in words: its name, and of when the version is that held when the target was given."""
    clock = account.clock
    version_id = row and (
        row.registry_agreement_version_id if clock.kind in REGISTRY_KINDS else row.agreement_version_id
    )
    present = session.get(AgreementVersion, version_id) if version_id else None
    if present is None:
        return "the desk's usual times; no agreement was made"
    agreement = session.get_one(Agreement, present.agreement_id)
    given = max((mark.at for mark in account.marks if mark.type in TARGETED), default=clock.started_at)
    held = calendars.agreement_version_at(session, agreement.id, given) or present
    return f"{agreement.name}, version of {held.effective_from:%-d %B %Y}"
