"""Which desk a request belongs to, whatever door it came to, and when a registry may take one on itself. Pure.

A member's first point of contact is the consortium's lead. What comes to another door goes on to the sender's own lead,
if it is known who that is; it is never guessed among several.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from desk.domain.lifecycle import State


@dataclass(frozen=True, slots=True)
class Door:
    """Where a request came in: at a consortium's desk or at a registry's."""

    consortium_id: int | None = None
    registry_id: int | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """The consortium whose desk answers first; None where nobody knows. ``rerouted``: it came to another door."""

    consortium_id: int | None
    rerouted: bool = False


def desk_for(door: Door, homes: Mapping[int, int]) -> Route:
    """``homes``: the consortia that the sender belongs to, as a member's contact or at the lead's desk, each with its
    registry. At a registry's door only those under this registry count; at a consortium's door who belongs to nobody,
    or to several others, is answered there.
    """
    if door.consortium_id is None:
        own = [consortium_id for consortium_id, registry_id in homes.items() if registry_id == door.registry_id]
        return Route(own[0], rerouted=True) if len(own) == 1 else Route(None)
    if door.consortium_id in homes or len(homes) != 1:
        return Route(door.consortium_id)
    return Route(next(iter(homes)), rerouted=True)


def why_not_taken_on(state: State, *, taken: bool, waved_through: bool) -> str:
    """Why a registry cannot take on a request that it passed to the lead, in a sentence; '' when it can.

    Only while the lead has not begun: two desks that work on one request answer it twice.
    """
    if waved_through:
        return "It was taken on already."
    if taken or state is not State.NEW:
        return "The lead has begun to work on it. Write to the lead if you want to help; they can escalate it to you."
    return ""
