"""Opening hours in words: ``Monday to Friday 09:00 to 17:00``, as a sentence of an account or a page has them."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from desk.domain.opening_hours import WEEKDAYS

_NAMES = dict(
    zip(WEEKDAYS, ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"), strict=True)
)


def hours_in_words(weekly_hours: Mapping[str, Sequence[Sequence[str]]]) -> str:
    """The week of a calendar's spec, days with the same hours together: ``Monday to Thursday 09:00 to 12:00 and 13:00
    to 17:00; Friday 09:00 to 14:00``. ``never`` for a week without hours.
    """
    runs: list[tuple[list[str], str]] = []
    for day in WEEKDAYS:
        hours = " and ".join(f"{start[:5]} to {end[:5]}" for start, end in weekly_hours.get(day, ()))
        if runs and runs[-1][1] == hours:
            runs[-1][0].append(day)
        else:
            runs.append(([day], hours))
    said = [f"{_days(days)} {hours}" for days, hours in runs if hours]
    return "; ".join(said) if said else "never"


def closures_in_words(spec: Mapping[str, Any], names: Mapping[str, str], first: date, last: date) -> str:
    """The days from ``first`` to ``last`` that the week would open and the spec does not, or not as usual.

    ``names``: of holidays, by date as the spec writes it. ``Mon 26 Jan 2026 (Australia Day), Fri 30 Jan 2026 (other
    hours)``; empty when every week was an ordinary one. At most a dozen are named.
    """
    other, week = spec.get("overrides") or {}, spec["weekly_hours"]
    changed = {
        **dict.fromkeys(spec.get("holidays") or (), ()),
        **dict.fromkeys(spec.get("breaks") or {}, True),
        **other,
    }
    found = []
    for written in sorted(map(str, changed)):
        day = date.fromisoformat(written)
        if first <= day <= last and (week.get(WEEKDAYS[day.weekday()]) or changed.get(written)):
            why = names.get(written) or ("other hours" if changed.get(written) else "closed")
            found.append(f"{day:%a} {day.day} {day:%b} {day.year} ({why})")
    rest = len(found) - _NAMED
    return ", ".join(found[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")


_NAMED = 12


def _days(days: Sequence[str]) -> str:
    first, last = _NAMES[days[0]], _NAMES[days[-1]]
    if len(days) == 1:
        return first
    return f"{first} and {last}" if len(days) == 2 else f"{first} to {last}"
