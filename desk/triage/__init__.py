"""Sorting what came in: whose it is, what it is, how much it presses, who wrote it."""
