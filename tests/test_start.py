"""How the desk refuses to start: one sentence, and no mail lost to a mistake in a setting."""

import os
import subprocess
import sys
from pathlib import Path

from desk.config import ROOT


def test_a_mistake_in_a_setting_is_a_sentence_and_makes_a_mail_server_try_again(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DESK_")}
    environment |= {"DESK_INSTANCE": str(tmp_path), "DESK_SECRET_KEY": "k" * 40, "DESK_SMTP_PORT": "many"}
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "wsgi", "mail", "receive"],
        input=b"From: alice@alder.example\r\n\r\nHello\r\n",
        cwd=ROOT,
        env=environment,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == os.EX_TEMPFAIL
    assert b"SMTP_PORT cannot be" in done.stderr
    assert b"Traceback" not in done.stderr
