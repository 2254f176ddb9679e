"""What every form of the desk has in common: text is tidied once, on the way in; ids and pages are read in one way."""

import re
from io import BytesIO
from typing import IO, Any

from flask import Request
from flask_wtf import FlaskForm
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from wtforms import Field, FieldList, FormField

from desk.db import LARGEST_ID

LAST_PAGE = 10_000
"""Of any list. A page further on costs the database a long walk, and nobody reads it."""

FIELDS_MAX = 5000
"""Fields of one form. A hundred thousand of them would keep everybody else waiting for seconds."""


class _FewFields(FormDataParser):
    """The library's limits hold for forms with files only; here they hold for the plain ones too."""

    def parse(
        self, stream: IO[bytes], mimetype: str, content_length: int | None, options: dict[str, str] | None = None
    ) -> Any:
        """Read a form; raises ``RequestEntityTooLarge``."""
        if mimetype == "application/x-www-form-urlencoded":
            largest = self.max_form_memory_size
            if largest is not None and (content_length or 0) > largest:
                raise RequestEntityTooLarge
            data = stream.read()
            if (largest is not None and len(data) > largest) or data.count(b"&") >= FIELDS_MAX:
                raise RequestEntityTooLarge
            stream = BytesIO(data)
        return super().parse(stream, mimetype, content_length, options)


class LimitedRequest(Request):
    """A request whose forms are limited before they are taken apart."""

    form_data_parser_class = _FewFields


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
            """Put the tidying before the field's own filters; fields of fields have none."""
            if issubclass(unbound_field.field_class, FieldList | FormField):
                return super().bind_field(form, unbound_field, options)
            filters = [tidy, *unbound_field.kwargs.get("filters", ())]
            return unbound_field.bind(form=form, **{**options, "filters": filters})

    def refuse(self, field: str | None, sentence: str) -> None:
        """Put a verb's refusal where the person can see it: at the field it names, or at the top."""
        if field and field in self:
            self[field].errors = [*self[field].errors, sentence]
        else:
            self.form_errors.append(sentence)


def id_of(text: str) -> int | None:
    """The id in a choice that was sent; None when it cannot be one."""
    if not re.fullmatch("[0-9]{1,10}", text):
        return None
    return found if (found := int(text)) <= LARGEST_ID else None


def optional_id(value: Any) -> int | None:
    """For fields to choose from: the id of a choice, None for the empty one. ``ValueError`` for what is no number."""
    return int(value) if value not in (None, "", "None") else None


def page_of(asked: int | None) -> int:
    """The page of a list that was asked for, counted from 1; the first for none, zero and below."""
    return min(max(asked or 1, 1), LAST_PAGE)
