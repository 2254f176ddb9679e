"""The catalogue is loaded in versions, read compiled, and decided about by each consortium for itself."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy.orm import Session

from desk.catalogue import queries
from desk.catalogue.models import CatalogueEntry, CatalogueVersion
from desk.catalogue.service import decide, demand_field, load_catalogue, read_document, waive_field
from desk.cli.catalogue import group
from desk.db import transaction
from desk.domain.catalogue import EntryKind
from desk.domain.errors import InvalidInput, NotFound, NotPermitted
from desk.domain.escalation import Brief, lacks
from desk.events.models import Event
from tests.cast import Cast


def load(document: dict[str, Any], now: datetime) -> bool:
    with transaction() as session:
        return load_catalogue(session, document, now)[1]


def reworded(document: dict[str, Any], title: str) -> dict[str, Any]:
    first, *rest = document["incident_types"]
    return {**document, "version": "2", "incident_types": [{**first, "title": title}, *rest]}


@pytest.fixture
def document() -> dict[str, Any]:
    return read_document()


def test_without_a_catalogue_there_are_no_entries_and_nothing_fails(session: Session) -> None:
    assert queries.current_version(session) is None
    assert not queries.catalogue(session).entries
    assert queries.entry(session, "dc-outage") is None
    assert queries.entries(session) == []


def test_the_shipped_catalogue_loads_with_all_its_entries(
    session: Session, document: dict[str, Any], now: datetime
) -> None:
    assert load(document, now)
    assert len(queries.entries(session, EntryKind.INCIDENT)) == 99
    assert len(queries.entries(session, EntryKind.REQUEST)) == 12
    assert queries.catalogue(session).fields["client_id"].label == "ORCID client ID"
    entry = queries.entry(session, "orcid-oauth-redirect-mismatch")
    assert entry is not None
    assert entry.required_fields[0] == "environment"


def test_loading_the_same_document_again_changes_nothing(
    session: Session, document: dict[str, Any], now: datetime
) -> None:
    assert load(document, now)
    assert not load(json.loads(json.dumps(document)), now)
    assert session.scalar(sa.select(sa.func.count()).select_from(CatalogueVersion)) == 1
    assert session.scalar(sa.select(sa.func.count()).select_from(Event)) == 1


def test_a_changed_document_becomes_the_next_version_and_the_old_one_stays(
    session: Session, document: dict[str, Any], now: datetime
) -> None:
    load(document, now)
    assert load(reworded(document, "Return address differs"), now)
    version = queries.current_version(session)
    assert version is not None
    assert (version.number, version.label) == (2, "2")
    titles = session.scalars(
        sa.select(CatalogueEntry.title)
        .where(CatalogueEntry.key == "orcid-oauth-redirect-mismatch")
        .order_by(CatalogueEntry.id)
    ).all()
    assert titles == ["Redirect URI does not match the one registered", "Return address differs"]


def test_an_entry_that_the_newest_version_dropped_is_still_read_from_the_older_one(
    session: Session, document: dict[str, Any], now: datetime
) -> None:
    load(document, now)
    load({**document, "version": "2", "incident_types": document["incident_types"][1:]}, now)
    key = "orcid-oauth-redirect-mismatch"
    assert key not in queries.catalogue(session).entries
    entry, row = queries.entry(session, key), queries.entry_row(session, key)
    assert entry is not None
    assert row is not None
    assert key not in [each.key for each in queries.entries(session)]


def test_entries_of_one_service_come_with_those_of_both(
    session: Session, document: dict[str, Any], now: datetime
) -> None:
    load(document, now)
    assert {row.service for row in queries.entries(session, service="ORCID")} == {"ORCID", "both"}


def test_a_document_with_a_fault_is_refused_and_nothing_of_it_is_kept(
    session: Session, document: dict[str, Any], now: datetime
) -> None:
    first, *rest = document["incident_types"]
    broken = {**document, "incident_types": [*rest, {**first, "required_fields": ["shoe_size"]}]}
    with pytest.raises(InvalidInput, match="shoe_size"):
        load(broken, now)
    assert queries.current_version(session) is None


def test_a_lead_manager_sets_the_tier_for_the_own_consortium_only(
    cast: Cast, session: Session, document: dict[str, Any], now: datetime
) -> None:
    load(document, now)
    with transaction() as unit:
        decide(unit, cast.actor(cast.lena), cast.north.id, "dc-outage", tier=2, targets={"lead": 60}, now=now)
        decide(unit, cast.actor(cast.lena), cast.north.id, "dc-outage", tier=1, targets={}, now=now)
    assert queries.tier_for(session, cast.north.id, "dc-outage") == 1
    assert queries.tier_for(session, cast.south.id, "dc-outage") == 3
    assert queries.tier_for(session, cast.south.id, None) == 1


@pytest.mark.parametrize("who", ["leo", "sofia", "alice", "rita", "ada"])
def test_nobody_else_decides_about_a_consortiums_catalogue(
    who: str, cast: Cast, document: dict[str, Any], now: datetime
) -> None:
    load(document, now)
    with pytest.raises(NotPermitted), transaction() as unit:
        decide(unit, cast.actor(cast.people()[who]), cast.north.id, "dc-outage", tier=2, targets={}, now=now)


def test_a_decision_about_an_unknown_entry_or_tier_is_refused(
    cast: Cast, document: dict[str, Any], now: datetime
) -> None:
    load(document, now)
    with pytest.raises(NotFound), transaction() as unit:
        decide(unit, cast.actor(cast.lena), cast.north.id, "no-such-entry", tier=2, targets={}, now=now)
    with pytest.raises(InvalidInput), transaction() as unit:
        decide(unit, cast.actor(cast.lena), cast.north.id, "dc-outage", tier=4, targets={}, now=now)


def test_the_command_loads_the_shipped_catalogue_once(app: Flask, session: Session) -> None:
    runner = app.test_cli_runner()
    first = runner.invoke(group, ["load"])
    second = runner.invoke(group, ["load"])
    assert first.exit_code == second.exit_code == 0, first.output
    assert "Version 1 of the catalogue loaded: 111 entries." in first.output
    assert "loaded already" in second.output


def test_the_command_refuses_what_is_no_catalogue_with_one_sentence(app: Flask, tmp_path: Path) -> None:
    file = tmp_path / "list.json"
    file.write_text("[]")
    result = app.test_cli_runner().invoke(group, ["load", str(file)])
    assert result.exit_code != 0
    assert "not a catalogue" in result.output


def test_a_field_that_a_consortium_demands_is_asked_for_in_its_own_briefs_only(
    cast: Cast, session: Session, document: dict[str, Any], now: datetime
) -> None:
    load(document, now)
    lena, key = cast.actor(cast.lena), "dc-outage"
    with transaction() as unit:
        assert demand_field(unit, lena, cast.north.id, key, "steps", now=now)
        assert demand_field(unit, lena, cast.north.id, key, "software", now=now)
        assert not demand_field(unit, lena, cast.north.id, key, "steps", now=now)
    plain = queries.entry(session, key)
    ours, theirs = (queries.entry_for(session, key, place.id) for place in (cast.north, cast.south))
    assert plain is not None and ours is not None
    assert theirs == plain
    # What the entry asks for anyway keeps its place.
    assert ours.required_fields == (*plain.required_fields, "steps", "software")
    assert [name for name, _, _ in lacks(Brief(), ours) if name in ("steps", "fields.software")] == [
        "steps",
        "fields.software",
    ]
    with transaction() as unit:
        assert waive_field(unit, lena, cast.north.id, key, "software", now=now)
        assert not waive_field(unit, lena, cast.north.id, key, "software", now=now)
    assert [each.field_id for each in queries.demands(session, [cast.north.id])] == ["steps"]


def test_only_the_manager_demands_and_only_what_can_be_demanded(
    cast: Cast, document: dict[str, Any], now: datetime
) -> None:
    load(document, now)
    for who in ("leo", "sofia", "alice", "rita", "ada"):
        for verb in (demand_field, waive_field):
            with pytest.raises(NotPermitted), transaction() as unit:
                verb(unit, cast.actor(cast.people()[who]), cast.north.id, "dc-outage", "steps", now=now)
    lena = cast.actor(cast.lena)
    with pytest.raises(NotFound), transaction() as unit:
        demand_field(unit, lena, cast.north.id, "no-such-entry", "steps", now=now)
    for field in ("impact", "environment", "shoe_size", "member_org"):
        with pytest.raises(InvalidInput), transaction() as unit:
            demand_field(unit, lena, cast.north.id, "dc-outage", field, now=now)
