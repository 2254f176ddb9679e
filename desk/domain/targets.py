"""What is promised: kinds of clock, targets by priority, and the ladder of warnings; the values an agreement holds."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from desk.domain import wording
from desk.domain.errors import InvalidInput
from desk.domain.priority import Priority


class Kind(StrEnum):
    """What a clock measures."""

    FIRST_RESPONSE = "first_response"
    NEXT_RESPONSE = "next_response"
    REGULAR_UPDATE = "regular_update"
    LEAD = "lead"
    REGISTRY_ACCEPTANCE = "registry_acceptance"
    REGISTRY = "registry"
    OVERALL = "overall"


CONSORTIUM_KINDS = (Kind.FIRST_RESPONSE, Kind.NEXT_RESPONSE, Kind.REGULAR_UPDATE, Kind.LEAD, Kind.OVERALL)
REGISTRY_KINDS = (Kind.REGISTRY_ACCEPTANCE, Kind.REGISTRY)
MEMBER_KINDS = (Kind.FIRST_RESPONSE, Kind.NEXT_RESPONSE, Kind.REGULAR_UPDATE, Kind.OVERALL)
"""What was promised to the member; how lead and registry share the time is between these two."""


@dataclass(frozen=True, slots=True)
class Target:
    """So much working time, in seconds or in whole working days; neither: measured, not promised."""

    seconds: int | None = None
    working_days: int | None = None

    @property
    def promised(self) -> bool:
        """Whether there is anything to be late for."""
        return self.seconds is not None or self.working_days is not None

    @property
    def words(self) -> str:
        """``2 working hours``, ``1 working day``; empty when nothing is promised."""
        amount, unit = self.typed
        return (
            wording.counted(int(amount), f"working {unit.value.removeprefix('working_').rstrip('s')}") if amount else ""
        )

    @property
    def typed(self) -> tuple[str, "TimeUnit"]:
        """As somebody would type it: a number and its unit; hours and an empty number when nothing is promised."""
        if self.working_days is not None:
            return str(self.working_days), TimeUnit.WORKING_DAYS
        if self.seconds is None:
            return "", TimeUnit.HOURS
        if self.seconds % 3600 == 0:
            return str(self.seconds // 3600), TimeUnit.HOURS
        return str(-(-self.seconds // 60)), TimeUnit.MINUTES

    @classmethod
    def read(cls, amount: str, unit: str) -> "Target":
        """From a number as it was typed and its unit; nothing typed: nothing promised. Raises ``InvalidInput``."""
        typed = amount.strip()
        if not typed:
            return cls()
        if unit not in set(TimeUnit):
            raise InvalidInput("Please choose minutes, hours or working days.", field="targets")
        if not re.fullmatch("[0-9]+", typed):
            raise InvalidInput("Please enter a whole number, or nothing to measure without a promise.", field="targets")
        most = _MOST_TYPED[TimeUnit(unit)]
        number = int(typed) if len(typed) < 10 else most + 1
        if number == 0:
            raise InvalidInput("Nobody can keep a promise of zero. Leave it empty to promise nothing.", field="targets")
        if number > most:
            raise InvalidInput(f"Please promise at most {most:,} {unit.replace('_', ' ')}.", field="targets")
        if unit == TimeUnit.WORKING_DAYS:
            return cls(working_days=number)
        return cls(seconds=number * (3600 if unit == TimeUnit.HOURS else 60))

    def to_json(self) -> dict[str, int]:
        """The form an agreement and a clock's events keep."""
        if self.working_days is not None:
            return {"working_days": self.working_days}
        if self.seconds is None:
            return {}
        return {"minutes": self.seconds // 60} if self.seconds % 60 == 0 else {"seconds": self.seconds}

    @classmethod
    def from_json(cls, value: Any) -> "Target":
        """From ``{"minutes": 120}``, ``{"seconds": 90}``, ``{"working_days": 3}`` or nothing; else ``InvalidInput``."""
        if not value:
            return cls()
        for unit in value if isinstance(value, Mapping) else ():
            if unit not in _UNITS:
                known = ", ".join(sorted(_UNITS))
                raise InvalidInput(f"“{unit}” is not known as a unit of a target; known are {known}.", field="targets")
        if not isinstance(value, Mapping) or len(value) != 1:
            raise InvalidInput("A target is given in minutes or in working days, not both.", field="targets")
        unit, amount = next(iter(value.items()))
        if isinstance(amount, bool) or not isinstance(amount, int) or not 0 < amount <= _MOST[unit]:
            raise InvalidInput(f"A target in {unit.replace('_', ' ')} must be a whole number from 1.", field="targets")
        if unit == "working_days":
            return cls(working_days=amount)
        return cls(seconds=amount * 60 if unit == "minutes" else amount)


class TimeUnit(StrEnum):
    """The units in which somebody types a target; all of them are working time."""

    MINUTES = "minutes"
    HOURS = "hours"
    WORKING_DAYS = "working_days"


# About two years of work: what is promised later than that is promised by somebody else.
_MOST_TYPED = {TimeUnit.MINUTES: 240_000, TimeUnit.HOURS: 4_000, TimeUnit.WORKING_DAYS: 500}
_MOST = {"minutes": 500_000, "seconds": 30_000_000, "working_days": 1_000}
_UNITS = frozenset(_MOST)

NOTHING_PROMISED = Target()

Targets = Mapping[Kind, Target]
TargetTable = Mapping[Priority, Targets]


def hours(number: int) -> Target:
    """A target of so many working hours."""
    return Target(seconds=number * 3600)


def days(number: int) -> Target:
    """A target of so many working days."""
    return Target(working_days=number)


def _row(response: Target, update: int, lead: Target, overall: int) -> dict[Kind, Target]:
    return {
        Kind.FIRST_RESPONSE: response,
        Kind.NEXT_RESPONSE: response,
        Kind.REGULAR_UPDATE: days(update),
        Kind.LEAD: lead,
        Kind.OVERALL: days(overall),
    }


DEFAULT_CONSORTIUM_TARGETS: TargetTable = {
    Priority.P1: _row(hours(2), 1, hours(4), 1),
    Priority.P2: _row(hours(4), 2, days(1), 3),
    Priority.P3: _row(days(1), 5, days(3), 7),
    Priority.P4: _row(days(1), 5, days(10), 20),
}
DEFAULT_REGISTRY_TARGETS: TargetTable = {
    priority: {Kind.REGISTRY_ACCEPTANCE: days(1), Kind.REGISTRY: NOTHING_PROMISED} for priority in Priority
}


def table_to_json(table: TargetTable) -> dict[str, dict[str, dict[str, int]]]:
    """``{"P1": {"first_response": {"minutes": 120}, ...}, ...}``."""
    return {p.value: {kind.value: target.to_json() for kind, target in row.items()} for p, row in table.items()}


def table_from_json(value: Any) -> dict[Priority, dict[Kind, Target]]:
    """The reverse of ``table_to_json``; what is absent is not promised. Raises ``InvalidInput``."""
    if not isinstance(value, Mapping):
        raise InvalidInput("Targets are given by priority and kind.", field="targets")
    table: dict[Priority, dict[Kind, Target]] = {}
    for name, row in value.items():
        if name not in set(Priority) or not isinstance(row, Mapping) or not set(row) <= set(Kind):
            raise InvalidInput(f"“{name}” has targets of a kind that the desk does not measure.", field="targets")
        table[Priority(name)] = {Kind(kind): Target.from_json(target) for kind, target in row.items()}
    return table


DUE_SOON_PERCENT = 80
"""From here on a clock is "due soon" on every page: where, by default, the whole team is warned by mail as well."""


def is_due_soon(consumed: int, target_seconds: int | None) -> bool:
    """Whether so much of the target is used that it wants attention now; both in seconds of working time.

    In working time, not in plain hours: what is due on Monday at ten wants attention on Friday afternoon.
    """
    return bool(target_seconds) and 100 * consumed >= DUE_SOON_PERCENT * (target_seconds or 0)


class Told(StrEnum):
    """Who can be told that a clock runs out."""

    ASSIGNEE = "assignee"
    TEAM = "team"
    MANAGER = "manager"
    ENGAGEMENT_LEAD = "engagement_lead"


@dataclass(frozen=True, slots=True)
class Ladder:
    """Whom to tell at which percentage of the target's working time, and at the breach."""

    rungs: tuple[tuple[int, tuple[Told, ...]], ...]  # ascending
    breach: tuple[Told, ...]

    @property
    def percents(self) -> tuple[int, ...]:
        """The percentages at which a warning is recorded."""
        return tuple(percent for percent, _ in self.rungs)

    def told_at(self, percent: int | None) -> tuple[Told, ...]:
        """Who is told at ``percent``, or at the breach when None."""
        return self.breach if percent is None else dict(self.rungs).get(percent, ())

    def to_json(self) -> dict[str, Any]:
        """``{"rungs": [{"percent": 50, "tell": ["assignee"]}, ...], "breach": [...]}``."""
        rungs = [{"percent": percent, "tell": [told.value for told in tell]} for percent, tell in self.rungs]
        return {"rungs": rungs, "breach": [told.value for told in self.breach]}

    @classmethod
    def from_json(cls, value: Any) -> "Ladder":
        """The reverse of ``to_json``. Raises ``InvalidInput``."""
        try:
            rungs = {int(rung["percent"]): tuple(Told(told) for told in rung["tell"]) for rung in value["rungs"]}
            ladder = cls(tuple(sorted(rungs.items())), tuple(Told(told) for told in value["breach"]))
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput("The ladder of warnings cannot be read.", field="ladder") from error
        if any(not 0 < percent <= 1_000 for percent in ladder.percents):
            raise InvalidInput("A warning comes at 1 to 1000 percent of the target.", field="ladder")
        return ladder


DEFAULT_LADDER = Ladder(
    rungs=(
        (50, (Told.ASSIGNEE,)),
        (80, (Told.ASSIGNEE, Told.TEAM)),
        (100, (Told.ASSIGNEE, Told.TEAM, Told.MANAGER)),
    ),
    breach=(Told.ASSIGNEE, Told.TEAM, Told.MANAGER),
)
DEFAULT_REGISTRY_LADDER = Ladder(
    rungs=(
        (50, (Told.ASSIGNEE,)),
        (80, (Told.ASSIGNEE, Told.TEAM)),
        (100, (Told.TEAM, Told.ENGAGEMENT_LEAD)),
    ),
    breach=(Told.TEAM, Told.ENGAGEMENT_LEAD),
)
