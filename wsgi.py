"""The WSGI entry point: ``gunicorn wsgi:app``, ``flask --app wsgi ...``."""

import os
import sys

from desk.app import create_app
from desk.config import BadSetting

try:
    app = create_app()
except BadSetting as bad:
    # The sentence is for whoever starts the desk. EX_TEMPFAIL is for a mail server that pipes mail in: it keeps the
    # message and tries again, since a mistake in a setting must not cost mail.
    sys.stderr.write(f"The desk cannot start: {bad}\n")
    sys.exit(os.EX_TEMPFAIL)
