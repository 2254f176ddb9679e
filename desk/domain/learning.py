"""What comes back from a registry, and the step that would have spared the way: an article, a field, a macro. Pure.

A *case* is one sending that ended as declined (the lead could have answered it) or returned. What a returned brief
lacked is read from the next sending: what was empty then and is answered now.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from desk.domain.escalation import ALWAYS, ReturnReason

PROPOSE_FROM = 2
"""Cases of one sort before a step is proposed: one may be chance."""

REASON_LENGTH = 500


class Step(StrEnum):
    """What a desk can do so that less comes back."""

    ARTICLE = "article"  # write, or mend, what answers it
    FIELD = "field"  # demand the field in every brief
    MACRO = "macro"  # an answer at hand, since the desk knows the entry already
    TRAINING = "training"  # show the desk how


class Decided(StrEnum):
    """What became of a proposed step."""

    DONE = "done"
    DECLINED = "declined"


class Fate(StrEnum):
    """How a sending came back, as it is counted."""

    DECLINED = "declined"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class Case:
    """One sending that came back at ``at``.

    ``entry_key``: of the ticket, empty without one. ``answer_key``: the entry that answers a declined one. ``solved``:
    the lead resolved the ticket afterwards without sending it again. ``lacked``: ids of fields that were added.
    """

    ticket: int
    consortium_id: int
    entry_key: str
    fate: Fate
    at: datetime
    reason: ReturnReason | None = None
    answer_key: str = ""
    solved: bool = False
    lacked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proposal:
    """A step for one desk and one entry, with the cases that say so."""

    consortium_id: int
    step: Step
    entry_key: str
    field_id: str
    cases: tuple[Case, ...]

    @property
    def key(self) -> tuple[int, Step, str, str]:
        """What a decision is remembered by."""
        return (self.consortium_id, self.step, self.entry_key, self.field_id)


@dataclass(slots=True)
class Line:
    """One desk and one entry: what came back, and which fields were missing how often."""

    consortium_id: int
    entry_key: str
    declined: int = 0
    solved: int = 0
    returned: int = 0
    reasons: Counter[ReturnReason] = field(default_factory=Counter)
    lacked: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """All that came back."""
        return self.declined + self.returned


def lines(cases: Iterable[Case]) -> list[Line]:
    """Counted per desk and entry, what came back most often first."""
    found: dict[tuple[int, str], Line] = {}
    for case in cases:
        key = (case.consortium_id, case.entry_key)
        line = found.setdefault(key, Line(*key))
        if case.fate is Fate.DECLINED:
            line.declined += 1
            line.solved += case.solved
        else:
            line.returned += 1
            if case.reason is not None:
                line.reasons[case.reason] += 1
            line.lacked.update(case.lacked)
    return sorted(found.values(), key=lambda line: (-line.total, line.consortium_id, line.entry_key))


def lacked(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """Ids of what a stored brief did not say and the next one does; where nothing was added, of what was changed."""
    old, new = _answers(before), _answers(after)
    added = [name for name, value in new.items() if value and not old.get(name)]
    return tuple(added or [name for name, value in new.items() if value and value != old.get(name)])


# What is asked again in every sending says nothing about what was missing.
_NOT_EVIDENCE = frozenset({"asked", "known_issues_checked", "fields"})


def _answers(brief: Mapping[str, Any]) -> dict[str, Any]:
    parts = {name: value for name, value in brief.items() if name not in _NOT_EVIDENCE}
    return parts | dict(brief.get("fields") or {})


def proposals(cases: Sequence[Case]) -> list[Proposal]:
    """The steps that follow from the cases, those with most cases first; each needs ``PROPOSE_FROM``."""
    found: dict[tuple[int, Step, str, str], list[Case]] = {}
    for case in cases:
        for step, entry_key, field_id in _steps(case):
            found.setdefault((case.consortium_id, step, entry_key, field_id), []).append(case)
    steps = [Proposal(*key, tuple(of)) for key, of in found.items() if len(of) >= PROPOSE_FROM]
    return sorted(steps, key=lambda each: (-len(each.cases), each.consortium_id, each.step, each.entry_key))


def _steps(case: Case) -> Iterator[tuple[Step, str, str]]:
    """What would have spared this case."""
    if case.fate is Fate.DECLINED:
        if not case.solved:
            # What should answer it did not, so far: the article is missing or not good enough.
            yield Step.ARTICLE, case.answer_key or case.entry_key, ""
        elif case.answer_key == case.entry_key:
            yield Step.MACRO, case.entry_key, ""
        else:
            # The desk took it for something else.
            yield Step.TRAINING, case.answer_key, ""
    elif case.lacked:
        for name in case.lacked:
            # What every brief asks for anyway was answered badly; and without an entry nothing can be demanded.
            step = Step.TRAINING if name in ALWAYS or not case.entry_key else Step.FIELD
            yield step, case.entry_key, name
    else:
        yield Step.TRAINING, case.entry_key, ""


def undecided(proposed: Sequence[Proposal], decided: Mapping[tuple[int, Step, str, str], datetime]) -> list[Proposal]:
    """Those that nobody decided about, and those with a case since the decision: the count has risen."""
    return [
        each for each in proposed if each.key not in decided or any(case.at > decided[each.key] for case in each.cases)
    ]


def sentence(proposal: Proposal, entry: str, field_label: str) -> str:
    """The step in words; ``entry`` and ``field_label`` are what pages call them."""
    about = f"“{entry}”" if entry else "tickets without a catalogue entry"
    match proposal.step:
        case Step.FIELD:
            return f"Require “{field_label}” in every brief about {about}."
        case Step.ARTICLE:
            return f"Write, or mend, the article that answers {about}: the registry pointed to it and it did not help."
        case Step.MACRO:
            return f"Keep an answer at hand for {about}: your desk could give it without the registry."
        case Step.TRAINING if field_label:
            return f"Show the desk what belongs under “{field_label}” for {about}."
        case _ if all(each.fate is Fate.DECLINED for each in proposal.cases):
            return f"Show the desk how to recognise {about}: it was taken for something else."
        case _:
            return f"Show the desk what the registry needs for {about}."
