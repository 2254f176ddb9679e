"""Forms of an answer to many tickets: what they are told, how they end, and which of them."""

from werkzeug.datastructures import MultiDict
from wtforms import RadioField, TextAreaField
from wtforms.validators import InputRequired, Length

from desk.bulk_answers.queries import Offer
from desk.domain.bulk_answer import CHOOSABLE, OUTCOMES, Choice
from desk.domain.errors import InvalidInput
from desk.domain.register import TEXT_LENGTH
from desk.domain.vocabulary import Outcome
from desk.domain.wording import OUTCOME_WORDS
from desk.forms import Form, id_of

FITS = Length(max=TEXT_LENGTH, message=f"Please use at most {TEXT_LENGTH:,} characters.")


class AnswerForm(Form):
    """What every chosen ticket is told, and how it ends."""

    text = TextAreaField(
        "What their members read",
        [InputRequired("Write what the members shall read."), FITS],
        description="The same words go into each ticket. Name no member. Markdown works.",
    )
    outcome = RadioField("How the tickets end", choices=[(each.value, OUTCOME_WORDS[each]) for each in OUTCOMES])

    def ending(self) -> Outcome | None:
        """The chosen outcome."""
        return Outcome(self.outcome.data) if self.outcome.data in set(OUTCOMES) else None


class FixForm(Form):
    """What the registry says to the leads of what it mended."""

    text = TextAreaField(
        "What was done, and how it can be verified",
        [InputRequired("Say what was done."), FITS],
        description="The lead of each ticket reads it and verifies the fix with the member.",
    )


def choice_of(sent: MultiDict[str, str]) -> Choice:
    """What was ticked on the list. Raises ``InvalidInput`` for what no page of ours sends."""
    listed = [id_of(each) for each in sent.getlist("listed")]
    ticked = [each.partition(":") for each in sent.getlist("ticket")]
    numbers = [id_of(number) for number, _, _ in ticked]
    if None in listed or None in numbers:
        raise InvalidInput("That is not a list of tickets. Please choose them again.", field="tickets")
    chosen = [number for number in numbers if number is not None]
    reasons = {value.value: value for value in CHOOSABLE}
    despite = zip(chosen, (reasons.get(why) for _, _, why in ticked), strict=True)
    return Choice(
        listed=frozenset(number for number in listed if number is not None),
        chosen=frozenset(chosen),
        rest=bool(sent.get("rest")),
        despite={number: why for number, why in despite if why is not None},
    )


def ticked_at_first(offer: Offer) -> frozenset[int]:
    """Which tickets the page proposes: those against which nothing speaks."""
    return frozenset(each.ticket.id for each in offer.listed if each.why is None)
