"""What came back, counted, and the step that follows from it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from desk.domain.escalation import ReturnReason
from desk.domain.learning import Case, Fate, Step, lacked, lines, proposals, undecided

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)


def case(fate: Fate = Fate.RETURNED, hours: int = 0, **more: Any) -> Case:
    values: dict[str, Any] = {
        "ticket": 1,
        "consortium_id": 1,
        "entry_key": "sso",
        "at": MONDAY + timedelta(hours=hours),
    }
    return Case(fate=fate, **(values | more))


def steps(*cases: Case) -> list[tuple[Step, str, str, int]]:
    return [(each.step, each.entry_key, each.field_id, len(each.cases)) for each in proposals(cases)]


def test_what_was_missing_is_what_the_next_brief_adds() -> None:
    before = {"asked": "a", "steps": "", "tried": "x", "fields": {"doi": "10.1/x"}}
    after = {"asked": "b", "steps": "Press it.", "tried": "x and y", "fields": {"doi": "10.1/x", "prefix": "10.1"}}
    assert lacked(before, after) == ("steps", "prefix")


def test_where_nothing_was_added_it_is_what_was_changed_and_never_what_is_always_new() -> None:
    before = {"asked": "a", "tried": "x", "consent": "not_given", "fields": {}}
    assert lacked(before, {**before, "asked": "b", "consent": "given"}) == ("consent",)
    assert lacked(before, {**before, "asked": "b"}) == ()


def test_cases_are_counted_per_desk_and_entry() -> None:
    found = lines(
        [
            case(lacked=("steps", "doi"), reason=ReturnReason.INFORMATION_MISSING),
            case(lacked=("steps",), reason=ReturnReason.INFORMATION_MISSING),
            case(Fate.DECLINED, solved=True, answer_key="sso"),
            case(Fate.DECLINED, consortium_id=2),
        ]
    )
    assert [(each.consortium_id, each.returned, each.declined, each.solved) for each in found] == [
        (1, 2, 1, 1),
        (2, 0, 1, 0),
    ]
    assert found[0].lacked == {"steps": 2, "doi": 1}


def test_one_case_proposes_nothing() -> None:
    assert steps(case(lacked=("steps",)), case(lacked=("doi",))) == []


def test_a_field_that_was_missing_twice_is_proposed_to_be_required() -> None:
    assert steps(case(lacked=("steps",)), case(lacked=("steps", "doi"))) == [(Step.FIELD, "sso", "steps", 2)]


def test_what_every_brief_asks_for_or_has_no_entry_is_a_matter_of_training() -> None:
    assert steps(case(lacked=("tried",)), case(lacked=("tried",))) == [(Step.TRAINING, "sso", "tried", 2)]
    nameless = case(lacked=("steps",), entry_key="")
    assert steps(nameless, nameless) == [(Step.TRAINING, "", "steps", 2)]


def test_what_was_declined_is_an_article_a_macro_or_training() -> None:
    unsolved = case(Fate.DECLINED, answer_key="sso")
    known = case(Fate.DECLINED, answer_key="sso", solved=True)
    taken_for_another = case(Fate.DECLINED, answer_key="claim", solved=True)
    found = steps(*[unsolved] * 2, *[known] * 3, *[taken_for_another] * 2)
    assert found == [
        (Step.MACRO, "sso", "", 3),
        (Step.ARTICLE, "sso", "", 2),
        (Step.TRAINING, "claim", "", 2),
    ]


def test_a_decided_step_comes_again_only_when_its_count_rises() -> None:
    (proposed,) = proposals([case(lacked=("steps",)), case(hours=2, lacked=("steps",))])
    assert undecided([proposed], {proposed.key: MONDAY + timedelta(hours=2)}) == []
    assert undecided([proposed], {proposed.key: MONDAY + timedelta(hours=1)}) == [proposed]
    assert undecided([proposed], {}) == [proposed]
