"""Refusals. Each carries a sentence that can be shown to the person who asked.

A door maps the class to its own way of refusing (``desk.errors``: an HTTP status and a page;
the mail gateway: an answer or an SMTP code). Nothing else in the desk maps errors.
"""


class DeskError(Exception):
    """A refusal with a sentence for the person; the base of all the others."""

    sentence = "That did not work."

    def __init__(self, sentence: str | None = None) -> None:
        self.sentence = sentence or type(self).sentence
        super().__init__(self.sentence)


class NotFound(DeskError):
    """The thing does not exist, or is not the asker's to see: the two must look alike."""

    sentence = "There is nothing here, or nothing that you may see."


class NotPermitted(DeskError):
    """The asker sees the thing but may not do this with it."""

    sentence = "You do not have the right to do that."


class IllegalTransition(DeskError):
    """The move does not exist from the present state."""

    sentence = "That is not possible in the present state."


class InvalidInput(DeskError):
    """A value cannot be accepted. ``field`` names it, so that a form can show the sentence beside it."""

    sentence = "Please check what you entered."

    def __init__(self, sentence: str | None = None, *, field: str | None = None) -> None:
        super().__init__(sentence)
        self.field = field


class ForeignRegistry(InvalidInput):
    """A hand-over to a registry to which the consortium does not belong. Doors keep that it was tried."""

    sentence = "Your consortium does not belong to the registry of this brief. Withdraw it and begin anew."


class ForeignNumber(InvalidInput):
    """A number of a registry's own desk that is bound to another escalation. Doors keep that it was tried."""


class Conflict(DeskError):
    """Somebody else changed the record meanwhile; nothing of this change was kept."""

    sentence = "Somebody changed this while you were writing. Your text is kept below; please look and send again."


class TooLarge(DeskError):
    """More bytes than the limit that the sentence names."""

    sentence = "That is larger than the desk accepts."


class TooMany(DeskError):
    """More tries than allowed in the time."""

    sentence = "Too many attempts. Please wait a few minutes and try again."


class TryLater(DeskError):
    """Something the desk needs is away; nothing was kept, the same request may succeed later."""

    sentence = "The desk cannot do that at the moment. Nothing was lost; please try again in a few minutes."
