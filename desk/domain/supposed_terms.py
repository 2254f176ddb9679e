"""What somebody supposes for a simulation, read and checked: working hours and an agreement, as documents have them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from desk.domain.calendar import BusinessCalendar, NoOpening
from desk.domain.errors import InvalidInput
from desk.domain.holiday_dates import public_holidays
from desk.domain.opening_hours import check, parse
from desk.domain.targets import Kind, Ladder, TargetTable, table_from_json

_OF_HOURS = frozenset({"tz", "weekly_hours", "holidays", "overrides", "breaks", "country", "subdivision"})
_OF_AGREEMENTS = frozenset({"targets", "ladder", "hold_pauses_overall", "receipt_counts"})


@dataclass(frozen=True, slots=True)
class SupposedAgreement:
    """Targets by priority and kind and two choices; None: as it was."""

    targets: TargetTable | None = None
    hold_pauses_overall: bool | None = None
    receipt_counts: bool | None = None


def supposed_hours(document: Any, since: datetime, until: datetime) -> BusinessCalendar:
    """Working hours from the spec of ``desk.domain.opening_hours``, and ``country`` with ``subdivision`` in it.

    With a country and no ``holidays`` the public ones are looked up for the years from ``since`` to ``until`` and one
    on either side. Raises ``InvalidInput``, also for hours that never open.
    """
    spec = _document(document, _OF_HOURS, "hours")
    country = spec.get("country")
    if country and "holidays" not in spec:
        years = range(since.year - 1, until.year + 2)
        spec["holidays"] = _public(country, spec.get("subdivision"), years)
    check(spec)
    return opening(BusinessCalendar.from_spec(spec), since)


def hours_as_of(
    spec: Mapping[str, Any],
    country: str | None,
    subdivision: str | None,
    kept_from: int,
    since: datetime,
    until: datetime,
) -> BusinessCalendar:
    """A saved version of working hours for a time for which it was not made.

    It keeps the public holidays of its own years, from the year ``kept_from`` on; those of other years are looked up:
    hours from next year on would otherwise be open on last year's holidays. Raises ``InvalidInput`` if they never open.
    """
    holidays = set(spec.get("holidays") or ())
    last = max((int(day[:4]) for day in holidays), default=kept_from - 1)
    if country:
        years = [year for year in range(since.year - 1, until.year + 2) if not kept_from <= year <= last]
        holidays |= set(_public(country, subdivision, years))
    hours = {**spec, "holidays": sorted(holidays)}
    parse(hours)
    return opening(BusinessCalendar.from_spec(hours), since)


def opening(calendar: BusinessCalendar, since: datetime) -> BusinessCalendar:
    """The calendar, unless it never opens: no target can be reached in it. Raises ``InvalidInput``."""
    try:
        calendar.next_opening(since)
    except NoOpening as error:
        raise InvalidInput("These hours never open, so nothing can be measured in them.", field="hours") from error
    return calendar


def supposed_agreement(document: Any, kinds: frozenset[Kind]) -> SupposedAgreement:
    """An agreement from ``{"targets", "ladder", "hold_pauses_overall", "receipt_counts"}``, each of them optional.

    ``targets``: ``desk.domain.targets.table_from_json``, of ``kinds`` only. The ladder is checked; it says who is told,
    not what is late. Raises ``InvalidInput``.
    """
    value = _document(document, _OF_AGREEMENTS, "targets")
    if "ladder" in value:
        Ladder.from_json(value["ladder"])
    targets = table_from_json(value["targets"]) if "targets" in value else None
    for kind in sorted({kind for row in (targets or {}).values() for kind in row} - kinds):
        raise InvalidInput(f"“{kind.value}” is not this party's to promise.", field="targets")
    return SupposedAgreement(targets, _choice(value, "hold_pauses_overall"), _choice(value, "receipt_counts"))


def _document(document: Any, known: frozenset[str], field: str) -> dict[str, Any]:
    if not isinstance(document, Mapping):
        raise InvalidInput("An object with names and values was expected.", field=field)
    for name in sorted(set(map(str, document)) - known):
        raise InvalidInput(f"“{name}” is not known here; known are {', '.join(sorted(known))}.", field=field)
    return dict(document)


def _choice(value: Mapping[str, Any], name: str) -> bool | None:
    chosen = value.get(name)
    if chosen is not None and not isinstance(chosen, bool):
        raise InvalidInput(f"“{name}” is true or false.", field="targets")
    return chosen


def _public(country: Any, subdivision: Any, years: range | list[int]) -> list[str]:
    if not isinstance(country, str) or not isinstance(subdivision, str | None):
        raise InvalidInput("A country is given by its two letters, such as ES.", field="country")
    found: set[str] = set()
    for year in years:
        found |= set(public_holidays(country, subdivision, year, year))
    return sorted(found)
