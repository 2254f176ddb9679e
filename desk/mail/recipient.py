"""Somebody who is told of something by mail, and in which role."""

from dataclasses import dataclass

from desk.accounts.models import Person
from desk.domain.vocabulary import Audience


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody who is told. ``side``: member, lead or registry, whose words are used; ``audience`` of their answer."""

    address: str
    side: str
    audience: Audience
    person: Person | None = None

    @property
    def zone(self) -> str:
        """Where their clocks are."""
        return self.person.timezone if self.person else "UTC"
