"""What may be written down of a registry action, and how it can end."""

from datetime import date, timedelta

import pytest

from desk.domain.errors import IllegalTransition, InvalidInput
from desk.domain.registry_action import ENDS, ActionDraft, ActionState, end, is_overdue

TODAY = date(2026, 3, 4)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"kind": "  "}, "kind"),
        ({"kind": "x" * 201}, "kind"),
        ({"filed_on": TODAY + DAY}, "filed_on"),
        ({"filed_on": date(1999, 12, 31)}, "filed_on"),
        ({"expected_by": TODAY - DAY}, "expected_by"),
        ({"expected_by": TODAY + 800 * DAY}, "expected_by"),
        ({"reference": "x" * 81}, "reference"),
        ({"note": "x" * 2001}, "note"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_its_field(more: dict[str, object], field: str) -> None:
    good = {"kind": "Credentials form", "filed_on": TODAY, "expected_by": TODAY}
    ActionDraft(**good).cleaned(TODAY)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput) as caught:
        ActionDraft(**(good | more)).cleaned(TODAY)  # type: ignore[arg-type]
    assert caught.value.field == field


def test_secrets_are_taken_out() -> None:
    draft = ActionDraft("Reset", TODAY, reference="client_secret=abcdefgh1234", note="password=hunter22222")
    clean = draft.cleaned(TODAY)
    assert "abcdefgh1234" not in clean.reference
    assert "hunter22222" not in clean.note


def test_it_ends_once() -> None:
    for to in ENDS:
        assert end(ActionState.FILED, to, filed_on=TODAY, on=TODAY, today=TODAY) is to
        with pytest.raises(IllegalTransition):
            end(to, ActionState.CONFIRMED, filed_on=TODAY, on=TODAY, today=TODAY)
    for to, on, field in (
        (ActionState.FILED, TODAY, "state"),
        (ActionState.CONFIRMED, TODAY + DAY, "on"),
        (ActionState.CONFIRMED, TODAY - DAY, "on"),
    ):
        with pytest.raises(InvalidInput) as caught:
            end(ActionState.FILED, to, filed_on=TODAY, on=on, today=TODAY)
        assert caught.value.field == field


def test_it_is_overdue_after_the_day_and_only_while_it_is_filed() -> None:
    assert not is_overdue(ActionState.FILED, TODAY, TODAY)
    assert is_overdue(ActionState.FILED, TODAY, TODAY + DAY)
    assert not is_overdue(ActionState.CONFIRMED, TODAY, TODAY + DAY)
    assert not is_overdue(ActionState.FILED, None, TODAY + DAY)
