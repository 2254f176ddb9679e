"""Which engines this machine has. What is missing is skipped and named, or fails where ``DESK_REQUIRE`` asks for it."""

import os
import shutil
from pathlib import Path

import pytest

NOT_RUN_HERE = "not run here: "


def required(engine: str) -> bool:
    """Whether the run was told to fail without it: ``DESK_REQUIRE=postgresql,browser,dovecot,postfix``."""
    return engine in {name.strip() for name in os.environ.get("DESK_REQUIRE", "").split(",")}


def missing(engine: str, why: str) -> None:
    """End the test: as a failure where the engine is required, else as a skip that the summary explains."""
    if required(engine):
        pytest.fail(f"{engine} is required (DESK_REQUIRE) and {why}", pytrace=False)
    pytest.skip(f"{NOT_RUN_HERE}{engine}: {why}")


def program(name: str, *folders: str) -> Path | None:
    """The program's path: in ``folders`` (Debian keeps servers off the PATH of users), then on the PATH."""
    for folder in folders:
        found = Path(folder, name)
        if os.access(found, os.X_OK):
            return found
    on_path = shutil.which(name)
    return Path(on_path) if on_path else None


def is_root() -> bool:
    return os.geteuid() == 0
