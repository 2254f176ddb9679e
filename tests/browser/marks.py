"""Marks of browser tests."""

import pytest

in_the_browser_alone = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For looks and for what a script does: neither asks where the rows are, and a browser is the dearest of all tests."""

on_each_screen = pytest.mark.parametrize(
    ("width", "scheme"), [(390, "light"), (390, "dark"), (1440, "light"), (1440, "dark")]
)
"""Each width with each scheme: a wide page shows what a narrow one folds away, in its own colours."""
