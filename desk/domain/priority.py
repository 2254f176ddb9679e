"""Priority from impact and urgency, as ITIL has it: nobody chooses a priority, it follows from two answers."""

from enum import StrEnum


class Impact(StrEnum):
    """How far it reaches, in the desk's own measure: members and people, not servers."""

    LOW = "low"  # one person or one record
    MEDIUM = "medium"  # a member organisation or an integration
    HIGH = "high"  # several members, or a whole consortium


class Urgency(StrEnum):
    """How long the work it stops can wait."""

    LOW = "low"  # there is another way
    MEDIUM = "medium"  # work is slowed
    HIGH = "high"  # work stands still, or a date is near


class Priority(StrEnum):
    """P1 is the most pressing. Sorting by value sorts by pressure."""

    P1 = "P1"
    P2 = "P2"
    P3 = "P3"
    P4 = "P4"


_WEIGHT = {"low": 0, "medium": 1, "high": 2}
# By the sum of both weights. ITIL's table has a fifth level, planning, for low × low: here it is P4 too.
_BY_WEIGHT = (Priority.P4, Priority.P4, Priority.P3, Priority.P2, Priority.P1)


def priority_of(impact: Impact, urgency: Urgency) -> Priority:
    """The priority of a ticket of this ``impact`` and ``urgency``; symmetrical, and never lower when either rises."""
    return _BY_WEIGHT[_WEIGHT[impact.value] + _WEIGHT[urgency.value]]
