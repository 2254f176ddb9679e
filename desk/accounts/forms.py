"""Forms of signing in and of one's own profile."""

from zoneinfo import available_timezones

from wtforms import EmailField, PasswordField, SelectField, StringField
from wtforms.validators import InputRequired, Length

from desk.accounts.service import ADDRESS_LENGTH
from desk.db import NAME_LENGTH
from desk.domain.languages import LANGUAGES, WRITTEN
from desk.forms import Form
from desk.passwords import PASSWORD_MAX, PASSWORD_MIN

_LETTERS = ", ".join(LANGUAGES[each] for each in WRITTEN)
_NEW_PASSWORD = f"At least {PASSWORD_MIN} characters. A few words are easy to remember and hard to guess."


class SignInForm(Form):
    """Address and password; the password is not needed to ask for a link."""

    email = EmailField(
        "E-mail address",
        [InputRequired("Enter your e-mail address."), Length(max=ADDRESS_LENGTH, message="That address is too long.")],
    )
    password = PasswordField("Password", [Length(max=PASSWORD_MAX, message="That password is too long.")])


class NewPasswordForm(Form):
    """A password chosen through a one-time link."""

    password = PasswordField("New password", [InputRequired("Choose a password.")], description=_NEW_PASSWORD)


class ChangePasswordForm(Form):
    """A password changed by somebody who is signed in; the present one is asked for where there is one."""

    present = PasswordField("Present password", [Length(max=PASSWORD_MAX, message="That password is too long.")])
    password = PasswordField("New password", [InputRequired("Choose a password.")], description=_NEW_PASSWORD)


class ProfileForm(Form):
    """What people may change about themselves."""

    name = StringField(
        "Name", [InputRequired("Enter your name."), Length(max=NAME_LENGTH, message="That name is too long.")]
    )
    timezone = SelectField(
        "Time zone",
        choices=sorted(available_timezones()),
        description="Dates and promised times are shown in this zone.",
    )
    language = SelectField(
        "Language of your letters",
        choices=list(LANGUAGES.items()),
        description=f"Mail of the desk comes in this language; in English where it is none of {_LETTERS}. "
        "Pages are in English; who answers you sees it.",
    )
