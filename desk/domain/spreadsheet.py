"""Figures as a file for a spreadsheet: comma-separated, UTF-8 with a byte order mark, no cell that becomes a formula.

With the mark, since people open these files in a spreadsheet, which without it takes them for the machine's own 8-bit
code page and spoils every name that is not ASCII; programs read them as ``utf-8-sig``.
"""

import csv
import io
from collections.abc import Iterable, Sequence

BYTE_ORDER_MARK = "\ufeff"
_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

Cell = str | int | float | None


def written(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """The text of the file. Numbers stay numbers; a text that could be taken for a formula is led by an apostrophe."""
    text = io.StringIO()
    text.write(BYTE_ORDER_MARK)
    out = csv.writer(text)
    out.writerow(header)
    out.writerows([_plain(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return text.getvalue()


def _plain(cell: str) -> str:
    # Spreadsheets overlook spaces before the sign.
    return f"'{cell}" if cell.lstrip(" \u00a0").startswith(_STARTS_FORMULA) else cell
