"""Where a researcher is sent who wrote to a desk that serves member organisations, and in which words. Pure."""

from collections.abc import Mapping
from enum import StrEnum

from desk.domain.text import clean_text

REDIRECT_LENGTH = 4000


class Destination(StrEnum):
    """Who can help a researcher."""

    INSTITUTION = "institution"
    REGISTRY = "registry"


DESTINATION_WORDS: Mapping[Destination, str] = {
    Destination.INSTITUTION: "To their own institution",
    Destination.REGISTRY: "To the registry",
}

_TEXTS: Mapping[Destination, str] = {
    Destination.INSTITUTION: (
        "Thank you for writing to {desk}.\n\n"
        "We support the organisations that use {service} together with us. We can neither see nor change what belongs "
        "to a single researcher. Your own institution knows how it uses {service}: please turn to its library or "
        "research office. If they need us, they can reach us directly.\n\n"
        "Your mail to us is closed with this answer; you need not send anything else."
    ),
    Destination.REGISTRY: (
        "Thank you for writing to {desk}.\n\n"
        "We support the organisations that use {service} together with us. What concerns your own account or record is "
        "between you and {registry}: only its support may look at it and change it. Please write to the support of "
        "{registry}, from the address that is on your record if you can.\n\n"
        "Your mail to us is closed with this answer; you need not send anything else."
    ),
}


def text_for(destination: Destination, *, desk: str, service: str, registry: str) -> str:
    """The answer to a researcher. It holds nothing that they wrote."""
    return _TEXTS[destination].format(desk=desk, service=service, registry=registry)


def checked(text: str) -> str:
    """The text as somebody changed it. Raises ``InvalidInput`` (field ``text``)."""
    return clean_text(text, name="The answer", field="text", limit=REDIRECT_LENGTH)
