"""What the pages of reports share: which desk and period were asked for, and figures as a file."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Response, request
from sqlalchemy.orm import Session

from desk.clock import utcnow
from desk.domain.errors import InvalidInput
from desk.domain.permissions import Actor
from desk.domain.reports import Period
from desk.domain.spreadsheet import Cell, written
from desk.reports import forms, queries
from desk.reports.queries import Desk


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose figures are asked for, of all whose the reader may see, and for which period; None when it is no use."""

    form: forms.PeriodForm
    period: Period | None
    desk: Desk
    desks: Sequence[Desk]

    def demanded(self) -> Period:
        """The period, where there is no form to mend. Raises ``InvalidInput``."""
        if self.period is None:
            raise InvalidInput("The period cannot be used. Please look at the form of the report again.")
        return self.period

    @property
    def args(self) -> dict[str, Any]:
        """What addresses of this report carry."""
        return {"of": self.desk.slug, **(forms.named(self.period) if self.period else {})}


def asked(session: Session, actor: Actor, *, members: bool = True, registries: bool = False) -> Asked:
    """What the address asks for. ``members``: organisations have such a report, too; ``registries``: only they do.

    Raises ``NotFound`` for a desk whose figures the reader may not see.
    """
    desks = queries.places(session, actor)
    if registries:
        desks = [each for each in desks if each.place.registry_id is not None]
    elif not members:
        desks = [each for each in desks if each.place.member_org_id is None]
    desk = queries.chosen(desks, request.args.get("of"))
    form, period = forms.form_of(request.args, utcnow(), actor.timezone)
    return Asked(form, period, desk, desks)


def as_file(name: str, header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Response:
    """A file to keep, always under the same name."""
    headers: Mapping[str, str] = {"Content-Disposition": f"attachment; filename={name}"}
    return Response(written(header, rows), mimetype="text/csv", headers=headers)
