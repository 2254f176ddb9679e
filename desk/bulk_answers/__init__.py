"""One answer to the many tickets of an issue: a row for each, worked off one at a time."""
