"""The form of the mail laboratory: a message as text or as a file, and the address that it would come for."""

from typing import Any

from wtforms import FileField, SelectField, TextAreaField, ValidationError

from desk.domain.errors import TooLarge
from desk.domain.wording import size
from desk.forms import Form

LARGEST = 5_000_000
"""Bytes of a message that the laboratory reads. It does so while somebody waits."""


class LaboratoryForm(Form):
    """A message that is read and not kept."""

    mailbox = SelectField("It comes for", choices=[])
    file = FileField(
        "A message as a file", description=f"An .eml file, as mail programs save it, up to {size(LARGEST)}."
    )
    pasted = TextAreaField(
        "Or its source",
        description="With its headers. Pasting keeps no other character set than UTF-8; a file is read as it is.",
    )

    def validate_pasted(self, field: Any) -> None:
        """Exactly one message."""
        if bool((field.data or "").strip()) == self._uploaded():
            both = "Choose a file or paste the source, not both: which of them is meant?"
            raise ValidationError(both if self._uploaded() else "Choose a file or paste the source of a message.")

    def _uploaded(self) -> bool:
        return bool(getattr(self.file.data, "filename", ""))

    def raw(self) -> bytes:
        """The message. Raises ``TooLarge`` with a sentence."""
        if self._uploaded():
            with self.file.data.stream as stream:
                found: bytes = stream.read(LARGEST + 1)
        else:
            found = (self.pasted.data or "").lstrip().encode("utf-8", "replace")
        if len(found) > LARGEST:
            raise TooLarge(f"The message is larger than {size(LARGEST)}, the most that the laboratory reads.")
        return found
