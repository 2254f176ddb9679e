"""Marks of browser tests."""

import pytest

in_the_browser_alone = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For looks and for what a script does: neither asks where the rows are, and a browser is the dearest of all tests."""

on_each_screen = pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1440, "light")])
"""Both widths and both schemes, not each with each: what fits asks for no colours, and contrast for no width."""
