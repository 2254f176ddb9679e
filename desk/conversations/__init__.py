"""What was said on a ticket, to whom, with which files, and what of it was shown to a registry."""
