"""The WSGI entry point: ``gunicorn wsgi:app``, ``flask --app wsgi ...``."""

import sys

from desk.app import create_app
from desk.config import BadSetting

try:
    app = create_app()
except BadSetting as bad:
    # The sentence is for whoever starts the desk; where in our code it was noticed is not.
    sys.exit(f"The desk cannot start: {bad}")
