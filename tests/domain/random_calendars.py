"""Random calendars near the days on which their zones did something: what the laws are tried on.

A date around a change of offset is worth more than a thousand others, so every scene is laid around one.
"""

import os
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from desk.domain.calendar import BusinessCalendar
from desk.domain.calendar_history import CalendarHistory, Version
from desk.domain.opening_hours import WEEKDAYS

DAY = 86_400
LAW = settings(
    max_examples=int(os.environ.get("LAW_EXAMPLES", "30")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
"""How often each law is tried: ``LAW_EXAMPLES=500 pytest tests/domain`` on a quiet evening."""
REACH = 20
"""So many days around the scene's date its instants and its dated entries lie."""

EVENTFUL: tuple[tuple[str, str], ...] = (
    ("UTC", "2026-03-02"),  # nothing ever happens
    ("Europe/Berlin", "2026-03-29"),  # 02:00 becomes 03:00
    ("Europe/Berlin", "2026-10-25"),  # 03:00 becomes 02:00
    ("Europe/Dublin", "2026-10-25"),  # winter is the exception there: negative summer time
    ("Africa/Cairo", "2026-04-24"),  # a Friday that begins at 01:00
    ("Africa/Cairo", "2026-10-29"),  # a Thursday with its last hour twice
    ("Asia/Beirut", "2026-03-29"),  # no midnight
    ("Asia/Beirut", "2026-10-24"),  # the last hour twice
    ("America/Asuncion", "2024-10-06"),  # no midnight, and no change after it
    ("America/Asuncion", "2024-03-23"),
    ("America/Havana", "2026-03-08"),  # no midnight
    ("America/Havana", "2026-11-01"),  # midnight twice, on the same date
    ("Asia/Tehran", "2022-03-22"),
    ("Asia/Tehran", "2022-09-21"),
    ("America/Sao_Paulo", "2018-11-04"),  # no midnight
    ("America/Sao_Paulo", "2019-02-16"),
    ("America/Santiago", "2024-09-08"),  # no midnight
    ("Asia/Gaza", "2026-03-28"),  # a Saturday
    ("America/Nuuk", "2026-03-28"),  # a Saturday of twenty-three hours, by European rules
    ("Pacific/Apia", "2011-12-30"),  # a date that never was
    ("Pacific/Kwajalein", "1993-08-21"),  # another, a Saturday
    ("Pacific/Kanton", "1994-12-31"),  # another, at the end of a year
    ("Pacific/Kwajalein", "1969-09-30"),  # a date of 47 hours
    ("Antarctica/Troll", "2026-03-29"),  # two hours at once
    ("Antarctica/Troll", "2026-10-25"),
    ("Australia/Lord_Howe", "2026-04-05"),  # half an hour
    ("Australia/Lord_Howe", "2026-10-04"),
    ("Asia/Kathmandu", "1986-01-01"),  # a quarter of an hour, at midnight, for good
    ("America/St_Johns", "2026-03-08"),
    ("America/St_Johns", "2010-03-14"),  # at one minute past midnight
    ("America/St_Johns", "1988-04-03"),  # two hours at once, there
    ("Africa/Casablanca", "2026-02-15"),  # Ramadan: back before it
    ("Africa/Casablanca", "2026-03-22"),  # and on again after it
    ("Asia/Pyongyang", "2015-08-14"),  # half an hour for good, at midnight
    ("Asia/Pyongyang", "2018-05-04"),
    ("America/Caracas", "2016-05-01"),
    ("Pacific/Chatham", "2024-09-29"),  # at a quarter to three
    ("Pacific/Auckland", "2026-04-05"),
)

QUARTERS = [f"{quarter // 4:02}:{quarter % 4 * 15:02}" for quarter in range(96)]
ENDS = [*QUARTERS, "24:00"]
COMMON = (
    ["09:00", "17:00"],
    ["08:00", "12:00"],
    ["13:00", "18:00"],
    ["00:00", "24:00"],
    ["22:00", "06:00"],
    ["00:00", "02:00"],
    ["23:00", "24:00"],
    ["02:00", "03:00"],
)
_WINDOWS: st.SearchStrategy[list[str]] = st.one_of(
    st.tuples(st.sampled_from(QUARTERS), st.sampled_from(ENDS)).map(list),  # half of them run past midnight
    st.sampled_from(COMMON),
)
WEEKS = st.one_of(
    st.dictionaries(st.sampled_from(WEEKDAYS), st.lists(_WINDOWS, min_size=1, max_size=3), min_size=1),
    st.lists(_WINDOWS, min_size=1, max_size=3).map(lambda windows: dict.fromkeys(WEEKDAYS, windows)),
)


def days_around(day: date) -> st.SearchStrategy[str]:
    """Dates near one, itself and its neighbours more often than others."""
    offsets = st.one_of(st.integers(-1, 1), st.integers(-2, 2), st.integers(-REACH, REACH))
    return offsets.map(lambda offset: (day + timedelta(days=offset)).isoformat())


def specs(tz: str, day: date) -> st.SearchStrategy[dict[str, Any]]:
    """Opening hours in a zone, with holidays, overrides and breaks near a date."""
    dated = days_around(day)
    return st.fixed_dictionaries(
        {"tz": st.just(tz), "weekly_hours": WEEKS},
        optional={
            "holidays": st.lists(dated, max_size=4),
            "overrides": st.dictionaries(dated, st.lists(_WINDOWS, max_size=2), max_size=3),
            "breaks": st.dictionaries(dated, st.lists(_WINDOWS, min_size=1, max_size=2), max_size=3),
        },
    )


def instants(tz: str, day: date) -> st.SearchStrategy[datetime]:
    """Instants near a date: on the quarter of an hour around its midnights, or anywhere within three weeks."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=ZoneInfo(tz)).astimezone(UTC)
    seconds = st.one_of(
        st.integers(-4 * 36, 4 * 36).map(lambda quarters: quarters * 900),
        st.integers(-48 * 3600, 48 * 3600),
        st.integers(-REACH * DAY, REACH * DAY),
    )
    return seconds.map(lambda second: noon + timedelta(seconds=second))


@dataclass(frozen=True)
class Scene:
    """A calendar, an eventful date of its zone, and three instants near it in no order."""

    tz: str
    day: date
    spec: dict[str, Any]
    a: datetime
    b: datetime
    c: datetime

    @property
    def calendar(self) -> BusinessCalendar:
        """The scene's calendar, compiled anew."""
        return BusinessCalendar.from_spec(self.spec)

    def with_spec(self, **changed: Any) -> BusinessCalendar:
        """The same calendar but for some entries."""
        return BusinessCalendar.from_spec({**self.spec, **changed})


@st.composite
def scenes(draw: st.DrawFn, places: st.SearchStrategy[tuple[str, str]] | None = None) -> Scene:
    """A calendar near an eventful date."""
    tz, text = draw(st.sampled_from(EVENTFUL) if places is None else places)
    day = date.fromisoformat(text)
    moments = [draw(instants(tz, day)) for _ in range(3)]
    return Scene(tz, day, draw(specs(tz, day)), *moments)


@st.composite
def histories(draw: st.DrawFn) -> tuple[CalendarHistory, Scene]:
    """Up to four versions joined near an eventful date, mostly in one zone, and a scene with the first of them."""
    scene = draw(scenes())
    versions = [Version(scene.b - timedelta(days=REACH), scene.calendar, 0)]
    for key in range(1, draw(st.integers(1, 3)) + 1):
        tz = draw(st.sampled_from([scene.tz, scene.tz, "Asia/Tokyo", "Pacific/Honolulu"]))
        spec = draw(st.one_of(specs(tz, scene.day), st.just({**scene.spec, "tz": tz})))
        versions.append(Version(draw(instants(tz, scene.day)), BusinessCalendar.from_spec(spec), key))
    return CalendarHistory(versions), scene


SECONDS = st.one_of(st.sampled_from([1, 900, 3_600, 28_800]), st.integers(1, 40_000), st.integers(1, 150_000))
SPANS = st.one_of(st.just(0), SECONDS)
