"""Whether the desk is alive, and whether it is ready to work."""
