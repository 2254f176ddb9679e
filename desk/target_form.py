"""The table of targets in forms: a number with its unit for every priority and kind."""

from collections.abc import Sequence
from typing import Any, TypeVar

from wtforms import SelectField, StringField

from desk.domain.errors import InvalidInput
from desk.domain.priority import Priority
from desk.domain.targets import Kind, Target, TargetTable, TimeUnit
from desk.forms import Form

_UNITS = [(TimeUnit.MINUTES, "minutes"), (TimeUnit.HOURS, "hours"), (TimeUnit.WORKING_DAYS, "working days")]


class TargetForm(Form):
    """A form with a table of targets for ``kinds``; the fields are added by ``with_targets``."""

    kinds: tuple[Kind, ...] = ()

    def cell(self, priority: Priority, kind: Kind) -> tuple[Any, Any]:
        """The fields of one target: number and unit."""
        return self[_name(priority, kind)], self[f"{_name(priority, kind)}_unit"]

    def targets(self) -> dict[Priority, dict[Kind, Target]]:
        """What was typed; an empty target, with a sentence at the field, where it cannot be read."""
        return {priority: {kind: self._target(priority, kind) for kind in self.kinds} for priority in Priority}

    def _target(self, priority: Priority, kind: Kind) -> Target:
        amount, unit = self.cell(priority, kind)
        try:
            return Target.read(amount.data or "", unit.data or "")
        except InvalidInput as refusal:
            amount.errors = [refusal.sentence]
            return Target()


Made = TypeVar("Made", bound=TargetForm)


def with_targets(form: type[Made], kinds: tuple[Kind, ...], **unit_options: Any) -> type[Made]:
    """The form with the table of these kinds."""
    fields: dict[str, Any] = {"kinds": kinds}
    for priority in Priority:
        for kind in kinds:
            name = _name(priority, kind)
            fields[name] = StringField(f"{priority.value}: number", render_kw={"inputmode": "numeric"})
            fields[f"{name}_unit"] = SelectField(f"{priority.value}: unit", choices=_UNITS, **unit_options)
    return type(form.__name__, (form,), fields)


def typed_targets(table: TargetTable, kinds: Sequence[Kind]) -> dict[str, Any]:
    """A table as its form shows it."""
    values: dict[str, Any] = {}
    for priority in Priority:
        for kind in kinds:
            amount, unit = table.get(priority, {}).get(kind, Target()).typed
            values |= {_name(priority, kind): amount, f"{_name(priority, kind)}_unit": unit.value}
    return values


def _name(priority: Priority, kind: Kind) -> str:
    return f"{priority.value}_{kind.value}"
