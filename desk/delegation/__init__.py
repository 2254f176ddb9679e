"""Updates with delegation: what a registry says of its issue once, for all leads with a part in it."""
