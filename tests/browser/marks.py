"""Marks of browser tests."""

import pytest

in_the_browser_alone = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For looks and for what a script does: neither asks where the rows are, and a browser is the dearest of all tests."""
