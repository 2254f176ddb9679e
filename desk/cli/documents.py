"""JSON files that are given to a command, read with a limit; what cannot be read is refused in a sentence."""

import json
from pathlib import Path
from typing import Any

from desk.domain.errors import InvalidInput

LARGEST_FILE = 1_000_000


def document_in(file: Path) -> Any:
    """What the file holds. Raises ``InvalidInput``; the caller names the file."""
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise InvalidInput(f"It is larger than {LARGEST_FILE:,} bytes.")
        return json.loads(file.read_text("utf-8"))
    except json.JSONDecodeError as error:
        raise InvalidInput(f"It is not JSON: {error.msg} in line {error.lineno}.") from error
    except (ValueError, RecursionError) as error:  # other letters than UTF-8, endless numbers, endless nesting
        raise InvalidInput("It is not JSON.") from error
    except OSError as error:
        raise InvalidInput("It cannot be read.") from error
