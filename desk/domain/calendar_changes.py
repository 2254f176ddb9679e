"""What differs between two versions of working hours, in sentences: before saving, and in the list of versions."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from desk.domain.calendar_dates import day_in_words, listed
from desk.domain.opening_hours import DAY_NAMES, WEEKDAYS, window_in_words

Spec = Mapping[str, Any]


def changes(before: Spec, after: Spec, since: date) -> list[str]:
    """What ``after`` says otherwise than ``before`` about ``since`` and later days; empty when nothing is."""
    found = []
    if before.get("tz") != after.get("tz"):
        found.append(f"Time zone {after.get('tz')} instead of {before.get('tz')}.")
    for key, name in zip(WEEKDAYS, DAY_NAMES, strict=True):
        old, new = (in_words(_week(spec).get(key, ())) for spec in (before, after))
        if old != new:
            found.append(f"{name}: {new} instead of {old}.")
    old_days, new_days = (_dates(spec, since) for spec in (before, after))
    closed = [day for day, said in new_days.items() if said == "closed" and old_days.get(day) != said]
    opened = [day for day, said in old_days.items() if said == "closed" and day not in new_days]
    found += [f"Closed as well: {listed(closed)}."] if closed else []
    found += [f"No longer closed: {listed(opened)}."] if opened else []
    for day, said in new_days.items():
        if said != "closed" and old_days.get(day) != said:
            found.append(f"{day_in_words(day)}: {said}.")
    for day, said in old_days.items():
        if said != "closed" and day not in new_days:
            found.append(f"{day_in_words(day)}: as on other {day:%A}s again.")
    return found


def shift_in_words(seconds: int) -> str:
    """By how much a date moves, in plain time: ``2 days 3 h later``, ``45 min earlier``."""
    days, rest = divmod(abs(seconds), 86_400)
    hours, minutes = rest // 3600, rest % 3600 // 60
    parts = [f"{days} day{'s' if days > 1 else ''}"] if days else []
    parts += [f"{hours} h"] if hours else []
    parts += [f"{minutes} min"] if minutes and not days else []
    return f"{' '.join(parts) or 'less than a minute'} {'later' if seconds > 0 else 'earlier'}"


def in_words(windows: Sequence[Sequence[str]]) -> str:
    """``09:00 to 12:00 and 13:00 to 17:00``; ``closed``."""
    return " and ".join(window_in_words(window) for window in windows) or "closed"


def _week(spec: Spec) -> Mapping[str, Sequence[Sequence[str]]]:
    found: Mapping[str, Sequence[Sequence[str]]] = spec.get("weekly_hours") or {}
    return found


def _dates(spec: Spec, since: date) -> dict[date, str]:
    """Every date that is not like its weekday, with what it is."""
    found = dict.fromkeys(spec.get("holidays") or (), "closed")
    found |= {day: in_words(windows) for day, windows in (spec.get("overrides") or {}).items()}
    for day, windows in (spec.get("breaks") or {}).items():
        out = "closed from " + in_words(windows)
        found[day] = f"{found[day]}, {out}" if day in found else out
    said = {date.fromisoformat(day): text for day, text in found.items()}
    return {day: said[day] for day in sorted(said) if day >= since}
