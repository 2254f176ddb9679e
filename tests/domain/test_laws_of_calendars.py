"""What holds for every calendar, whatever its hours, its zone and the days on which its zone did something.

The laws are those of the desk's design, one test each; `histories` and a naive reading of the hours beside them.
"""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from desk.domain.calendar import BusinessCalendar, NoOpening
from desk.domain.calendar_history import CalendarHistory, Version
from desk.domain.opening_hours import WEEKDAYS
from tests.domain.random_calendars import (
    DAY,
    EVENTFUL,
    LAW,
    QUARTERS,
    REACH,
    SECONDS,
    SPANS,
    Scene,
    days_around,
    histories,
    scenes,
)

ALWAYS = {day: [["00:00", "24:00"]] for day in WEEKDAYS}
FEW = settings(LAW, max_examples=max(LAW.max_examples // 10, 1))
Time = BusinessCalendar | CalendarHistory


def both_boundaries_are_so_far_away(time: Time, a: datetime, s: int) -> None:
    nearest, farthest = time.add(a, s), time.add(a, s, "farthest")
    assert time.elapsed(a, nearest) == time.elapsed(a, farthest) == s
    assert nearest <= farthest
    assert time.elapsed(nearest, farthest) == 0


def an_instant_lies_between_its_boundaries(time: Time, a: datetime, b: datetime) -> None:
    a, b = min(a, b), max(a, b)
    s = time.elapsed(a, b)
    if s > 0:
        assert time.add(a, s) <= b <= time.add(a, s, "farthest")


def it_adds_up(time: Time, a: datetime, b: datetime, c: datetime) -> None:
    assert time.elapsed(a, b) + time.elapsed(b, c) == time.elapsed(a, c)
    assert time.elapsed(a, b) == -time.elapsed(b, a)
    assert 0 <= time.elapsed(min(a, b), max(a, b)) <= abs((b - a).total_seconds())


def adding_twice_is_adding_the_sum(time: Time, a: datetime, b: datetime, s: int, t: int) -> None:
    assert time.add(time.add(a, s), t) == time.add(a, s + t)
    assert time.add(min(a, b), s) <= time.add(max(a, b), s)
    assert time.add(a, min(s, t)) <= time.add(a, max(s, t))
    assert time.add(a, min(s, t), "farthest") <= time.add(a, max(s, t), "farthest")


@LAW
@given(scenes(), SECONDS)
def test_law_1_both_boundaries_are_exactly_so_much_working_time_away(scene: Scene, s: int) -> None:
    both_boundaries_are_so_far_away(scene.calendar, scene.a, s)


@LAW
@given(scenes())
def test_law_2_an_instant_lies_between_the_boundaries_of_its_distance(scene: Scene) -> None:
    an_instant_lies_between_its_boundaries(scene.calendar, scene.a, scene.b)


@LAW
@given(scenes())
def test_law_3_working_time_adds_up_and_is_never_more_than_real_time(scene: Scene) -> None:
    it_adds_up(scene.calendar, scene.a, scene.b, scene.c)


@LAW
@given(scenes(), SPANS, SPANS)
def test_law_4_adding_twice_is_adding_the_sum_and_order_is_kept(scene: Scene, s: int, t: int) -> None:
    adding_twice_is_adding_the_sum(scene.calendar, scene.a, scene.b, s, t)


@pytest.mark.parametrize(("tz", "day"), EVENTFUL)
def test_laws_1_to_4_hold_around_every_eventful_date(tz: str, day: str) -> None:
    @FEW
    @given(scenes(st.just((tz, day))), SECONDS, SPANS)
    def hold(scene: Scene, s: int, t: int) -> None:
        calendar = scene.calendar
        both_boundaries_are_so_far_away(calendar, scene.a, s)
        an_instant_lies_between_its_boundaries(calendar, scene.a, scene.b)
        it_adds_up(calendar, scene.a, scene.b, scene.c)
        adding_twice_is_adding_the_sum(calendar, scene.a, scene.b, s, t)

    hold()


# --- law 5: a pair of calendars of which the first is open whenever the second is


def without_a_date(scene: Scene, draw: st.DrawFn) -> tuple[Any, Any]:
    # A night that began before the date stays: only the windows that start on it go.
    overrides = {**scene.spec.get("overrides", {}), draw(days_around(scene.day)): []}
    return scene.spec, {**scene.spec, "overrides": overrides}


def with_a_break(scene: Scene, draw: st.DrawFn) -> tuple[Any, Any]:
    breaks = dict(scene.spec.get("breaks", {}))
    day = draw(days_around(scene.day))
    taken = [draw(st.sampled_from(QUARTERS)), draw(st.sampled_from(QUARTERS))]
    return scene.spec, {**scene.spec, "breaks": {**breaks, day: [*breaks.get(day, []), taken]}}


def with_a_window_more(scene: Scene, draw: st.DrawFn) -> tuple[Any, Any]:
    weekly, day = scene.spec["weekly_hours"], draw(st.sampled_from(WEEKDAYS))
    added = [draw(st.sampled_from(QUARTERS)), draw(st.sampled_from([*QUARTERS, "24:00"]))]
    return {**scene.spec, "weekly_hours": {**weekly, day: [*weekly.get(day, []), added]}}, scene.spec


def with_a_holiday_less(scene: Scene, draw: st.DrawFn) -> tuple[Any, Any]:
    holidays = [*scene.spec.get("holidays", []), draw(days_around(scene.day))]
    fewer = [day for day in holidays if day != draw(st.sampled_from(holidays))]
    return {**scene.spec, "holidays": fewer}, {**scene.spec, "holidays": holidays}


CHANGES: list[Callable[[Scene, st.DrawFn], tuple[Any, Any]]] = [
    without_a_date,
    with_a_break,
    with_a_window_more,
    with_a_holiday_less,
]


@pytest.mark.parametrize("change", CHANGES)
def test_law_5_less_open_time_never_makes_a_date_earlier_and_more_never_later(
    change: Callable[[Scene, st.DrawFn], tuple[Any, Any]],
) -> None:
    moved = 0

    @LAW
    @given(scenes(), SPANS, st.data())
    def hold(scene: Scene, s: int, data: st.DataObject) -> None:
        nonlocal moved
        more, less = map(BusinessCalendar.from_spec, change(scene, data.draw))
        a, b = min(scene.a, scene.b), max(scene.a, scene.b)
        assert more.elapsed(a, b) >= less.elapsed(a, b)
        moved += more.elapsed(*whole(scene)) > less.elapsed(*whole(scene))
        for boundary in ("nearest", "farthest"):
            assert less.add(a, s, boundary) >= more.add(a, s, boundary)  # type: ignore[arg-type]

    hold()
    assert moved >= LAW.max_examples // 8, "nothing was said about a change of any weight"


def whole(scene: Scene) -> tuple[datetime, datetime]:
    noon = datetime(scene.day.year, scene.day.month, scene.day.day, 12, tzinfo=UTC)
    return noon - timedelta(days=REACH + 3), noon + timedelta(days=REACH + 3)


# --- law 6


@LAW
@given(scenes(), SPANS, st.randoms(use_true_random=False), st.sampled_from(["Asia/Tokyo", "America/St_Johns", "UTC"]))
def test_law_6_neither_how_an_instant_is_written_nor_how_hours_are_written_matters(
    scene: Scene, s: int, dice: Any, elsewhere: str
) -> None:
    holidays = scene.spec.get("holidays", []) * 2
    dice.shuffle(holidays)
    halves = {
        day: [half for window in windows for half in split(window, scene.tz, scene.day, dice)]
        for day, windows in scene.spec["weekly_hours"].items()
    }
    for windows in halves.values():
        dice.shuffle(windows)
    one, other = scene.calendar, scene.with_spec(weekly_hours=halves, holidays=holidays)
    a, b = scene.a.astimezone(ZoneInfo(elsewhere)), scene.b.astimezone(ZoneInfo("Asia/Kathmandu"))
    assert one.elapsed(scene.a, scene.b) == other.elapsed(a, b)
    assert one.add(scene.a, s) == other.add(a, s)
    assert one.add(scene.a, s, "farthest") == other.add(a, s, "farthest")
    assert one.is_open(scene.a) == other.is_open(a)
    assert one.add_working_days(scene.a, 2) == other.add_working_days(a, 2)


def split(window: list[str], tz: str, around: date, dice: Any) -> list[list[str]]:
    """Two touching windows instead of one, unless it starts in an hour that its zone skipped near that date.

    By RFC 5545 such a start counts with the offset before the gap, so it is later than the end of the gap, and an end
    between the two has nothing before it.
    """
    start, end = window
    inside = [quarter for quarter in QUARTERS if start < quarter < (end if end > start else "24:00")]
    if not inside or start in skipped(tz, around):
        return [window]
    middle = dice.choice(inside)
    return [[start, middle], [middle, end]]


@lru_cache
def skipped(tz: str, around: date) -> frozenset[str]:
    """The quarters of the clock that its zone skipped on some date within four years of one."""
    noon, zone = datetime(around.year, around.month, around.day, tzinfo=UTC), ZoneInfo(tz)
    found: set[str] = set()
    for at in (noon + timedelta(hours=12 * n) for n in range(-8 * 365, 8 * 365)):
        gained = (at + timedelta(hours=12)).astimezone(zone).utcoffset() - at.astimezone(zone).utcoffset()  # type: ignore[operator]
        if gained > timedelta():
            walls = (at.astimezone(zone).replace(tzinfo=None, minute=0, second=0) + Q * n for n in range(160))
            found |= {f"{wall:%H:%M}" for wall in walls if there_and_back(wall, zone) != wall}
    return frozenset(found)


Q = timedelta(minutes=15)


def there_and_back(wall: datetime, zone: ZoneInfo) -> datetime:
    return wall.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None, fold=0)


# --- law 7


@LAW
@given(st.sampled_from(EVENTFUL), st.integers(-30 * DAY, 30 * DAY), st.integers(0, 400 * DAY))
def test_law_7_around_the_clock_is_real_time_across_every_change_of_offset(
    place: tuple[str, str], start: int, span: int
) -> None:
    a = datetime.fromisoformat(f"{place[1]}T00:00+00:00") + timedelta(seconds=start)
    around = BusinessCalendar.from_spec({"tz": place[0], "weekly_hours": ALWAYS})
    assert around.elapsed(a, a + timedelta(seconds=span)) == span
    assert around.add(a, span) == around.add(a, span, "farthest") == a + timedelta(seconds=span)
    assert around.is_open(a)


@settings(LAW, max_examples=10)
@given(scenes(), SECONDS)
def test_law_7_a_closed_calendar_measures_nothing_and_promises_nothing(scene: Scene, s: int) -> None:
    closed = BusinessCalendar.from_spec({"tz": scene.tz, "weekly_hours": {}})
    for time in (closed, CalendarHistory([Version(scene.b, closed), Version(scene.c, closed)])):
        assert time.elapsed(scene.a, scene.b) == 0
        assert not time.is_open(scene.a)
        for seconds in (s, -s):
            with pytest.raises(NoOpening):
                time.add(scene.a, seconds)
        with pytest.raises(NoOpening):
            time.add_working_days(scene.a, 1)


# --- a naive reading of the same hours


def by_hand(scene: Scene) -> set[int]:
    """The open minutes near the scene's date, by looking at each window and break of each date, one after another."""
    zone = ZoneInfo(scene.tz)

    def minute(day: date, wall: str) -> int:
        hours, minutes = map(int, wall.split(":"))
        midnight = datetime(day.year, day.month, day.day)
        return int((midnight + timedelta(hours=hours, minutes=minutes)).replace(tzinfo=zone).timestamp()) // 60

    def minutes_of(day: date, windows: list[list[str]]) -> set[int]:
        spans = ((minute(day, a), minute(day + timedelta(days=a >= b), b)) for a, b in windows)
        return {each for start, end in spans for each in range(start, end)}

    found: set[int] = set()
    near = [scene.day + timedelta(days=n) for n in range(-5, 6)]
    days = [day for day in near if minute(day, "00:00") != minute(day + timedelta(days=1), "00:00")]
    for day in days:
        weekly = scene.spec["weekly_hours"].get(WEEKDAYS[day.weekday()], [])
        windows = [] if day.isoformat() in scene.spec.get("holidays", []) else weekly
        found |= minutes_of(day, scene.spec.get("overrides", {}).get(day.isoformat(), windows))
    for day in days:
        found -= minutes_of(day, scene.spec.get("breaks", {}).get(day.isoformat(), []))
    return found


@settings(LAW, max_examples=2 * LAW.max_examples)
@given(scenes(), st.integers(-72 * 3600, 24 * 3600), st.integers(1, 72 * 3600))
def test_the_compiled_calendar_says_what_a_naive_reading_of_the_hours_says(scene: Scene, begin: int, span: int) -> None:
    opened, calendar = by_hand(scene), scene.calendar
    start = datetime(scene.day.year, scene.day.month, scene.day.day, 12, tzinfo=UTC) + timedelta(seconds=begin)
    first = int(start.timestamp())
    read = sum(max(min(first + span, 60 * m + 60) - max(first, 60 * m), 0) for m in opened)
    assert calendar.elapsed(start, start + timedelta(seconds=span)) == read
    for second in (0, span // 3, span // 2, span - 1):
        assert calendar.is_open(start + timedelta(seconds=second)) == ((first + second) // 60 in opened)


@LAW
@given(scenes(), st.integers(1, 6))
def test_a_working_day_is_a_date_with_open_time_and_the_answer_is_when_it_closes(scene: Scene, n: int) -> None:
    calendar = scene.calendar
    due = calendar.add_working_days(scene.a, n)
    day, found = calendar.day_of(scene.a), []
    while len(found) < n:
        day += timedelta(days=1)
        found += [end for _, end in calendar.intervals_of(day)[-1:]]
    assert due.timestamp() == found[-1]


# --- versions joined


@LAW
@given(histories(), SECONDS, SPANS)
def test_versions_joined_obey_laws_1_to_4(given_: tuple[CalendarHistory, Scene], s: int, t: int) -> None:
    joined, scene = given_
    both_boundaries_are_so_far_away(joined, scene.a, s)
    an_instant_lies_between_its_boundaries(joined, scene.a, scene.b)
    it_adds_up(joined, scene.a, scene.b, scene.c)
    adding_twice_is_adding_the_sum(joined, scene.a, scene.b, s, t)


@LAW
@given(histories(), SPANS)
def test_versions_joined_count_backward_as_they_count_forward(given_: tuple[CalendarHistory, Scene], s: int) -> None:
    joined, scene = given_
    try:
        nearest, farthest = joined.add(scene.a, -s), joined.add(scene.a, -s, "farthest")
    except NoOpening:
        assume(False)
    assert joined.elapsed(nearest, scene.a) == joined.elapsed(farthest, scene.a) == s
    if s > 0:
        assert farthest <= nearest
        assert nearest <= joined.add(farthest, 0, "farthest")


@LAW
@given(histories())
def test_each_moment_counts_by_the_version_in_force_at_it(given_: tuple[CalendarHistory, Scene]) -> None:
    joined, scene = given_
    assert joined.is_open(scene.a) == joined.version_at(scene.a).calendar.is_open(scene.a)
    assert joined.elapsed(scene.a, scene.a + timedelta(seconds=1)) == joined.is_open(scene.a)
    a, b = min(scene.a, scene.b), max(scene.a, scene.b)
    pieces = joined.pieces(a, b)
    assert sum((piece.end - piece.start for piece in pieces), timedelta()) == b - a
    for piece in pieces:
        assert piece.version is joined.version_at(piece.start)
        assert piece.seconds == piece.version.calendar.elapsed(piece.start, piece.end)


@LAW
@given(histories())
def test_openings_and_closings_of_versions_joined_have_no_open_time_on_the_wrong_side(
    given_: tuple[CalendarHistory, Scene],
) -> None:
    joined, scene = given_
    opening, closing = joined.next_opening(scene.a), joined.last_closing(scene.a)
    assert joined.is_open(opening)
    assert joined.elapsed(scene.a, opening) == 0 == joined.elapsed(closing, scene.a)
    assert joined.is_open(closing - timedelta(seconds=1))
    shut = joined.closes_at(opening)
    assert shut > opening
    assert joined.elapsed(opening, shut) == (shut - opening).total_seconds()


@LAW
@given(scenes(), SPANS, st.integers(1, 5), st.integers(0, 40 * DAY))
def test_a_version_that_changes_nothing_changes_nothing(scene: Scene, s: int, days: int, later: int) -> None:
    one = scene.calendar
    cut = CalendarHistory(
        [Version(scene.b, one), Version(scene.c, scene.calendar), Version(scene.a + timedelta(seconds=later), one)]
    )
    assert cut.elapsed(scene.a, scene.b) == one.elapsed(scene.a, scene.b)
    for boundary in ("nearest", "farthest"):
        assert cut.add(scene.a, s, boundary) == one.add(scene.a, s, boundary)  # type: ignore[arg-type]
    assert cut.add_working_days(scene.a, days) == one.add_working_days(scene.a, days)
    assert cut.next_opening(scene.a) == one.next_opening(scene.a)
    assert cut.last_closing(scene.a) == one.last_closing(scene.a)


# --- that the scenes hold what the laws are about


def a_gap_within_open_time(scene: Scene) -> bool:
    return length_of_the_date(scene) < DAY and open_on_the_date(scene)


def an_hour_twice_within_open_time(scene: Scene) -> bool:
    return length_of_the_date(scene) > DAY and open_on_the_date(scene)


def a_date_that_never_was(scene: Scene) -> bool:
    return length_of_the_date(scene) == 0 and bool(scene.calendar.hours.windows_of(scene.day))


def a_window_past_midnight_beside_a_break(scene: Scene) -> bool:
    overnight = any(end > DAY for windows in scene.calendar.hours.weekly for _, end in windows)
    return overnight and bool(scene.spec.get("breaks"))


def a_break_past_midnight(scene: Scene) -> bool:
    return any(start >= end for windows in scene.spec.get("breaks", {}).values() for start, end in windows)


def windows_that_overlap(scene: Scene) -> bool:
    return any(len(day) > 1 and day[0][0] < day[1][0] < day[0][1] for day in map(sorted, scene.calendar.hours.weekly))


def length_of_the_date(scene: Scene) -> int:
    return scene.calendar.second_of(scene.day, DAY) - scene.calendar.second_of(scene.day, 0)


def open_on_the_date(scene: Scene) -> bool:
    """Whether it is open when the offset changes on the date."""
    zone, calendar = ZoneInfo(scene.tz), scene.calendar
    midnight = datetime(scene.day.year, scene.day.month, scene.day.day, tzinfo=zone).astimezone(UTC)
    quarters = [midnight + Q * n for n in range(-8, 110)]  # midnight itself may be what was skipped
    changes = [at for at in quarters if at.astimezone(zone).utcoffset() != (at + Q).astimezone(zone).utcoffset()]
    return any(calendar.is_open(at) or calendar.is_open(at + Q) for at in changes)


def test_the_scenes_hold_what_the_laws_are_about() -> None:
    seen: Counter[str] = Counter()

    # By chance alone one of them may be missed among so many zones; each is tried anyway, see above.
    kinds = st.sampled_from(
        [("Pacific/Apia", "2011-12-30"), ("Africa/Cairo", "2026-04-24"), ("America/Havana", "2026-11-01")]
    )

    @settings(LAW, max_examples=60, derandomize=True)
    @given(scenes(kinds))
    def look(scene: Scene) -> None:
        seen.update(interesting.__name__ for interesting in INTERESTING if interesting(scene))

    look()
    assert {
        interesting.__name__: seen[interesting.__name__]
        for interesting in INTERESTING
        if not seen[interesting.__name__]
    } == {}


INTERESTING: list[Callable[[Scene], bool]] = [
    a_gap_within_open_time,
    an_hour_twice_within_open_time,
    a_date_that_never_was,
    a_window_past_midnight_beside_a_break,
    a_break_past_midnight,
    windows_that_overlap,
]
