"""The one hasher: scrypt, by Werkzeug."""

from werkzeug.security import check_password_hash, generate_password_hash

PASSWORD_MIN = 12
PASSWORD_MAX = 200

_METHOD = "scrypt:32768:8:1"
# Checked when no such person exists, so that both answers take the same time: no password has this hash.
_NOBODY = f"{_METHOD}$nobody${'0' * 128}"


def hash_password(password: str) -> str:
    """The salted scrypt hash to keep."""
    return generate_password_hash(password, method=_METHOD)


def password_matches(stored: str | None, password: str) -> bool:
    """Whether the password is the one behind ``stored``; as slow for None as for a wrong one."""
    matches = check_password_hash(stored or _NOBODY, password[:PASSWORD_MAX])
    return matches and stored is not None
