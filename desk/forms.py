"""What every form of the desk has in common: typed text is tidied once, on the way in."""

from typing import Any

from flask_wtf import FlaskForm
from wtforms import Field


def tidy(value: Any) -> Any:
    """Text without NUL, which PostgreSQL cannot keep, and with single line ends, as the database shall have it."""
    if isinstance(value, str):
        return value.replace("\x00", "").replace("\r\n", "\n")
    return value


class Form(FlaskForm):
    """A form whose every field is tidied."""

    class Meta(FlaskForm.Meta):
        """How fields are bound."""

        def bind_field(self, form: Any, unbound_field: Any, options: dict[str, Any]) -> Field:
            """Put the tidying before the field's own filters."""
            filters = [tidy, *unbound_field.kwargs.get("filters", ())]
            return unbound_field.bind(form=form, **{**options, "filters": filters})

    def refuse(self, field: str | None, sentence: str) -> None:
        """Put a verb's refusal where the person can see it: at the field it names, or at the top."""
        if field and field in self:
            self[field].errors = [*self[field].errors, sentence]
        else:
            self.form_errors.append(sentence)
