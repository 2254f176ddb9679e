"""Calendars and agreements with their versions: what the clocks are measured in and against."""
