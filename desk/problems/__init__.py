"""The problem manager's view of a registry: what is open for how long, for whom, and what lacks an issue."""
