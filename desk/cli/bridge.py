"""``flask bridge``: how registries that keep a desk of their own are reached by mail; and the same in a set-up file."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import click
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from desk.accounts import queries as accounts
from desk.accounts.models import Team
from desk.bridge import queries, service
from desk.bridge.models import Bridge
from desk.bridge.service import Draft
from desk.clock import utcnow
from desk.config import Settings
from desk.db import db, transaction
from desk.domain.bridge import DEFAULT_WORDS, Word, choice_of, choices, clean_word, read_choice
from desk.domain.errors import DeskError, InvalidInput
from desk.domain.permissions import SYSTEM

KEYS = frozenset(
    {"address", "senders", "number_pattern", "number_in_subject", "phrases", "first_answer_accepts", "words"}
)
"""What the part [registry.bridge] of a set-up file may hold."""

group = AppGroup("bridge", help="Registries that keep a desk of their own and are reached by mail.")


@group.command("show")
def show() -> None:
    """Every registry's team and how it is reached, with the table of its words."""
    session = db.session()
    for place in queries.places(session, SYSTEM):
        bridge = place.bridge
        how = "signs in" if bridge is None else f"{bridge.address}{'' if bridge.active else ' (switched off)'}"
        click.echo(f"{place.registry.slug}, tier {place.team.tier} ({place.team.name}): {how}")
        if bridge is not None:
            click.echo(f"  numbers: {bridge.number_pattern}")
            for word in queries.words_of(bridge):
                click.echo(f"  {word.word} = {choice_of(word)}")


@group.command("set")
@click.option("--registry", required=True, help="Short name of the registry.")
@click.option("--tier", type=click.IntRange(2, 3), default=2, show_default=True, help="Of the team that is reached.")
@click.option("--address", help="Where escalations go; needed for the first time.")
@click.option("--number-pattern", help="A regular expression with one group, the number of their ticket.")
@click.option("--sender", multiple=True, help="An address or @domain that speaks for them; may be repeated.")
@click.option("--phrase", multiple=True, help="A sentence of their automatic answers; may be repeated.")
@click.option("--word", multiple=True, help="A word and what it means, such as resolved=fixed; may be repeated.")
@click.option("--on/--off", default=None, help="Reach them by mail, or no longer.")
def set_(
    registry: str,
    tier: int,
    address: str | None,
    number_pattern: str | None,
    sender: tuple[str, ...],
    phrase: tuple[str, ...],
    word: tuple[str, ...],
    on: bool | None,
) -> None:
    """Set up or change how a registry's team is reached; what is not named stays as it is."""
    settings: Settings = current_app.config["DESK"]
    given: dict[str, Any] = {"address": address, "number_pattern": number_pattern, "active": on}
    given |= {"senders": sender or None, "phrases": phrase or None}
    try:
        with transaction() as session:
            team = _team(session, registry, tier)
            found = next((each.bridge for each in queries.places(session, SYSTEM) if each.team.id == team.id), None)
            draft = replace(_draft_of(found), **{name: value for name, value in given.items() if value is not None})
            draft = replace(draft, words=_merged(draft.words, [_word(each) for each in word]))
            version = found.version if found else None
            service.save(session, SYSTEM, team, draft, own_domain=settings.MAIL_DOMAIN, version=version, now=utcnow())
            shown = f"{team.name} is reached by mail at {draft.address}"
    except DeskError as error:
        raise click.ClickException(error.sentence) from error
    click.echo(f"{shown}." if draft.active else f"{shown}, which is switched off.")


def _team(session: Session, slug: str, tier: int) -> Team:
    registry = accounts.registry_by_slug(session, slug)
    if registry is None:
        raise InvalidInput(f"There is no registry “{slug}”.")
    team = accounts.team_of_registry(session, registry.id, tier)
    if team.tier != tier:
        raise InvalidInput(f"{registry.name} has no team of tier {tier}.")
    return team


def _draft_of(bridge: Bridge | None) -> Draft:
    if bridge is None:
        return Draft("")
    return Draft(
        bridge.address,
        bridge.active,
        bridge.number_pattern,
        bridge.senders,
        bridge.phrases,
        bridge.first_answer_accepts,
        bridge.number_in_subject,
        queries.words_of(bridge),
    )


def draft_from(table: Mapping[str, Any]) -> Draft:
    """What the part [registry.bridge] of a set-up file says. Raises ``InvalidInput`` for a word that means nothing."""
    words = [_word(f"{word}={meaning}") for word, meaning in dict(table.get("words") or {}).items()]
    given = {name: value for name, value in table.items() if name != "words"}
    for name in ("senders", "phrases"):
        if name in given:
            given[name] = [str(each) for each in given[name]]
    return Draft(**given, words=_merged(DEFAULT_WORDS, words))


def _merged(words: Any, more: list[Word]) -> list[Word]:
    return list({each.word: each for each in (*words, *more)}.values())


def _word(given: str) -> Word:
    word, _, meaning = given.rpartition("=")
    chosen = read_choice(meaning.strip())
    if chosen is None:
        listed = ", ".join(value for value, _ in choices())
        raise InvalidInput(f"“{meaning.strip()}” is not a meaning; it may be one of {listed}.", field="words")
    return Word(clean_word(word), *chosen)
