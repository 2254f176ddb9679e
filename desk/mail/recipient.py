"""Somebody who is told of something by mail, and in which role."""

from dataclasses import dataclass

from desk.accounts.models import Person
from desk.domain.languages import ENGLISH, written
from desk.domain.vocabulary import Audience


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody who is told. ``side``: member, lead or registry, whose words are used; ``audience`` of their answer.

    ``spoken``: what the desk speaks that writes, for an address of nobody known.
    """

    address: str
    side: str
    audience: Audience
    person: Person | None = None
    spoken: str = ENGLISH

    @property
    def zone(self) -> str:
        """Where their clocks are."""
        return self.person.timezone if self.person else "UTC"

    @property
    def language(self) -> str:
        """The language of their letters, as they like it at this moment, or English where there is no such one."""
        return written(self.person.language if self.person else self.spoken)
