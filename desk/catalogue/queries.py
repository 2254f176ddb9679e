"""Reading the catalogue: the newest version compiled, its rows, and what a consortium decided differently."""

from collections.abc import Collection, Sequence

import sqlalchemy as sa
from sqlalchemy.orm import Session

from desk.catalogue.models import CatalogueDemand, CatalogueEntry, CatalogueOverride, CatalogueVersion
from desk.domain.catalogue import Catalogue, Entry, EntryKind
from desk.domain.demands import demandable, demanding

KEPT_COMPILED = 4

# By digest, so that a row number that means another document elsewhere (tests, a restored database) cannot deceive.
_compiled: dict[str, Catalogue] = {}


def current_version(session: Session) -> CatalogueVersion | None:
    """The newest version; None before any catalogue was loaded."""
    return session.scalars(sa.select(CatalogueVersion).order_by(CatalogueVersion.number.desc()).limit(1)).first()


def catalogue(session: Session) -> Catalogue:
    """The newest version as a value, compiled once per document and process; an empty one before any was loaded."""
    version = current_version(session)
    return Catalogue(version="", entries={}, fields={}) if version is None else _compile(version)


def _compile(version: CatalogueVersion) -> Catalogue:
    known = _compiled.get(version.digest)
    if known is None:
        known = Catalogue.from_dict(version.document)
        while len(_compiled) >= KEPT_COMPILED:
            _compiled.pop(next(iter(_compiled)), None)
        _compiled[version.digest] = known
    return known


def entry(session: Session, key: str | None) -> Entry | None:
    """The entry of that key as a value, from the newest version that has it: old tickets keep theirs."""
    if not key:
        return None
    found = catalogue(session).entries.get(key)
    if found is not None:
        return found
    newest = (
        sa.select(CatalogueVersion)
        .join(CatalogueVersion.entries)
        .where(CatalogueEntry.key == key)
        .order_by(CatalogueVersion.number.desc())
        .limit(1)
    )
    version = session.scalars(newest).first()
    return None if version is None else _compile(version).entries.get(key)


def entry_for(session: Session, key: str | None, consortium_id: int) -> Entry | None:
    """The entry with what this consortium demands beyond it: what a brief of the consortium is held against."""
    found = entry(session, key)
    if found is None:
        return None
    keys, dictionary = demands(session, [consortium_id], found.key), catalogue(session).fields
    # A field that a newer catalogue no longer has cannot be demanded.
    fields = (demandable(each.field_id, dictionary) for each in keys)
    return demanding(found, [each for each in fields if each is not None]) if keys else found


def demands(
    session: Session, consortium_ids: Collection[int], entry_key: str | None = None
) -> Sequence[CatalogueDemand]:
    """What consortia demand beyond the catalogue, of one entry or of all, in the order in which it was decided."""
    wanted = sa.select(CatalogueDemand).where(CatalogueDemand.consortium_id.in_(consortium_ids))
    if entry_key is not None:
        wanted = wanted.where(CatalogueDemand.entry_key == entry_key)
    return session.scalars(wanted.order_by(CatalogueDemand.id)).all()


def entry_row(session: Session, key: str) -> CatalogueEntry | None:
    """The row of that key in the newest version that has it."""
    newest = (
        sa.select(CatalogueEntry)
        .join(CatalogueEntry.catalogue_version)
        .where(CatalogueEntry.key == key)
        .order_by(CatalogueVersion.number.desc())
        .limit(1)
    )
    return session.scalars(newest).first()


def entries(session: Session, kind: EntryKind | None = None, service: str | None = None) -> Sequence[CatalogueEntry]:
    """Rows of the newest version by service and title; ``service`` keeps those of that service and of both."""
    newest = sa.select(sa.func.max(CatalogueVersion.number)).scalar_subquery()
    wanted = (
        sa.select(CatalogueEntry)
        .join(CatalogueEntry.catalogue_version)
        .where(CatalogueVersion.number == newest)
        .order_by(CatalogueEntry.service, CatalogueEntry.title)
    )
    if kind is not None:
        wanted = wanted.where(CatalogueEntry.kind == kind)
    if service:
        wanted = wanted.where(CatalogueEntry.service.in_((service, "both")))
    return session.scalars(wanted).all()


def override(session: Session, consortium_id: int, key: str) -> CatalogueOverride | None:
    """What the consortium decided differently about this entry, if anything."""
    wanted = sa.select(CatalogueOverride).where(
        CatalogueOverride.consortium_id == consortium_id, CatalogueOverride.entry_key == key
    )
    return session.scalars(wanted).first()


def tier_for(session: Session, consortium_id: int, key: str | None) -> int:
    """The tier (1..3) at which this consortium handles the entry; 1 when the ticket is not classified."""
    found = entry(session, key)
    if found is None or key is None:
        return 1
    own = override(session, consortium_id, key)
    return own.tier if own is not None and own.tier is not None else found.tier
