"""Which desk a request belongs to, and when a registry may take one on itself."""

import pytest

from desk.domain.doors import Door, Route, desk_for, why_not_taken_on
from desk.domain.lifecycle import State

NORTH, SOUTH, WEST = 1, 2, 3
ORCID, DATACITE = 10, 20


@pytest.mark.parametrize(
    ("door", "homes", "route"),
    [
        (Door(consortium_id=NORTH), {NORTH: ORCID}, Route(NORTH)),
        (Door(consortium_id=NORTH), {}, Route(NORTH)),
        (Door(consortium_id=SOUTH), {NORTH: ORCID}, Route(NORTH, rerouted=True)),
        (Door(consortium_id=SOUTH), {NORTH: ORCID, SOUTH: DATACITE}, Route(SOUTH)),
        (Door(consortium_id=WEST), {NORTH: ORCID, SOUTH: DATACITE}, Route(WEST)),
        (Door(registry_id=ORCID), {NORTH: ORCID, SOUTH: DATACITE}, Route(NORTH, rerouted=True)),
        (Door(registry_id=ORCID), {NORTH: ORCID, WEST: ORCID}, Route(None)),
        (Door(registry_id=ORCID), {SOUTH: DATACITE}, Route(None)),
        (Door(), {NORTH: ORCID}, Route(None)),
    ],
)
def test_a_request_goes_to_the_sender_s_own_lead_where_that_is_known(
    door: Door, homes: dict[int, int], route: Route
) -> None:
    assert desk_for(door, homes) == route


def test_a_registry_takes_on_only_what_the_lead_has_not_begun() -> None:
    assert why_not_taken_on(State.NEW, taken=False, waved_through=False) == ""
    assert "begun" in why_not_taken_on(State.NEW, taken=True, waved_through=False)
    assert "already" in why_not_taken_on(State.ESCALATED, taken=False, waved_through=True)
    for state in set(State) - {State.NEW}:
        assert "begun" in why_not_taken_on(state, taken=False, waved_through=False)
