"""When a party works: the pages of its calendars, and their changes while clocks run in them."""
