"""Calendars and agreements with their versions, and the clocks that run on them."""
