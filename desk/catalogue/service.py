"""Loading a catalogue as a new version, and a consortium's own decisions about its entries."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from desk.catalogue.models import CatalogueDemand, CatalogueEntry, CatalogueOverride, CatalogueVersion
from desk.catalogue.queries import catalogue, current_version, demands, entry_row, override
from desk.db import NAME_LENGTH, insert_ignore
from desk.domain.catalogue import Catalogue, Entry
from desk.domain.demands import demandable
from desk.domain.errors import InvalidInput, NotFound, NotPermitted
from desk.domain.permissions import Actor, Permission, Place, may
from desk.events.service import record

SHIPPED = Path(__file__).parent.parent / "data" / "catalogue.json"


def read_document(path: Path = SHIPPED) -> dict[str, Any]:
    """The JSON document in a file; the desk's own by default.

    Raises:
        InvalidInput: the file cannot be read or is not a JSON object.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidInput(f"{path} cannot be read as JSON: {error}.") from error
    if not isinstance(document, dict):
        raise InvalidInput(f"{path} is not a catalogue: its top level is not an object.")
    return document


def load_catalogue(session: Session, data: Mapping[str, Any], now: datetime) -> tuple[CatalogueVersion, bool]:
    """Make the document the current version; (version, True), or (the present one, False) when it is the same.

    Raises:
        InvalidInput: the document is not a catalogue; nothing is kept.
    """
    digest = hashlib.sha256(json.dumps(data, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    present = current_version(session)
    if present is not None and present.digest == digest:
        return present, False
    compiled = Catalogue.from_dict(data)
    version = CatalogueVersion(
        number=present.number + 1 if present else 1,
        label=compiled.version[:40],
        title=str(data.get("title", ""))[:NAME_LENGTH],
        digest=digest,
        document=dict(data),
        loaded_at=now,
    )
    version.entries = [
        _row(compiled.entries[str(item["id"])], item)
        for item in (*data["incident_types"], *data.get("request_types", ()))
    ]
    session.add(version)
    session.flush()
    record(
        session,
        "catalogue_loaded",
        at=now,
        payload={"number": version.number, "label": version.label, "entries": len(version.entries)},
        quiet=True,
    )
    return version, True


def _row(entry: Entry, item: Mapping[str, Any]) -> CatalogueEntry:
    return CatalogueEntry(
        key=entry.key,
        kind=entry.kind,
        service=entry.service,
        component=entry.component,
        title=entry.title,
        symptom=entry.symptom,
        signals=dict(item.get("signals", {})),
        tier=entry.tier,
        resolver=entry.resolver,
        default_priority=entry.priority,
        required_fields=list(entry.required_fields),
        fix=entry.fix,
        escalate_when=entry.escalate_when,
        registry_action=entry.registry_action,
        body=dict(item),
    )


def decide(
    session: Session,
    actor: Actor,
    consortium_id: int,
    entry_key: str,
    *,
    tier: int | None,
    targets: Mapping[str, Any],
    now: datetime,
) -> CatalogueOverride:
    """A lead manager sets the consortium's own tier and targets for an entry; None and {} follow the catalogue.

    Raises:
        NotPermitted: the actor does not manage this consortium.
        NotFound: there is no such entry.
        InvalidInput: the tier is not 1, 2 or 3.
    """
    if not may(actor, Permission.CALENDAR_EDIT, Place(consortium_id=consortium_id)):
        raise NotPermitted
    if entry_row(session, entry_key) is None:
        raise NotFound
    if tier not in (None, 1, 2, 3):
        raise InvalidInput("A tier is 1, 2 or 3.", field="tier")
    own = override(session, consortium_id, entry_key)
    if own is None:
        own = CatalogueOverride(consortium_id=consortium_id, entry_key=entry_key)
        session.add(own)
    own.tier, own.targets, own.updated_at = tier, dict(targets), now
    session.flush()
    record(
        session,
        "catalogue_decided",
        at=now,
        actor_id=actor.person_id,
        consortium_id=consortium_id,
        payload={"entry": entry_key, "tier": tier, "targets": dict(targets)},
        quiet=True,
    )
    return own


def demand_field(
    session: Session, actor: Actor, consortium_id: int, entry_key: str, field_id: str, *, now: datetime
) -> bool:
    """A lead manager demands a field in every brief of the consortium about an entry; False when it was so already.

    Briefs that are with the registry stay as they are; the next sending is held against it.

    Raises:
        NotPermitted: the actor does not manage this consortium.
        NotFound: there is no such entry.
        InvalidInput: there is no such field, or every brief needs it anyway.
    """
    _demand_manager(actor, consortium_id)
    if entry_row(session, entry_key) is None:
        raise NotFound
    if demandable(field_id, catalogue(session).fields) is None:
        raise InvalidInput("That is not a field that can be required.", field="field_id")
    keys = {"consortium_id": consortium_id, "entry_key": entry_key, "field_id": field_id}
    fresh = insert_ignore(session, CatalogueDemand, **keys, since=now, demanded_by=actor.person_id)
    if fresh:
        _record_demand(session, "catalogue_field_demanded", actor, keys, now)
    return fresh


def waive_field(
    session: Session, actor: Actor, consortium_id: int, entry_key: str, field_id: str, *, now: datetime
) -> bool:
    """Take a demand back; False when there was none. Raises ``NotPermitted``."""
    _demand_manager(actor, consortium_id)
    found = [each for each in demands(session, [consortium_id], entry_key) if each.field_id == field_id]
    for each in found:
        session.delete(each)
        keys = {"consortium_id": consortium_id, "entry_key": entry_key, "field_id": field_id}
        _record_demand(session, "catalogue_field_waived", actor, keys, now)
    return bool(found)


def _demand_manager(actor: Actor, consortium_id: int) -> None:
    if not may(actor, Permission.CALENDAR_EDIT, Place(consortium_id=consortium_id)):
        raise NotPermitted


def _record_demand(session: Session, kind: str, actor: Actor, keys: Mapping[str, Any], now: datetime) -> None:
    payload = {"entry": keys["entry_key"], "field": keys["field_id"]}
    place = {"consortium_id": keys["consortium_id"]}
    record(session, kind, at=now, actor_id=actor.person_id, payload=payload, quiet=True, **place)
