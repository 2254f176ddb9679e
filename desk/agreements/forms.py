"""The form of an agreement: a number with its unit for each promise, the ladder, two choices, and when it begins."""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from wtforms import (
    BooleanField,
    FieldList,
    FormField,
    HiddenField,
    IntegerField,
    RadioField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms import Form as PlainForm
from wtforms.validators import Length
from wtforms.widgets import CheckboxInput, DateTimeLocalInput, HiddenInput, ListWidget

from desk.agreements.queries import Version
from desk.agreements.service import LATEST, Draft
from desk.domain.priority import Priority
from desk.domain.targets import (
    CONSORTIUM_KINDS,
    DEFAULT_CONSORTIUM_TARGETS,
    DEFAULT_LADDER,
    DEFAULT_REGISTRY_LADDER,
    DEFAULT_REGISTRY_TARGETS,
    REGISTRY_KINDS,
    Kind,
    Ladder,
    Target,
    Told,
    table_to_json,
)
from desk.domain.text import straight
from desk.target_form import TargetForm, typed_targets, with_targets

NOTE_LENGTH = 1_000
MOST_RUNGS = 8
_LEAD_TOLD = [(Told.ASSIGNEE, "who has the ticket"), (Told.TEAM, "the team"), (Told.MANAGER, "the manager")]
_REGISTRY_TOLD = [
    (Told.ASSIGNEE, "who has the escalation"),
    (Told.TEAM, "the team"),
    (Told.ENGAGEMENT_LEAD, "the engagement lead"),
]


def _told(label: str) -> SelectMultipleField:
    return SelectMultipleField(label, widget=ListWidget(prefix_label=False), option_widget=CheckboxInput())


class RungForm(PlainForm):
    """One step of the ladder: at which share of the time, and who is told then."""

    percent = StringField("Percent of the promised time", render_kw={"inputmode": "numeric"})
    tell = _told("Who is told")

    def read(self) -> tuple[int, tuple[Told, ...]] | None:
        """The step; None after putting a sentence at the field that needs it."""
        typed = (self.percent.data or "").strip().removesuffix("%").strip()
        if not typed.isascii() or not typed.isdigit() or not 1 <= int(typed[:6]) <= 1_000:
            self.percent.errors = ["Please enter a percentage from 1 to 1000."]
            return None
        if not self.tell.data:
            self.tell.errors = ["Please choose who is told, or remove this step."]
            return None
        return int(typed), tuple(Told(each) for each in self.tell.data)


class AgreementForm(TargetForm):
    """What both parties' forms have; the table of targets is added for the kinds of the party, see ``form_for``."""

    rungs = FieldList(FormField(RungForm), "Steps", max_entries=MOST_RUNGS)
    breach = _told("When the promised time has passed")
    receipt_counts = BooleanField(
        "The automatic receipt counts as the first answer",
        description="The clock of the first answer stops when the mail server has taken the receipt.",
    )
    hold_pauses_overall = BooleanField(
        "A ticket on hold pauses the promise to the member",
        description="Otherwise it runs on, and the member sees that.",
    )
    starts = RadioField(
        "From when", choices=[("now", "From now on"), ("later", "From a later moment on")], default="now"
    )
    effective_from = StringField("Date and time", widget=DateTimeLocalInput())
    note = TextAreaField(
        "Why",
        [Length(max=NOTE_LENGTH, message=f"Please use at most {NOTE_LENGTH:,} characters.")],
        description="Kept in the history, and shown in the account of every clock that it moves.",
    )
    newest = IntegerField(widget=HiddenInput())
    previewed = HiddenField()

    _draft: Draft | None = None

    def offer(self, of_registry: bool) -> None:
        """Fill in who can be told."""
        told = _REGISTRY_TOLD if of_registry else _LEAD_TOLD
        self.breach.choices = told
        for rung in self.rungs:
            rung.form.tell.choices = told
        if of_registry:
            # Both are about the promise to a member, which a registry does not give.
            del self.receipt_counts
            del self.hold_pauses_overall

    def change_steps(self, asked: str) -> bool:
        """Add a step or take one away when that button was pressed; whether it was."""
        told = self.breach.choices
        if asked == "add" and len(self.rungs) < MOST_RUNGS:
            self.rungs.append_entry({"percent": "", "tell": []})
        elif re.fullmatch("remove-[0-9]{1,4}", asked):
            kept = [each.data for i, each in enumerate(self.rungs) if i != int(asked.removeprefix("remove-"))]
            while self.rungs.entries:
                self.rungs.pop_entry()
            for data in kept:
                self.rungs.append_entry(data)
        elif asked != "add":
            return False
        for rung in self.rungs:
            rung.form.tell.choices = told
        return True

    def read(self, zone: str, now: datetime) -> Draft | None:
        """What is asked for, or None with a sentence at every field that needs one."""
        fine = self.validate()
        targets, ladder, start = self.targets(), self._ladder(), self._start(zone, now)
        if not fine or self.errors or ladder is None:
            return None
        hold = "hold_pauses_overall" in self and bool(self.hold_pauses_overall.data)
        receipt = "receipt_counts" in self and bool(self.receipt_counts.data)
        return Draft(targets, ladder, receipt, hold, start, straight(self.note.data or "").strip())

    def _ladder(self) -> Ladder | None:
        steps = [rung.form.read() for rung in self.rungs]
        found = dict(step for step in steps if step is not None)
        if len(found) < len(steps) and None not in steps:
            self.rungs[-1].form.percent.errors = ["Two steps have the same percentage. Please put them together."]
            return None
        if not self.breach.data:
            self.breach.errors = ["Please choose who is told: a broken promise that nobody hears of is not mended."]
        if None in steps or not self.breach.data:
            return None
        return Ladder(tuple(sorted(found.items())), tuple(Told(each) for each in self.breach.data))

    def _start(self, zone: str, now: datetime) -> datetime | None:
        if self.starts.data != "later":
            return None
        start, fault = _moment(self.effective_from.data or "", zone, now)
        if fault:
            self.effective_from.errors = [fault]
        return start

    def seal(self, draft: Draft) -> str:
        """What stands for exactly this draft: saving needs the one of the preview that was shown."""
        start = draft.effective_from.isoformat() if draft.effective_from else "now"
        said = [table_to_json(draft.targets), draft.ladder.to_json(), draft.receipt_counts, draft.hold_pauses_overall]
        text = json.dumps([*said, start, draft.note, self.newest.data], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def _moment(typed: str, zone: str, now: datetime) -> tuple[datetime | None, str]:
    """A moment typed as a clock in ``zone`` shows it, and what is wrong with it."""
    try:
        local = datetime.fromisoformat(typed.strip())
    except ValueError:
        return None, "Please enter a date and a time, such as 2027-01-04 09:00."
    if local.tzinfo is not None:
        return None, f"Please leave the offset out: the moment is read as a clock in {zone} shows it."
    over, latest = f"Please choose a moment that is still to come ({zone}).", now + LATEST
    # By the year first: the first and the last day of all have no moment in UTC.
    if local.year < now.year - 1:
        return None, over
    if local.year > latest.year + 1 or (start := local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)) > latest:
        return None, "Please choose a moment within the next five years."
    return start, over if start <= now else ""


@cache
def form_for(kinds: tuple[Kind, ...]) -> type[AgreementForm]:
    """The form with the table of these kinds."""
    return with_targets(AgreementForm, kinds)


def as_typed(version: Version | None, of_registry: bool, zone: str, now: datetime) -> dict[str, Any]:
    """A version as the form shows it, a new one where there is none: with what applies until somebody decides."""
    kinds = REGISTRY_KINDS if of_registry else CONSORTIUM_KINDS
    defaults = DEFAULT_REGISTRY_TARGETS if of_registry else DEFAULT_CONSORTIUM_TARGETS
    table: Mapping[Priority, Mapping[Kind, Target]] = version.table if version else defaults
    ladder = version.ladder if version else DEFAULT_REGISTRY_LADDER if of_registry else DEFAULT_LADDER
    values: dict[str, Any] = {
        "rungs": [{"percent": str(percent), "tell": [each.value for each in tell]} for percent, tell in ladder.rungs],
        "breach": [each.value for each in ladder.breach],
        "receipt_counts": version is not None and version.receipt_counts,
        "hold_pauses_overall": version is not None and version.hold_pauses_overall,
    }
    if version is not None and version.effective_from > now:
        local = version.effective_from.astimezone(ZoneInfo(zone))
        values |= {"starts": "later", "effective_from": f"{local:%Y-%m-%dT%H:%M}", "note": version.note}
    return {**values, **typed_targets(table, kinds)}
