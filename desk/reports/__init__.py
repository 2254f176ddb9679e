"""Reports: what a desk, a registry or a member can count about its own work, and the next step that follows from it."""
