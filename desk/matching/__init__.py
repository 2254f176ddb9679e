"""Which issue a ticket may be about, and which tickets an issue may explain."""
