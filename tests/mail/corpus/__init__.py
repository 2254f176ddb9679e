"""Messages we wrote, each beside its expected reading (``name.eml``, ``name.json``), and where those of others are."""

import os
from pathlib import Path

CORPUS = Path(__file__).parent
_BESIDE = Path(__file__).resolve().parents[3].parent / "shared"
OTHERS = Path(os.environ.get("DESK_CORPUS") or _BESIDE / "corpus") / "mail"
HOSTILE = OTHERS.parent.parent / "acceptance" / "evilmail.py"
