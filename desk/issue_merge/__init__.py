"""Two issues that turn out to be one: the merged one points to where it goes on, and nothing is lost."""
